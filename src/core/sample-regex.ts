/**
 * A text that a regular expression matches as a whole: for making up what a pattern leaves open. Reads the common part
 * of RE2 and Rust syntax (characters, classes, groups, alternatives, counts, anchors); Unicode classes are not read.
 */
import { sha256Hex } from './digest.js';
import { LIMITS } from './limits.js';
import { match } from './scan.js';

/** Characters that a negated class or a dot may stand for. */
const PRINTABLE = range(0x21, 0x7e);
const CLASSES: Readonly<Record<string, string>> = {
  d: range(0x30, 0x39),
  w: `${range(0x30, 0x39)}${range(0x41, 0x5a)}_${range(0x61, 0x7a)}`,
  s: ' ',
};
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', f: '\f', v: '\v' };
/** Escapes that match a place and no character. */
const PLACES = 'bBAz';
/** Repetitions of `+`: as many as Kubernetes has in the suffixes of names. */
const PLUS_TIMES = 5;
const COUNT = /\{(\d{1,7})(,(\d{1,7})?)?\}/y;
const GROUP = /\((?:\?(?:P?<[A-Za-z_]\w*>|[imsU]*(?:-[imsU]+)?:))?/y;
const FLAGS = /\(\?[imsU]*(?:-[imsU]+)?\)/y;

interface Sampler {
  /** The pattern. */
  readonly text: string;
  /** Hex digits that decide between the characters of a class. */
  readonly digits: string;
  offset: number;
  picked: number;
  length: number;
}

/** Thrown inside of this file only. */
class Unreadable extends Error {}

/**
 * A text that `pattern` matches, the same for the same pattern; undefined if the pattern is not read, or the text would
 * pass LIMITS.sampleChars. Anchors and word boundaries count as fulfilled.
 */
export function sampleRegex(pattern: string): string | undefined {
  if (pattern.length > LIMITS.sampleChars) return undefined;
  if (!samples.has(pattern)) {
    if (samples.size >= KEPT_SAMPLES) samples.clear();
    samples.set(pattern, makeSample(pattern));
  }
  return samples.get(pattern);
}

/** Most containers have the same patterns. */
const KEPT_SAMPLES = 100;
const samples = new Map<string, string | undefined>();

function makeSample(pattern: string): string | undefined {
  const sampler = { text: pattern, digits: sha256Hex(pattern), offset: 0, picked: 0, length: 0 };
  try {
    const text = takeAlternatives(sampler, 0);
    return sampler.offset === pattern.length ? text : undefined;
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

/** The first alternative; the others are read and left. */
function takeAlternatives(sampler: Sampler, depth: number): string {
  if (depth > LIMITS.jsonDepth) throw new Unreadable();
  const first = takeSequence(sampler, depth);
  while (sampler.text[sampler.offset] === '|') {
    sampler.offset += 1;
    takeSequence(sampler, depth);
  }
  return first;
}

function takeSequence(sampler: Sampler, depth: number): string {
  let text = '';
  for (;;) {
    const next = sampler.text[sampler.offset];
    if (next === undefined || next === '|' || next === ')') return text;
    const atom = takeAtom(sampler, depth);
    text += repeat(sampler, atom, takeTimes(sampler));
  }
}

/** One round of an atom, drawn anew for each repetition. */
type Atom = () => string;

function repeat(sampler: Sampler, atom: Atom, times: number): string {
  let text = '';
  for (let i = 0; i < times; i += 1) {
    const round = atom();
    text += round;
    sampler.length += round.length + 1;
    if (sampler.length > LIMITS.sampleChars) throw new Unreadable();
  }
  return text;
}

function takeAtom(sampler: Sampler, depth: number): Atom {
  const next = sampler.text[sampler.offset] ?? '';
  if (next === '(') return takeGroup(sampler, depth);
  if (next === '[') return draw(sampler, takeClass(sampler));
  if (next === '\\') return takeEscape(sampler);
  if ('*+?'.includes(next)) throw new Unreadable();
  sampler.offset += next.length;
  if (next === '^' || next === '$') return () => '';
  return () => next;
}

function takeGroup(sampler: Sampler, depth: number): Atom {
  if (match(sampler, FLAGS) !== undefined) return () => '';
  if (match(sampler, GROUP) === undefined) throw new Unreadable();
  const text = takeAlternatives(sampler, depth + 1);
  if (sampler.text[sampler.offset] !== ')') throw new Unreadable();
  sampler.offset += 1;
  return () => text;
}

function takeEscape(sampler: Sampler): Atom {
  const letter = sampler.text[sampler.offset + 1];
  if (letter === undefined) throw new Unreadable();
  sampler.offset += 2;
  if (PLACES.includes(letter)) return () => '';
  const set = classOf(letter);
  if (set !== undefined) return draw(sampler, set);
  const plain = plainEscape(letter);
  return () => plain;
}

/** `\d` and the like; the upper-case letter is everything else. */
function classOf(letter: string): string | undefined {
  const set = CLASSES[letter.toLowerCase()];
  return set === undefined || letter === letter.toLowerCase() ? set : without(set);
}

function plainEscape(letter: string): string {
  if (ESCAPES[letter] !== undefined) return ESCAPES[letter];
  if (/[A-Za-z0-9]/.test(letter)) throw new Unreadable();
  return letter;
}

/** Members of a bracketed class. */
function takeClass(sampler: Sampler): string {
  sampler.offset += 1;
  const isNegated = sampler.text[sampler.offset] === '^';
  if (isNegated) sampler.offset += 1;
  let members = '';
  for (let isFirst = true; ; isFirst = false) {
    const next = sampler.text[sampler.offset];
    if (next === undefined || next === '[') throw new Unreadable();
    if (next === ']' && !isFirst) break;
    members += takeMember(sampler);
  }
  sampler.offset += 1;
  const set = isNegated ? without(members) : members;
  if (set === '') throw new Unreadable();
  return set;
}

function takeMember(sampler: Sampler): string {
  const from = takeClassCharacter(sampler);
  const { text: pattern, offset } = sampler;
  const isRange = pattern[offset] === '-' && pattern[offset + 1] !== ']' && from.length === 1;
  if (!isRange) return from;
  sampler.offset += 1;
  const to = takeClassCharacter(sampler);
  if (to.length !== 1 || to < from) throw new Unreadable();
  return range(from.charCodeAt(0), to.charCodeAt(0));
}

function takeClassCharacter(sampler: Sampler): string {
  const next = sampler.text[sampler.offset] ?? '';
  const letter = sampler.text[sampler.offset + 1];
  sampler.offset += next === '\\' ? 2 : 1;
  if (next !== '\\') return next;
  if (letter === undefined) throw new Unreadable();
  return classOf(letter) ?? plainEscape(letter);
}

function takeTimes(sampler: Sampler): number {
  const sign = sampler.text[sampler.offset] ?? '';
  const signs: Readonly<Record<string, number>> = { '*': 0, '?': 0, '+': PLUS_TIMES };
  let times = signs[sign];
  if (times !== undefined) sampler.offset += 1;
  else {
    const count = match(sampler, COUNT);
    if (count === undefined) return 1;
    times = Number(count.slice(1).split(/[,}]/, 1)[0]);
  }
  if (sampler.text[sampler.offset] === '?') sampler.offset += 1;
  return times;
}

function draw(sampler: Sampler, set: string): Atom {
  return () => {
    const at = (sampler.picked * 2) % (sampler.digits.length - 1);
    sampler.picked += 1;
    const number = Number.parseInt(sampler.digits.slice(at, at + 2), 16);
    return set[number % set.length] ?? '';
  };
}

function without(set: string): string {
  return [...PRINTABLE].filter((character) => !set.includes(character)).join('');
}

function range(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i)).join('');
}
