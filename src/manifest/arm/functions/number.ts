/** Numbers, comparisons and logic (template functions "numeric", "comparison", "logical"). */
import { type ArmValue, isUnknown, sameArm, unknownBecause } from '../value.js';
import {
  booleanArg,
  deep,
  type FunctionTable,
  integerArg,
  listArg,
  MANY,
  misfit,
  shallow,
  wrongArg,
} from './row.js';

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

function within(value: bigint): bigint {
  if (value >= MIN && value <= MAX) return value;
  throw misfit('the result does not fit into 64 bits');
}

function arithmetic(work: (a: bigint, b: bigint) => bigint) {
  return deep([2, 2], (args) => within(work(integerArg(args, 0), integerArg(args, 1))));
}

function divisor(value: bigint): bigint {
  if (value !== 0n) return value;
  throw misfit('a number is divided by zero');
}

/** Integers, or one array of them. */
function numbersOf(args: readonly ArmValue[]): readonly bigint[] {
  const numbers = args.length === 1 && Array.isArray(args[0]) ? listArg(args, 0) : args;
  if (numbers.length === 0) throw misfit('there is no number to choose from');
  return numbers.map((_number, index) => integerArg(numbers, index));
}

function extreme(isBetter: (a: bigint, b: bigint) => boolean) {
  return deep([1, MANY], (args) => numbersOf(args).reduce((a, b) => (isBetter(b, a) ? b : a)));
}

/**
 * Order of two ints or two strings. The order of strings that differ from that of their bytes when case is left out
 * is not documented: unknown.
 */
function ordered(name: string, accept: (order: number) => boolean) {
  return deep([2, 2], (args) => {
    const [a, b] = args;
    if (typeof a === 'bigint' && typeof b === 'bigint') return accept(a < b ? -1 : a > b ? 1 : 0);
    if (typeof a !== 'string') throw wrongArg(args, 0, 'an int or a string');
    if (typeof b !== 'string') throw wrongArg(args, 1, 'the type of argument 1');
    const order = orderOfTexts(a, b);
    return order === undefined
      ? unknownBecause(`the order of the strings in ${name}() is not documented`)
      : accept(order);
  });
}

/** -1, 0 or 1; undefined where it depends on rules that are not documented. */
function orderOfTexts(a: string, b: string): number | undefined {
  if (a === b) return 0;
  if (!/^[A-Za-z0-9]*$/.test(a) || !/^[A-Za-z0-9]*$/.test(b)) return undefined;
  const order = a < b ? -1 : 1;
  const [lowerA, lowerB] = [a.toLowerCase(), b.toLowerCase()];
  return lowerA !== lowerB && lowerA < lowerB === order < 0 ? order : undefined;
}

/** `and` with something false is false whatever the rest is, `or` with something true true. */
function junction(deciding: boolean) {
  const run = (args: readonly ArmValue[]): ArmValue => {
    const known = args.filter((value) => !isUnknown(value));
    const values = known.map((_value, index) => booleanArg(known, index));
    if (values.includes(deciding)) return deciding;
    return args.find(isUnknown) ?? !deciding;
  };
  return { arity: [2, MANY], unknown: 'never', run } as const;
}

function toInteger(args: readonly ArmValue[]): bigint {
  const [value] = args;
  if (typeof value === 'bigint') return value;
  if (typeof value !== 'string') throw wrongArg(args, 0, 'an int or a string of digits');
  if (!/^[+-]?[0-9]{1,19}$/.test(value)) throw misfit('argument 1 is no int', 'digits');
  return within(BigInt(value.replace('+', '')));
}

function toFloat(args: readonly ArmValue[]): number {
  const [value] = args;
  if (typeof value === 'bigint' || typeof value === 'number') return Number(value);
  if (typeof value !== 'string') throw wrongArg(args, 0, 'a number or a string that holds one');
  if (!/^[+-]?[0-9]{1,300}(?:\.[0-9]{1,300})?$/.test(value)) throw misfit('argument 1 is no float');
  return Number(value);
}

function toBoolean(args: readonly ArmValue[]): boolean {
  const [value] = args;
  if (typeof value === 'boolean') return value;
  if (value === 0n || value === 1n) return value === 1n;
  if (typeof value === 'string' && /^(?:true|false|0|1)$/i.test(value)) return /^[t1]/i.test(value);
  throw misfit('argument 1 is no bool', 'true, false, 1 or 0 as bool, string or int');
}

export const NUMBER_FUNCTIONS: FunctionTable = {
  add: arithmetic((a, b) => a + b),
  sub: arithmetic((a, b) => a - b),
  mul: arithmetic((a, b) => a * b),
  div: arithmetic((a, b) => a / divisor(b)),
  mod: arithmetic((a, b) => a % divisor(b)),
  min: extreme((a, b) => a < b),
  max: extreme((a, b) => a > b),
  int: deep([1, 1], toInteger),
  float: deep([1, 1], toFloat),
  bool: deep([1, 1], toBoolean),
  true: deep([0, 0], () => true),
  false: deep([0, 0], () => false),
  null: deep([0, 0], () => null),
  not: deep([1, 1], (args) => !booleanArg(args, 0)),
  and: junction(false),
  or: junction(true),
  equals: deep([2, 2], ([a = null, b = null]) => sameArm(a, b)),
  less: ordered('less', (order) => order < 0),
  lessorequals: ordered('lessOrEquals', (order) => order <= 0),
  greater: ordered('greater', (order) => order > 0),
  greaterorequals: ordered('greaterOrEquals', (order) => order >= 0),
  coalesce: {
    arity: [1, MANY],
    unknown: 'never',
    run: (args) => args.find((value) => value !== null) ?? null,
  },
  range: shallow([2, 2], (args, budget) => {
    const [start, count] = [integerArg(args, 0), integerArg(args, 1)];
    if (count < 0n || count > RANGE_MAX) {
      throw misfit('argument 2 is out of range', `0 to ${RANGE_MAX}`);
    }
    budget.produce(Number(count));
    return Array.from({ length: Number(count) }, (_value, index) => within(start + BigInt(index)));
  }),
};

/** Documented limit of range(). */
const RANGE_MAX = 10_000n;
