/**
 * Fields of one 512-byte tar header as the Rust tar crate reads them (spec layer-hash-tarfs sections 3, 3.1). Nothing
 * here throws: a field that cannot be read is `undefined`, and the caller decides what that means.
 */
import { isUtf8 } from 'node:buffer';

export const TAR_BLOCK_BYTES = 512;

/** Which fields a header has, told by its magic and version. */
export type HeaderKind = 'ustar' | 'gnu' | 'old';

interface Field {
  readonly at: number;
  readonly bytes: number;
}

/** Offset and length of each field. */
export const FIELDS = {
  name: { at: 0, bytes: 100 },
  mode: { at: 100, bytes: 8 },
  uid: { at: 108, bytes: 8 },
  gid: { at: 116, bytes: 8 },
  size: { at: 124, bytes: 12 },
  mtime: { at: 136, bytes: 12 },
  checksum: { at: 148, bytes: 8 },
  linkname: { at: 157, bytes: 100 },
  deviceMajor: { at: 329, bytes: 8 },
  deviceMinor: { at: 337, bytes: 8 },
  prefix: { at: 345, bytes: 155 },
  realSize: { at: 483, bytes: 12 },
} as const satisfies Record<string, Field>;

const TYPEFLAG_AT = 156;
const MAGIC_AT = 257;
/** Magic and version as two big-endian words: `ustar`, NUL, `00` and `ustar`, two spaces, NUL. */
const MAGIC_WORD = 0x75737461;
const SECOND_WORDS = new Map<number, HeaderKind>([
  [0x72003030, 'ustar'],
  [0x72202000, 'gnu'],
]);
const SPACE = 0x20;
const ZERO = 0x30;
const SEVEN = 0x37;

/** White space of Unicode, which Rust trims. JavaScript's trim() differs in U+0085 and U+FEFF. */
const WHITE =
  '[\\u0009-\\u000d\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]*';
const OCTAL_TEXT = new RegExp(`^${WHITE}\\+?([0-7]+)${WHITE}$`);

export function headerKind(header: Buffer): HeaderKind {
  if (header.readUInt32BE(MAGIC_AT) !== MAGIC_WORD) return 'old';
  return SECOND_WORDS.get(header.readUInt32BE(MAGIC_AT + 4)) ?? 'old';
}

/** The type byte as it stands. */
export function typeflag(header: Buffer): number {
  return header[TYPEFLAG_AT]!;
}

/** Memory for one header at a time. */
export interface HeaderBlock {
  readonly bytes: Buffer;
  /** Copies the block at `at` of `from`; gives the sum of its bytes, 0 only for a block of zeros. */
  load(from: Buffer, at: number): number;
}

/** The sum adds 32-bit words, each as two pairs of bytes: 256 bytes per 16-bit half cannot overflow it. */
export function createHeaderBlock(): HeaderBlock {
  const memory = new ArrayBuffer(TAR_BLOCK_BYTES);
  const bytes = Buffer.from(memory);
  const words = new Uint32Array(memory);
  return {
    bytes,
    load(from, at) {
      from.copy(bytes, 0, at, at + TAR_BLOCK_BYTES);
      let sums = 0;
      for (let i = 0; i < words.length; i++) {
        const word = words[i]!;
        sums += (word & 0x00ff00ff) + ((word >>> 8) & 0x00ff00ff);
      }
      return (sums & 0xffff) + (sums >>> 16);
    },
  };
}

/** The checksum that a header should have: the sum of its bytes with the checksum field read as spaces. */
export function checksumOf(header: Buffer, sum: number): number {
  const { at, bytes } = FIELDS.checksum;
  let checksum = sum + bytes * SPACE;
  for (let i = at; i < at + bytes; i++) checksum -= header[i]!;
  return checksum;
}

/** An octal field, below 2^36. */
export function octalField(header: Buffer, field: Field): number | undefined {
  const end = field.at + field.bytes;
  let value = 0;
  let at = field.at;
  while (at < end && header[at]! >= ZERO && header[at]! <= SEVEN)
    value = value * 8 + header[at++]! - ZERO;
  const digits = at - field.at;
  while (at < end && header[at] === SPACE) at++;
  if (digits > 0 && (at === end || header[at] === 0)) return value;
  return octalText(header.subarray(field.at, endOfText(header, field)));
}

/** The general case: blanks around the number, a plus sign, or no number at all. */
function octalText(bytes: Buffer): number | undefined {
  if (!isUtf8(bytes)) return undefined;
  const digits = OCTAL_TEXT.exec(bytes.toString('utf8'))?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}

const isBinary = (header: Buffer, field: Field) => (header[field.at]! & 0x80) !== 0;

/** The low 48 bits of an octal or base-256 field: enough for ids (32 bits kept) and times (36 bits kept). */
export function numberField(header: Buffer, field: Field): number | undefined {
  if (!isBinary(header, field)) return octalField(header, field);
  return header.readUIntBE(field.at + field.bytes - 6, 6);
}

/** The size field in bytes; Infinity from 2^48 on, which no stream can hold. */
export function sizeField(header: Buffer, field: Field): number | undefined {
  if (!isBinary(header, field)) return octalField(header, field);
  const end = field.at + field.bytes;
  return header.readUInt16BE(end - 8) === 0
    ? header.readUIntBE(end - 6, 6)
    : Number.POSITIVE_INFINITY;
}

function endOfText(header: Buffer, field: Field): number {
  let end = field.at;
  while (end < field.at + field.bytes && header[end] !== 0) end++;
  return end;
}

/** A text field up to its first NUL, one byte per character. */
export function textField(header: Buffer, field: Field): string {
  return header.toString('latin1', field.at, endOfText(header, field));
}

/** Name in the header alone: prefix, slash and name for USTAR, else the name. One byte per character. */
export function headerName(header: Buffer, kind: HeaderKind): string {
  const name = textField(header, FIELDS.name);
  if (kind !== 'ustar' || header[FIELDS.prefix.at] === 0) return name;
  return `${textField(header, FIELDS.prefix)}/${name}`;
}
