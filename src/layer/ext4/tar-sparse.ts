/**
 * Sparse files: the map of data fragments in old GNU headers, PAX 0.x records and PAX 1.0 data (layer hash
 * specification, section 3.6).
 */
import type { Refuse } from './refusal.js';
import { TAR_BLOCK_BYTES, type TarEntry } from './tar-header.js';
import { type Int64, parseDecimal, parseNumeric } from './tar-number.js';
import { SPARSE_MAP_RECORD } from './tar-pax.js';

/** A stretch of content that is stored; everything between fragments is zero. */
export interface Fragment {
  readonly offset: number;
  readonly length: number;
}

/** How a PAX entry stores its sparse map. */
export type PaxSparseFormat = 'none' | 'records' | 'data';

/** Numbers of a map in file order: offset, length, offset, length ... */
export type SparseNumbers = Int64[];

const PIECE_BYTES = 12;
const PAIR_BYTES = 24;
/** Old GNU: entries in the header block, entries in an extension block; the flag byte follows them. */
const HEADER_MAP = { offset: 386, pairs: 4 } as const;
const EXTENSION_MAP = { offset: 0, pairs: 21 } as const;
const REAL_SIZE_OFFSET = 483;

/** Old GNU: reads the real size (into entry.size) and the header's part of the map. True if an extension block follows. */
export function readGnuSparseHeader(
  block: Buffer,
  entry: TarEntry,
  numbers: SparseNumbers,
  refuse: Refuse,
): boolean {
  const size = parseNumeric(block, REAL_SIZE_OFFSET, PIECE_BYTES);
  if (size === undefined)
    throw refuse('tar-header', 'real size of the sparse file is not a number');
  entry.size = Number(size);
  return readGnuPairs(block, HEADER_MAP, numbers, refuse);
}

/** Old GNU: reads one extension block. True if another follows. */
export function readGnuSparseExtension(
  block: Buffer,
  numbers: SparseNumbers,
  refuse: Refuse,
): boolean {
  return readGnuPairs(block, EXTENSION_MAP, numbers, refuse);
}

/** PAX: finds the map's format and takes name and real size from the records. Throws rule `tar-header`. */
export function readPaxSparseRecords(entry: TarEntry, refuse: Refuse): PaxSparseFormat {
  const get = (key: string): string => entry.records.get(key) ?? '';
  const version = `${get('GNU.sparse.major')}.${get('GNU.sparse.minor')}`;
  const isGuessed = version === '.' && get(SPARSE_MAP_RECORD) !== '';
  const format = PAX_FORMATS.get(isGuessed ? '0.0' : version) ?? 'none';
  if (format === 'none') return format;
  const name = get('GNU.sparse.name');
  if (name.includes('\0')) throw refuse('name-nul', 'PAX record GNU.sparse.name');
  if (name !== '') entry.name = name;
  const size = get('GNU.sparse.size') || get('GNU.sparse.realsize');
  if (size !== '') entry.size = Number(mustParse(size, refuse));
  return format;
}

const PAX_FORMATS: ReadonlyMap<string, PaxSparseFormat> = new Map([
  ['0.0', 'records'],
  ['0.1', 'records'],
  ['1.0', 'data'],
]);

/** PAX 0.x: the map in the records GNU.sparse.numblocks and GNU.sparse.map. Throws rule `tar-header`. */
export function readRecordMap(entry: TarEntry, refuse: Refuse): SparseNumbers {
  const count = mustParse(entry.records.get('GNU.sparse.numblocks') ?? '', refuse);
  const text = entry.records.get(SPARSE_MAP_RECORD) ?? '';
  const items = text === '' ? [] : text.split(',');
  if (count < 0 || BigInt(items.length) !== 2n * BigInt(count)) {
    throw refuse('tar-header', 'sparse map has another length than announced');
  }
  return items.map((item) => mustParse(item, refuse));
}

/** PAX 1.0: collects the map that precedes the data, one tar block at a time. */
export class DataMapReader {
  readonly #blocks: string[] = [];
  readonly #refuse: Refuse;
  #newlines = 0;
  /** Lines of the map; one (the count) until that is known. */
  #wanted = 1;

  constructor(refuse: Refuse) {
    this.#refuse = refuse;
  }

  /** Bytes taken so far. */
  get sizeBytes(): number {
    return this.#blocks.length * TAR_BLOCK_BYTES;
  }

  /** Takes one block. The numbers when the map is complete; rule `tar-header`. */
  addBlock(block: Buffer): SparseNumbers | undefined {
    const text = block.toString('latin1');
    this.#blocks.push(text);
    const seen = this.#newlines;
    for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) this.#newlines++;
    if (seen === 0 && this.#newlines > 0) this.#wanted = 1 + 2 * this.#readCount();
    if (this.#newlines < this.#wanted) return undefined;
    const lines = this.#blocks.join('').split('\n', this.#wanted);
    return lines.slice(1).map((line) => mustParse(line, this.#refuse));
  }

  #readCount(): number {
    const first = this.#blocks.join('').split('\n', 1)[0] ?? '';
    const count = mustParse(first, this.#refuse);
    if (count < 0) throw this.#refuse('tar-header', 'sparse map has a negative length');
    return Number(count);
  }
}

/** Checks a map against the entry's size: in order, not overlapping, inside the file. Throws rule `tar-header`. */
export function buildFragments(
  numbers: SparseNumbers,
  sizeBytes: number,
  refuse: Refuse,
): Fragment[] {
  if (sizeBytes < 0) throw refuse('tar-header', 'sparse file has a negative size');
  const fragments: Fragment[] = [];
  let end = 0n;
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    const offset = BigInt(numbers[i]!);
    const length = BigInt(numbers[i + 1]!);
    if (length < 0n || offset < end || offset + length > sizeBytes) {
      throw refuse('tar-header', 'sparse map is out of order or outside the file');
    }
    end = offset + length;
    fragments.push({ offset: Number(offset), length: Number(length) });
  }
  return fragments;
}

/** Pairs up to the first whose first byte is NUL, then the flag byte. */
function readGnuPairs(
  block: Buffer,
  map: { readonly offset: number; readonly pairs: number },
  numbers: SparseNumbers,
  refuse: Refuse,
): boolean {
  const end = map.offset + map.pairs * PAIR_BYTES;
  for (let at = map.offset; at < end && block[at] !== 0; at += PAIR_BYTES) {
    const offset = parseNumeric(block, at, PIECE_BYTES);
    const length = parseNumeric(block, at + PIECE_BYTES, PIECE_BYTES);
    if (offset === undefined || length === undefined) {
      throw refuse('tar-header', 'sparse map holds something that is not a number');
    }
    numbers.push(offset, length);
  }
  return block[end]! > 0;
}

function mustParse(text: string, refuse: Refuse): Int64 {
  const value = parseDecimal(text);
  if (value === undefined) throw refuse('tar-header', 'sparse record is not a number');
  return value;
}
