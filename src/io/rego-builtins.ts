/**
 * What our compiled rules call outside of their module (policies/build.mjs): regular expressions with the semantics of
 * RE2, semantic versions, and `print`. Patterns stay compiled from one evaluation to the next.
 */
import type { RE2JS } from 're2js';
import type { JsonValue } from '../core/json.js';
import { LIMITS } from '../core/limits.js';
import { compareSemver, isSemver } from '../core/semver.js';

/** Functions by their name in the module; `undefined` as result is Rego's undefined. */
export type RegoBuiltins = Readonly<
  Record<string, (...args: readonly (JsonValue | undefined)[]) => JsonValue | undefined>
>;

/** The functions; each printed line goes to `print`, with its line number in front. */
export async function openRegoBuiltins(print: (line: string) => void): Promise<RegoBuiltins> {
  const { RE2JS: engine } = await import('re2js');
  const compiled = keepPatterns((pattern) => engine.compile(pattern));
  return {
    'podseal.regex.match': (pattern, text) =>
      typeof text === 'string' ? compiled(pattern)?.test(text) : undefined,
    'podseal.regex.find_all_string_submatch_n': (pattern, text, count) => {
      const found = compiled(pattern);
      const isAsked = typeof text === 'string' && typeof count === 'number';
      return isAsked && found !== undefined ? findAll(found, text, count) : undefined;
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
function keepPatterns(
  compile: (pattern: string) => RE2JS,
): (pattern: JsonValue | undefined) => RE2JS | undefined {
  const known = new Map<string, RE2JS | undefined>();
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
