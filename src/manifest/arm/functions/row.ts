/** One function of the template language, and checks of what is given to it. */
import { ToolError } from '../../../core/error.js';
import {
  type ArmList,
  type ArmObject,
  type ArmValue,
  type Budget,
  isArmList,
  isArmObject,
  kindOfArm,
} from '../value.js';

/** A function whose arguments are evaluated before it runs. */
export interface FunctionRow {
  /** Least and most arguments. */
  readonly arity: readonly [number, number];
  /**
   * `deep`: the result is unknown if an argument holds anything unknown. `shallow`: if an argument itself is unknown;
   * unknown parts are carried along. `never`: the function decides.
   */
  readonly unknown: 'deep' | 'shallow' | 'never';
  readonly run: (args: readonly ArmValue[], budget: Budget) => ArmValue;
  /** What of the result is not documented, for a notice. Arguments fit. */
  readonly doubt?: (args: readonly ArmValue[]) => string | undefined;
}

export type FunctionTable = Readonly<Record<string, FunctionRow>>;

/** A row whose result is unknown as soon as anything in its arguments is. */
export function deep(arity: readonly [number, number], run: FunctionRow['run']): FunctionRow {
  return { arity, unknown: 'deep', run };
}

/** A row that carries unknown parts of its arguments along. */
export function shallow(arity: readonly [number, number], run: FunctionRow['run']): FunctionRow {
  return { arity, unknown: 'shallow', run };
}

/** No upper bound on arguments. */
export const MANY = Number.POSITIVE_INFINITY;

/** A value does not fit; the caller adds function and expression. Messages hold kinds, never values. */
export function misfit(problem: string, want?: string, got?: string): ToolError {
  return new ToolError('ARM_EXPRESSION', problem, {
    ...(want === undefined ? {} : { want }),
    ...(got === undefined ? {} : { got }),
  });
}

function wrong(value: ArmValue | undefined, index: number, want: string): ToolError {
  const got = value === undefined ? 'nothing' : kindOfArm(value);
  return misfit(`argument ${index + 1} has the wrong type`, want, got);
}

/** Argument `index`, which must be a string. */
export function textArg(args: readonly ArmValue[], index: number): string {
  const value = args[index];
  if (typeof value === 'string') return value;
  throw wrong(value, index, 'a string');
}

/** Argument `index`, which must be an int. */
export function integerArg(args: readonly ArmValue[], index: number): bigint {
  const value = args[index];
  if (typeof value === 'bigint') return value;
  throw wrong(value, index, 'an int');
}

/** Argument `index`, an int that is a place or count; far beyond any length is as good as the end. */
export function countArg(args: readonly ArmValue[], index: number): number {
  return Number(BigInt.asIntN(64, integerArg(args, index)));
}

/** Argument `index`, which must be a bool. */
export function booleanArg(args: readonly ArmValue[], index: number): boolean {
  const value = args[index];
  if (typeof value === 'boolean') return value;
  throw wrong(value, index, 'a bool');
}

/** Argument `index`, which must be an array. */
export function listArg(args: readonly ArmValue[], index: number): ArmList {
  const value = args[index];
  if (isArmList(value)) return value;
  throw wrong(value, index, 'an array');
}

/** Argument `index`, which must be an object. */
export function objectArg(args: readonly ArmValue[], index: number): ArmObject {
  const value = args[index];
  if (isArmObject(value)) return value;
  throw wrong(value, index, 'an object');
}

/** Argument `index`, which must be a string or an array. */
export function sequenceArg(args: readonly ArmValue[], index: number): string | ArmList {
  const value = args[index];
  if (typeof value === 'string' || isArmList(value)) return value;
  throw wrong(value, index, 'a string or an array');
}

/** An error about argument `index`, for functions that take several types. */
export function wrongArg(args: readonly ArmValue[], index: number, want: string): ToolError {
  return wrong(args[index], index, want);
}
