/** Comparators of lists whose elements are known by one of their fields, such as mounts by where they are mounted. */
import type { DifferenceKind } from '../../core/finding.js';
import type { JsonValue } from '../../core/json.js';
import { sameJson } from '../../core/json-equal.js';
import {
  type Comparator,
  type CompareTable,
  comparePart,
  differs,
  elementsOf,
  fieldOf,
  keysOf,
  listDifference,
  type Pair,
  type Report,
  showValue,
} from './compare-walk.js';

/** How elements of a list are told, known and compared. */
export interface Keyed {
  readonly field: string;
  readonly noun: string;
  readonly keyOf: (element: JsonValue) => string;
  readonly fields: CompareTable;
}

/** Equal elements are set aside; of the rest those with one key are compared field by field, in order. */
export function compareByKey(
  pair: Pair,
  report: Report,
  { field, noun, keyOf, fields }: Keyed,
): void {
  if ((pair.before === undefined) !== (pair.after === undefined) && isBare(pair)) {
    differs(field, `the empty field ${pair.path}`)(pair, report);
  }
  const { less, more } = listDifference(pair.before, pair.after);
  const byKey = groupBy(more, keyOf);
  for (const element of less) {
    const name = `${noun} ${keyOf(element)}`;
    const other = byKey.get(keyOf(element))?.shift();
    if (other === undefined) {
      report({ kind: 'removed', field, message: `${name} is gone`, before: showValue(element) });
    } else {
      compareFields({ before: element, after: other, path: pair.path }, fields, (difference) =>
        report({ ...difference, field, message: `${name}: ${difference.message}` }),
      );
    }
  }
  for (const [key, elements] of byKey) {
    for (const element of elements) {
      report({ kind: 'added', field, message: `${noun} ${key} is new`, after: showValue(element) });
    }
  }
}

function compareFields(pair: Pair, fields: CompareTable, report: Report): void {
  for (const key of keysOf(pair.before, pair.after)) {
    const inner = {
      before: fieldOf(pair.before, key),
      after: fieldOf(pair.after, key),
      path: pair.path,
    };
    comparePart(inner, fields, report, key);
  }
}

function groupBy(
  elements: readonly JsonValue[],
  keyOf: (element: JsonValue) => string,
): Map<string, JsonValue[]> {
  const groups = new Map<string, JsonValue[]>();
  for (const element of elements) {
    const group = groups.get(keyOf(element));
    if (group === undefined) groups.set(keyOf(element), [element]);
    else group.push(element);
  }
  return groups;
}

function isBare({ before, after }: Pair): boolean {
  return elementsOf(before).length + elementsOf(after).length === 0;
}

/** Options of a mount or storage. */
export const compareOptions: Comparator = ({ before, after }, report) => {
  if (sameJson(before, after)) return;
  const kind = optionKind(elementsOf(before), elementsOf(after));
  report({
    kind,
    field: 'options',
    message: 'the options differ',
    before: showValue(before ?? null),
    after: showValue(after ?? null),
  });
};

/** A mount that is no longer read-only lets more through. */
function optionKind(before: readonly JsonValue[], after: readonly JsonValue[]): DifferenceKind {
  if (before.includes('ro') && !after.includes('ro')) return 'widened';
  return after.includes('ro') && !before.includes('ro') ? 'narrowed' : 'changed';
}

/** Sources are patterns; an empty one stands for any that the rules take. */
const compareSource: Comparator = (pair, report) => {
  const { before, after } = pair;
  if (sameJson(before, after)) return;
  const kind = after === '' ? 'widened' : before === '' ? 'narrowed' : 'changed';
  report({
    kind,
    field: 'source',
    message: 'the source differs',
    before: showValue(before ?? null),
    after: showValue(after ?? null),
  });
};

/** Fields of a mount; kata policies call its type `type_`. */
export const MOUNT_FIELDS: CompareTable = {
  options: compareOptions,
  source: compareSource,
  type: differs('type', 'the type'),
  type_: differs('type', 'the type'),
};

/** Mounts, known by where they are mounted. */
export const compareMounts: Comparator = (pair, report) => {
  compareByKey(pair, report, {
    field: 'mount',
    noun: 'mount',
    keyOf: (mount) => showValue(fieldOf(mount, 'destination') ?? null),
    fields: MOUNT_FIELDS,
  });
};
