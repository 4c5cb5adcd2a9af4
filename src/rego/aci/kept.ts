/**
 * What the guest makes of an allowed answer (spec aci-framework 5.3, 5.6 and 13): of variables, capabilities and log
 * providers it keeps those of the request that the policy answers with too. Lists come sorted: the guest has no order.
 */
import type { JsonObject, JsonValue } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import { compareBytes } from '../../core/record.js';

export interface Kept {
  readonly environment?: readonly string[];
  /** By kind of set. */
  readonly capabilities?: { readonly [kind: string]: readonly string[] };
  readonly providers?: readonly string[];
}

const WITH_ENVIRONMENT: readonly string[] = [
  'create_container',
  'exec_in_container',
  'exec_external',
];
const WITH_CAPABILITIES: readonly string[] = ['create_container', 'exec_in_container'];
const KINDS = ['bounding', 'effective', 'inheritable', 'permitted', 'ambient'] as const;

/** What is kept, or the text with which the guest refuses the answer; undefined for points that keep nothing. */
export function keepOf(
  point: string,
  input: JsonObject,
  result: JsonObject,
): Kept | string | undefined {
  if (point === 'log_provider') {
    return { providers: intersection(input.providers, result.providers_to_keep) };
  }
  if (!WITH_ENVIRONMENT.includes(point)) return undefined;
  const fault = environmentFault(result.env_list);
  if (fault !== undefined) return fault;
  const environment = intersection(input.envList, result.env_list);
  const asked = input.capabilities;
  if (!WITH_CAPABILITIES.includes(point) || !isJsonObject(asked)) return { environment };
  const listed = result.caps_list ?? null;
  const wrong = capabilitiesFault(listed);
  if (wrong !== undefined) return wrong;
  const kept = KINDS.map((kind) => {
    const allowed = isJsonObject(listed) ? (listed[kind] ?? []) : null;
    return [kind, intersection(asked[kind], allowed)] as const;
  });
  return { environment, capabilities: Object.fromEntries(kept) };
}

function environmentFault(listed: JsonValue | undefined): string | undefined {
  if (listed === undefined || listed === null) return undefined;
  if (!Array.isArray(listed)) {
    return `policy returned incorrect type for 'env_list', expected []interface{}, received ${goType(listed)}`;
  }
  const wrong = listed.find((one: JsonValue) => typeof one !== 'string') as JsonValue | undefined;
  if (wrong === undefined) return undefined;
  return `members of env_list from policy must be strings, received ${goType(wrong)}`;
}

function capabilitiesFault(listed: JsonValue): string | undefined {
  if (listed === null) return undefined;
  if (!isJsonObject(listed)) {
    return `policy returned incorrect type for 'caps_list', expected map[string]interface{}, received ${goType(listed)}`;
  }
  for (const names of Object.values(listed)) {
    if (!Array.isArray(names)) {
      return `capability sets of caps_list from policy must be an array of interface{}, received ${goType(names)}`;
    }
    const wrong = names.find((one: JsonValue) => typeof one !== 'string') as JsonValue | undefined;
    if (wrong !== undefined) {
      return `members of capability sets from policy must be strings, received ${goType(wrong)}`;
    }
  }
  return undefined;
}

/** Name of the type in which the guest holds such a value. */
function goType(value: JsonValue): string {
  if (value === null) return '<nil>';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'json.Number';
  if (typeof value === 'string') return 'string';
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
}

/** Texts of the request that are listed, each once; all of them where nothing is listed. */
function intersection(
  asked: JsonValue | undefined,
  listed: JsonValue | undefined,
): readonly string[] {
  const texts = textsOf(asked);
  if (listed === null || listed === undefined) return texts.toSorted(compareBytes);
  const allowed = new Set(textsOf(listed));
  return [...new Set(texts.filter((text) => allowed.has(text)))].sort(compareBytes);
}

function textsOf(value: JsonValue | undefined): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value.filter((one: JsonValue): one is string => typeof one === 'string');
}
