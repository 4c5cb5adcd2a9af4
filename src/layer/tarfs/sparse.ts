/**
 * The map of a GNU sparse member (spec layer-hash-tarfs section 3.7). tarfs passes over such members, but their extra
 * header blocks have to be walked and a map that contradicts itself fails the layer.
 */
import { FIELDS, octalField, TAR_BLOCK_BYTES } from './tar-header.js';

/** Checks one map. Each call gives the rule that is broken, or undefined. */
export interface SparseCheck {
  /** True while a further extension block follows. */
  readonly extended: boolean;
  header(header: Buffer): string | undefined;
  extension(block: Buffer): string | undefined;
}

const SLOT_BYTES = 24;
const NUMBER_BYTES = 12;
/** Where the slots stand, how many there are, and the flag that says that a block follows. */
const HEADER_SLOTS = { at: 386, count: 4, extendedAt: 482 } as const;
const EXTENSION_SLOTS = { at: 0, count: 21, extendedAt: 504 } as const;

/** `size` is the number of data bytes stored in the tar. */
export function createSparseCheck(size: number): SparseCheck {
  return new MapCheck(size);
}

class MapCheck implements SparseCheck {
  readonly #size: number;
  #consumed = 0;
  #end = 0;
  #realSize: number | undefined;
  extended = false;

  constructor(size: number) {
    this.#size = size;
  }

  header(header: Buffer): string | undefined {
    this.#realSize = octalField(header, FIELDS.realSize);
    return this.#slots(header, HEADER_SLOTS);
  }

  extension(block: Buffer): string | undefined {
    return this.#slots(block, EXTENSION_SLOTS);
  }

  #slots(
    block: Buffer,
    place: { readonly at: number; readonly count: number; readonly extendedAt: number },
  ): string | undefined {
    for (let slot = 0; slot < place.count; slot++) {
      const broken = this.#slot(block, place.at + slot * SLOT_BYTES);
      if (broken !== undefined) return broken;
    }
    this.extended = block[place.extendedAt] === 1;
    return this.extended ? undefined : this.#total();
  }

  #slot(block: Buffer, at: number): string | undefined {
    if (block[at] === 0 || block[at + NUMBER_BYTES] === 0) return undefined;
    const offset = octalField(block, { at, bytes: NUMBER_BYTES });
    const length = octalField(block, { at: at + NUMBER_BYTES, bytes: NUMBER_BYTES });
    if (offset === undefined || length === undefined)
      return 'has a sparse map with a field that is not a number';
    if (length !== 0 && this.#consumed % TAR_BLOCK_BYTES !== 0)
      return 'has a sparse map with a piece that does not start at a block';
    if (offset < this.#end) return 'has a sparse map that is out of order';
    this.#end = offset + length;
    this.#consumed += length;
    return this.#consumed > this.#size
      ? 'has a sparse map with more data than the member'
      : undefined;
  }

  #total(): string | undefined {
    if (this.#end !== this.#realSize) return 'has a sparse map that does not end at the real size';
    return this.#consumed === this.#size
      ? undefined
      : 'has a sparse map with less data than the member';
  }
}
