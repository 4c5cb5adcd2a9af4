/**
 * Text of a regular expression of the plain kind -> what it is made of (syntax page of google/re2): ASCII characters,
 * classes, groups, alternatives, counts, `^`, `$`, `\b`, `\d` and `(?i)`.
 */
import { LIMITS } from './limits.js';

/** One value per ASCII character: 1 if it is in. */
export type CharacterSet = Uint8Array;
export type Place = 'start' | 'end' | 'word-boundary';

export type Node =
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'place'; readonly place: Place }
  | { readonly kind: 'sequence'; readonly items: readonly Node[] }
  | { readonly kind: 'choice'; readonly items: readonly Node[] }
  | Repeat;

/** An item `min` to `max` times, infinity included. */
export interface Repeat {
  readonly kind: 'repeat';
  readonly item: Node;
  readonly min: number;
  readonly max: number;
}

const ASCII = 128;
/** True for texts that can be a pattern or be looked into. */
const ASCII_ONLY = /^[\0-\x7f]*$/;
/** What the two cases of a letter differ in. */
const CASE_BIT = 0x20;
const FOLD = '(?i)';
const SPECIAL = '\\.+*?()|[]{}^$';
const COUNT = /\{(\d{1,4})(?:(,)(\d{1,4})?)?\}/y;
/** RE2 refuses more; for a count within a count, as many in all. */
const MOST_TIMES = 1000;
const DIGITS = setOf((code) => code >= 0x30 && code <= 0x39);
const ANY = setOf((code) => code !== 0x0a);
const ANY_AT_ALL = setOf(() => true);

interface Reader {
  readonly pattern: string;
  offset: number;
}

/** Thrown inside of this file only: the pattern is none of these. */
class NotSimple extends Error {}

/** What a pattern is made of; undefined if it is none of the plain kind, valid or not. */
export function parseSimpleRegex(pattern: string): Node | undefined {
  if (!isAscii(pattern) || pattern.length > LIMITS.simplePatternChars) return undefined;
  try {
    const reader = { pattern, offset: 0 };
    const node = readChoice(reader, { depth: 0, dot: ANY, folds: false });
    return reader.offset < pattern.length || timesOf(node) > MOST_TIMES ? undefined : node;
  } catch (error) {
    if (error instanceof NotSimple) return undefined;
    throw error;
  }
}

export function isAscii(text: string): boolean {
  return ASCII_ONLY.test(text);
}

interface Scope {
  readonly depth: number;
  /** What a dot stands for. */
  readonly dot: CharacterSet;
  /** Letters stand for both cases: from a `(?i)` to the end of the group that it stands in. */
  folds: boolean;
}

function readChoice(reader: Reader, outer: Scope): Node {
  if (outer.depth > LIMITS.jsonDepth) throw new NotSimple();
  const scope = { ...outer };
  const items = [readSequence(reader, scope)];
  while (reader.pattern[reader.offset] === '|') {
    reader.offset += 1;
    items.push(readSequence(reader, scope));
  }
  return items.length === 1 ? items[0]! : { kind: 'choice', items };
}

function readSequence(reader: Reader, scope: Scope): Node {
  const items: Node[] = [];
  for (;;) {
    const next = reader.pattern[reader.offset];
    if (next === undefined || next === '|' || next === ')') return { kind: 'sequence', items };
    items.push(readTimes(reader, readAtom(reader, next, scope)));
  }
}

function readAtom(reader: Reader, next: string, scope: Scope): Node {
  if (next === '(') return readFold(reader, scope) ?? readGroup(reader, scope);
  if (next === '[') return { kind: 'set', set: readClass(reader, scope) };
  if (next === '\\') return readEscape(reader);
  reader.offset += 1;
  if (next === '.') return { kind: 'set', set: scope.dot };
  if (next === '^') return { kind: 'place', place: 'start' };
  if (next === '$') return { kind: 'place', place: 'end' };
  if (SPECIAL.includes(next)) throw new NotSimple();
  return { kind: 'set', set: scope.folds ? folded(single(next)) : single(next) };
}

/** `(?i)`, if that is what comes. */
function readFold(reader: Reader, scope: Scope): Node | undefined {
  if (!reader.pattern.startsWith(FOLD, reader.offset)) return undefined;
  reader.offset += FOLD.length;
  // There is nothing that could be repeated.
  if ('*+?{'.includes(reader.pattern[reader.offset] ?? ' ')) throw new NotSimple();
  scope.folds = true;
  return { kind: 'sequence', items: [] };
}

function readGroup(reader: Reader, scope: Scope): Node {
  const [start = ''] =
    /^\((?:\?s?:)?/.exec(reader.pattern.slice(reader.offset, reader.offset + 4)) ?? [];
  reader.offset += start.length;
  if (reader.pattern[reader.offset] === '?') throw new NotSimple();
  const dot = start.includes('s') ? ANY_AT_ALL : scope.dot;
  const node = readChoice(reader, { ...scope, depth: scope.depth + 1, dot });
  if (reader.pattern[reader.offset] !== ')') throw new NotSimple();
  reader.offset += 1;
  return node;
}

function readEscape(reader: Reader): Node {
  const letter = reader.pattern[reader.offset + 1] ?? '';
  if (letter !== 'b') return { kind: 'set', set: readEscapedSet(reader) };
  reader.offset += 2;
  return { kind: 'place', place: 'word-boundary' };
}

/** `\d`, or an escaped punctuation character. */
function readEscapedSet(reader: Reader): CharacterSet {
  const letter = reader.pattern[reader.offset + 1] ?? '';
  reader.offset += 2;
  if (letter === 'd') return DIGITS;
  if (!/^[!-/:-@[-^`{-~]$/.test(letter)) throw new NotSimple();
  return single(letter);
}

function readClass(reader: Reader, { folds }: Scope): CharacterSet {
  const isNegated = reader.pattern[reader.offset + 1] === '^';
  reader.offset += isNegated ? 2 : 1;
  const set = new Uint8Array(ASCII);
  for (let isFirst = true; reader.pattern[reader.offset] !== ']' || isFirst; isFirst = false) {
    addMembers(reader, set);
  }
  reader.offset += 1;
  const all = folds ? folded(set) : set;
  return isNegated ? setOf((code) => all[code] === 0) : all;
}

/** A character, a range, or `\d`. A hyphen by itself counts only at the end. */
function addMembers(reader: Reader, set: CharacterSet): void {
  const from = readMember(reader);
  const isRange =
    reader.pattern[reader.offset] === '-' && reader.pattern[reader.offset + 1] !== ']';
  if (!isRange) {
    for (const code of from) set[code] = 1;
    return;
  }
  reader.offset += 1;
  const [first, ...others] = from;
  const [last, ...more] = readMember(reader);
  const isPlain = others.length === 0 && more.length === 0;
  if (first === undefined || last === undefined || !isPlain || last < first) throw new NotSimple();
  set.fill(1, first, last + 1);
}

function readMember(reader: Reader): readonly number[] {
  const { pattern, offset } = reader;
  const next = pattern[offset];
  if (next === '\\') {
    const set = readEscapedSet(reader);
    return Array.from({ length: ASCII }, (_, code) => code).filter((code) => set[code] === 1);
  }
  const isLoneHyphen = next === '-' && pattern[offset + 1] !== ']';
  if (next === undefined || '[]^'.includes(next) || isLoneHyphen) throw new NotSimple();
  reader.offset += 1;
  return [next.charCodeAt(0)];
}

const SIGNS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  '*': [0, Number.POSITIVE_INFINITY],
  '+': [1, Number.POSITIVE_INFINITY],
  '?': [0, 1],
};

function readTimes(reader: Reader, item: Node): Node {
  const range = readRange(reader);
  if (range === undefined) return item;
  const [min, max] = range;
  const isCounted = max !== Number.POSITIVE_INFINITY;
  if (max < min || min > MOST_TIMES || (isCounted && max > MOST_TIMES)) throw new NotSimple();
  // What takes as little as it can is left to others, like repetitions of repetitions.
  if ('*+?{'.includes(reader.pattern[reader.offset] ?? ' ')) throw new NotSimple();
  return { kind: 'repeat', item, min, max };
}

function readRange(reader: Reader): readonly [min: number, max: number] | undefined {
  const next = reader.pattern[reader.offset] ?? '';
  const sign = SIGNS[next];
  if (sign !== undefined) reader.offset += 1;
  if (sign !== undefined || next !== '{') return sign;
  COUNT.lastIndex = reader.offset;
  const [whole, min, comma, max] = COUNT.exec(reader.pattern) ?? [];
  if (whole === undefined) throw new NotSimple();
  reader.offset += whole.length;
  if (comma === undefined) return [Number(min), Number(min)];
  return [Number(min), max === undefined ? Number.POSITIVE_INFINITY : Number(max)];
}

/** How often counts repeat what is inside of them, at most. */
function timesOf(node: Node): number {
  if (node.kind === 'repeat') {
    const counted = node.max === Number.POSITIVE_INFINITY ? node.min : node.max;
    return Math.max(counted, 1) * timesOf(node.item);
  }
  return 'items' in node ? Math.max(1, ...node.items.map(timesOf)) : 1;
}

/** The set of the characters with such a code. */
export function setOf(isIn: (code: number) => boolean): CharacterSet {
  return Uint8Array.from({ length: ASCII }, (_, code) => (isIn(code) ? 1 : 0));
}

/** The set with the other case of each letter in it. */
function folded(set: CharacterSet): CharacterSet {
  const otherCase = (code: number) => {
    const lower = code | CASE_BIT;
    return lower >= 0x61 && lower <= 0x7a ? code ^ CASE_BIT : code;
  };
  return setOf((code) => set[code] === 1 || set[otherCase(code)] === 1);
}

/** The sets of one character each. */
const SINGLES = Array.from({ length: ASCII }, (_, code) => setOf((other) => other === code));

function single(character: string): CharacterSet {
  return SINGLES[character.charCodeAt(0)]!;
}
