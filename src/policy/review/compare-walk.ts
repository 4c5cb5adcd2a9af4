/**
 * Walks two JSON trees side by side. A table says how parts are compared; what it does not name is compared as it
 * stands, so that no field can differ unseen.
 */
import type { Difference } from '../../core/finding.js';
import type { JsonValue } from '../../core/json.js';
import { canonicalJson, isJsonObject, sameJson } from '../../core/json-equal.js';
import { hideInWords, hideSecrets } from '../../core/secret.js';

/** The same part of both trees; absent is undefined. */
export interface Pair {
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
  /** From the root of the policy's data. */
  readonly path: string;
}

/** Takes differences of one subject. */
export type Report = (difference: Omit<Difference, 'subject' | 'path'> & { path?: string }) => void;

export type Comparator = (pair: Pair, report: Report) => void;

/** Paths below the walk's root -> how that part is compared. */
export type CompareTable = Readonly<Record<string, Comparator>>;

/** Compares a part and all that is in it; `key` is its path below the walk's root. */
export function comparePart(pair: Pair, table: CompareTable, report: Report, key = ''): void {
  const { before, after, path } = pair;
  const comparator = Object.hasOwn(table, key) ? table[key] : undefined;
  if (comparator !== undefined) {
    comparator(pair, at(pair, report));
    return;
  }
  const isInner = isJsonObject(before ?? {}) && isJsonObject(after ?? {});
  if (!isInner || isEmpty(before) || isEmpty(after)) {
    if (!sameJson(before, after)) differs('unknown-field', `field ${path}`)(pair, at(pair, report));
    return;
  }
  for (const name of keysOf(before, after)) {
    const step = /^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name);
    const inner = {
      before: fieldOf(before, name),
      after: fieldOf(after, name),
      path: path === '' ? step : `${path}.${step}`,
    };
    comparePart(inner, table, report, key === '' ? step : `${key}.${step}`);
  }
}

/** A comparator of whole values: what differs is `changed`, or `added` or `removed` where one side has none. */
export function differs(field: string, noun: string): Comparator {
  return ({ before, after }, report) => {
    if (sameJson(before, after)) return;
    const kind = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
    const verb = { added: 'is new', removed: 'is gone', changed: 'differs' }[kind];
    report({ kind, field, message: `${noun} ${verb}`, ...shown(before, after) });
  };
}

/** `before` and `after` of a difference as texts, secrets hidden; `name` is that of a variable, where it is one. */
export function shown(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  name = '',
): Pick<Difference, 'before' | 'after'> {
  return {
    ...(before === undefined ? {} : { before: showValue(before, name) }),
    ...(after === undefined ? {} : { after: showValue(after, name) }),
  };
}

/** Text of a value: a string as it is, everything else as JSON; secrets hidden. */
export function showValue(value: JsonValue, name = ''): string {
  if (typeof value === 'string') return hideSecrets(value, name);
  if (isWords(value)) return JSON.stringify(hideInWords(value));
  return hideSecrets(canonicalJson(value));
}

function isWords(value: JsonValue): value is readonly string[] {
  return Array.isArray(value) && value.every((word) => typeof word === 'string');
}

/** A whole container that is new or gone, with what it runs; secrets hidden. */
export function wholeContainer(
  kind: 'added' | 'removed',
  path: string,
  image: string | undefined,
  command: readonly JsonValue[],
): Omit<Difference, 'subject'> {
  const runs = `${image ?? 'an image without name'}, command ${showValue(command)}`;
  const isNew = kind === 'added';
  return {
    kind,
    field: 'container',
    message: `the container is ${isNew ? 'new' : 'gone'}`,
    path,
    ...(isNew ? { after: runs } : { before: runs }),
  };
}

/** All keys of both, those of `before` first. */
export function keysOf(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
): readonly string[] {
  const keys = [before, after].flatMap((side) => (isJsonObject(side) ? Object.keys(side) : []));
  return [...new Set(keys)];
}

/** A field of an object; undefined if it is none or lacks the field. */
export function fieldOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(value) ? value[name] : undefined;
}

/** The elements of an array; none if it is no array. */
export function elementsOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

/** Elements of two lists that the other one does not have, each as often as it is missing there, in order. */
export function listDifference(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
): { readonly less: readonly JsonValue[]; readonly more: readonly JsonValue[] } {
  const old = elementsOf(before);
  const fresh = elementsOf(after);
  return { less: withoutThose(old, fresh), more: withoutThose(fresh, old) };
}

function withoutThose(
  elements: readonly JsonValue[],
  others: readonly JsonValue[],
): readonly JsonValue[] {
  const counts = new Map<string, number>();
  for (const other of others) {
    const key = canonicalJson(other);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return elements.filter((element) => {
    const key = canonicalJson(element);
    const count = counts.get(key) ?? 0;
    counts.set(key, count - 1);
    return count <= 0;
  });
}

/** Fills in the path where a comparator leaves it out. */
function at({ path }: Pair, report: Report): Report {
  return (difference) => report({ path, ...difference });
}

/** True for an object without fields: against an absent one there is nothing to go into. */
function isEmpty(value: JsonValue | undefined): boolean {
  return isJsonObject(value) && Object.keys(value).length === 0;
}
