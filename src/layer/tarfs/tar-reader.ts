/**
 * Push parser of a layer tar with the semantics of the Rust tar crate 0.4.38 to 0.4.44 (spec layer-hash-tarfs section
 * 3). Bytes come in any chunking; each member is handed to a visitor as soon as its header is complete. Names are byte
 * strings throughout. File data is passed over, unless the visitor asks for it.
 */
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import { printName } from './member-name.js';
import { type PaxRecords, parsePax } from './pax.js';
import { createSparseCheck, type SparseCheck } from './sparse.js';
import {
  checksumOf,
  createHeaderBlock,
  FIELDS,
  headerKind,
  headerName,
  octalField,
  sizeField,
  TAR_BLOCK_BYTES,
  typeflag,
} from './tar-header.js';
import { GNU_SPARSE, type TarMember } from './tar-member.js';

export interface TarVisitor {
  /** Called in archive order. True asks for the member's data, which `content` then gets. */
  member(member: TarMember): boolean;
  /** All data of the member for which `member` returned true. */
  content(data: Buffer): void;
}

export interface TarReader {
  /** Next bytes of the tar. Throws LAYER_INVALID or LIMIT_EXCEEDED. The chunk may be reused after the call. */
  write(chunk: Uint8Array): void;
  /** End of the tar. Throws as `write`. */
  end(): void;
}

const GNU_LONG_NAME = 0x4c;
const GNU_LONG_LINK = 0x4b;
const PAX_LOCAL = 0x78;

/** Extension members by type byte: the pending field that they fill, and what they are called. */
const EXTENSIONS = new Map<number, { readonly field: keyof Pending; readonly what: string }>([
  [GNU_LONG_NAME, { field: 'longName', what: 'long name entries' }],
  [GNU_LONG_LINK, { field: 'longLink', what: 'long link entries' }],
  [PAX_LOCAL, { field: 'pax', what: 'pax extensions entries' }],
]);

interface Pending {
  longName?: string;
  longLink?: string;
  pax?: PaxRecords;
}

/** A reader at the start of an archive. */
export function createTarReader(visitor: TarVisitor): TarReader {
  return new BlockReader(visitor);
}

const roundUp = (size: number) => Math.ceil(size / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;

function asBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Content of a long name or link: one NUL at its end does not belong to it. */
function withoutNul(data: Buffer): string {
  return data.toString('latin1', 0, data.at(-1) === 0 ? data.length - 1 : data.length);
}

/** Collects a known number of bytes from chunks. */
class Collector {
  readonly #data: Buffer;
  readonly #done: (data: Buffer) => void;
  #fill = 0;

  constructor(size: number, done: (data: Buffer) => void) {
    this.#data = Buffer.allocUnsafe(size);
    this.#done = done;
  }

  /** Takes what it needs from `bytes` at `at`; gives the number of bytes taken and whether it is complete. */
  take(bytes: Buffer, at: number): { taken: number; complete: boolean } {
    const taken = bytes.copy(this.#data, this.#fill, at);
    this.#fill += taken;
    return { taken, complete: this.#fill === this.#data.length };
  }

  finish(): void {
    this.#done(this.#data);
  }
}

class BlockReader implements TarReader {
  readonly #visitor: TarVisitor;
  readonly #partial = Buffer.alloc(TAR_BLOCK_BYTES);
  /** Bytes in `#partial`. */
  #fill = 0;
  /** The header read last and its number. */
  readonly #header = createHeaderBlock();
  #headerIndex = 0;
  /** Offset in the tar of the next byte to come. */
  #position = 0;
  /** Bytes to pass over before the next block. */
  #skip = 0;
  #ended = false;
  #collector: Collector | undefined;
  #sparse: { readonly check: SparseCheck; readonly member: TarMember } | undefined;
  #pending: Pending = {};
  #hasPending = false;
  /** Members handed over so far. */
  #count = 0;

  constructor(visitor: TarVisitor) {
    this.#visitor = visitor;
  }

  write(chunk: Uint8Array): void {
    const bytes = asBuffer(chunk);
    let at = 0;
    while (at < bytes.length && !this.#ended) at += this.#take(bytes, at);
  }

  end(): void {
    if (this.#ended) return;
    if (this.#fill > 0) throw this.#invalid('ends in the middle of a block');
    if (this.#sparse !== undefined) throw this.#invalid('ends before a sparse extension block');
    if (this.#collector !== undefined || this.#skip > 0)
      throw this.#invalid('ends in the middle of the data');
    this.#finish();
  }

  /** Handles bytes from `at` on; gives how many were used, at least one. */
  #take(bytes: Buffer, at: number): number {
    if (this.#collector !== undefined) return this.#collect(this.#collector, bytes, at);
    const available = bytes.length - at;
    if (this.#skip > 0) {
      const skipped = Math.min(this.#skip, available);
      this.#skip -= skipped;
      this.#position += skipped;
      return skipped;
    }
    if (this.#fill === 0 && available >= TAR_BLOCK_BYTES) {
      this.#position += TAR_BLOCK_BYTES;
      this.#block(bytes, at);
      return TAR_BLOCK_BYTES;
    }
    const taken = bytes.copy(this.#partial, this.#fill, at);
    this.#fill += taken;
    this.#position += taken;
    if (this.#fill === TAR_BLOCK_BYTES) {
      this.#fill = 0;
      this.#block(this.#partial, 0);
    }
    return taken;
  }

  #collect(collector: Collector, bytes: Buffer, at: number): number {
    const { taken, complete } = collector.take(bytes, at);
    this.#position += taken;
    if (complete) {
      this.#collector = undefined;
      collector.finish();
    }
    return taken;
  }

  #block(bytes: Buffer, at: number): void {
    if (this.#sparse === undefined) {
      this.#readHeader(this.#header.load(bytes, at));
      return;
    }
    const { check, member } = this.#sparse;
    const rule = check.extension(bytes.subarray(at, at + TAR_BLOCK_BYTES));
    if (rule !== undefined) throw this.#invalid(rule);
    if (check.extended) return;
    this.#sparse = undefined;
    this.#yield({ ...member, dataOffset: this.#position });
  }

  #readHeader(sum: number): void {
    if (sum === 0) {
      this.#finish();
      return;
    }
    const header = this.#header.bytes;
    this.#headerIndex = this.#count;
    const kind = headerKind(header);
    const checksum = octalField(header, FIELDS.checksum);
    if (checksum === undefined) throw this.#invalid('has a checksum field that is not a number');
    const want = checksumOf(header, sum);
    if (checksum !== want) {
      throw this.#invalid('has a header checksum mismatch', {
        want: `${want}`,
        got: `${checksum}`,
      });
    }
    const size = this.#size(header);
    const extension = kind === 'old' ? undefined : EXTENSIONS.get(typeflag(header));
    if (extension !== undefined) {
      this.#extension(extension, size);
      return;
    }
    this.#member({
      index: this.#count,
      headerOffset: this.#position - TAR_BLOCK_BYTES,
      dataOffset: this.#position,
      size,
      header,
      kind,
      longName: this.#pending.longName,
      longLink: this.#pending.longLink,
      pax: this.#pending.pax,
    });
  }

  /** Header size; where that is 0, the PAX size if there is one. */
  #size(header: Buffer): number {
    const stored = sizeField(header, FIELDS.size);
    if (stored === undefined) throw this.#invalid('has a size field that is not a number');
    const size = stored === 0 ? Number(this.#pending.pax?.size ?? 0n) : stored;
    if (this.#position + roundUp(size) > Number.MAX_SAFE_INTEGER)
      throw this.#invalid('has a size that no archive can hold');
    return size;
  }

  #extension(
    extension: { readonly field: keyof Pending; readonly what: string },
    size: number,
  ): void {
    const { field, what } = extension;
    if (this.#pending[field] !== undefined)
      throw this.#invalid(`is the second of two ${what} describing the same member`);
    if (size > LIMITS.tarExtensionBytes) {
      const limit = `${LIMITS.tarExtensionBytes} bytes`;
      throw this.#limit('layer tar has longer extension data', limit, size);
    }
    this.#hasPending = true;
    this.#collectContent(size, (data) => {
      if (field === 'pax') this.#pending.pax = parsePax(data);
      else this.#pending[field] = withoutNul(data);
    });
  }

  #member(member: TarMember): void {
    if (this.#hasPending) this.#pending = {};
    this.#hasPending = false;
    if (typeflag(member.header) !== GNU_SPARSE) {
      this.#yield(member);
      return;
    }
    if (member.kind !== 'gnu') throw this.#invalid('is a sparse file without a GNU header');
    const check = createSparseCheck(member.size);
    const rule = check.header(member.header);
    if (rule !== undefined) throw this.#invalid(rule);
    if (check.extended) this.#sparse = { check, member };
    else this.#yield(member);
  }

  #yield(member: TarMember): void {
    if (member.index >= LIMITS.tarEntries)
      throw this.#limit('layer tar has more entries', `${LIMITS.tarEntries}`, member.index + 1);
    this.#count = member.index + 1;
    if (this.#visitor.member(member))
      this.#collectContent(member.size, (data) => this.#visitor.content(data));
    else this.#skip = roundUp(member.size);
  }

  /** Hands over the next `size` bytes, then passes over the padding. */
  #collectContent(size: number, done: (data: Buffer) => void): void {
    const collector = new Collector(size, (data) => {
      this.#skip = roundUp(size) - size;
      done(data);
    });
    if (size === 0) collector.finish();
    else this.#collector = collector;
  }

  #finish(): void {
    this.#ended = true;
    if (this.#hasPending)
      throw this.#invalid('has members describing a future member, but no such member follows');
  }

  #where(): string {
    const header = this.#header.bytes;
    const name = headerName(header, headerKind(header));
    return `entry ${this.#headerIndex} ${printName(name)}`;
  }

  #invalid(rule: string, details: { want?: string; got?: string } = {}): ToolError {
    return new ToolError('LAYER_INVALID', `layer tar ${rule}`, {
      where: this.#where(),
      ...details,
      hints: ['the container platform refuses this layer too; build the image again'],
    });
  }

  #limit(what: string, limit: string, got: number): ToolError {
    return new ToolError('LIMIT_EXCEEDED', `${what} than podseal reads`, {
      where: this.#where(),
      want: `at most ${limit}`,
      got: `${got}`,
    });
  }
}
