/**
 * Values of JSON and YAML inputs as a Python program holds them: members keep their order, integers their digits, and
 * `1` differs from `1.0`. With them go that language's notions of truth and of text, on which the bytes of ACI policies
 * rest (aci policy 1, 4.1 and 4.3).
 */

/** An integer is a bigint, a float is a number; a map keeps the order of its members. */
export type DataValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly DataValue[]
  | DataMap
  | DataOpaque;

export type DataMap = ReadonlyMap<string, DataValue>;

/** A YAML value that JSON cannot hold (a date, binary data); `text` as written. */
export interface DataOpaque {
  readonly opaque: string;
}

/** A map with the members of an object, in its order. Keys must not look like integers. */
export function mapOf(members: Readonly<Record<string, DataValue>>): DataMap {
  return new Map(Object.entries(members));
}

/** True for a list. */
export function isList(value: DataValue | undefined): value is readonly DataValue[] {
  return Array.isArray(value);
}

/** True for a map. */
export function isMap(value: DataValue | undefined): value is DataMap {
  return value instanceof Map;
}

/** False for null, absence, false, zero, and empty texts, lists and maps; true for everything else. */
export function isTruthy(value: DataValue | undefined): boolean {
  if (value === undefined || value === null) return false;
  if (isList(value)) return value.length > 0;
  if (isMap(value)) return value.size > 0;
  return typeof value === 'object' || Boolean(value);
}

/**
 * The member of a map whatever the case of its key: the exact key if its value is truthy, else the first key in order
 * that is the same in lower case. Null if there is none, or no map.
 */
export function lookUp(map: DataValue | undefined, key: string): DataValue {
  const found = lookUpKey(map, key);
  return found === undefined ? null : exactly(map, found);
}

/** The key whose member lookUp gives; undefined if there is none, or no map. */
export function lookUpKey(map: DataValue | undefined, key: string): string | undefined {
  if (!isMap(map)) return undefined;
  if (isTruthy(map.get(key))) return key;
  const wanted = key.toLowerCase();
  for (const name of map.keys()) if (name.toLowerCase() === wanted) return name;
  return undefined;
}

/** The member with exactly this key; null if there is none, or no map. */
export function exactly(map: DataValue | undefined, key: string): DataValue {
  return isMap(map) ? (map.get(key) ?? null) : null;
}

/** Kind of a value, for messages. */
export function kindOfData(value: DataValue): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return 'a text';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return 'an integer';
  if (typeof value === 'number') return 'a float';
  if (isList(value)) return 'a list';
  return isMap(value) ? 'a map' : 'a value that JSON does not have';
}

/** The text that a value becomes inside another text: `True`, `None`, `1.0`, `['a', 1]`; a text is itself. */
export function textOfData(value: DataValue): string {
  return typeof value === 'string' ? value : reprOf(value);
}

function reprOf(value: DataValue): string {
  if (value === null) return 'None';
  if (typeof value === 'string') return quoteText(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return printFloat(value);
  if (isList(value)) return `[${value.map(reprOf).join(', ')}]`;
  if (!isMap(value)) return value.opaque;
  const members = [...value].map(([key, member]) => `${quoteText(key)}: ${reprOf(member)}`);
  return `{${members.join(', ')}}`;
}

/** Exponents from which a float is written with one. */
const PLAIN_EXPONENTS = { from: -4, to: 16 };

/** The shortest digits that give the same double, with at least one decimal: `1.0`, `1e+16`, `1e-07`. */
export function printFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const [mantissa = '0', power = '0'] = Math.abs(value).toExponential().split('e');
  const exponent = Number(power);
  const digits = mantissa.replace('.', '');
  if (exponent >= PLAIN_EXPONENTS.from && exponent < PLAIN_EXPONENTS.to) {
    return sign + placePoint(digits, exponent);
  }
  const size = String(Math.abs(exponent)).padStart(2, '0');
  return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${size}`;
}

function placePoint(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${whole}.${digits.slice(exponent + 1) || '0'}`;
}

const NAMED_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const NOT_PRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/** A text in single quotes, or in double quotes where it holds single ones only. */
function quoteText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll(quote, `\\${quote}`)
    .replace(NOT_PRINTABLE, (character) => NAMED_ESCAPES[character] ?? escapeCode(character));
  return `${quote}${escaped}${quote}`;
}

function escapeCode(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
