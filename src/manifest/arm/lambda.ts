/** Functions that take lambdas (template functions "lambda"): their bodies are evaluated once per item. */
import { evaluateExpression } from './evaluate.js';
import type { CallExpression, Expression } from './expression.js';
import { misfit } from './functions/row.js';
import type { Scope } from './scope.js';
import {
  type ArmList,
  type ArmObject,
  type ArmValue,
  findKey,
  isArmList,
  isArmObject,
  isUnknown,
  kindOfArm,
  type Unknown,
} from './value.js';

interface Lambda {
  readonly names: readonly string[];
  readonly body: Expression;
}

type Run = (lambda: Lambda, values: readonly ArmValue[]) => ArmValue;

/** `lambda('name', ..., body)`. */
function readLambda(expression: Expression | undefined): Lambda {
  if (expression?.kind !== 'call' || expression.name.toLowerCase() !== 'lambda') {
    throw misfit('an argument is no lambda', "lambda('name', ..., expression)");
  }
  const names = (expression as CallExpression).args.slice(0, -1);
  const body = expression.args.at(-1);
  if (body === undefined) throw misfit('a lambda has no body');
  return {
    names: names.map((name) => {
      if (name.kind !== 'text') throw misfit('the name of a lambda variable is no text');
      return name.value.toLowerCase();
    }),
    body,
  };
}

function runner(scope: Scope): Run {
  return ({ names, body }, values) => {
    if (names.length === 0 || names.length > values.length) {
      throw misfit(
        'a lambda has the wrong number of variables',
        `1 to ${values.length}`,
        `${names.length}`,
      );
    }
    const lambda = new Map(scope.lambda);
    for (const [i, name] of names.entries()) lambda.set(name, values[i] ?? null);
    return evaluateExpression(body, { ...scope, lambda });
  };
}

/** A function over the items of its first argument. */
function overList(
  arity: readonly [number, number],
  work: (list: ArmList, args: readonly Expression[], run: Run, scope: Scope) => ArmValue,
) {
  return (args: readonly Expression[], scope: Scope): ArmValue => {
    checkArity(args, arity);
    const list = evaluateExpression(args[0]!, scope);
    if (isUnknown(list)) return list;
    if (!isArmList(list)) {
      throw misfit('argument 1 has the wrong type', 'an array', kindOfArm(list));
    }
    scope.engine.budget.produce(list.length);
    return work(list, args, runner(scope), scope);
  };
}

function checkArity(args: readonly Expression[], [least, most]: readonly [number, number]): void {
  if (args.length >= least && args.length <= most) return;
  throw misfit(
    'the number of arguments is wrong',
    least === most ? `${least}` : `${least} to ${most}`,
    `${args.length}`,
  );
}

function truth(value: ArmValue): boolean | Unknown {
  if (typeof value === 'boolean' || isUnknown(value)) return value;
  throw misfit('a lambda gives the wrong type', 'a bool', kindOfArm(value));
}

/** Items under the key that a lambda gives; an unknown key makes all unknown. */
function keyed(
  list: ArmList,
  lambda: Lambda,
  run: Run,
): readonly (readonly [string, ArmValue])[] | Unknown {
  const pairs: (readonly [string, ArmValue])[] = [];
  for (const item of list) {
    const key = run(lambda, [item]);
    if (isUnknown(key)) return key;
    if (typeof key !== 'string')
      throw misfit('a lambda gives the wrong type', 'a string', kindOfArm(key));
    pairs.push([key, item]);
  }
  return pairs;
}

function filterList(list: ArmList, args: readonly Expression[], run: Run): ArmValue {
  const lambda = readLambda(args[1]);
  const kept: ArmValue[] = [];
  for (const [index, item] of list.entries()) {
    const accepts = truth(run(lambda, [item, BigInt(index)]));
    if (isUnknown(accepts)) return accepts;
    if (accepts) kept.push(item);
  }
  return kept;
}

/** Stable; the lambda says whether its first argument stands before its second. */
function sortList(list: ArmList, args: readonly Expression[], run: Run): ArmValue {
  const lambda = readLambda(args[1]);
  let unknown: Unknown | undefined;
  const isBefore = (a: ArmValue, b: ArmValue): boolean => {
    const before = truth(run(lambda, [a, b]));
    if (!isUnknown(before)) return before;
    unknown = before;
    return false;
  };
  const sorted = list.toSorted((a, b) => (isBefore(a, b) ? -1 : isBefore(b, a) ? 1 : 0));
  return unknown ?? sorted;
}

function toObject(list: ArmList, args: readonly Expression[], run: Run): ArmValue {
  const pairs = keyed(list, readLambda(args[1]), run);
  if (isUnknownPairs(pairs)) return pairs;
  const value = args[2] === undefined ? undefined : readLambda(args[2]);
  return new Map(
    pairs.map(([key, item]) => [key, value === undefined ? item : run(value, [item])]),
  );
}

function groupBy(list: ArmList, args: readonly Expression[], run: Run): ArmValue {
  const pairs = keyed(list, readLambda(args[1]), run);
  if (isUnknownPairs(pairs)) return pairs;
  const groups = new Map<string, ArmValue[]>();
  for (const [key, item] of pairs) {
    const name = findKey(groups.keys(), key) ?? key;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [item]);
    else group.push(item);
  }
  return groups;
}

function isUnknownPairs(pairs: readonly unknown[] | Unknown): pairs is Unknown {
  return !Array.isArray(pairs);
}

function mapValues(args: readonly Expression[], scope: Scope): ArmValue {
  checkArity(args, [2, 2]);
  const object = evaluateExpression(args[0]!, scope);
  if (isUnknown(object)) return object;
  if (!isArmObject(object)) {
    throw misfit('argument 1 has the wrong type', 'an object', kindOfArm(object));
  }
  const lambda = readLambda(args[1]);
  const run = runner(scope);
  const mapped: ArmObject = new Map([...object].map(([key, value]) => [key, run(lambda, [value])]));
  return mapped;
}

/** Names in lower case; arguments are not evaluated yet. */
export const LAMBDA_FUNCTIONS: Readonly<
  Record<string, (args: readonly Expression[], scope: Scope) => ArmValue>
> = {
  lambda: () => {
    throw misfit('a lambda stands where no function takes one');
  },
  map: overList([2, 2], (list, args, run) => {
    const lambda = readLambda(args[1]);
    return list.map((item, index) => run(lambda, [item, BigInt(index)]));
  }),
  filter: overList([2, 2], filterList),
  sort: overList([2, 2], sortList),
  reduce: overList([3, 3], (list, args, run, scope) => {
    const lambda = readLambda(args[2]);
    const initial = evaluateExpression(args[1]!, scope);
    return list.reduce<ArmValue>(
      (sum, item, index) => run(lambda, [sum, item, BigInt(index)]),
      initial,
    );
  }),
  toobject: overList([2, 3], toObject),
  groupby: overList([2, 2], groupBy),
  mapvalues: mapValues,
};
