/** A kata policy with the values of some variables replaced by names: for reviews that show values. */
import type { JsonValue } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import { recordOf } from '../../core/record.js';
import { meaningOfValue, splitVariable } from './placeholders.js';
import { readKataData } from './read-data.js';
import type { KataPolicy } from './read-policy.js';

type NameOf = (variable: string, value: string) => string | undefined;

/** The policy with each fixed value of the `variables` as `nameOf` gives it; `what` names it in messages. */
export function withoutKataSecrets(
  policy: KataPolicy,
  variables: ReadonlySet<string>,
  nameOf: (value: string) => string,
  what: string,
): KataPolicy {
  const { document, rules } = policy;
  if (document === undefined || variables.size === 0) return policy;
  const hide: NameOf = (variable, value) =>
    variables.has(variable) && value !== '' && meaningOfValue(value).freedom === 'fixed'
      ? nameOf(value)
      : undefined;
  const json = withField(document.json, ['containers'], (containers) =>
    Array.isArray(containers) ? containers.map((one: JsonValue) => hideIn(one, hide)) : containers,
  );
  return { rules, document: readKataData(json, what) };
}

function hideIn(container: JsonValue, hide: NameOf): JsonValue {
  const env = withField(container, ['OCI', 'Process', 'Env'], (list) =>
    Array.isArray(list) ? list.map((one: JsonValue) => hideVariable(one, hide)) : list,
  );
  return withField(env, ['env_map'], (map) => {
    if (!isJsonObject(map)) return map;
    const entries = Object.entries(map).map(([name, value]): [string, JsonValue] => [
      name,
      (typeof value === 'string' ? hide(name, value) : undefined) ?? value,
    ]);
    return recordOf(entries);
  });
}

function hideVariable(text: JsonValue, hide: NameOf): JsonValue {
  if (typeof text !== 'string') return text;
  const { name, value = '' } = splitVariable(text);
  const hidden = hide(name, value);
  return hidden === undefined ? text : `${name}=${hidden}`;
}

/** The value with another one behind a path; unchanged where the path leads nowhere. */
function withField(
  value: JsonValue,
  [key, ...rest]: readonly string[],
  change: (value: JsonValue) => JsonValue,
): JsonValue {
  if (key === undefined) return change(value);
  if (!isJsonObject(value)) return value;
  const inner = value[key];
  if (inner === undefined) return value;
  return recordOf([...Object.entries(value), [key, withField(inner, rest, change)]]);
}
