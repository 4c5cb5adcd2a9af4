/** Arrays and objects (template functions "array" and "object"), and functions that take strings as well. */
import {
  type ArmList,
  type ArmObject,
  type ArmValue,
  armMember,
  type Budget,
  differSurely,
  findKey,
  findUnknown,
  isArmList,
  isArmObject,
  isUnknown,
  sameArm,
} from '../value.js';
import {
  countArg,
  deep,
  type FunctionRow,
  type FunctionTable,
  listArg,
  MANY,
  misfit,
  objectArg,
  sequenceArg,
  shallow,
  textArg,
  wrongArg,
} from './row.js';
import { textOfArm } from './text.js';

function concat(args: readonly ArmValue[], budget: Budget): ArmValue {
  if (isArmList(args[0])) {
    const lists = args.map((_value, index) => listArg(args, index));
    budget.produce(lists.reduce((sum, list) => sum + list.length, 0));
    return lists.flat(1);
  }
  const unknown = findUnknown(args, budget);
  if (unknown !== undefined) return unknown;
  const parts = args.map((value, index) => {
    if (typeof value === 'object') throw wrongArg(args, index, 'a string, an int or a bool');
    return textOfArm(value, budget);
  });
  budget.produce(parts.reduce((sum, part) => sum + part.length, 0));
  return parts.join('');
}

function contains(args: readonly ArmValue[]): boolean {
  const [container, item = null] = args;
  if (typeof container === 'string') return container.includes(textArg(args, 1));
  if (isArmList(container)) return container.some((one) => sameArm(one, item));
  if (isArmObject(container)) return findKey(container.keys(), textArg(args, 1)) !== undefined;
  throw wrongArg(args, 0, 'a string, an array or an object');
}

function lengthOf(args: readonly ArmValue[]): number {
  const [value] = args;
  if (typeof value === 'string' || isArmList(value)) return value.length;
  if (isArmObject(value)) return value.size;
  throw wrongArg(args, 0, 'a string, an array or an object');
}

/** The characters of a string, or the items of an array, from `start` on. */
function part(sequence: string | ArmList, start: number, end?: number): ArmValue {
  return sequence.slice(start, end);
}

function edge(pick: (length: number) => number) {
  return shallow([1, 1], (args) => {
    const sequence = sequenceArg(args, 0);
    if (sequence.length > 0) return sequence[pick(sequence.length)] ?? null;
    return typeof sequence === 'string' ? '' : null;
  });
}

function createObject(args: readonly ArmValue[], budget: Budget): ArmValue {
  if (args.length % 2 !== 0) throw misfit('a key has no value');
  const object = new Map<string, ArmValue>();
  for (let index = 0; index < args.length; index += 2) {
    const key = args[index];
    if (isUnknown(key)) return key;
    object.set(textArg(args, index), args[index + 1] ?? null);
  }
  budget.produce(args.length);
  return object;
}

function union(args: readonly ArmValue[], budget: Budget): ArmValue {
  const unknown = args.find(isUnknown);
  if (unknown !== undefined) return unknown;
  if (isArmObject(args[0])) {
    return args
      .map((_value, index) => objectArg(args, index))
      .reduce((merged, object) => mergeObjects(merged, object, budget));
  }
  const unknownItem = findUnknown(args, budget);
  const items = args.flatMap((_value, index) => listArg(args, index));
  return distinct(items, budget) ?? unknownItem ?? [];
}

/** Each item once; undefined where that depends on unknown parts of the items. */
function distinct(items: ArmList, budget: Budget): ArmList | undefined {
  const kept: ArmValue[] = [];
  for (const item of items) {
    budget.step(kept.length + 1);
    if (kept.some((one) => sameArm(one, item))) continue;
    if (!kept.every((one) => differSurely(one, item))) return undefined;
    kept.push(item);
  }
  return kept;
}

/** Members of the second win; where both are objects they are merged. */
function mergeObjects(first: ArmObject, second: ArmObject, budget: Budget): ArmObject {
  const merged = new Map(first);
  for (const [key, value] of second) {
    budget.step();
    const place = findKey(merged.keys(), key) ?? key;
    const old = merged.get(place);
    if (isUnknown(old) && isArmObject(value)) merged.set(place, old);
    else if (isUnknown(value)) merged.set(place, value);
    else {
      const both = isArmObject(old) && isArmObject(value);
      merged.set(place, both ? budget.nest(() => mergeObjects(old, value, budget)) : value);
    }
  }
  budget.step(merged.size);
  return merged;
}

function shallowMerge(args: readonly ArmValue[], budget: Budget): ArmValue {
  const merged = new Map<string, ArmValue>();
  for (const [index, item] of listArg(args, 0).entries()) {
    if (isUnknown(item)) return item;
    for (const [key, value] of objectArg(listArg(args, 0), index)) {
      budget.step();
      merged.set(findKey(merged.keys(), key) ?? key, value);
    }
  }
  return merged;
}

function intersection(args: readonly ArmValue[], budget: Budget): ArmValue {
  if (isArmObject(args[0])) {
    const [first, ...rest] = args.map((_value, index) => objectArg(args, index));
    return new Map(
      [...first!].filter(([key, value]) =>
        rest.every((object) => {
          budget.step();
          const other = armMember(object, key);
          return other !== undefined && sameArm(value, other);
        }),
      ),
    );
  }
  const [first, ...rest] = args.map((_value, index) => listArg(args, index));
  const shared = first!.filter((item) =>
    rest.every((list) => {
      budget.step(list.length + 1);
      return list.some((one) => sameArm(one, item));
    }),
  );
  return distinct(shared, budget) ?? [];
}

/** Keys whose alphabetical order is the same by any rules. */
const PLAIN_KEY = /^[A-Za-z0-9]*$/;

/** Keys in alphabetical order: by their characters, case left out. */
function sortedKeys(object: ArmObject): readonly string[] {
  const folded = [...object.keys()].map((key) => [key.toUpperCase(), key] as const);
  return folded.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, key]) => key);
}

function overKeys(build: (object: ArmObject, keys: readonly string[]) => ArmValue): FunctionRow {
  return {
    ...shallow([1, 1], (args, budget) => {
      const object = objectArg(args, 0);
      budget.step(object.size);
      return build(object, sortedKeys(object));
    }),
    doubt: (args) =>
      [...objectArg(args, 0).keys()].every((key) => PLAIN_KEY.test(key))
        ? undefined
        : 'the order of keys with other characters than letters and digits is not documented; they are taken by their codes',
  };
}

/** Walks into arrays and objects; null where there is nothing. */
function tryGet(args: readonly ArmValue[]): ArmValue {
  let value: ArmValue | undefined = args[0] ?? null;
  for (const key of args.slice(1)) {
    if (isUnknown(value)) return value;
    if (isUnknown(key)) return key;
    if (isArmList(value) && typeof key === 'bigint') value = value[Number(key)];
    else if (isArmObject(value) && typeof key === 'string') value = armMember(value, key);
    else if (value !== null) throw misfit('a key does not fit to what it is looked up in');
    if (value === undefined) return null;
  }
  return value ?? null;
}

function fromEnd(isSafe: boolean) {
  return shallow([2, 2], (args) => {
    const list = listArg(args, 0);
    const index = countArg(args, 1);
    const item = index < 1 ? undefined : list[list.length - index];
    if (item === undefined && !isSafe) throw misfit('the index is out of range');
    return item ?? null;
  });
}

export const COLLECTION_FUNCTIONS: FunctionTable = {
  array: shallow([1, 1], ([value = null]) => (isArmList(value) ? value : [value])),
  concat: { arity: [1, MANY], unknown: 'shallow', run: concat },
  contains: deep([2, 2], contains),
  createarray: { arity: [0, MANY], unknown: 'never', run: (args) => args },
  createobject: { arity: [0, MANY], unknown: 'never', run: createObject },
  empty: shallow([1, 1], (args) => args[0] === null || lengthOf(args) === 0),
  first: edge(() => 0),
  last: edge((length) => length - 1),
  flatten: shallow([1, 1], (args, budget) => {
    const lists = listArg(args, 0);
    const unknown = lists.find(isUnknown);
    if (unknown !== undefined) return unknown;
    const flat = lists.flatMap((_list, index) => listArg(lists, index));
    budget.produce(flat.length);
    return flat;
  }),
  intersection: deep([2, MANY], intersection),
  length: shallow([1, 1], (args) => BigInt(lengthOf(args))),
  skip: shallow([2, 2], (args) => part(sequenceArg(args, 0), Math.max(0, countArg(args, 1)))),
  take: shallow([2, 2], (args) => part(sequenceArg(args, 0), 0, Math.max(0, countArg(args, 1)))),
  union: { arity: [1, MANY], unknown: 'never', run: union },
  shallowmerge: shallow([1, 1], shallowMerge),
  items: overKeys((object, keys) =>
    keys.map(
      (key) =>
        new Map<string, ArmValue>([
          ['key', key],
          ['value', object.get(key) ?? null],
        ]),
    ),
  ),
  objectkeys: overKeys((_object, keys) => keys),
  tryget: { arity: [2, MANY], unknown: 'never', run: tryGet },
  indexfromend: fromEnd(false),
  tryindexfromend: fromEnd(true),
};
