/**
 * CBOR (RFC 8949) <-> values. Reading is strict: one item and nothing after it, definite lengths, no duplicate map keys,
 * valid UTF-8, bounded size, depth and number of items. Lengths need not be minimal, since the bytes of a signed
 * document are kept as they are. Writing is core deterministic encoding (section 4.2.1).
 */
import { decode, encode, Simple, Tag } from 'cbor2';
import { ToolError } from './error.js';
import { LIMITS } from './limits.js';

/** A tagged item. */
export interface CborTag {
  readonly tag: bigint;
  readonly content: CborValue;
}

/** A simple value without a meaning of its own. */
export interface CborSimple {
  readonly simple: number;
}

/** Integers are bigints, so that 1 and 1.0 differ; a number is a float. Byte strings are views of the input. */
export type CborValue =
  | bigint
  | number
  | string
  | boolean
  | null
  | undefined
  | Buffer
  | readonly CborValue[]
  | CborMap
  | CborTag
  | CborSimple;

/** A map. Keys are integers, texts, byte strings, booleans, null or floats; look up integers as bigints. */
export type CborMap = ReadonlyMap<CborValue, CborValue>;

/** The one item that `bytes` are. `what` names it in messages. Throws CBOR_INVALID and LIMIT_EXCEEDED. */
export function decodeCbor(bytes: Uint8Array, what: string): CborValue {
  checkHeads(bytes, what);
  let decoded: unknown;
  try {
    decoded = decode(bytes, {
      maxDepth: 4 * LIMITS.cborDepth,
      preferBigInt: true,
      ignoreGlobalTags: true,
      createObject: (pairs) => {
        const map = new Map(pairs.map(([key, value]) => [key, value]));
        if (map.size !== pairs.length) throw new Error('duplicate key');
        return map;
      },
    });
  } catch (cause) {
    throw new ToolError('CBOR_INVALID', `${what} is not valid CBOR`, { cause });
  }
  return fromLibrary(decoded, what);
}

/** The deterministic encoding of a value. */
export function encodeCbor(value: CborValue): Buffer {
  return Buffer.from(encode(toLibrary(value), { cde: true, avoidInts: true }));
}

/** True for a map. */
export function isCborMap(value: CborValue): value is CborMap {
  return value instanceof Map;
}

/** True for a tagged item. */
export function isCborTag(value: CborValue): value is CborTag {
  return typeof value === 'object' && value !== null && 'tag' in value;
}

/** True for an array. */
export function isCborArray(value: CborValue): value is readonly CborValue[] {
  return Array.isArray(value);
}

/** What the decoder of the library gives -> our values, with keys checked. */
function fromLibrary(value: unknown, what: string): CborValue {
  if (value instanceof Uint8Array) return viewOf(value);
  if (Array.isArray(value)) return value.map((element) => fromLibrary(element, what));
  if (value instanceof Map) return mapFrom(value, what);
  if (value instanceof Tag) {
    return {
      tag: BigInt(value.tag as bigint | number),
      content: fromLibrary(value.contents, what),
    };
  }
  if (value instanceof Simple) return { simple: value.value };
  return value as bigint | number | string | boolean | null | undefined;
}

function mapFrom(map: ReadonlyMap<unknown, unknown>, what: string): CborMap {
  const seen = new Set<string>();
  const entries = [...map].map(([rawKey, rawValue]): [CborValue, CborValue] => {
    const key = fromLibrary(rawKey, what);
    if (typeof key === 'object' && key !== null && !Buffer.isBuffer(key)) {
      throw cborInvalid(what, 'a map key is no plain value');
    }
    const canonical = encodeCbor(key).toString('hex');
    if (seen.has(canonical)) throw cborInvalid(what, 'a map has the same key twice');
    seen.add(canonical);
    return [key, fromLibrary(rawValue, what)];
  });
  return new Map(entries);
}

/** Our values -> what the encoder of the library takes; it knows plain Uint8Arrays only. */
function toLibrary(value: CborValue): unknown {
  if (Buffer.isBuffer(value)) return new Uint8Array(value);
  if (isCborArray(value)) return value.map(toLibrary);
  if (isCborMap(value)) {
    return new Map([...value].map(([key, element]) => [toLibrary(key), toLibrary(element)]));
  }
  if (isCborTag(value)) return new Tag(value.tag, toLibrary(value.content));
  if (typeof value === 'object' && value !== null) return new Simple(value.simple);
  return value;
}

/** One level of nesting while heads are counted. */
interface Level {
  /** Items still to come at this level. */
  left: number;
}

/**
 * Walks the heads of all items without building values: refuses what the limits exclude before anything is allocated
 * for it, and indefinite lengths.
 */
function checkHeads(bytes: Uint8Array, what: string): void {
  if (bytes.length > LIMITS.cborBytes) throw tooMuch(what, `${LIMITS.cborBytes} bytes`);
  const buffer = viewOf(bytes);
  const levels: Level[] = [{ left: 1 }];
  let offset = 0;
  let items = 0;
  while (levels.length > 0) {
    const level = levels.at(-1) as Level;
    if (level.left === 0) {
      levels.pop();
      continue;
    }
    level.left -= 1;
    items += 1;
    if (items > LIMITS.cborItems) throw tooMuch(what, `${LIMITS.cborItems} items`);
    const head = headAt(buffer, offset, what);
    offset = head.end;
    if (head.inside === 0) continue;
    if (levels.length > LIMITS.cborDepth) throw tooMuch(what, `${LIMITS.cborDepth} levels`);
    levels.push({ left: head.inside });
  }
  if (offset !== buffer.length) throw cborInvalid(what, 'bytes follow the item');
}

/** Major types of RFC 8949 section 3.1 that are more than their head. */
const MAJOR = { bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const;

/** Where an item goes on behind its head (and its string), and how many items it has inside. */
function headAt(buffer: Buffer, start: number, what: string): { end: number; inside: number } {
  const first = buffer[start];
  if (first === undefined) throw cborInvalid(what, 'it ends early');
  const major = first >> 5;
  const info = first & 0x1f;
  if (info === 31) throw cborInvalid(what, 'a length is indefinite');
  if (info > 27) throw cborInvalid(what, 'an item has a reserved form');
  const size = info < 24 ? 0 : 2 ** (info - 24);
  const end = start + 1 + size;
  if (end > buffer.length) throw cborInvalid(what, 'it ends early');
  if (major < MAJOR.bytes || major === MAJOR.simple) return { end, inside: 0 };
  if (major === MAJOR.tag) return { end, inside: 1 };
  const count = size === 0 ? info : numberAt(buffer, start + 1, size);
  const room = buffer.length - end;
  if (major === MAJOR.map && 2 * count > room) throw cborInvalid(what, 'it ends early');
  if (count > room) throw cborInvalid(what, 'it ends early');
  if (major === MAJOR.array) return { end, inside: count };
  if (major === MAJOR.map) return { end, inside: 2 * count };
  return { end: end + count, inside: 0 };
}

/** An unsigned number of 1, 2, 4 or 8 bytes; beyond 2^53 it is inexact, which no length can be. */
function numberAt(buffer: Buffer, offset: number, size: number): number {
  if (size < 8) return buffer.readUIntBE(offset, size);
  return buffer.readUInt32BE(offset) * 2 ** 32 + buffer.readUInt32BE(offset + 4);
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function cborInvalid(what: string, problem: string): ToolError {
  return new ToolError('CBOR_INVALID', `${what} is not valid CBOR: ${problem}`);
}

function tooMuch(what: string, limit: string): ToolError {
  return new ToolError('LIMIT_EXCEEDED', `${what} is too large or nested too deeply`, {
    want: `at most ${limit}`,
  });
}
