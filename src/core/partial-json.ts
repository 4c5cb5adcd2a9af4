/** JSON that may end early: what stands in front of the end is kept, and where it ended is told. */
import type { JsonObject, JsonValue } from './json.js';
import { LIMITS } from './limits.js';
import { recordOf } from './record.js';
import { match } from './scan.js';

export interface PartialJson {
  readonly value: JsonValue;
  /** Offset behind the value. */
  readonly end: number;
  /** Path of the part in which the text ends, e.g. `OCI.Mounts[4]`; absent for a whole value. */
  readonly cutAt?: string;
}

interface Reader {
  readonly text: string;
  offset: number;
  cutAt: string | undefined;
}

const STRING = /"(?:[^"\\\n]|\\.)*"/y;
const DIGITS = /[-0-9][-+.0-9eE]*/y;
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const BLANK = /[ \t\r\n]*/y;
const WORDS: readonly (readonly [string, JsonValue])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

/** The object that starts at `offset`; undefined if the text there is none. A value cut in its middle is left out. */
export function parsePartialObject(text: string, offset: number): PartialJson | undefined {
  const reader: Reader = { text, offset, cutAt: undefined };
  if (text[offset] !== '{') return undefined;
  const value = takeObject(reader, '', 0);
  if (value === undefined) return undefined;
  const { cutAt, offset: end } = reader;
  return cutAt === undefined ? { value, end } : { value, end, cutAt };
}

/** undefined: no JSON. */
function takeValue(reader: Reader, path: string, depth: number): JsonValue | undefined {
  skip(reader);
  const next = reader.text[reader.offset];
  if (next === undefined) return cut(reader, path);
  if (depth > LIMITS.jsonDepth) return undefined;
  if (next === '{') return takeObject(reader, path, depth);
  if (next === '[') return takeArray(reader, path, depth);
  if (next === '"') return takeString(reader, path);
  for (const [word, value] of WORDS) {
    if (!reader.text.startsWith(word, reader.offset)) continue;
    reader.offset += word.length;
    return value;
  }
  const rest = reader.text.slice(reader.offset);
  if (WORDS.some(([word]) => rest.length < word.length && word.startsWith(rest))) {
    return cut(reader, path);
  }
  const digits = match(reader, DIGITS) ?? '';
  if (digits !== '' && reader.offset === reader.text.length) return cut(reader, path);
  return NUMBER.test(digits) ? Number(digits) : undefined;
}

function takeObject(reader: Reader, path: string, depth: number): JsonObject | undefined {
  const entries: (readonly [string, JsonValue])[] = [];
  reader.offset += 1;
  for (skip(reader); !takeIf(reader, '}'); ) {
    if (isAtEnd(reader)) return recordOf(cutList(reader, path, entries));
    const key = takeString(reader, path);
    if (reader.cutAt !== undefined) return recordOf(entries);
    if (key === undefined) return undefined;
    const inner = path === '' ? key : `${path}.${key}`;
    if (!takeIf(reader, ':')) {
      if (!isAtEnd(reader)) return undefined;
      return recordOf(cutList(reader, inner, entries));
    }
    const value = takeValue(reader, inner, depth + 1);
    if (value !== undefined) entries.push([key, value]);
    if (reader.cutAt !== undefined) return recordOf(entries);
    if (value === undefined) return undefined;
    if (!takeIf(reader, ',') && !isAtEnd(reader) && reader.text[reader.offset] !== '}') {
      return undefined;
    }
  }
  return recordOf(entries);
}

function takeArray(reader: Reader, path: string, depth: number): readonly JsonValue[] | undefined {
  const values: JsonValue[] = [];
  reader.offset += 1;
  for (skip(reader); !takeIf(reader, ']'); ) {
    if (isAtEnd(reader)) return cutList(reader, `${path}[${values.length}]`, values);
    const value = takeValue(reader, `${path}[${values.length}]`, depth + 1);
    if (value !== undefined) values.push(value);
    if (reader.cutAt !== undefined) return values;
    if (value === undefined) return undefined;
    if (!takeIf(reader, ',') && !isAtEnd(reader) && reader.text[reader.offset] !== ']') {
      return undefined;
    }
  }
  return values;
}

function takeString(reader: Reader, path: string): string | undefined {
  skip(reader);
  const quoted = match(reader, STRING);
  if (quoted !== undefined) {
    try {
      return JSON.parse(quoted) as string;
    } catch {
      return undefined;
    }
  }
  const isOpen = reader.text[reader.offset] === '"' && !reader.text.includes('\n', reader.offset);
  return isOpen ? cut(reader, path) : undefined;
}

function cut(reader: Reader, path: string): undefined {
  reader.cutAt = path;
  reader.offset = reader.text.length;
  return undefined;
}

function cutList<T>(reader: Reader, path: string, list: T): T {
  cut(reader, path);
  return list;
}

function isAtEnd(reader: Reader): boolean {
  skip(reader);
  return reader.offset >= reader.text.length;
}

function takeIf(reader: Reader, character: string): boolean {
  skip(reader);
  if (reader.text[reader.offset] !== character) return false;
  reader.offset += 1;
  return true;
}

function skip(reader: Reader): void {
  match(reader, BLANK);
}
