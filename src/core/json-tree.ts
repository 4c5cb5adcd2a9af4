/**
 * JSON text -> tree that keeps what JSON values lose: the order of members (also of keys that look like numbers), the
 * texts of numbers, and where everything stands. Reads what deployment tools accept beyond RFC 8259: comments, a byte
 * order mark at the start, and line breaks in strings (marked, since tools disagree on their value).
 */
import { ToolError } from './error.js';
import { LIMITS } from './limits.js';
import { locate } from './locate.js';
import { match } from './scan.js';

interface NodeBase {
  /** UTF-16 offsets in the text, end exclusive. */
  readonly start: number;
  readonly end: number;
}

export interface JsonNull extends NodeBase {
  readonly kind: 'null';
}

export interface JsonBoolean extends NodeBase {
  readonly kind: 'boolean';
  readonly value: boolean;
}

export interface JsonNumber extends NodeBase {
  readonly kind: 'number';
  /** As written. */
  readonly text: string;
}

export interface JsonString extends NodeBase {
  readonly kind: 'string';
  readonly value: string;
  /** A line break stands in the text as it is. */
  readonly multiLine: boolean;
}

export interface JsonArray extends NodeBase {
  readonly kind: 'array';
  readonly items: readonly JsonNode[];
}

export interface JsonMap extends NodeBase {
  readonly kind: 'object';
  readonly members: readonly JsonMember[];
}

export interface JsonMember {
  readonly key: string;
  /** Offset of the key's opening quote. */
  readonly start: number;
  readonly value: JsonNode;
}

export type JsonNode = JsonNull | JsonBoolean | JsonNumber | JsonString | JsonArray | JsonMap;

/** A text, what it is called in messages, and its tree. */
export interface JsonDocument {
  readonly text: string;
  readonly file: string;
  readonly root: JsonNode;
}

export interface JsonTreeOptions {
  /**
   * `refuse`: a key that stands in an object twice is an error. `last`: the last value counts, at the place of the
   * first key, as Python's json module reads it.
   */
  readonly duplicates: 'refuse' | 'last';
  /** Strings may stand in single quotes too, as the JSON reader of .NET takes them. */
  readonly singleQuotes?: boolean;
  /** Nothing beyond RFC 8259 is read. */
  readonly strict?: boolean;
}

interface Scanner {
  readonly text: string;
  readonly file: string;
  readonly duplicates: JsonTreeOptions['duplicates'];
  readonly quotes: string;
  readonly strict: boolean;
  offset: number;
  nodes: number;
}

const BLANK = /[ \t\n\r]+/y;
const LINE_COMMENT = /\/\/[^\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z.+])/y;
const PLAIN = /[^"'\\\u0000-\u001f]+/y;
const LINE_BREAK = /[\t\n\r]+/y;
const WORD = /(?:true|false|null)(?![0-9A-Za-z_])/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const SINGLE_QUOTE_ESCAPE = /\\'/y;
const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * The tree of a whole JSON text. `file` names it in messages. Throws JSON_SYNTAX with file, line and column, and
 * LIMIT_EXCEEDED beyond LIMITS.textFileBytes (counted in UTF-16 units), jsonTreeDepth and jsonTreeNodes.
 */
export function parseJsonTree(text: string, file: string, options: JsonTreeOptions): JsonDocument {
  if (text.length > LIMITS.textFileBytes) {
    throw new ToolError('LIMIT_EXCEEDED', `${file} is too large`, {
      where: file,
      want: `at most ${LIMITS.textFileBytes} characters`,
    });
  }
  const scanner: Scanner = {
    text,
    file,
    duplicates: options.duplicates,
    quotes: options.singleQuotes === true ? `"'` : '"',
    strict: options.strict === true,
    offset: 0,
    nodes: 0,
  };
  skipByteOrderMark(scanner);
  const root = parseNode(scanner, 0);
  skipBlanks(scanner);
  if (scanner.offset !== text.length) throw failure(scanner, 'text follows the value');
  return { text, file, root };
}

function parseNode(scanner: Scanner, depth: number): JsonNode {
  skipBlanks(scanner);
  scanner.nodes += 1;
  if (scanner.nodes > LIMITS.jsonTreeNodes) {
    throw tooLarge(scanner, 'has too many values', `at most ${LIMITS.jsonTreeNodes}`);
  }
  const start = scanner.offset;
  const first = scanner.text[start];
  if (first === '{' || first === '[') {
    if (depth >= LIMITS.jsonTreeDepth) {
      throw tooLarge(scanner, 'is nested too deeply', `at most ${LIMITS.jsonTreeDepth} levels`);
    }
    return first === '{' ? parseObject(scanner, depth) : parseArray(scanner, depth);
  }
  if (isQuote(scanner, first)) return parseString(scanner);
  const word = match(scanner, WORD);
  if (word === 'null') return { kind: 'null', start, end: scanner.offset };
  if (word !== undefined) {
    return { kind: 'boolean', value: word === 'true', start, end: scanner.offset };
  }
  const text = match(scanner, NUMBER);
  if (text === undefined) throw failure(scanner, 'a value is missing or not JSON');
  if (text.length > LIMITS.jsonNumberChars) {
    throw tooLarge(scanner, 'holds a number that is too long', `${LIMITS.jsonNumberChars} digits`);
  }
  return { kind: 'number', text, start, end: scanner.offset };
}

function parseObject(scanner: Scanner, depth: number): JsonMap {
  const start = scanner.offset;
  const members: JsonMember[] = [];
  const places = new Map<string, number>();
  scanner.offset += 1;
  if (!takeIf(scanner, '}')) {
    do {
      skipBlanks(scanner);
      const keyStart = scanner.offset;
      if (!isQuote(scanner, scanner.text[keyStart])) throw failure(scanner, 'a key is missing');
      const key = parseString(scanner).value;
      const place = places.get(key);
      if (place !== undefined && scanner.duplicates === 'refuse') {
        scanner.offset = keyStart;
        throw failure(scanner, `the key ${JSON.stringify(key)} stands there twice`);
      }
      if (!takeIf(scanner, ':')) throw failure(scanner, 'a colon is missing');
      const member = { key, start: keyStart, value: parseNode(scanner, depth + 1) };
      if (place === undefined) places.set(key, members.push(member) - 1);
      else members[place] = member;
    } while (takeIf(scanner, ','));
    if (!takeIf(scanner, '}')) throw failure(scanner, 'an object does not end');
  }
  return { kind: 'object', members, start, end: scanner.offset };
}

function parseArray(scanner: Scanner, depth: number): JsonArray {
  const start = scanner.offset;
  const items: JsonNode[] = [];
  scanner.offset += 1;
  if (!takeIf(scanner, ']')) {
    do items.push(parseNode(scanner, depth + 1));
    while (takeIf(scanner, ','));
    if (!takeIf(scanner, ']')) throw failure(scanner, 'an array does not end');
  }
  return { kind: 'array', items, start, end: scanner.offset };
}

function isQuote({ quotes }: Scanner, character: string | undefined): boolean {
  return character !== undefined && quotes.includes(character);
}

function parseString(scanner: Scanner): JsonString {
  const start = scanner.offset;
  const quote = scanner.text.charAt(start);
  scanner.offset += 1;
  let value = '';
  let multiLine = false;
  for (;;) {
    value += match(scanner, PLAIN) ?? '';
    const next = scanner.text[scanner.offset];
    if (next === quote) break;
    if (next === '"' || next === "'") {
      value += next;
      scanner.offset += 1;
      continue;
    }
    if (next === '\\') {
      const isOwn = quote === "'" ? match(scanner, SINGLE_QUOTE_ESCAPE) : undefined;
      const sequence = isOwn ?? match(scanner, ESCAPE);
      if (sequence === undefined) throw failure(scanner, 'a string holds an unknown escape');
      value += decodeEscape(sequence);
      continue;
    }
    if (next === undefined) {
      scanner.offset = start;
      throw failure(scanner, 'a string does not end');
    }
    refuseIfStrict(scanner, 'a control character in a string');
    const breaks = match(scanner, LINE_BREAK);
    if (breaks === undefined) throw failure(scanner, 'a string holds a control character');
    value += breaks;
    multiLine = true;
  }
  scanner.offset += 1;
  return { kind: 'string', value, multiLine, start, end: scanner.offset };
}

function decodeEscape(sequence: string): string {
  const letter = sequence[1] ?? '';
  if (letter === 'u') return String.fromCharCode(Number.parseInt(sequence.slice(2), 16));
  return ESCAPES[letter] ?? letter;
}

function skipByteOrderMark(scanner: Scanner): void {
  if (!scanner.text.startsWith('\ufeff')) return;
  refuseIfStrict(scanner, 'a byte order mark');
  scanner.offset = 1;
}

function refuseIfStrict(scanner: Scanner, what: string): void {
  if (scanner.strict) throw failure(scanner, `it holds ${what}`);
}

/** Skips white space and comments. */
function skipBlanks(scanner: Scanner): void {
  for (;;) {
    match(scanner, BLANK);
    if (scanner.text[scanner.offset] !== '/') return;
    refuseIfStrict(scanner, 'a comment');
    if (match(scanner, LINE_COMMENT) === undefined) skipBlockComment(scanner);
  }
}

function skipBlockComment(scanner: Scanner): void {
  if (scanner.text[scanner.offset + 1] !== '*') {
    throw failure(scanner, 'a value is missing or not JSON');
  }
  const end = scanner.text.indexOf('*/', scanner.offset + 2);
  if (end < 0) throw failure(scanner, 'a comment does not end');
  scanner.offset = end + 2;
}

function takeIf(scanner: Scanner, character: string): boolean {
  skipBlanks(scanner);
  if (scanner.text[scanner.offset] !== character) return false;
  scanner.offset += 1;
  return true;
}

function failure(scanner: Scanner, problem: string): ToolError {
  return new ToolError('JSON_SYNTAX', `${scanner.file} is not valid JSON: ${problem}`, {
    where: locate(scanner, scanner.offset),
  });
}

function tooLarge(scanner: Scanner, problem: string, want: string): ToolError {
  return new ToolError('LIMIT_EXCEEDED', `${scanner.file} ${problem}`, {
    where: locate(scanner, scanner.offset),
    want,
  });
}
