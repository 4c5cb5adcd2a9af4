/**
 * What our compiled rules call outside of their module (policies/build.mjs): regular expressions with the semantics of
 * RE2, semantic versions, and `print`. Patterns stay compiled from one evaluation to the next. Where the guest has the
 * regular expressions of Rust, there is an answer only where both agree: nothing may match here that does not there.
 */
import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';
import type { JsonValue } from '../core/json.js';
import { LIMITS } from '../core/limits.js';
import { compareSemver, isSemver } from '../core/semver.js';
import { readSharedMeaning } from '../core/shared-regex.js';
import { compileSimpleRegex } from '../core/simple-regex.js';
import { isAscii } from '../core/simple-regex-syntax.js';

/** Functions by their name in the module; `undefined` as result is Rego's undefined. */
export type RegoBuiltins = Readonly<
  Record<string, (...args: readonly (JsonValue | undefined)[]) => JsonValue | undefined>
>;

/**
 * A pattern that begins with plain characters and goes on with a class, and has no groups, alternatives or escapes: the
 * beginning can be compared as text, and the rest is the same for every container.
 */
const PLAIN_START = /^\^([\w/-]+)(\[[^()|\\]*)$/;
/** Answers kept for each pattern: the variables of a pod's containers are mostly the same. */
const KEPT_ANSWERS = 100;

/** Patterns of all policies: many of them come back in the next one. */
const compiled = keepPatterns(compileAny);
const tested = keepPatterns((pattern) => keepAnswers(openPattern(pattern)));
const matchers = keepPatterns(openMatcher);
const meanings = keepPatterns(readSharedMeaning);

/** Whose regular expressions the guest has: those of Go are RE2. */
export type GuestPatterns = 'go' | 'rust';

/** The functions; each printed line goes to `print`, with its line number in front. */
export function openRegoBuiltins(
  print: (line: string) => void,
  patterns: GuestPatterns = 'go',
): RegoBuiltins {
  const isShared = (pattern: JsonValue | undefined, text: string) => {
    if (patterns === 'go') return true;
    const meaning = meanings(pattern);
    return meaning === 'any-text' || (meaning === 'ascii-text' && isAscii(text));
  };
  return {
    'podseal.regex.match': (pattern, text) =>
      typeof text === 'string' && isShared(pattern, text) ? matchers(pattern)?.(text) : undefined,
    'podseal.regex.find_all_string_submatch_n': (pattern, text, count) => {
      if (typeof text !== 'string' || typeof count !== 'number') return undefined;
      const found = isShared(pattern, text) ? compiled(pattern) : undefined;
      return found === undefined ? undefined : findAll(found, text, count);
    },
    'semver.is_valid': (version) => typeof version === 'string' && isSemver(version),
    'semver.compare': (a, b) =>
      typeof a === 'string' && typeof b === 'string' ? compareSemver(a, b) : undefined,
    'internal.print': (operands) => {
      for (const line of printedLines(operands as JsonValue[][])) print(line);
      return true;
    },
  };
}

/** Compiles patterns, or gives what it compiled before; undefined for what is no pattern. */
function keepPatterns<T>(
  compile: (pattern: string) => T,
): (pattern: JsonValue | undefined) => T | undefined {
  const known = new Map<string, T | undefined>();
  const compiled = (pattern: string) => {
    try {
      return compile(pattern);
    } catch {
      return undefined;
    }
  };
  return (pattern) => {
    if (typeof pattern !== 'string') return undefined;
    if (!known.has(pattern)) {
      const [oldest] = known.keys();
      if (known.size >= LIMITS.regoPatterns && oldest !== undefined) known.delete(oldest);
      known.set(pattern, compiled(pattern));
    }
    return known.get(pattern);
  };
}

type Matcher = (text: string) => boolean;

/** Undefined for what is no pattern. */
function openMatcher(pattern: string): Matcher | undefined {
  const [, start, rest] = PLAIN_START.exec(pattern) ?? [];
  if (start === undefined || rest === undefined) return tested(pattern);
  const answer = tested(`^${rest}`);
  return answer && ((text) => text.startsWith(start) && answer(text.slice(start.length)));
}

/** Whether a text matches. The full engine is loaded only if a pattern or text needs it. */
function openPattern(pattern: string): Matcher {
  const simple = compileSimpleRegex(pattern);
  let full = simple === undefined ? compileAny(pattern) : undefined;
  return (text) => {
    const answer = simple?.(text);
    if (answer !== undefined) return answer;
    full ??= compileAny(pattern);
    return full.test(text);
  };
}

const require = createRequire(import.meta.url);

function compileAny(pattern: string): RE2JS {
  const { RE2JS: engine } = require('re2js') as typeof import('re2js');
  return engine.compile(pattern);
}

/** Answers to the last texts are kept. */
function keepAnswers(test: Matcher): Matcher {
  const answers = new Map<string, boolean>();
  return (text) => {
    const kept = answers.get(text);
    if (kept !== undefined) return kept;
    if (answers.size >= KEPT_ANSWERS) answers.clear();
    const answer = test(text);
    answers.set(text, answer);
    return answer;
  };
}

/**
 * The first `count` matches (all if negative), each with its groups; a group without part in it is empty. As in OPA, an
 * empty match right behind another does not count.
 */
function findAll(pattern: RE2JS, text: string, count: number): JsonValue {
  const matcher = pattern.matcher(text);
  const found: string[][] = [];
  let end = -1;
  while (found.length !== count && matcher.find()) {
    const isAbutting = matcher.start() === matcher.end() && matcher.start() === end;
    end = matcher.end();
    if (isAbutting) continue;
    const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i));
    found.push(groups.map((group) => group ?? ''));
  }
  return found;
}

/** One line per combination of values: each operand is the set of the values it has, none if it is undefined. */
function printedLines(operands: readonly (readonly JsonValue[])[]): readonly string[] {
  return operands
    .map((values) => (values.length === 0 ? ['<undefined>'] : values.map(printedValue)))
    .reduce<readonly string[][]>(
      (rows, words) => rows.flatMap((row) => words.map((word) => [...row, word])),
      [[]],
    )
    .map((row) => row.join(' '));
}

function printedValue(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
