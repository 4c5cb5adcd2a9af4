/** How single values of a request compare with a policy's, for explanations: the policy itself has the last word. */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { isJsonObject, sameJson } from '../../../core/json-equal.js';
import { PRIVILEGED_CAPABILITIES, UNPRIVILEGED_CAPABILITIES } from '../constants.js';

/** Full or partial match of a regular expression; undefined pattern errors count as no match. */
export type PatternMatcher = (pattern: string, text: string) => boolean;

/** What comparisons need to know of the guest and its state. */
export interface MatchScope {
  readonly input: JsonObject;
  readonly matches: PatternMatcher;
  /** Mounts that every container may have, and those of elevated ones. */
  readonly defaultMounts: readonly JsonObject[];
  readonly privilegedMounts: readonly JsonObject[];
  /** Target of a share -> container that it belongs to. */
  readonly shares: JsonObject;
}

export const CAPABILITY_KINDS = [
  'bounding',
  'effective',
  'inheritable',
  'permitted',
  'ambient',
] as const;

/** What the guest writes in place of the values of variables. */
const REDACTED = '<<redacted>>';

/** The elements of a list that are objects. */
export function objectsOf(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** The elements of a list that are texts. */
export function textsOf(value: JsonValue | undefined): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value.filter((one: JsonValue): one is string => typeof one === 'string');
}

/** A member as object, empty if it is none. */
export function memberOf(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isJsonObject(value) ? value : {};
}

/** True if the rule allows the variable; one whose value is hidden is looked at by its name alone. */
export function ruleAllows(rule: JsonObject, entry: string, matches: PatternMatcher): boolean {
  const [name = ''] = entry.split('=', 1);
  const value = entry.slice(name.length + 1);
  const isHidden = value === REDACTED;
  const { pattern } = rule;
  const byPattern =
    typeof pattern === 'string' &&
    (isHidden
      ? patternNames(pattern, name, rule.strategy, matches)
      : fits(rule.strategy, pattern, entry, matches));
  const { name: wanted, value: allowed } = rule;
  const byName =
    typeof wanted === 'string' &&
    entry.includes('=') &&
    fits(rule.name_strategy, wanted, name, matches) &&
    (isHidden ||
      (typeof allowed === 'string' && fits(rule.value_strategy, allowed, value, matches)));
  return byPattern || byName;
}

function patternNames(
  pattern: string,
  name: string,
  strategy: JsonValue | undefined,
  matches: PatternMatcher,
): boolean {
  const [wanted = ''] = pattern.split('=', 1);
  return fits(strategy, wanted, name, matches);
}

function fits(
  strategy: JsonValue | undefined,
  pattern: string,
  text: string,
  matches: PatternMatcher,
): boolean {
  if (strategy === 'string') return pattern === text;
  return strategy === 're2' && matches(pattern, text);
}

/** Name of the variable that a rule is for, as the policy writes it. */
export function ruleName(rule: JsonObject): string {
  const { name, pattern } = rule;
  if (typeof pattern === 'string') return pattern.split('=', 1)[0] ?? '';
  return typeof name === 'string' ? name : '';
}

/** True if a user or group fits a rule. */
export function idAllows(rule: JsonObject, who: JsonObject, matches: PatternMatcher): boolean {
  const { strategy, pattern } = rule;
  const { name } = who;
  if (strategy === 'any') return true;
  if (strategy === 'id') return pattern === who.id;
  if (strategy === 'name') return pattern === name;
  if (typeof pattern !== 'string' || typeof name !== 'string') return false;
  return strategy === 're2' && matches(pattern, name);
}

/** True if the container, or the guest by itself, allows the mount. */
export function mountAllowed(container: JsonObject, mount: JsonObject, scope: MatchScope): boolean {
  const constraints = [
    ...objectsOf(container.mounts),
    ...scope.defaultMounts,
    ...(container.allow_elevated === true ? scope.privilegedMounts : []),
  ];
  return constraints.some((one) => mountMisfits(one, mount, scope).length === 0);
}

/** The fields of a mount that differ from a constraint. */
export function mountMisfits(
  constraint: JsonObject,
  mount: JsonObject,
  scope: MatchScope,
): readonly ('destination' | 'type' | 'source' | 'options')[] {
  const options = [constraint.options, mount.options].map((one) => textsOf(one).toSorted());
  return [
    ...(constraint.destination === mount.destination ? [] : (['destination'] as const)),
    ...(constraint.type === mount.type ? [] : (['type'] as const)),
    ...(sourceAllows(constraint.source, mount.source, scope) ? [] : (['source'] as const)),
    ...(sameJson(options[0], options[1]) ? [] : (['options'] as const)),
  ];
}

function sourceAllows(
  wanted: JsonValue | undefined,
  source: JsonValue | undefined,
  { input, matches, shares }: MatchScope,
): boolean {
  if (typeof wanted !== 'string' || typeof source !== 'string') return false;
  if (wanted === source) return true;
  if (wanted.startsWith('plan9://')) return shares[source] === input.containerID;
  for (const [prefix, folder] of [
    ['sandbox://', input.sandboxDir],
    ['hugepages://', input.hugePagesDir],
  ] as const) {
    if (!wanted.startsWith(prefix) || typeof folder !== 'string') continue;
    return matches(wanted.replaceAll(prefix, folder), source);
  }
  return false;
}

/** The five sets that a container may have: its own, or those that the guest takes for null. */
export function allowedCapabilities(container: JsonObject, isPrivileged: boolean): JsonObject {
  const { capabilities } = container;
  if (isJsonObject(capabilities)) return capabilities;
  return capabilitiesOf(isPrivileged && container.allow_elevated === true);
}

/** The capabilities that a denial names by a word in their place. */
export function withCapabilities(input: JsonObject): JsonObject {
  const { capabilities } = input;
  if (capabilities !== '[privileged]' && capabilities !== '[unprivileged]') return input;
  return { ...input, capabilities: capabilitiesOf(capabilities === '[privileged]') };
}

function capabilitiesOf(isPrivileged: boolean): JsonObject {
  const names = isPrivileged ? PRIVILEGED_CAPABILITIES : UNPRIVILEGED_CAPABILITIES;
  return {
    bounding: names,
    effective: names,
    inheritable: isPrivileged ? names : [],
    permitted: names,
    ambient: [],
  };
}
