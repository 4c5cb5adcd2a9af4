/**
 * PAX records as the Rust tar crate finds them (spec layer-hash-tarfs section 3.4): the content is cut at every newline
 * whatever the record lengths say, so values with newlines hide what follows. Kept, because the platform's hash
 * depends on it; `damaged`, `repeated` and `xattrs` say what the user should hear about.
 */

/** What one PAX header says about the next member. Texts are byte strings, one byte per character. */
export interface PaxRecords {
  readonly path?: string;
  readonly linkpath?: string;
  /** Unsigned 64-bit values. */
  readonly size?: bigint;
  readonly uid?: bigint;
  readonly gid?: bigint;
  /** True if a line is no record, or an empty line ends the list early. */
  readonly damaged: boolean;
  /** True if a key that matters occurs again: the first record counts here, the last one by the PAX standard. */
  readonly repeated: boolean;
  /** True if there are extended attributes, which tarfs does not keep. */
  readonly xattrs: boolean;
}

const TEXT_KEYS = new Set(['path', 'linkpath']);
const NUMBER_KEYS = new Set(['size', 'uid', 'gid']);
const XATTR_MARKS = ['SCHILY.xattr.', 'LIBARCHIVE.xattr.'];
const NEWLINE = 0x0a;
const SPACE = 0x20;
const PLUS = 0x2b;
const ZERO = 0x30;
const NINE = 0x39;
/** A longer number cannot be below 2^64. */
const DECIMAL = /^\+?0*([0-9]{1,20})$/;
const U64_END = 1n << 64n;

interface Line {
  readonly key: string;
  readonly value: string;
}

/** Total: whatever is no record is passed over and flagged. */
export function parsePax(content: Buffer): PaxRecords {
  const values = new Map<string, string | bigint>();
  const seen = new Set<string>();
  let repeated = false;
  let numbersEnd = false;
  let damaged = false;
  let at = 0;
  while (at <= content.length) {
    const end = lineEnd(content, at);
    if (end === at) {
      damaged ||= at < content.length;
      break;
    }
    const line = parseLine(content, at, end);
    at = end + 1;
    if (line === undefined) {
      numbersEnd = true;
      damaged = true;
      continue;
    }
    const { key } = line;
    const isNumber = NUMBER_KEYS.has(key);
    if (!isNumber && !TEXT_KEYS.has(key)) continue;
    repeated ||= seen.has(key);
    if (seen.has(key)) continue;
    seen.add(key);
    const isLost = isNumber && numbersEnd;
    const value = isLost ? undefined : isNumber ? parseU64(line.value) : line.value;
    if (value !== undefined) values.set(key, value);
  }
  const xattrs = XATTR_MARKS.some((mark) => content.includes(mark, 0, 'latin1'));
  return { ...Object.fromEntries(values), damaged, repeated, xattrs };
}

function lineEnd(content: Buffer, at: number): number {
  const end = content.indexOf(NEWLINE, at);
  return end < 0 ? content.length : end;
}

/** `LEN SP KEY = VALUE` where LEN, which may have a plus sign, counts the newline too. */
function parseLine(content: Buffer, start: number, end: number): Line | undefined {
  const first = content[start] === PLUS ? start + 1 : start;
  let at = first;
  let length = 0;
  while (at < end && content[at]! >= ZERO && content[at]! <= NINE)
    length = length * 10 + content[at++]! - ZERO;
  if (at === first || content[at] !== SPACE || length !== end - start + 1) return undefined;
  const text = content.toString('latin1', at + 1, end);
  const equals = text.indexOf('=');
  return equals < 0 ? undefined : { key: text.slice(0, equals), value: text.slice(equals + 1) };
}

/** Decimal digits with an optional plus sign, below 2^64. */
function parseU64(text: string): bigint | undefined {
  const digits = DECIMAL.exec(text)?.[1];
  if (digits === undefined) return undefined;
  const value = BigInt(digits);
  return value < U64_END ? value : undefined;
}
