/**
 * What a scalar means, in two readings: that of kubectl (go-yaml 2, YAML 1.1 rules) decides what the API server stores,
 * that of the reference generator (YAML 1.2 core with exceptions, kata policy data 4.2) decides the bytes of a policy.
 * And the text that the reference writes for a value (4.1).
 */
import type { YamlScalar } from './node.js';

/** null, boolean, integer (bigint), float (number) or text. */
export type ScalarValue = null | boolean | bigint | number | string;

const words = (list: string) => new Set(list.split(' '));
const KUBECTL_TRUE = words('y Y yes Yes YES true True TRUE on On ON');
const KUBECTL_FALSE = words('n N no No NO false False FALSE off Off OFF');
const KUBECTL_NULL = words(' ~ null Null NULL');
const KUBECTL_INTEGER =
  /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]([0-7]+)|0[bB]([01]+)|0([0-7]+)|(0|[1-9][0-9]*))$/;
/** What any number begins with; most scalars are told from numbers by it alone. */
const NUMBER_START = /^[-+.0-9]/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const INFINITE = /^([-+]?)\.(?:inf|Inf|INF)$/;
const NOT_A_NUMBER = words('.nan .NaN .NAN');

const REFERENCE_NULL = words(' ~ null');
const WRITTEN_NULL = words('~ null');
const REFERENCE_INTEGER = /^([-+]?)(?:0x([0-9a-fA-F]+)|0o([0-7]+)|0b([01]+))$/;
const DECIMAL = /^[-+]?[0-9]+$/;
const LEADING_ZERO = /^[-+]?0[0-9]+$/;

const SMALLEST_SIGNED = -(2n ** 63n);
const LARGEST_SIGNED = 2n ** 63n - 1n;
const LARGEST_UNSIGNED = 2n ** 64n - 1n;
/** Longer digit strings exceed 64 bits in every radix; they are not converted, since that takes quadratic time. */
const LONGEST_INTEGER = 80;
/** Radix of the groups of digits in the integer patterns. */
const RADIX_PREFIXES = ['0x', '0o', '0b', '0o', ''];

/** What of a scalar tells its value. */
type ScalarNode = Pick<YamlScalar, 'style' | 'text' | 'tag'>;

/** `!` and tags of the author's own: both readings take the text. */
const LOCAL_TAG = /^!(?:[A-Za-z0-9_-][A-Za-z0-9_./-]*)?$/;

/** What a tag makes of a scalar in one reading; undefined where that reader refuses the text. */
type TagReading = (text: string) => ScalarValue | undefined;

/** Tags that both readers know: how kubectl reads their text, and how the reference does. */
const CORE_TAGS: Readonly<Record<string, readonly [TagReading, TagReading]>> = {
  '!!str': [(text) => text, (text) => text],
  '!!null': [(text) => nullOf(KUBECTL_NULL, text), (text) => nullOf(WRITTEN_NULL, text)],
  '!!bool': [
    (text) => (KUBECTL_TRUE.has(text) ? true : KUBECTL_FALSE.has(text) ? false : undefined),
    (text) => (text === 'true' || text === 'false' ? text === 'true' : undefined),
  ],
  '!!int': [(text) => integerOf(KUBECTL_INTEGER, text.replaceAll('_', '')), signedOf],
  '!!float': [
    (text) => numberOf(text.replaceAll('_', '')),
    (text) => (FLOAT.test(text) ? floatOf(text) : undefined),
  ],
};

function nullOf(words: ReadonlySet<string>, text: string): null | undefined {
  return words.has(text) ? null : undefined;
}

function signedOf(text: string): bigint | undefined {
  if (!DECIMAL.test(text) || text.length > LONGEST_INTEGER) return undefined;
  const value = BigInt(text.replace('+', ''));
  return value >= SMALLEST_SIGNED && value <= LARGEST_SIGNED ? value : undefined;
}

function numberOf(text: string): number | undefined {
  const integer = integerOf(KUBECTL_INTEGER, text);
  return integer === undefined ? floatOf(text) : Number(integer);
}

/** Both readings of a tagged scalar: kubectl, reference; undefined where one of them refuses it. */
function readTagged(node: ScalarNode): readonly [ScalarValue, ScalarValue] | undefined {
  const { tag = '', text } = node;
  if (LOCAL_TAG.test(tag)) return [text, text];
  if (tag === '!!null' && node.style !== 'plain') return undefined;
  const readings = Object.hasOwn(CORE_TAGS, tag) ? CORE_TAGS[tag] : undefined;
  const values = readings?.map((read) => read(text)) ?? [];
  const [stored, found] = values;
  return stored === undefined || found === undefined ? undefined : [stored, found];
}

/** True for a tag of which only one reader makes something, such as `!!binary`, or that does not fit its text. */
export function hasForeignTag(node: YamlScalar): boolean {
  return node.tag !== undefined && readTagged(node) === undefined;
}

/** The value that kubectl sends to the API server. */
export function readAsKubectl(node: ScalarNode): ScalarValue {
  if (node.tag !== undefined) return (readTagged(node) ?? [node.text])[0];
  if (node.style !== 'plain') return node.text;
  const { text } = node;
  if (KUBECTL_NULL.has(text)) return null;
  if (KUBECTL_TRUE.has(text)) return true;
  if (KUBECTL_FALSE.has(text)) return false;
  if (!NUMBER_START.test(text)) return text;
  const plain = text.replaceAll('_', '');
  return integerOf(KUBECTL_INTEGER, plain) ?? floatOf(plain) ?? text;
}

/** The value that the reference generator reads. An integer beyond 64 bits stays one: see exceeds64Bits. */
export function readAsReference(node: ScalarNode): ScalarValue {
  if (node.tag !== undefined) return (readTagged(node) ?? [node.text, node.text])[1];
  if (node.style !== 'plain') return node.text;
  const { text } = node;
  if (REFERENCE_NULL.has(text)) return null;
  if (text === 'true' || text === 'false') return text === 'true';
  if (!NUMBER_START.test(text)) return text;
  if (LEADING_ZERO.test(text)) return text;
  if (DECIMAL.test(text)) {
    return text.length > LONGEST_INTEGER ? LARGEST_UNSIGNED + 1n : BigInt(text);
  }
  return integerOf(REFERENCE_INTEGER, text) ?? floatOf(text) ?? text;
}

/** True for an integer that the reference refuses. */
export function exceeds64Bits(value: ScalarValue): boolean {
  return typeof value === 'bigint' && !fits64Bits(value);
}

/** True if both values are of one kind and equal. */
export function sameValue(a: ScalarValue, b: ScalarValue): boolean {
  return Object.is(a, b);
}

/** The text that a field of type string gets in the reference: text as it is, anything else as printed. */
export function textAsReference(value: ScalarValue): string {
  return typeof value === 'string' ? value : printScalarAsReference(value);
}

/** A value as the reference's emitter writes it (4.1): text in double quotes where that emitter asks for them. */
export function printScalarAsReference(value: ScalarValue): string {
  if (value === null) return '~';
  if (typeof value === 'number') return printFloat(value);
  if (typeof value !== 'string') return String(value);
  return needsQuotes(value) ? quote(value) : value;
}

function integerOf(pattern: RegExp, text: string): bigint | undefined {
  if (text.length > LONGEST_INTEGER) return undefined;
  const [, sign, ...digits] = pattern.exec(text) ?? [];
  const group = digits.findIndex((found) => found !== undefined);
  if (group === -1) return undefined;
  const magnitude = BigInt(`${RADIX_PREFIXES[group]}${digits[group]}`);
  const value = sign === '-' ? -magnitude : magnitude;
  return fits64Bits(value) ? value : undefined;
}

function fits64Bits(value: bigint): boolean {
  return value >= SMALLEST_SIGNED && value <= LARGEST_UNSIGNED;
}

function floatOf(text: string): number | undefined {
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity;
  if (NOT_A_NUMBER.has(text)) return Number.NaN;
  if (!FLOAT.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** Decimal exponents between which the reference writes a float without exponent. */
const PLAIN_FLOAT = { from: -5, to: 16 };

/** Shortest digits that read back as the same double, in the notation of the reference: `1000.0`, `0.5`, `1.5e20`. */
function printFloat(value: number): string {
  if (Number.isNaN(value)) return '.nan';
  if (!Number.isFinite(value)) return value > 0 ? '.inf' : '-.inf';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (value === 0) return `${sign}0.0`;
  const [mantissa = '', exponent = ''] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  // Digits in front of the decimal point: 1e3 has 4, 0.05 has -1.
  const point = Number(exponent) + 1;
  if (point > PLAIN_FLOAT.to || point <= PLAIN_FLOAT.from)
    return `${sign}${mantissa}e${Number(exponent)}`;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  const whole = digits.slice(0, point).padEnd(point, '0');
  return `${sign}${whole}.${digits.slice(point) || '0'}`;
}

const QUOTED_WORDS = words(
  ' yes Yes YES no No NO True TRUE true False FALSE false on On ON off Off OFF null Null NULL ~',
);
const QUOTED_START = /^(?:[ &*?|\-<>=!%@.]|0x)/;
const QUOTED_PART = /[:{}[\],#`"'\\\u0000-\u0006\t\n\r\u000e-\u001a\u001c-\u001f]| $/;
const READ_AS_NUMBER =
  /^[+-]?(?:inf|infinity|nan|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?)$/i;

function needsQuotes(text: string): boolean {
  return (
    QUOTED_WORDS.has(text) ||
    QUOTED_START.test(text) ||
    QUOTED_PART.test(text) ||
    READ_AS_NUMBER.test(text)
  );
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\f': '\\f',
  '\r': '\\r',
};

function quote(text: string): string {
  const escaped = text.replace(
    /["\\\u0000-\u001f\u007f]/g,
    (char) => SHORT_ESCAPES[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `"${escaped}"`;
}
