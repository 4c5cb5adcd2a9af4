/** Which environment variables a policy container takes (spec kata-policy-rules section 9.5). */
import { isIPv4 } from '../../../core/ipv4.js';
import type { JsonValue } from '../../../core/json.js';
import { isJsonObject } from '../../../core/json-equal.js';
import { meaningOfValue, splitVariable } from '../placeholders.js';
import { fillValues, replacePlaceholders } from '../synthesize-names.js';
import type { CheckScope } from './check.js';
import { isFound } from './patterns.js';

/** Values that only the running pod knows: any text, an address. */
const FREE = ['host-name', 'node-name', 'pod-uid', 'resource-field', 'todo-annotation'];
const ADDRESSES = ['$(pod-ip)', '$(host-ip)'];
const FROM_SETTINGS = '$(validate-from-settings)';

/** Values that the policy has for a name, as it writes them. */
export function wantedValues(scope: CheckScope, name: string): readonly string[] {
  return (scope.container.OCI.Process.Env ?? []).flatMap((text) => {
    const wanted = splitVariable(text);
    return wanted.name === name && wanted.value !== undefined ? [wanted.value] : [];
  });
}

/** What a value of the policy stands for, in words or as it is. */
export function wordsFor(value: string): string {
  return meaningOfValue(value).words ?? JSON.stringify(value);
}

/** True if the policy takes `NAME=value`. */
export function isVariableAllowed(text: string, scope: CheckScope): boolean {
  const env = scope.container.OCI.Process.Env ?? [];
  if (env.includes(text) || env.some((one) => fillNames(one, scope) === text)) return true;
  if (variablePatterns(scope).some((pattern) => isFound(pattern, text))) return true;
  const { name, value } = splitVariable(text);
  if (value === undefined || value.includes('=')) return false;
  return wantedValues(scope, name).some((wanted) => isValueAllowed(wanted, name, value, scope));
}

function isValueAllowed(wanted: string, name: string, value: string, scope: CheckScope): boolean {
  if (ADDRESSES.includes(wanted)) return isIPv4(value);
  if (wanted === FROM_SETTINGS) return isFound(settingsPattern(scope, name) ?? '(', value);
  const isAlone = scope.rules.freeValuesAlone;
  return FREE.some((marker) =>
    isAlone ? wanted === `$(${marker})` : wanted.includes(`$(${marker})`),
  );
}

/** The text with the names of the pod, as far as the guest puts them there. */
function fillNames(text: string, { names, rules }: CheckScope): string {
  const value = splitVariable(text).value ?? '';
  const isFilled = (place: 'anywhere' | 'alone' | 'never', marker: string) =>
    place === 'anywhere' || (place === 'alone' && value === marker);
  return replacePlaceholders(text, {
    ...(isFilled(rules.nameInVariables, '$(sandbox-name)')
      ? { 'sandbox-name': names.sandboxName }
      : {}),
    ...(isFilled(rules.namespaceInVariables, '$(sandbox-namespace)')
      ? { 'sandbox-namespace': names.namespace }
      : {}),
  });
}

/** `allow_env_regex`, placeholders filled in. */
function variablePatterns({ data }: CheckScope): readonly string[] {
  const patterns = partOf(data.request_defaults.CreateContainerRequest, 'allow_env_regex');
  const { ipv4_a, ip_p, svc_name, svc_name_downward_env, dns_label } = data.common;
  const parts = { ipv4_a, ip_p, svc_name, svc_name_downward_env, dns_label };
  const values = Object.fromEntries(
    Object.entries(parts).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );
  return Array.isArray(patterns)
    ? patterns.map((pattern) => replacePlaceholders(String(pattern), values))
    : [];
}

function settingsPattern({ data }: CheckScope, name: string): string | undefined {
  const map = partOf(data.request_defaults.CreateContainerRequest, 'allow_env_regex_map');
  const pattern = map instanceof Map ? map.get(name) : partOf(map, name);
  return typeof pattern === 'string' ? pattern : undefined;
}

function partOf(value: unknown, key: string): unknown {
  return isJsonObject(value as JsonValue) ? (value as Record<string, unknown>)[key] : undefined;
}

/** The value that a start would have for a variable of the policy. */
export function plausibleValue(wanted: string, scope: CheckScope): string {
  return fillValues(wanted, scope.names);
}
