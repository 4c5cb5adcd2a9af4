/** Manifests as plain values: to change fields, and to write the same content in another way. */
import fc from 'fast-check';
import { contentOf, isMergeKey, keyText, type YamlNode } from '../../src/manifest/yaml/node.js';
import { parseYaml } from '../../src/manifest/yaml/parse.js';
import { readAsReference } from '../../src/manifest/yaml/scalar.js';

export type Value = null | boolean | number | string | Value[] | Mapping;
export interface Mapping {
  [key: string]: Value;
}
export type ValuePath = readonly (string | number)[];

/** The documents of a text as values; undefined for what values cannot hold: merge keys, numbers beyond doubles. */
export function readValues(text: string): readonly Value[] | undefined {
  try {
    return parseYaml(text, 'values.yaml').map(({ root }) => readNode(root));
  } catch {
    return undefined;
  }
}

function readNode(node: YamlNode): Value {
  const content = contentOf(node);
  if (content.kind === 'sequence') return content.items.map(readNode);
  if (content.kind === 'mapping') {
    const entries = content.entries.map((entry) => {
      const key = keyText(entry);
      if (key === undefined || isMergeKey(entry)) throw new Error('not a value');
      return [key, readNode(entry.value)] as const;
    });
    return Object.fromEntries(entries);
  }
  const value = readAsReference(content);
  if (typeof value !== 'bigint' && typeof value !== 'number') return value;
  if (typeof value === 'bigint' && !Number.isSafeInteger(Number(value)))
    throw new Error('too large');
  if (!Number.isFinite(Number(value))) throw new Error('not a value');
  return Number(value);
}

/** The documents as a text in which every document is JSON. */
export function printValues(values: readonly Value[]): string {
  return values.map((value) => `---\n${json(value)}\n`).join('');
}

/** Characters that YAML does not take, or readers disagree on, as they are. */
const SPECIAL = /[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]/g;

function json(value: Value): string {
  return JSON.stringify(value).replace(
    SPECIAL,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** All paths of a value that a pattern such as `spec.containers.*.image` names; `*` is any key or index. */
export function findPaths(value: Value, pattern: string): readonly ValuePath[] {
  return walk(value, pattern.split('.'));
}

function walk(value: Value, [step, ...rest]: readonly string[]): readonly ValuePath[] {
  if (step === undefined) return [[]];
  if (value === null || typeof value !== 'object') return [];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return keys
    .filter((key) => step === '*' || step === key)
    .flatMap((key) => walk(childOf(value, key), rest).map((path) => [key, ...path]));
}

/** What stands at a path; undefined if there is nothing. */
export function valueAt(value: Value, path: ValuePath): Value | undefined {
  return path.reduce<Value | undefined>(
    (node, key) =>
      node === null || typeof node !== 'object' || node === undefined
        ? undefined
        : childOf(node, key),
    value,
  );
}

function childOf(node: Value[] | Mapping, key: string | number): Value {
  return (node as Mapping)[key] as Value;
}

/** The value with another one at a path. */
export function withValue(value: Value, path: ValuePath, replacement: Value): Value {
  const [step, ...rest] = path;
  if (step === undefined) return replacement;
  const copy = structuredClone(value) as Mapping;
  copy[step] = withValue(copy[step] as Value, rest, replacement);
  return copy;
}

/** Random numbers below 1, for choices. */
export type Dice = () => number;

export const dice: fc.Arbitrary<Dice> = fc
  .infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }))
  .map((stream) => () => Number(stream.next().value));

const COMMENTS = ['# a comment', '#', '# key: value', '#  - "quotes\' and {'];

/**
 * The documents as YAML of a random form: keys in any order, block or flow style, comments, blank lines, quotes where
 * they change nothing.
 */
export function printRandomly(values: readonly Value[], roll: Dice): string {
  return values.map((value) => `---${comment(roll)}\n${printNode(value, 0, roll)}`).join('');
}

const pick = <T>(from: readonly T[], roll: Dice): T => from[Math.floor(roll() * from.length)]!;
const comment = (roll: Dice) => (roll() < 0.2 ? ` ${pick(COMMENTS, roll)}` : '');

/** Lines of their own, `depth` levels in. */
function printNode(value: Value, depth: number, roll: Dice): string {
  const margin = '  '.repeat(depth);
  const extra = roll() < 0.1 ? `${pick(['', margin], roll)}${pick(COMMENTS, roll)}\n` : '';
  if (isInline(value) || roll() < 0.15) return `${extra}${margin}${inline(value, roll)}\n`;
  if (Array.isArray(value)) {
    return value.map((item) => `${extra}${margin}-${behind(item, depth, roll)}`).join('');
  }
  return shuffledKeys(value as Mapping, roll)
    .map(
      (key) =>
        `${extra}${margin}${scalar(key, roll)}:${behind((value as Mapping)[key]!, depth, roll)}`,
    )
    .join('');
}

/** What stands behind a dash or a colon: on the same line, or below. */
function behind(value: Value, depth: number, roll: Dice): string {
  if (isInline(value) || roll() < 0.15) return ` ${inline(value, roll)}${comment(roll)}\n`;
  return `${comment(roll)}\n${printNode(value, depth + 1, roll)}`;
}

function isInline(value: Value): boolean {
  return value === null || typeof value !== 'object' || Object.keys(value).length === 0;
}

function inline(value: Value, roll: Dice): string {
  if (value === null || typeof value !== 'object') return scalar(value, roll);
  const space = pick(['', ' '], roll);
  if (Array.isArray(value)) {
    return `[${space}${value.map((item) => inline(item, roll)).join(', ')}${space}]`;
  }
  const entries = shuffledKeys(value, roll).map(
    (key) => `${json(key)}: ${inline(value[key]!, roll)}`,
  );
  return `{${space}${entries.join(', ')}${space}}`;
}

/** Text is plain only where every reader takes it for text. */
function scalar(value: null | boolean | number | string, roll: Dice): string {
  if (typeof value !== 'string') return String(value);
  const quoted = json(value);
  if (roll() < 0.5 && PLAIN.test(value) && !WORDS.test(value)) return value;
  return quoted.includes('\\') || roll() < 0.5 ? quoted : `'${value.replaceAll("'", "''")}'`;
}

const PLAIN = /^[A-Za-z/](?:[A-Za-z/ .$()=+_-]*[A-Za-z/.$()=+_-])?$/;
/** Words that some reader takes for a boolean or null. */
const WORDS = /^(?:y|n|yes|no|on|off|true|false|null)$/i;

function shuffledKeys(mapping: Mapping, roll: Dice): readonly string[] {
  return Object.keys(mapping)
    .map((key) => ({ key, rank: roll() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ key }) => key);
}
