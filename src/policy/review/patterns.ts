/**
 * How much a pattern of a policy lets through, by its form and without running it: patterns of others could be made to
 * run for ever. Meant for findings: what is called bounded may still be wider than it should be.
 */

/** `bounded`: of a fixed form; `free-end`: fixed start, then any text; `free`: any text. */
export type PatternReach = 'bounded' | 'free-end' | 'free';

const REACHES: readonly PatternReach[] = ['bounded', 'free-end', 'free'];

/** Any text: a dot, or a class that leaves some characters out, as often as it likes. */
const FREE_TEXT = /(?<!\\)(?:\\\\)*(?:\.|\[\^[^\]]*\]|\[\\s\\S\]|\\S|\\D|\\W)(?:[*+]|\{[0-9]*,\})/;
/** Flags change what anchors mean. */
const FLAGS = /\(\?[a-zA-Z-]+[:)]/;
/** A placeholder whose text starts with an anchor. */
const ANCHORED_PLACEHOLDER = '$(sfprefix)';

/** The reach of a pattern: that of its widest alternative. */
export function reachOf(pattern: string): PatternReach {
  if (FLAGS.test(pattern)) return 'free';
  const reaches = alternativesOf(pattern).map(reachOfAlternative);
  return REACHES.findLast((reach) => reaches.includes(reach)) ?? 'free';
}

/**
 * The reach of a pattern of variables: `free` if names are, `free-end` if only values are. The name is what stands
 * before the first `=`.
 */
export function reachOfVariables(pattern: string): PatternReach {
  if (FLAGS.test(pattern)) return 'free';
  const reaches = alternativesOf(pattern).map((alternative): PatternReach => {
    const at = alternative.indexOf('=');
    if (at < 0 || reachOfAlternative(`${alternative.slice(0, at)}$`) !== 'bounded') return 'free';
    return reachOfAlternative(`^${alternative.slice(at + 1)}`) === 'bounded'
      ? 'bounded'
      : 'free-end';
  });
  return REACHES.findLast((reach) => reaches.includes(reach)) ?? 'free';
}

function reachOfAlternative(pattern: string): PatternReach {
  const isAnchored = pattern.startsWith('^') || pattern.startsWith(ANCHORED_PLACEHOLDER);
  if (!isAnchored || /^\^?\$?$/.test(pattern)) return 'free';
  const free = FREE_TEXT.exec(pattern);
  if (free !== null) return /^\^?\(*$/.test(pattern.slice(0, free.index)) ? 'free' : 'free-end';
  return /(?<!\\)(?:\\\\)*\$$/.test(pattern) ? 'bounded' : 'free-end';
}

/** Parts of a pattern between the bars outside of groups and classes. */
function alternativesOf(pattern: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let isClass = false;
  let start = 0;
  for (let i = 0; i < pattern.length; i += 1) {
    const character = pattern[i];
    if (character === '\\') i += 1;
    else if (isClass) isClass = character !== ']';
    else if (character === '[') isClass = true;
    else if (character === '(') depth += 1;
    else if (character === ')') depth -= 1;
    else if (character === '|' && depth === 0) {
      parts.push(pattern.slice(start, i));
      start = i + 1;
    }
  }
  return [...parts, pattern.slice(start)];
}
