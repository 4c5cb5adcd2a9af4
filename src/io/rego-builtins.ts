/**
 * What our compiled rules call outside of their module (policies/build.mjs): regular expressions with the semantics of
 * RE2, and `print`. Patterns stay compiled from one evaluation to the next.
 */
import type { RE2JS } from 're2js';
import type { JsonValue } from '../core/json.js';
import { LIMITS } from '../core/limits.js';

/** Functions by their name in the module; `undefined` as result is Rego's undefined. */
export type RegoBuiltins = Readonly<
  Record<string, (...args: JsonValue[]) => JsonValue | undefined>
>;

/** The functions; each printed line goes to `print`, with its line number in front. */
export async function openRegoBuiltins(print: (line: string) => void): Promise<RegoBuiltins> {
  const { RE2JS: engine } = await import('re2js');
  const matches = createMatcher((pattern) => engine.compile(pattern));
  return {
    'podseal.regex_match': (pattern, text) =>
      typeof pattern === 'string' && typeof text === 'string' ? matches(pattern, text) : undefined,
    'internal.print': (operands) => {
      for (const line of printedLines(operands as JsonValue[][])) print(line);
      return true;
    },
  };
}

/** Whether a pattern is found anywhere in a text; undefined for an invalid pattern. */
function createMatcher(
  compile: (pattern: string) => RE2JS,
): (pattern: string, text: string) => boolean | undefined {
  const known = new Map<string, RE2JS | undefined>();
  const compiled = (pattern: string) => {
    try {
      return compile(pattern);
    } catch {
      return undefined;
    }
  };
  return (pattern, text) => {
    if (!known.has(pattern)) {
      const [oldest] = known.keys();
      if (known.size >= LIMITS.regoPatterns && oldest !== undefined) known.delete(oldest);
      known.set(pattern, compiled(pattern));
    }
    return known.get(pattern)?.test(text);
  };
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
