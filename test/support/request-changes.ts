/** Requests with one value changed. */
import type { JsonObject, JsonValue } from '../../src/core/json.js';
import { isJsonObject } from '../../src/core/json-equal.js';

/** Every leaf of a request with another value, and every list with one element more. */
export function changesOf(
  value: JsonValue,
  path: readonly (string | number)[] = [],
): readonly Change[] {
  if (Array.isArray(value)) {
    const inner = value.flatMap((one: JsonValue, i) => changesOf(one, [...path, i]));
    return [...inner, { path, value: [...value, 'another'] }];
  }
  if (isJsonObject(value)) {
    return Object.entries(value).flatMap(([key, one]) => changesOf(one, [...path, key]));
  }
  if (typeof value === 'boolean') return [{ path, value: !value }];
  if (typeof value === 'number') return [{ path, value: value + 1 }];
  return [{ path, value: `${String(value)}X` }];
}

/** A value in the place of another. */
export interface Change {
  readonly path: readonly (string | number)[];
  readonly value: JsonValue;
}

/** The request with the change made. */
export function withChange(
  whole: JsonValue,
  [key, ...rest]: Change['path'],
  value: JsonValue,
): JsonValue {
  if (key === undefined) return value;
  if (Array.isArray(whole)) {
    return whole.map((one: JsonValue, i) => (i === key ? withChange(one, rest, value) : one));
  }
  const object = whole as JsonObject;
  return { ...object, [key]: withChange(object[key] ?? null, rest, value) };
}

/** `mounts[3].source`. */
export const pathText = (path: Change['path']) =>
  path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${part}`))
    .join('');
