/**
 * JSON text -> data values and back, byte for byte as the generator of ACI policies writes it (aci policy 4.2, 4.3):
 * texts in ASCII, keys sorted by code point or in their own order, compact or with two blanks per level.
 */
import { type DataMap, type DataValue, isList, isMap, printFloat } from './data.js';
import { ToolError } from './error.js';
import { type JsonReading, parseJsonAs } from './json.js';
import { compareBytes } from './record.js';

/** Longer integers are refused: reading them takes quadratic time, and no field holds one. */
const INTEGER_DIGITS = 4300;

const READING: JsonReading<DataValue> = {
  number: readNumber,
  list: (items) => items,
  object: (members) => members,
  doubledKeys: true,
  loneSurrogates: true,
  comments: false,
};

/**
 * The value of a JSON text. Of doubled keys the last value counts, at the place of the first. With `comments`, such
 * as templates hold them are skipped. Throws as parseJson does.
 */
export function parseJsonData(
  text: string,
  what: string,
  { comments = false }: { readonly comments?: boolean } = {},
): DataValue {
  return parseJsonAs<DataValue>(text, what, comments ? { ...READING, comments } : READING);
}

function readNumber(digits: string): bigint | number | undefined {
  if (/^-?[0-9]+$/.test(digits)) {
    return digits.length > INTEGER_DIGITS ? undefined : BigInt(digits);
  }
  const value = Number(digits);
  return Number.isFinite(value) ? value : undefined;
}

/** How a value is laid out. */
interface Layout {
  readonly sorted: boolean;
  readonly colon: string;
  /** Two blanks per level, one item a line. */
  readonly indented: boolean;
}

const COMPACT: Layout = { sorted: true, colon: ':', indented: false };
const COMPACT_IN_ORDER: Layout = { ...COMPACT, sorted: false };
const PRETTY: Layout = { sorted: true, colon: ': ', indented: true };
const PRETTY_IN_ORDER: Layout = { ...PRETTY, sorted: false };

/** One line without blanks, keys sorted. Throws MANIFEST_INVALID for a value that JSON cannot hold. */
export function printCompact(value: DataValue): string {
  return print(value, COMPACT, '\n');
}

/** As printCompact, keys in their own order. */
export function printCompactInOrder(value: DataValue): string {
  return print(value, COMPACT_IN_ORDER, '\n');
}

/** Two blanks per level, keys sorted, no final line end. Throws as printCompact. */
export function printPretty(value: DataValue): string {
  return print(value, PRETTY, '\n');
}

/** As printPretty, keys in their own order. */
export function printPrettyInOrder(value: DataValue): string {
  return print(value, PRETTY_IN_ORDER, '\n');
}

function print(value: DataValue, layout: Layout, newLine: string): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return printText(value);
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return printFloat(value);
  if (isList(value)) {
    const inner = `${newLine}  `;
    return enclose(
      '[]',
      value.map((item) => print(item, layout, inner)),
      layout,
      newLine,
    );
  }
  if (isMap(value)) return printMap(value, layout, newLine);
  throw new ToolError('MANIFEST_INVALID', 'a value cannot be written as JSON', {
    got: typeof value === 'number' ? printFloat(value) : value.opaque,
    hints: ['put it in quotes'],
  });
}

function printMap(map: DataMap, layout: Layout, newLine: string): string {
  const members = layout.sorted ? [...map].sort(([a], [b]) => compareKeys(a, b)) : [...map];
  const inner = `${newLine}  `;
  const printed = members.map(
    ([key, value]) => `${printText(key)}${layout.colon}${print(value, layout, inner)}`,
  );
  return enclose('{}', printed, layout, newLine);
}

function enclose(
  brackets: string,
  items: readonly string[],
  { indented }: Layout,
  newLine: string,
): string {
  if (items.length === 0) return brackets;
  const [open, close] = brackets;
  if (!indented) return `${open}${items.join(',')}${close}`;
  return `${open}${newLine}  ${items.join(`,${newLine}  `)}${newLine}${close}`;
}

/** Order of code points, which is that of UTF-8 bytes. */
export const compareKeys = compareBytes;

const ESCAPED = /["\\\x00-\x1f\x7f-\uffff]/g;
const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** A JSON string in ASCII; U+007F is escaped too. */
export function printText(text: string): string {
  return `"${text.replace(ESCAPED, (character) => SHORT_ESCAPES[character] ?? unicodeEscape(character))}"`;
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
