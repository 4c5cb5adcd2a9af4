/**
 * Values of template expressions, among them values that only the deployment knows. Keys of objects keep their case
 * and order; they are found whatever their case, as Resource Manager does it.
 */
import type { DataOpaque } from '../../core/data.js';
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';

/** An integer is a bigint (64 bits), any other number a number. */
export type ArmValue = null | boolean | bigint | number | string | ArmList | ArmObject | Unknown;
export type ArmList = readonly ArmValue[];
export type ArmObject = ReadonlyMap<string, ArmValue>;

/**
 * A value that cannot be known before the deployment, and why: one cause at least. `opaque` is the first reason, so
 * that readers of data values tell it from all others.
 */
export interface Unknown extends DataOpaque {
  readonly causes: readonly UnknownCause[];
}

export interface UnknownCause {
  /** E.g. `parameter tag has no value`, `subscription() is known at deployment only`. Holds no value. */
  readonly reason: string;
  /** The parameter of the outermost template that would make the value known. */
  readonly parameter?: string;
}

/** Causes that one value remembers: enough for a message. */
const CAUSES_MAX = 8;

export const isArmList = (value: ArmValue | undefined): value is ArmList => Array.isArray(value);
export const isArmObject = (value: ArmValue | undefined): value is ArmObject =>
  value instanceof Map;
export const isUnknown = (value: ArmValue | undefined): value is Unknown =>
  typeof value === 'object' && value !== null && !isArmList(value) && !isArmObject(value);

/** An unknown value with one cause. */
export function unknownBecause(reason: string, parameter?: string): Unknown {
  return buildUnknown([parameter === undefined ? { reason } : { reason, parameter }]);
}

/** The causes of all values that are unknown themselves; undefined if none is. */
export function joinUnknown(values: readonly ArmValue[]): Unknown | undefined {
  const causes = values.filter(isUnknown).flatMap((value) => value.causes);
  return causes.length === 0 ? undefined : buildUnknown(causes);
}

/** The causes of all unknown values among `values`, at any depth; undefined if all is known. */
export function findUnknown(values: readonly ArmValue[], budget: Budget): Unknown | undefined {
  const causes: UnknownCause[] = [];
  const visit = (value: ArmValue): void => {
    budget.step();
    if (isArmList(value)) budget.nest(() => value.forEach(visit));
    else if (isArmObject(value)) budget.nest(() => [...value.values()].forEach(visit));
    else if (isUnknown(value)) causes.push(...value.causes);
  };
  values.forEach(visit);
  return causes.length === 0 ? undefined : buildUnknown(causes);
}

function buildUnknown(causes: readonly UnknownCause[]): Unknown {
  const distinct = new Map(causes.map((cause) => [cause.reason, cause]));
  const kept = [...distinct.values()].slice(0, CAUSES_MAX);
  return { opaque: kept[0]?.reason ?? 'unknown', causes: kept };
}

/** Kind of a value, for messages. */
export function kindOfArm(value: ArmValue): string {
  if (value === null) return 'null';
  if (isArmList(value)) return 'an array';
  if (isArmObject(value)) return 'an object';
  if (isUnknown(value)) return 'a value that is not known';
  if (typeof value === 'boolean') return 'a bool';
  if (typeof value === 'bigint') return 'an int';
  return typeof value === 'string' ? 'a string' : 'a float';
}

/** The key of an object that is the same whatever the case: the exact one, else the first; undefined if none is. */
export function findKey(keys: Iterable<string>, wanted: string): string | undefined {
  const lower = wanted.toLowerCase();
  let found: string | undefined;
  for (const key of keys) {
    if (key === wanted) return key;
    if (found === undefined && key.toLowerCase() === lower) found = key;
  }
  return found;
}

/** The member of an object whatever the case of its key; undefined if there is none. */
export function armMember(object: ArmValue | undefined, key: string): ArmValue | undefined {
  if (!isArmObject(object)) return undefined;
  const direct = object.get(key);
  if (direct !== undefined) return direct;
  const found = findKey(object.keys(), key);
  return found === undefined ? undefined : object.get(found);
}

/** True if both are the same value; the order of members does not count. Unknown values are the same as nothing. */
export function sameArm(a: ArmValue, b: ArmValue): boolean {
  if (isArmList(a)) {
    return isArmList(b) && a.length === b.length && a.every((item, i) => sameArm(item, b[i]!));
  }
  if (isArmObject(a)) {
    if (!isArmObject(b) || a.size !== b.size) return false;
    return [...a].every(([key, value]) => {
      const other = armMember(b, key);
      return other !== undefined && sameArm(value, other);
    });
  }
  return a === b;
}

/** True if two values differ in what is known of them, whatever their unknown parts turn out to be. */
export function differSurely(a: ArmValue, b: ArmValue): boolean {
  if (isUnknown(a) || isUnknown(b)) return false;
  if (isArmList(a) && isArmList(b)) {
    return a.length !== b.length || a.some((item, i) => differSurely(item, b[i]!));
  }
  if (isArmObject(a) && isArmObject(b)) {
    if (a.size !== b.size) return true;
    return [...a].some(([key, value]) => {
      const other = armMember(b, key);
      return other === undefined || differSurely(value, other);
    });
  }
  return a !== b;
}

/** Characters that JSON writers of .NET escape beside those that JSON asks for. */
const ALSO_ESCAPED = /[\u0085\u2028\u2029]/g;

/** Compact JSON, members in their order. The value holds nothing unknown. */
export function printArmJson(value: ArmValue, budget: Budget): string {
  budget.step();
  if (isArmList(value)) return `[${value.map((item) => printArmJson(item, budget)).join(',')}]`;
  if (isArmObject(value)) {
    const members = [...value].map(
      ([key, member]) => `${quote(key)}:${printArmJson(member, budget)}`,
    );
    return `{${members.join(',')}}`;
  }
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number') return printArmFloat(value);
  return String(value);
}

function quote(text: string): string {
  return JSON.stringify(text).replace(
    ALSO_ESCAPED,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A float with one decimal at least: `1.0`, `0.5`. */
export function printArmFloat(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e15 ? `${value}.0` : String(value);
}

/** What an evaluation may still cost. One for all of a deployment. */
export interface Budget {
  /** Counts a step. Throws LIMIT_EXCEEDED beyond LIMITS.armSteps. */
  readonly step: (count?: number) => void;
  /** Runs work one level deeper. Throws LIMIT_EXCEEDED beyond LIMITS.armDepth. */
  readonly nest: <T>(work: () => T) => T;
  /** Counts characters or items that are made. Throws LIMIT_EXCEEDED beyond LIMITS.armOutput. */
  readonly produce: (size: number) => void;
}

/** A fresh budget. */
export function buildBudget(): Budget {
  let steps = 0;
  let output = 0;
  let depth = 0;
  return {
    nest: (work) => {
      if (depth >= LIMITS.armDepth) throw beyond('nests too deeply', LIMITS.armDepth);
      depth += 1;
      try {
        return work();
      } finally {
        depth -= 1;
      }
    },
    step: (count = 1) => {
      steps += count;
      if (steps > LIMITS.armSteps) throw beyond('takes too many steps', LIMITS.armSteps);
    },
    produce: (size) => {
      output += size;
      if (output > LIMITS.armOutput) throw beyond('produces too much', LIMITS.armOutput);
    },
  };
}

function beyond(problem: string, limit: number): ToolError {
  return new ToolError('LIMIT_EXCEEDED', `the evaluation of the template ${problem}`, {
    want: `at most ${limit}`,
    hints: ['look for copy loops within each other, and for values that double each other'],
  });
}
