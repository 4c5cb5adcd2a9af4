/** Semantic versions (semver.org 2.0.0), as the built-ins `semver.*` of Rego compare them: by precedence. */

interface Version {
  readonly numbers: readonly bigint[];
  readonly pre: readonly string[];
}

const NUMBER = '(?:0|[1-9][0-9]*)';
const PRE = `(?:${NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)`;
const VERSION = new RegExp(
  `^(${NUMBER})\\.(${NUMBER})\\.(${NUMBER})(?:-(${PRE}(?:\\.${PRE})*))?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`,
);
const DIGITS = /^[0-9]+$/;
const LONGEST = 256;
const MOST = 2n ** 64n;

/** True for exactly three numbers without leading zeros, with or without a pre-release and build part. */
export function isSemver(text: string): boolean {
  return parse(text) !== undefined;
}

/** -1, 0 or 1 by precedence: a pre-release is lower than its release, build parts do not count; undefined if either is none. */
export function compareSemver(a: string, b: string): -1 | 0 | 1 | undefined {
  const left = parse(a);
  const right = parse(b);
  if (left === undefined || right === undefined) return undefined;
  for (const [i, number] of left.numbers.entries()) {
    const other = right.numbers[i] ?? 0n;
    if (number !== other) return number < other ? -1 : 1;
  }
  return comparePre(left.pre, right.pre);
}

/** Versions are few, and compared again and again. */
const KEPT = 64;
const parsed = new Map<string, Version | undefined>();

function parse(text: string): Version | undefined {
  if (!parsed.has(text)) {
    if (parsed.size >= KEPT) parsed.clear();
    parsed.set(text, parseAnew(text));
  }
  return parsed.get(text);
}

function parseAnew(text: string): Version | undefined {
  const found = text.length > LONGEST ? null : VERSION.exec(text);
  if (found === null) return undefined;
  const numbers = found.slice(1, 4).map(BigInt);
  if (numbers.some((number) => number >= MOST)) return undefined;
  return { numbers, pre: found[4]?.split('.') ?? [] };
}

function comparePre(a: readonly string[], b: readonly string[]): -1 | 0 | 1 {
  if (a.length === 0 || b.length === 0) {
    if (a.length === b.length) return 0;
    return a.length === 0 ? 1 : -1;
  }
  for (const [i, part] of a.entries()) {
    const other = b[i];
    if (other === undefined) return 1;
    if (part !== other) return comparePart(part, other);
  }
  return a.length < b.length ? -1 : 0;
}

/** Numbers are lower than words. */
function comparePart(a: string, b: string): -1 | 1 {
  const isNumber = DIGITS.test(a);
  if (isNumber !== DIGITS.test(b)) return isNumber ? -1 : 1;
  if (isNumber) return BigInt(a) < BigInt(b) ? -1 : 1;
  return a < b ? -1 : 1;
}
