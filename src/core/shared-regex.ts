/**
 * Regular expressions that RE2 and the regex crate of Rust read alike (syntax pages of both). Policies of kata guests are
 * run by Rust there and by RE2 here; of a pattern that only one of them reads, or reads in its own way (`\Q`, octal
 * escapes, set operations in classes, lone braces), there must be no answer.
 */

/** `ascii`: classes such as `\d` know other characters in Rust, so that the meaning is shared for ASCII texts alone. */
export type SharedMeaning = 'any-text' | 'ascii-text';

/** RE2 refuses more. */
const MOST_TIMES = 1000;
const POSIX_CLASS =
  /\[:\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]/y;
const GROUP_START = /\((?:\?(?:[ims]*:|P<[A-Za-z_][A-Za-z0-9_]*>))?/y;
const FLAGS = /\(\?([ims]+)\)/y;
const COUNT = /\{(\d{1,4})(?:,(\d{0,4}))?\}/y;
/** Punctuation but for `<` and `>`, which are places in Rust, and the same letters in both. */
const ESCAPED_CHARACTER = /\\(?:[!-/:;=?@[-`{-~]|[atnrfv]|x[0-9A-Fa-f]{2}|x\{[0-9A-Fa-f]{1,5}\})/y;
const ESCAPED_CLASS = /\\[dDsSwW]/y;
const ESCAPED_PLACE = /\\([bBAz])/y;

interface Reader {
  readonly pattern: string;
  offset: number;
  isAscii: boolean;
}

/** Thrown inside of this file only. */
class NotShared extends Error {}

/** For which texts both engines agree; undefined for a pattern that they may read differently. */
export function readSharedMeaning(pattern: string): SharedMeaning | undefined {
  const reader: Reader = { pattern, offset: 0, isAscii: false };
  try {
    const open = readItems(reader);
    if (open !== 0) return undefined;
  } catch (error) {
    if (error instanceof NotShared) return undefined;
    throw error;
  }
  return reader.isAscii ? 'ascii-text' : 'any-text';
}

/** Reads the whole pattern; the groups that are still open. */
function readItems(reader: Reader): number {
  const { pattern } = reader;
  let open = 0;
  let repeatable = false;
  while (reader.offset < pattern.length) {
    const next = pattern[reader.offset]!;
    if ('*+?{'.includes(next)) {
      if (!repeatable) throw new NotShared();
      readTimes(reader, next);
      repeatable = false;
      continue;
    }
    if (next === '(') open += readGroupStart(reader);
    else if (next === '[') readClass(reader);
    else if (next === '\\') {
      repeatable = readEscape(reader);
      continue;
    } else reader.offset += 1;
    if (next === ')') open -= 1;
    if (open < 0) throw new NotShared();
    repeatable = !'(|^$'.includes(next);
  }
  return open;
}

/** Moves behind what the sticky expression finds at the offset. */
function take(reader: Reader, expression: RegExp): RegExpExecArray | undefined {
  expression.lastIndex = reader.offset;
  const found = expression.exec(reader.pattern);
  if (found === null) return undefined;
  reader.offset += found[0].length;
  return found;
}

function readTimes(reader: Reader, next: string): void {
  if (next !== '{') reader.offset += 1;
  else {
    const [, min = '', max = min] = take(reader, COUNT) ?? [];
    const isFitting = min !== '' && Number(min) <= MOST_TIMES && Number(max) <= MOST_TIMES;
    if (!isFitting || (max !== '' && Number(max) < Number(min))) throw new NotShared();
  }
  if (reader.pattern[reader.offset] === '?') reader.offset += 1;
}

/** 1 for a group, 0 for flags that hold up to the end of the group that they stand in. */
function readGroupStart(reader: Reader): 0 | 1 {
  const flags = take(reader, FLAGS);
  const [start] = flags ?? take(reader, GROUP_START) ?? [];
  if (start === undefined) throw new NotShared();
  if (start === '(' && reader.pattern[reader.offset] === '?') throw new NotShared();
  // Rust folds letters beyond ASCII too.
  if (!start.startsWith('(?P') && start.includes('i')) reader.isAscii = true;
  return flags === undefined ? 1 : 0;
}

/** True if what was read can be repeated. */
function readEscape(reader: Reader): boolean {
  if (take(reader, ESCAPED_CHARACTER) !== undefined) return true;
  const isClass = take(reader, ESCAPED_CLASS) !== undefined;
  const [, place] = isClass ? [] : (take(reader, ESCAPED_PLACE) ?? [undefined, '']);
  if (place === '') throw new NotShared();
  if (isClass || place === 'b' || place === 'B') reader.isAscii = true;
  return isClass;
}

/** A class: characters, ranges, escapes, `[:alpha:]`. No set operation, and a hyphen by itself at an end only. */
function readClass(reader: Reader): void {
  const { pattern } = reader;
  reader.offset += pattern[reader.offset + 1] === '^' ? 2 : 1;
  for (let isFirst = true; pattern[reader.offset] !== ']' || isFirst; isFirst = false) {
    const isSet = readMember(reader, isFirst);
    if (pattern[reader.offset] !== '-' || pattern[reader.offset + 1] === ']') continue;
    reader.offset += 1;
    if (isSet || readMember(reader, false)) throw new NotShared();
  }
  reader.offset += 1;
}

/** One member of a class; true for a set of characters, of which there is no range. */
function readMember(reader: Reader, isFirst: boolean): boolean {
  const { pattern, offset } = reader;
  const next = pattern[offset];
  if (next === undefined) throw new NotShared();
  if (next === '[' || (next === '\\' && take(reader, ESCAPED_CHARACTER) === undefined)) {
    const isPosix = next === '[' && take(reader, POSIX_CLASS) !== undefined;
    if (!isPosix && (next === '[' || take(reader, ESCAPED_CLASS) === undefined))
      throw new NotShared();
    if (!isPosix) reader.isAscii = true;
    return true;
  }
  if (next === '\\') return false;
  const isOperator = '&~-'.includes(next) && pattern[offset + 1] === next;
  const isLoneHyphen = next === '-' && !isFirst && pattern[offset + 1] !== ']';
  if (isOperator || isLoneHyphen) throw new NotShared();
  reader.offset += (pattern.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
  return false;
}
