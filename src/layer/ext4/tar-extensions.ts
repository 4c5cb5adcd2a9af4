/**
 * What `x`, `L` and `K` headers say about the entry behind them (layer hash specification, section 3.4). Strings are
 * latin-1 views of the bytes.
 */
import type { Refuse } from './refusal.js';
import { NO_RECORDS, type TarEntry, TYPE } from './tar-header.js';
import { applyPaxRecords, parsePaxRecords } from './tar-pax.js';

/** Types whose data belongs to the reader: they describe the next entry or, for `g`, are an entry without content. */
export const EXTENSION_TYPES: ReadonlySet<number> = new Set([
  TYPE.pax,
  TYPE.paxGlobal,
  TYPE.gnuLongName,
  TYPE.gnuLongLink,
]);

/** Collects the extended headers of one entry. */
export class PendingExtensions {
  #records: Map<string, string> | undefined;
  #name = '';
  #linkname = '';

  /** Takes the data of an `x`, `L` or `K` header. True if records are lost by it: a second `x` replaces the first. */
  add(type: number, data: string, refuse: Refuse): boolean {
    if (type === TYPE.gnuLongName) this.#name = cutAtNul(data);
    if (type === TYPE.gnuLongLink) this.#linkname = cutAtNul(data);
    if (type !== TYPE.pax) return false;
    const isLost = this.#records !== undefined;
    this.#records = parsePaxRecords(data, refuse);
    return isLost;
  }

  /** Applies everything to its entry and forgets it. Long names win over records. */
  apply(entry: TarEntry, refuse: Refuse): void {
    applyPaxRecords(entry, this.#records ?? NO_RECORDS, refuse);
    if (this.#name !== '') entry.name = this.#name;
    if (this.#linkname !== '') entry.linkname = this.#linkname;
    this.drop();
  }

  /** Forgets everything. True if there was something. */
  drop(): boolean {
    const isLost = this.#records !== undefined || this.#name !== '' || this.#linkname !== '';
    this.#records = undefined;
    this.#name = '';
    this.#linkname = '';
    return isLost;
  }
}

function cutAtNul(text: string): string {
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}
