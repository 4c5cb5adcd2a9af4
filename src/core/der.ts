/**
 * DER (X.690) -> values, strictly: definite minimal lengths, single-byte tags, minimal integers and object identifiers,
 * no trailing bytes. Elements are views of the input; nothing is copied, and nothing below an element is read before it
 * is asked for, so depth costs nothing.
 */
import { ToolError } from './error.js';
import { LIMITS } from './limits.js';

/** Identifier octets of the universal types that certificates use. */
export const DER_TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One element: its identifier octet, the whole encoding and the content alone. */
export interface DerElement {
  readonly tag: number;
  readonly bytes: Buffer;
  readonly content: Buffer;
  /** What it is a part of, for messages. */
  readonly what: string;
}

/** Identifier octet of a context-specific element `[number]`. */
export function contextTag(number: number, form: 'primitive' | 'constructed'): number {
  return (form === 'constructed' ? 0xa0 : 0x80) | number;
}

/** The one element that `bytes` are. `what` names the object in messages. Throws DER_INVALID. */
export function parseDer(bytes: Uint8Array, what: string): DerElement {
  const buffer = viewOf(bytes);
  const element = elementAt(buffer, 0, what);
  if (element.bytes.length === buffer.length) return element;
  throw derInvalid(what, 'bytes follow the element');
}

/** The elements that `bytes` are one after the other. Throws DER_INVALID, and LIMIT_EXCEEDED beyond LIMITS.derElements. */
export function parseDerList(bytes: Uint8Array, what: string): readonly DerElement[] {
  const buffer = viewOf(bytes);
  const elements: DerElement[] = [];
  let offset = 0;
  while (offset < buffer.length) {
    if (elements.length === LIMITS.derElements) {
      throw new ToolError('LIMIT_EXCEEDED', `${what} has too many parts`, {
        want: `at most ${LIMITS.derElements}`,
      });
    }
    const element = elementAt(buffer, offset, what);
    elements.push(element);
    offset += element.bytes.length;
  }
  return elements;
}

/** The parts of a constructed element, which must have the identifier octet `tag`. */
export function readParts(element: DerElement, tag: number): readonly DerElement[] {
  if ((tag & 0x20) === 0) throw new TypeError(`0x${tag.toString(16)} is a primitive tag`);
  return parseDerList(readContent(element, tag), element.what);
}

/** The content of an element, which must have the identifier octet `tag`. */
export function readContent(element: DerElement, tag: number): Buffer {
  if (element.tag === tag) return element.content;
  throw derInvalid(element.what, 'an element has another type', {
    want: `0x${tag.toString(16)}`,
    got: `0x${element.tag.toString(16)}`,
  });
}

/** An object identifier in dotted decimal form. */
export function readOid(element: DerElement, tag: number = DER_TAG.oid): string {
  const content = readContent(element, tag);
  const last = content.at(-1);
  if (last === undefined || last >= 0x80 || content.length > LIMITS.oidBytes) {
    throw derInvalid(element.what, 'an object identifier is damaged or too long');
  }
  const arcs: bigint[] = [];
  let arc = 0n;
  let starts = true;
  for (const byte of content) {
    if (starts && byte === 0x80) {
      throw derInvalid(element.what, 'an object identifier is not minimal');
    }
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    starts = byte < 0x80;
    if (!starts) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const [first = 0n, ...rest] = arcs;
  const root = first < 80n ? first / 40n : 2n;
  return [root, first - root * 40n, ...rest].join('.');
}

/** An integer of any size, in minimal two's complement. */
export function readInteger(element: DerElement, tag: number = DER_TAG.integer): bigint {
  const content = readContent(element, tag);
  const [first, second = 0] = content;
  if (first === undefined) throw derInvalid(element.what, 'an integer is empty');
  const padded = (first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80);
  if (content.length > 1 && padded) throw derInvalid(element.what, 'an integer is not minimal');
  if (content.length > LIMITS.derIntegerBytes) {
    throw derInvalid(element.what, 'an integer is too long');
  }
  return BigInt.asIntN(content.length * 8, BigInt(`0x${content.toString('hex')}`));
}

/** An integer from 0 to `max` (at most 2^53 - 1). */
export function readSmallInteger(element: DerElement, max: number): number {
  const value = readInteger(element);
  if (value >= 0n && value <= BigInt(max)) return Number(value);
  throw derInvalid(element.what, 'an integer is out of range', { want: `0 to ${max}` });
}

/** A boolean: FF or 00. */
export function readDerBoolean(element: DerElement): boolean {
  const content = readContent(element, DER_TAG.boolean);
  const [value] = content;
  if (content.length === 1 && (value === 0 || value === 0xff)) return value === 0xff;
  throw derInvalid(element.what, 'a boolean is neither 00 nor FF');
}

/** The octets of a bit string and how many bits of the last one are unused; these are zero. */
export function readBitString(element: DerElement): {
  readonly octets: Buffer;
  readonly unused: number;
} {
  const content = readContent(element, DER_TAG.bitString);
  const [unused = 8] = content;
  const octets = content.subarray(1);
  const padding = (octets.at(-1) ?? 0) & ((1 << unused) - 1);
  if (unused > 7 || (octets.length === 0 && unused > 0) || padding !== 0) {
    throw derInvalid(element.what, 'a bit string is damaged');
  }
  return { octets, unused };
}

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/** A UTCTime or GeneralizedTime as RFC 5280 allows them (with seconds, Z, no fraction): seconds since 1970. */
export function readTime(element: DerElement): number {
  const utc = element.tag === DER_TAG.utcTime;
  if (!utc) readContent(element, DER_TAG.generalizedTime);
  const text = element.content.toString('latin1');
  const parts = (utc ? UTC_TIME : GENERALIZED_TIME).exec(text)?.slice(1).map(Number);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts ?? [];
  const fullYear = utc ? year + (year >= 50 ? 1900 : 2000) : year;
  // Date.UTC takes the years 0 to 99 for 1900 to 1999; as a multiple of 400 years later they keep their calendar.
  const shifted = Date.UTC(fullYear + 400, month - 1, day, hour, minute, second) / 1000;
  const real =
    day >= 1 && day <= daysOf(fullYear, month) && hour < 24 && minute < 60 && second < 60;
  if (parts !== undefined && real) return shifted - SECONDS_OF_400_YEARS;
  throw derInvalid(element.what, 'a time is not one of RFC 5280', { got: text.slice(0, 40) });
}

const SECONDS_OF_400_YEARS = 146_097 * 86_400;

function daysOf(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?*&]*$/;
const NUMERIC = /^[0-9 ]*$/;
const ASCII = /^[\x00-\x7f]*$/;

type TextDecoderOf = (content: Buffer) => string | undefined;

/** How each string type becomes text; undefined for octets that the type does not allow. */
const TEXT_TYPES: ReadonlyMap<number, TextDecoderOf> = new Map([
  [DER_TAG.utf8String, utf8],
  // Issuers write * and & into it; so do the readers of Go and OpenSSL accept it.
  [DER_TAG.printableString, (content) => fitting(content, PRINTABLE)],
  [DER_TAG.numericString, (content) => fitting(content, NUMERIC)],
  [DER_TAG.ia5String, (content) => fitting(content, ASCII)],
  [DER_TAG.visibleString, (content) => fitting(content, ASCII)],
  [DER_TAG.teletexString, (content) => content.toString('latin1')],
  [DER_TAG.bmpString, (content) => wide(content, 2)],
  [DER_TAG.universalString, (content) => wide(content, 4)],
]);

/** True for an element of one of the string types. */
export function isText(element: DerElement): boolean {
  return TEXT_TYPES.has(element.tag);
}

/** The text of an element of any string type. */
export function readText(element: DerElement): string {
  const text = TEXT_TYPES.get(element.tag)?.(element.content);
  if (text !== undefined) return text;
  throw derInvalid(element.what, 'a text is not of a known string type or has a foreign character');
}

function utf8(content: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return undefined;
  }
}

function fitting(content: Buffer, pattern: RegExp): string | undefined {
  const text = content.toString('latin1');
  return pattern.test(text) ? text : undefined;
}

/** Big-endian characters of 2 or 4 octets; surrogates are refused. */
function wide(content: Buffer, size: 2 | 4): string | undefined {
  if (content.length % size !== 0) return undefined;
  let text = '';
  for (let offset = 0; offset < content.length; offset += size) {
    const point = content.readUIntBE(offset, size);
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return undefined;
    text += String.fromCodePoint(point);
  }
  return text;
}

function elementAt(buffer: Buffer, start: number, what: string): DerElement {
  const tag = buffer[start];
  const short = buffer[start + 1];
  if (tag === undefined || short === undefined) throw derInvalid(what, 'an element ends early');
  if ((tag & 0x1f) === 0x1f) throw derInvalid(what, 'a tag has more than one octet');
  let header = 2;
  let length = short;
  if (short >= 0x80) {
    const size = short & 0x7f;
    if (size === 0 || size > 4) throw derInvalid(what, 'a length is indefinite or too large');
    header += size;
    if (start + header > buffer.length) throw derInvalid(what, 'an element ends early');
    length = buffer.readUIntBE(start + 2, size);
    const minimal = length >= 0x80 && length >= 2 ** (8 * (size - 1));
    if (!minimal) throw derInvalid(what, 'a length is not minimal');
  }
  const end = start + header + length;
  if (end > buffer.length) throw derInvalid(what, 'an element ends early');
  return {
    tag,
    bytes: buffer.subarray(start, end),
    content: buffer.subarray(start + header, end),
    what,
  };
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function derInvalid(
  what: string,
  problem: string,
  details: { want?: string; got?: string } = {},
): ToolError {
  return new ToolError('DER_INVALID', `${what} is not valid DER: ${problem}`, details);
}
