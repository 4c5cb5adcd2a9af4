/**
 * Numbers of a tar: octal and base-256 header fields, decimals and times of PAX records, as Go's archive/tar reads
 * them (layer hash specification, sections 3.3 and 3.5).
 */

/** A signed 64-bit integer: a number while that is exact, a bigint beyond 2^53. */
export type Int64 = number | bigint;

const SPACE = 0x20;
const ZERO = 0x30;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const PLUS = 0x2b;
const MINUS = 0x2d;
/** A sum of digits below this is exact as a number. */
const EXACT_BELOW = 1e15;
/** A sum of digits above this is out of the 64-bit range, however it was rounded. */
const APPROXIMATE_LIMIT = 1e19;
const NANOSECONDS = 1_000_000_000;

/** Parses an octal field of at most 12 bytes; undefined if malformed. An empty field is 0. */
export function parseOctal(block: Uint8Array, start: number, length: number): number | undefined {
  let at = start;
  let end = start + length;
  while (at < end && isBlank(block[at]!)) at++;
  while (end > at && isBlank(block[end - 1]!)) end--;
  let value = 0;
  for (; at < end && block[at] !== 0; at++) {
    const digit = block[at]! - ZERO;
    if (digit < 0 || digit > 7) return undefined;
    value = value * 8 + digit;
  }
  return value;
}

/** Parses an octal or base-256 field (first byte has bit 0x80); undefined if malformed or beyond 63 bits. */
export function parseNumeric(block: Uint8Array, start: number, length: number): Int64 | undefined {
  const first = block[start]!;
  if ((first & 0x80) === 0) return parseOctal(block, start, length);
  const flip = (first & 0x40) === 0 ? 0 : 0xff;
  let value = 0n;
  let small = (first ^ flip) & 0x7f;
  let at = start + 1;
  for (const end = start + length; at < end && small < 2 ** 40; at++) {
    small = small * 256 + (block[at]! ^ flip);
  }
  if (at === start + length) return flip === 0 ? small : -small - 1;
  value = BigInt(small);
  for (; at < start + length; at++) value = value * 256n + BigInt(block[at]! ^ flip);
  if (value > INT64_MAX) return undefined;
  return toInt64(flip === 0 ? value : -value - 1n);
}

/** Parses a signed decimal with optional sign, digits only; undefined if malformed or out of the 64-bit range. */
export function parseDecimal(text: string): Int64 | undefined {
  const first = text.charCodeAt(0);
  const start = first === MINUS || first === PLUS ? 1 : 0;
  let value = 0;
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    value = value * 10 + digit;
  }
  if (text.length === start) return undefined;
  if (value < EXACT_BELOW) return first === MINUS ? 0 - value : value;
  if (value > APPROXIMATE_LIMIT) return undefined;
  const exact = BigInt(text.slice(start)) * (first === MINUS ? -1n : 1n);
  return exact < INT64_MIN || exact > INT64_MAX ? undefined : toInt64(exact);
}

/** Seconds (any 64-bit value; rounded beyond 2^53, where every time is clamped) and nanoseconds 0..999999999. */
export interface TarTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** Parses a PAX time `[sign]seconds[.digits]`: digits beyond the ninth are dropped. Undefined if malformed. */
export function parsePaxTime(text: string): TarTime | undefined {
  const dot = text.indexOf('.');
  const seconds = parseDecimal(dot < 0 ? text : text.slice(0, dot));
  const nanoseconds = dot < 0 ? 0 : parseFraction(text, dot + 1);
  if (seconds === undefined || nanoseconds === undefined) return undefined;
  if (nanoseconds === 0 || text.charCodeAt(0) !== MINUS) {
    return { seconds: Number(seconds), nanoseconds };
  }
  const before = BigInt.asIntN(64, BigInt(seconds) - 1n);
  return { seconds: Number(before), nanoseconds: NANOSECONDS - nanoseconds };
}

/** Digits from `start` on as nanoseconds. */
function parseFraction(text: string, start: number): number | undefined {
  let value = 0;
  let weight = NANOSECONDS / 10;
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    value += digit * Math.floor(weight);
    weight /= 10;
  }
  return value;
}

/** The low 32 bits of a two's-complement 64-bit integer. */
export function low32(value: Int64): number {
  return typeof value === 'number' ? value >>> 0 : Number(BigInt.asUintN(32, value));
}

function toInt64(value: bigint): Int64 {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === 0;
}
