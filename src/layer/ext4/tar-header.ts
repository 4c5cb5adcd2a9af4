/**
 * One 512-byte tar header block -> the fields of an entry, for the V7, USTAR, STAR and GNU formats as Go's archive/tar
 * tells them apart (layer hash specification, section 3.2). Strings are latin-1 views of the bytes.
 */
import type { Refuse } from './refusal.js';
import { type Int64, low32, parseNumeric, parseOctal } from './tar-number.js';

/** Size of a tar record. */
export const TAR_BLOCK_BYTES = 512;

/** Seconds of Go's zero time: with 0 nanoseconds it stands for "no time". */
export const NO_TIME_SECONDS = -62135596800;

/** Header formats, as far as they decide how a block is read. */
export type TarFormat = 'v7' | 'ustar' | 'star' | 'gnu';

/** Typeflag bytes with a meaning of their own. */
export const TYPE = {
  nul: 0x00,
  regular: 0x30,
  hardLink: 0x31,
  symlink: 0x32,
  charDevice: 0x33,
  blockDevice: 0x34,
  directory: 0x35,
  fifo: 0x36,
  gnuDumpDirectory: 0x44,
  gnuLongLink: 0x4b,
  gnuLongName: 0x4c,
  gnuSparse: 0x53,
  paxGlobal: 0x67,
  pax: 0x78,
} as const;

/** Fields of one tar entry. One object is reused for all entries: copy what must stay. */
export class TarEntry {
  /** Typeflag byte. */
  type = 0;
  name = '';
  linkname = '';
  /** Bytes of content; rounded above 2^53, where nothing is accepted any more. */
  size = 0;
  /** Low 32 bits of the mode. */
  mode = 0;
  uid = 0;
  gid = 0;
  devmajor = 0;
  devminor = 0;
  /** Times: seconds and nanoseconds; absent is NO_TIME_SECONDS and 0. */
  mtimeSeconds = 0;
  mtimeNanoseconds = 0;
  atimeSeconds = 0;
  atimeNanoseconds = 0;
  ctimeSeconds = 0;
  ctimeNanoseconds = 0;
  /** Records of the PAX header that belongs to the entry. */
  records: ReadonlyMap<string, string> = NO_RECORDS;
}

/** No PAX records. */
export const NO_RECORDS: ReadonlyMap<string, string> = new Map();

/** True for types whose size field does not announce data: links, devices, directories and fifos. */
export function isHeaderOnly(type: number): boolean {
  return type >= TYPE.hardLink && type <= TYPE.fifo;
}

interface Field {
  readonly name: string;
  readonly start: number;
  readonly length: number;
}

const field = (name: string, start: number, length: number): Field => ({ name, start, length });

const NAME = field('name', 0, 100);
const MODE = field('mode', 100, 8);
const UID = field('uid', 108, 8);
const GID = field('gid', 116, 8);
const SIZE = field('size', 124, 12);
const MTIME = field('mtime', 136, 12);
const CHECKSUM = field('checksum', 148, 8);
const LINKNAME = field('linkname', 157, 100);
const DEVMAJOR = field('devmajor', 329, 8);
const DEVMINOR = field('devminor', 337, 8);
const PREFIX = field('prefix', 345, 155);
const GNU_ATIME = field('atime', 345, 12);
const GNU_CTIME = field('ctime', 357, 12);
const STAR_PREFIX = field('prefix', 345, 131);
const STAR_ATIME = field('atime', 476, 12);
const STAR_CTIME = field('ctime', 488, 12);
const TYPE_OFFSET = 156;
/** Every other byte of a word: two sums of 256 bytes each fit their 16 bits. */
const BYTE_LANES = 0x00ff00ff;

/** A header block that sums and compares itself word by word; `bytes` and `words` are the same memory. */
export class HeaderBlock {
  readonly bytes = Buffer.alloc(TAR_BLOCK_BYTES);
  readonly #words = new Int32Array(this.bytes.buffer, this.bytes.byteOffset, TAR_BLOCK_BYTES / 4);

  /** Sum of all bytes as unsigned numbers; 0 for a zero block only. */
  sum(): number {
    const words = this.#words;
    let lanes = 0;
    for (let i = 0; i < words.length; i++) {
      const word = words[i]!;
      lanes = (lanes + (word & BYTE_LANES) + ((word >>> 8) & BYTE_LANES)) | 0;
    }
    return (lanes >>> 16) + (lanes & 0xffff);
  }
}

/** Reads the header in `block`, whose bytes sum to `sum`, into `entry`. Throws rule `tar-header`. */
export function readTarHeader(block: Buffer, sum: number, entry: TarEntry, refuse: Refuse): void {
  checkChecksum(block, sum, refuse);
  const format = findFormat(block);
  entry.type = block[TYPE_OFFSET]!;
  entry.name = readString(block, NAME);
  entry.linkname = readString(block, LINKNAME);
  entry.size = Number(readNumber(block, SIZE, refuse));
  entry.mode = low32(readNumber(block, MODE, refuse));
  entry.uid = low32(readNumber(block, UID, refuse));
  entry.gid = low32(readNumber(block, GID, refuse));
  entry.mtimeSeconds = Number(readNumber(block, MTIME, refuse));
  entry.mtimeNanoseconds = 0;
  clearAccessTimes(entry);
  entry.devmajor = format === 'v7' ? 0 : low32(readNumber(block, DEVMAJOR, refuse));
  entry.devminor = format === 'v7' ? 0 : low32(readNumber(block, DEVMINOR, refuse));
  entry.records = NO_RECORDS;
  const prefix = readFormatFields(block, format, entry, refuse);
  if (prefix !== '') entry.name = `${prefix}/${entry.name}`;
}

/** Format of a header block with a valid checksum. */
export function findFormat(block: Buffer): TarFormat {
  const at = (offset: number, text: string): boolean => {
    for (let i = 0; i < text.length; i++) {
      if (block[offset + i] !== text.charCodeAt(i)) return false;
    }
    return true;
  };
  if (at(257, 'ustar\0')) return at(508, 'tar\0') ? 'star' : 'ustar';
  return at(257, 'ustar  \0') ? 'gnu' : 'v7';
}

/** Sets access and change time of an entry to "absent". */
function clearAccessTimes(entry: TarEntry): void {
  entry.atimeSeconds = NO_TIME_SECONDS;
  entry.atimeNanoseconds = 0;
  entry.ctimeSeconds = NO_TIME_SECONDS;
  entry.ctimeNanoseconds = 0;
}

/** Makes an entry of a global header: it keeps nothing but its name. */
export function clearForGlobal(entry: TarEntry): void {
  entry.linkname = '';
  entry.size = 0;
  entry.mode = 0;
  entry.uid = 0;
  entry.gid = 0;
  entry.devmajor = 0;
  entry.devminor = 0;
  entry.mtimeSeconds = NO_TIME_SECONDS;
  entry.mtimeNanoseconds = 0;
  clearAccessTimes(entry);
}

/** The stored checksum may count bytes as unsigned or as signed; its own field counts as spaces. */
function checkChecksum(block: Buffer, sum: number, refuse: Refuse): void {
  const { start, length } = CHECKSUM;
  const stored = parseOctal(block, start, length);
  let unsigned = sum + length * 0x20;
  for (let i = start; i < start + length; i++) unsigned -= block[i]!;
  if (stored === unsigned) return;
  let signed = unsigned;
  for (let i = 0; i < TAR_BLOCK_BYTES; i++) {
    if (block[i]! >= 0x80 && (i < start || i >= start + length)) signed -= 256;
  }
  if (stored !== signed) throw refuse('tar-header', 'header checksum does not match');
}

/** Fields that only some formats have; gives the name prefix. */
function readFormatFields(
  block: Buffer,
  format: TarFormat,
  entry: TarEntry,
  refuse: Refuse,
): string {
  if (format === 'ustar') return readString(block, PREFIX);
  if (format === 'star') {
    entry.atimeSeconds = Number(readNumber(block, STAR_ATIME, refuse));
    entry.ctimeSeconds = Number(readNumber(block, STAR_CTIME, refuse));
    return readString(block, STAR_PREFIX);
  }
  return format === 'gnu' ? readGnuTimes(block, entry) : '';
}

/** GNU has times where USTAR has the prefix; old Go writers put a prefix there all the same. */
function readGnuTimes(block: Buffer, entry: TarEntry): string {
  const atime = readGnuTime(block, GNU_ATIME);
  const ctime = readGnuTime(block, GNU_CTIME);
  if (atime === undefined || ctime === undefined) {
    const prefix = readString(block, PREFIX);
    return /^[\0-\x7f]*$/.test(prefix) ? prefix : '';
  }
  entry.atimeSeconds = atime;
  entry.ctimeSeconds = ctime;
  return '';
}

function readGnuTime(block: Buffer, field: Field): number | undefined {
  const { start, length } = field;
  if (block[start] === 0) return NO_TIME_SECONDS;
  const value = parseNumeric(block, start, length);
  return value === undefined ? undefined : Number(value);
}

function readNumber(block: Buffer, field: Field, refuse: Refuse): Int64 {
  const value = parseNumeric(block, field.start, field.length);
  if (value === undefined) throw refuse('tar-header', `field ${field.name} is not a number`);
  return value;
}

/** Bytes up to the first NUL, or the whole field. */
function readString(block: Buffer, field: Field): string {
  const { start, length } = field;
  let end = start;
  while (end < start + length && block[end] !== 0) end++;
  if (end === start) return '';
  return block.toString('latin1', start, end);
}
