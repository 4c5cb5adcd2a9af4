/** Reads parts of a request that may be null: what is not there counts as empty. */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { isJsonObject } from '../../../core/json-equal.js';

type Part = JsonValue | undefined;

export function objectOf(value: Part): JsonObject {
  return isJsonObject(value) ? value : {};
}

export function listOf(value: Part): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

export function textsOf(value: Part): readonly string[] {
  return listOf(value).filter((one): one is string => typeof one === 'string');
}

export function textOf(value: Part): string {
  return typeof value === 'string' ? value : '';
}
