/**
 * Container objects of a policy that stands somewhere against those of a new one, with the verdicts and the report of
 * the reference (aci policy 13.2). Lists are compared without regard to order; how it pairs the items of lists that
 * differ in several is not copied. A member that one side alone has is a difference here, which it is not there.
 */
import { RE2JS } from 're2js';
import {
  type DataMap,
  type DataValue,
  exactly,
  isList,
  isMap,
  mapOf,
  textOfData,
} from '../../core/data.js';
import { printCompact } from '../../core/data-json.js';

/** What differs, by the name of the new container; empty if nothing does. */
export function compareAsReference(
  policy: readonly DataMap[],
  tested: readonly DataMap[],
): ReadonlyMap<string, DataValue> {
  const report = new Map<string, DataValue>();
  for (const container of tested) {
    const found = nearest(policy, container);
    const name = textOfData(exactly(container, 'name'));
    if (found === undefined) {
      report.set(name, `${textOfData(exactly(container, 'id'))} not found in policy`);
    } else if (found.size > 0) report.set(name, found);
  }
  return report;
}

/** The smallest report among the containers with the same id or name; undefined if there are none. */
function nearest(policy: readonly DataMap[], tested: DataMap): DataMap | undefined {
  const isSame = (key: string, other: DataMap) => exactly(tested, key) === exactly(other, key);
  const reports = policy
    .filter((other) => isSame('id', other) || isSame('name', other))
    .map((other) => compareContainers(other, tested));
  return reports.reduce<DataMap | undefined>(
    (best, report) => (best === undefined || sizeOf(report) < sizeOf(best) ? report : best),
    undefined,
  );
}

/** Kinds of differences times first keys, and texts about variables. */
function sizeOf(report: DataMap): number {
  return [...report.values()].reduce<number>(
    (sum, part) => sum + (isMap(part) ? part.size : isList(part) ? part.length : 0),
    0,
  );
}

/** Differences by kind, then by the first key of their place. */
type Found = Map<string, Map<string, DataValue[]>>;

const APART: ReadonlySet<string> = new Set(['id', 'env_rules']);

function compareContainers(policy: DataMap, tested: DataMap): DataMap {
  const found: Found = new Map();
  for (const key of new Set([...policy.keys(), ...tested.keys()])) {
    if (!APART.has(key))
      compareMember(policy, tested, key, (kind, entry) => add(found, kind, key, entry));
  }
  const report = new Map<string, DataValue>(found);
  const variables = compareVariables(rulesOf(policy), rulesOf(tested));
  if (variables.length > 0) report.set('env_rules', variables);
  return report;
}

function add(found: Found, kind: string, key: string, entry: DataValue): void {
  const keys = found.get(kind) ?? new Map<string, DataValue[]>();
  keys.set(key, [...(keys.get(key) ?? []), entry]);
  found.set(kind, keys);
}

type Tell = (kind: string, entry: DataValue) => void;

function compareMember(policy: DataMap, tested: DataMap, key: string, tell: Tell): void {
  const [before, after] = [policy.get(key), tested.get(key)];
  if (before === undefined) tell('dictionary_item_added', after ?? null);
  else if (after === undefined) tell('dictionary_item_removed', before);
  else compareValues(before, after, tell);
}

function compareValues(policy: DataValue, tested: DataValue, tell: Tell): void {
  if (isMap(policy) && isMap(tested)) {
    for (const key of new Set([...policy.keys(), ...tested.keys()])) {
      compareMember(policy, tested, key, tell);
    }
  } else if (isList(policy) && isList(tested)) compareLists(policy, tested, tell);
  else compareScalars(policy, tested, tell);
}

function compareScalars(policy: DataValue, tested: DataValue, tell: Tell): void {
  const [oldType, newType] = [typeOf(policy), typeOf(tested)];
  if (oldType !== newType) {
    const types = { old_type: oldType, new_type: newType };
    tell('type_changes', mapOf({ policy_value: policy, tested_value: tested, ...types }));
  } else if (policy !== tested) {
    tell('values_changed', mapOf({ policy_value: policy, tested_value: tested }));
  }
}

/** An item of a list with its place. */
type Placed = readonly [index: number, item: DataValue];

/**
 * Items that both have are left out. As many maps of the one as of the other are taken for changes of each other; of
 * other items those at the same place are.
 */
function compareLists(
  policy: readonly DataValue[],
  tested: readonly DataValue[],
  tell: Tell,
): void {
  const removed = without(policy, tested);
  const added = without(tested, policy);
  const areMaps = [...removed, ...added].every(([, item]) => isMap(item));
  if (areMaps && removed.length === added.length) {
    for (const [i, [, item]] of removed.entries()) compareValues(item, added[i]?.[1] ?? null, tell);
    return;
  }
  const after = new Map(added);
  for (const [index, item] of removed) {
    const changed = after.get(index);
    if (changed === undefined) tell('values_removed', item);
    else tell('values_changed', mapOf({ policy_value: item, tested_value: changed }));
    after.delete(index);
  }
  for (const item of after.values()) tell('values_added', item);
}

/** The items of a list that another does not have as often. */
function without(list: readonly DataValue[], other: readonly DataValue[]): readonly Placed[] {
  const counts = new Map<string, number>();
  for (const item of other) {
    const key = printCompact(item);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...list.entries()].filter(([, item]) => {
    const key = printCompact(item);
    const count = counts.get(key) ?? 0;
    counts.set(key, count - 1);
    return count <= 0;
  });
}

/** Names of types as Python has them. */
function typeOf(value: DataValue): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'string') return 'str';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'float';
  return isList(value) ? 'list' : 'dict';
}

interface EnvRule {
  readonly pattern: string;
  readonly strategy: string;
}

function rulesOf(container: DataMap): readonly EnvRule[] {
  const rules = exactly(container, 'env_rules');
  return (isList(rules) ? rules : []).map((rule) => ({
    pattern: textOfData(exactly(rule, 'pattern')),
    strategy: textOfData(exactly(rule, 'strategy')),
  }));
}

/** A text per rule of the new container that the policy does not have or, for plain ones, does not match anywhere. */
function compareVariables(
  policy: readonly EnvRule[],
  tested: readonly EnvRule[],
): readonly string[] {
  const having = (strategy: string) =>
    policy.filter((rule) => rule.strategy === strategy).map(({ pattern }) => pattern);
  const plain = new Set(having('string'));
  const expressions = having('re2');
  return tested.flatMap(({ pattern, strategy }) => {
    const rule = `environment variable with rule '${pattern}'`;
    if (strategy === 're2') {
      return expressions.includes(pattern) ? [] : [`${rule} is not in the policy`];
    }
    const isKnown = plain.has(pattern) || expressions.some((one) => isFound(one, pattern));
    return isKnown ? [] : [`${rule} does not match strings or regex in policy rules`];
  });
}

/** An expression that RE2 does not know finds nothing. */
function isFound(expression: string, text: string): boolean {
  try {
    return RE2JS.compile(expression).matcher(text).find();
  } catch {
    return false;
  }
}
