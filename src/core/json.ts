/**
 * JSON text (RFC 8259) -> value, strictly: a duplicate key, an unpaired surrogate, a number beyond double range, a byte
 * order mark and trailing text are errors, since two readers would see different values. Objects have no prototype.
 */
import { ToolError } from './error.js';
import { LIMITS } from './limits.js';
import { locate } from './locate.js';
import { recordOf } from './record.js';
import { match } from './scan.js';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: JsonValue;
}

type Word = string | boolean | null;

/** What a text becomes, and what it may hold beyond RFC 8259. Constants and strings stand for themselves. */
export interface JsonReading<T> {
  /** A number from its characters; undefined: out of range. */
  readonly number: (digits: string) => T | undefined;
  readonly list: (items: readonly T[]) => T;
  /** Members in order; of doubled keys the last value, at the place of the first. */
  readonly object: (members: ReadonlyMap<string, T>) => T;
  readonly doubledKeys: boolean;
  readonly loneSurrogates: boolean;
  /** `//` to the end of the line and block comments, as Azure Resource Manager accepts them. */
  readonly comments: boolean;
}

interface Scanner {
  readonly text: string;
  readonly what: string;
  readonly blanks: RegExp;
  readonly loneSurrogates: boolean;
  offset: number;
}

interface Parser<T> extends Scanner {
  readonly reading: JsonReading<T>;
}

const BLANK = /[ \t\n\r]*/y;
const BLANK_OR_COMMENT = /(?:[ \t\n\r]+|\/\/[^\n\r]*|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const HEX4 = /[0-9a-fA-F]{4}/y;
/** With the u flag a surrogate that is part of a pair does not match. */
const LONE_SURROGATE = /\p{Surrogate}/u;
const WORDS: readonly (readonly [string, boolean | null])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

const STRICT: JsonReading<JsonValue> = {
  number: (digits) => {
    const value = Number(digits);
    return Number.isFinite(value) ? value : undefined;
  },
  list: (items) => items,
  object: (members) => recordOf(members),
  doubledKeys: false,
  loneSurrogates: false,
  comments: false,
};

/**
 * The value of a whole JSON text. `what` names the text in messages (a file, or "manifest of IMAGE").
 * Throws JSON_SYNTAX with line and column, and LIMIT_EXCEEDED beyond LIMITS.jsonDepth.
 */
export function parseJson(text: string, what: string): JsonValue {
  return parseJsonAs(text, what, STRICT);
}

/** As parseJson, for another reading of JSON. */
export function parseJsonAs<T>(
  text: string,
  what: string,
  reading: JsonReading<T | Word>,
): T | Word {
  const blanks = reading.comments ? BLANK_OR_COMMENT : BLANK;
  const { loneSurrogates } = reading;
  const scanner = { text, what, reading, blanks, loneSurrogates, offset: 0 };
  if (text.startsWith('\ufeff')) {
    throw failure(scanner, 'it starts with a byte order mark', [
      'save it as UTF-8 without byte order mark',
    ]);
  }
  const value = parseValue(scanner, 0);
  skipBlanks(scanner);
  if (scanner.offset !== text.length) throw failure(scanner, 'text follows the value');
  return value;
}

/** As parseJson, for bytes. Throws JSON_SYNTAX for invalid UTF-8 as well. */
export function parseJsonBytes(bytes: Uint8Array, what: string): JsonValue {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ToolError('JSON_SYNTAX', `${what} is not valid JSON: it is not UTF-8`, { cause });
  }
  return parseJson(text, what);
}

/**
 * What JSON.parse gave, as parseJson gives it: objects without prototype, null for a number beyond double range. `what`
 * names it. Throws LIMIT_EXCEEDED beyond LIMITS.jsonDepth.
 */
export function withoutPrototypes(parsed: unknown, what: string, depth = 0): JsonValue {
  if (typeof parsed !== 'object' || parsed === null) {
    return typeof parsed === 'number' && !Number.isFinite(parsed) ? null : (parsed as JsonValue);
  }
  if (depth >= LIMITS.jsonDepth) {
    throw new ToolError('LIMIT_EXCEEDED', `${what} is nested too deeply`, {
      want: `at most ${LIMITS.jsonDepth} levels`,
    });
  }
  const next = (value: unknown) => withoutPrototypes(value, what, depth + 1);
  if (Array.isArray(parsed)) return parsed.map(next);
  return recordOf(Object.entries(parsed).map(([key, value]) => [key, next(value)]));
}

function parseValue<T>(scanner: Parser<T | Word>, depth: number): T | Word {
  skipBlanks(scanner);
  const first = scanner.text[scanner.offset];
  if (first === '{' || first === '[') {
    if (depth >= LIMITS.jsonDepth) {
      throw new ToolError('LIMIT_EXCEEDED', `${scanner.what} is nested too deeply`, {
        where: locate({ file: scanner.what, text: scanner.text }, scanner.offset),
        want: `at most ${LIMITS.jsonDepth} levels`,
      });
    }
    return first === '{' ? parseObject(scanner, depth) : parseArray(scanner, depth);
  }
  if (first === '"') return parseString(scanner);
  for (const [word, value] of WORDS) {
    if (scanner.text.startsWith(word, scanner.offset)) {
      scanner.offset += word.length;
      return value;
    }
  }
  return parseNumber(scanner);
}

function parseObject<T>(scanner: Parser<T | Word>, depth: number): T | Word {
  const { reading } = scanner;
  const members = new Map<string, T | Word>();
  scanner.offset += 1;
  if (takeIf(scanner, '}')) return reading.object(members);
  do {
    skipBlanks(scanner);
    const keyOffset = scanner.offset;
    if (scanner.text[keyOffset] !== '"') throw failure(scanner, 'a key is missing');
    const key = parseString(scanner);
    if (members.has(key) && !reading.doubledKeys) {
      scanner.offset = keyOffset;
      throw failure(scanner, `the key ${JSON.stringify(key)} stands there twice`);
    }
    if (!takeIf(scanner, ':')) throw failure(scanner, 'a colon is missing');
    members.set(key, parseValue(scanner, depth + 1));
  } while (takeIf(scanner, ','));
  if (!takeIf(scanner, '}')) throw failure(scanner, 'an object does not end');
  return reading.object(members);
}

function parseArray<T>(scanner: Parser<T | Word>, depth: number): T | Word {
  const array: (T | Word)[] = [];
  scanner.offset += 1;
  if (takeIf(scanner, ']')) return scanner.reading.list(array);
  do array.push(parseValue(scanner, depth + 1));
  while (takeIf(scanner, ','));
  if (!takeIf(scanner, ']')) throw failure(scanner, 'an array does not end');
  return scanner.reading.list(array);
}

function parseString(scanner: Scanner): string {
  scanner.offset += 1;
  let text = '';
  for (;;) {
    text += match(scanner, PLAIN) ?? '';
    const next = scanner.text[scanner.offset];
    if (next === '"') break;
    if (next !== '\\') {
      throw failure(
        scanner,
        next === undefined ? 'a string does not end' : 'a string holds a control character',
      );
    }
    text += parseEscape(scanner);
  }
  scanner.offset += 1;
  if (!scanner.loneSurrogates && LONE_SURROGATE.test(text)) {
    throw failure(scanner, 'a string holds half a surrogate pair');
  }
  return text;
}

function parseEscape(scanner: Scanner): string {
  const letter = scanner.text[scanner.offset + 1] ?? '';
  scanner.offset += 2;
  if (letter === 'u') {
    const digits = match(scanner, HEX4);
    if (digits !== undefined) return String.fromCharCode(Number.parseInt(digits, 16));
  }
  const plain = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
  if (plain !== undefined) return plain;
  scanner.offset -= 2;
  throw failure(scanner, 'a string holds an unknown escape');
}

function parseNumber<T>(scanner: Parser<T | Word>): T | Word {
  const start = scanner.offset;
  const digits = match(scanner, NUMBER);
  const value = digits === undefined ? undefined : scanner.reading.number(digits);
  if (value !== undefined) return value;
  scanner.offset = start;
  throw failure(
    scanner,
    digits === undefined ? 'a value is missing or not JSON' : 'a number is too large',
  );
}

function skipBlanks(scanner: Scanner): void {
  match(scanner, scanner.blanks);
}

function takeIf(scanner: Scanner, character: string): boolean {
  skipBlanks(scanner);
  if (scanner.text[scanner.offset] !== character) return false;
  scanner.offset += 1;
  return true;
}

function failure(scanner: Scanner, problem: string, hints: readonly string[] = []): ToolError {
  return new ToolError('JSON_SYNTAX', `${scanner.what} is not valid JSON: ${problem}`, {
    where: locate({ file: scanner.what, text: scanner.text }, scanner.offset),
    hints,
  });
}
