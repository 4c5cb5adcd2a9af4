/**
 * Which containers a fragment already allows (aci policy 15.7, 13.2): those are left out of a policy that imports it.
 * Lists are compared without regard to order; members that only one side has do not count; layers are not compared,
 * since the import is chosen before any layer is read.
 */
import { RE2JS } from 're2js';
import { type DataMap, type DataValue, exactly, isList, isMap } from '../core/data.js';
import { printCompact } from '../core/data-json.js';
import type { JsonValue } from '../core/json.js';
import { LIMITS } from '../core/limits.js';

/** Members that are compared by rules of their own or not at all. */
const APART: ReadonlySet<string> = new Set(['id', 'env_rules', 'layers']);

/** True if one of the fragment's containers allows what `container` would. */
export function isCovered(container: DataMap, covered: readonly DataMap[]): boolean {
  return covered.some(
    (each) =>
      isSameContainer(container, each) &&
      isAlike(withoutApart(container), withoutApart(each)) &&
      allowsVariables(rulesOf(each), rulesOf(container)),
  );
}

/** A constant of a fragment as a data value: numbers without fraction are integers. */
export function dataFromJson(value: JsonValue): DataValue {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(dataFromJson);
  if (typeof value !== 'object' || value === null) return value as string | boolean | null;
  return new Map(Object.entries(value).map(([key, member]) => [key, dataFromJson(member)]));
}

/** The same image by id (a missing tag is latest), or the same name. */
function isSameContainer(container: DataMap, other: DataMap): boolean {
  const [id, otherId] = [exactly(container, 'id'), exactly(other, 'id')];
  if (typeof id === 'string' && typeof otherId === 'string' && tagged(id) === tagged(otherId)) {
    return true;
  }
  const name = exactly(container, 'name');
  return name !== null && name === exactly(other, 'name');
}

const tagged = (id: string): string => (id.includes(':') ? id : `${id}:latest`);

function withoutApart(container: DataMap): DataMap {
  return new Map([...container].filter(([key]) => !APART.has(key)));
}

/** Equal but for the order of lists and for members that only one map has. */
function isAlike(a: DataValue, b: DataValue): boolean {
  if (isMap(a) && isMap(b)) {
    return [...a].every(([key, value]) => {
      const other = b.get(key);
      return other === undefined || isAlike(value, other);
    });
  }
  if (isList(a) && isList(b)) return isAlikeList(a, b);
  return typeof a === typeof b && !isMap(b) && !isList(b) && a === b;
}

/** Equal items are paired first, then each of the rest with the first that is alike. */
function isAlikeList(a: readonly DataValue[], b: readonly DataValue[]): boolean {
  if (a.length !== b.length) return false;
  const open = new Map<string, DataValue[]>();
  for (const item of b) {
    const key = printCompact(item);
    open.set(key, [...(open.get(key) ?? []), item]);
  }
  const rest = a.filter((item) => open.get(printCompact(item))?.pop() === undefined);
  const others = [...open.values()].flat();
  if (rest.length > LIMITS.unlikeItems) return false;
  return rest.every((item) => {
    const at = others.findIndex((other) => isAlike(item, other));
    if (at >= 0) others.splice(at, 1);
    return at >= 0;
  });
}

interface EnvRule {
  readonly pattern: string;
  readonly strategy: string;
}

function rulesOf(container: DataMap): readonly EnvRule[] {
  const rules = exactly(container, 'env_rules');
  return (isList(rules) ? rules : []).flatMap((rule) => {
    const [pattern, strategy] = [exactly(rule, 'pattern'), exactly(rule, 'strategy')];
    if (typeof pattern !== 'string' || typeof strategy !== 'string') return [];
    return [{ pattern, strategy }];
  });
}

/** Every tested rule has its like among the policy's; a plain one may also be found by an expression, unanchored. */
function allowsVariables(policy: readonly EnvRule[], tested: readonly EnvRule[]): boolean {
  const having = (strategy: string) =>
    policy.filter((rule) => rule.strategy === strategy).map(({ pattern }) => pattern);
  const plain = new Set(having('string'));
  const expressions = having('re2');
  return tested.every(({ pattern, strategy }) => {
    if (strategy === 're2') return expressions.includes(pattern);
    return plain.has(pattern) || expressions.some((expression) => isFound(expression, pattern));
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
