/** What two CCE policies say differently: containers by name, then their members; lists item by item. */

import type { JsonValue } from '../../core/json.js';
import { canonicalJson, sameJson } from '../../core/json-equal.js';
import { CCE_FLAGS, type CceContainer, type CceDocument } from './cce-document.js';

/** A part that differs. An item of a list that only one side has lacks the other side. */
export interface CceChange {
  /** E.g. `containers web env_rules`. */
  readonly path: string;
  readonly before?: JsonValue;
  readonly after?: JsonValue;
}

/** Members whose order a guest does not heed: items are matched by value. */
const UNORDERED: ReadonlySet<string> = new Set([
  'env_rules',
  'exec_processes',
  'mounts',
  'signals',
]);

/** The differences from `before` to `after`, in the order of the document; none if both say the same. */
export function compareCceDocuments(before: CceDocument, after: CceDocument): readonly CceChange[] {
  const heads = (['packageName', 'api_version', 'framework_version'] as const).flatMap((key) =>
    compareValues(key, before[key], after[key]),
  );
  const flags = CCE_FLAGS.flatMap((flag) =>
    compareValues(flag, before.flags[flag], after.flags[flag]),
  );
  const points = new Set([...before.points.keys(), ...after.points.keys()]);
  return [
    ...heads,
    ...compareItems('fragments', asJson(before.fragments), asJson(after.fragments)),
    ...compareContainers(before.containers, after.containers),
    ...flags,
    ...[...points].flatMap((point) =>
      compareValues(point, asJson(before.points.get(point)), asJson(after.points.get(point))),
    ),
  ];
}

/** Containers of one name (or id) are paired in order. */
function compareContainers(
  before: readonly CceContainer[],
  after: readonly CceContainer[],
): readonly CceChange[] {
  const waiting = [...before];
  const changes = after.flatMap((one) => {
    const index = waiting.findIndex((other) => titleOf(other) === titleOf(one));
    const path = `containers ${titleOf(one)}`;
    const [other] = index === -1 ? [] : waiting.splice(index, 1);
    return other === undefined
      ? [{ path, after: asJson(one) }]
      : compareContainer(path, other, one);
  });
  const gone = waiting.map((one) => ({
    path: `containers ${titleOf(one)}`,
    before: asJson(one),
  }));
  return [...changes, ...gone];
}

function titleOf({ name, id }: CceContainer): string {
  return name ?? id ?? 'without name';
}

function compareContainer(
  path: string,
  before: CceContainer,
  after: CceContainer,
): readonly CceChange[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof CceContainer>;
  return [...keys].flatMap((key) => {
    const [a, b] = [asJson(before[key]), asJson(after[key])];
    const at = `${path} ${key}`;
    return UNORDERED.has(key) ? compareItems(at, a, b) : compareValues(at, a, b);
  });
}

function compareValues(
  path: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
): readonly CceChange[] {
  if (before === undefined && after === undefined) return [];
  if (before !== undefined && after !== undefined && sameJson(before, after)) return [];
  return [
    {
      path,
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    },
  ];
}

/** Items that one side has more often than the other. */
function compareItems(
  path: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
): readonly CceChange[] {
  if (!Array.isArray(before) || !Array.isArray(after)) return compareValues(path, before, after);
  const left = new Map<string, number>();
  for (const item of before) {
    const key = canonicalJson(item);
    left.set(key, (left.get(key) ?? 0) + 1);
  }
  const added = after.filter((item: JsonValue) => {
    const key = canonicalJson(item);
    const count = left.get(key) ?? 0;
    if (count > 0) left.set(key, count - 1);
    return count === 0;
  });
  const removed = [...left].flatMap(([key, count]) =>
    Array.from({ length: count }, () => JSON.parse(key) as JsonValue),
  );
  return [
    ...removed.map((item) => ({ path, before: item })),
    ...added.map((item: JsonValue) => ({ path, after: item })),
  ];
}

/** Typed parts of a document are plain JSON data. */
function asJson(value: unknown): JsonValue {
  return value as JsonValue;
}
