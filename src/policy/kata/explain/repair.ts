/** A request as it would be if conditions held: repairs of failed checks applied to it. */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { isJsonObject } from '../../../core/json-equal.js';
import { recordOf } from '../../../core/record.js';
import type { FailedCheck, Repair } from './check.js';

/** The request after all repairs. Values are set first, then elements appended, then elements removed, last ones first. */
export function applyRepairs(message: JsonObject, failed: readonly FailedCheck[]): JsonObject {
  const repairs = failed.flatMap((one) => one.repairs);
  const sets = repairs.filter((one) => one.value !== undefined && one.path.at(-1) !== '-');
  const additions = repairs.filter((one) => one.value !== undefined && one.path.at(-1) === '-');
  const removals = repairs
    .filter((one) => one.value === undefined)
    .toSorted((a, b) => lastIndex(b) - lastIndex(a));
  const ordered = [...sets, ...additions, ...removals];
  return ordered.reduce<JsonValue>(
    (value, { path, value: wanted }) => changeAt(value, path, wanted),
    message,
  ) as JsonObject;
}

function lastIndex({ path }: Repair): number {
  const last = path.at(-1);
  return typeof last === 'number' ? last : 0;
}

function changeAt(
  value: JsonValue,
  [part, ...rest]: readonly (string | number)[],
  wanted: JsonValue | undefined,
): JsonValue {
  if (part === undefined) return wanted ?? value;
  if (Array.isArray(value)) return changeElement(value, part, rest, wanted);
  const object = isJsonObject(value) ? value : {};
  const key = String(part);
  const next = rest.length === 0 ? wanted : changeAt(object[key] ?? null, rest, wanted);
  const others = Object.entries(object).filter(([name]) => name !== key);
  return recordOf(next === undefined ? others : [...others, [key, next]]);
}

function changeElement(
  list: readonly JsonValue[],
  part: string | number,
  rest: readonly (string | number)[],
  wanted: JsonValue | undefined,
): JsonValue {
  const at = part === '-' ? list.length : Number(part);
  if (rest.length > 0) return list.with(at, changeAt(list[at] ?? null, rest, wanted));
  if (wanted === undefined) return list.toSpliced(at, 1);
  return at < list.length ? list.with(at, wanted) : [...list, wanted];
}
