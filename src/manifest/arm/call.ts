/** One call of an expression: functions that look around, functions of the template, and those of the tables. */

import { ToolError } from '../../core/error.js';
import { evaluateExpression, evaluateNode } from './evaluate.js';
import type { CallExpression, Expression } from './expression.js';
import { COLLECTION_FUNCTIONS } from './functions/collection.js';
import { HASH_FUNCTIONS } from './functions/hash.js';
import { NUMBER_FUNCTIONS } from './functions/number.js';
import {
  booleanArg,
  type FunctionRow,
  type FunctionTable,
  integerArg,
  misfit,
  textArg,
} from './functions/row.js';
import { runtimeResult } from './functions/runtime.js';
import { TEXT_FUNCTIONS } from './functions/text.js';
import { LAMBDA_FUNCTIONS } from './lambda.js';
import type { Scope } from './scope.js';
import { type ArmValue, findUnknown, isUnknown, joinUnknown } from './value.js';

/** Functions that get their arguments unevaluated, or look into the scope. */
type ScopeFunction = (args: readonly Expression[], scope: Scope) => ArmValue;

const SCOPE_FUNCTIONS: Readonly<Record<string, ScopeFunction>> = {
  ...LAMBDA_FUNCTIONS,
  if: chooseBranch,
  parameters: (args, scope) => lookUpName(args, scope, scope.parameter, 'parameter'),
  variables: (args, scope) => lookUpName(args, scope, scope.variable, 'variable'),
  copyindex: copyIndex,
  lambdavariables: (args, scope) =>
    lookUpName(args, scope, (name) => scope.lambda.get(name.toLowerCase()), 'lambda variable'),
};

const TABLE: FunctionTable = {
  ...NUMBER_FUNCTIONS,
  ...TEXT_FUNCTIONS,
  ...HASH_FUNCTIONS,
  ...COLLECTION_FUNCTIONS,
};

/** The value of a call. Errors have no place yet. */
export function evaluateCall(call: CallExpression, scope: Scope): ArmValue {
  const { namespace, args } = call;
  if (namespace !== undefined && namespace.toLowerCase() !== 'sys') return callUser(call, scope);
  const name = call.name.toLowerCase();
  try {
    const special = own(SCOPE_FUNCTIONS, name);
    if (special !== undefined) return special(args, scope);
    const row = own(TABLE, name);
    if (row !== undefined) return callRow(row, call.name, evaluateAll(args, scope), scope);
  } catch (error) {
    throw named(error, call.name);
  }
  const unknown = runtimeResult(call.name);
  if (unknown !== undefined) return unknown;
  throw misfit(`there is no function ${call.name}, or podseal does not know it`);
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

const evaluateAll = (args: readonly Expression[], scope: Scope): readonly ArmValue[] =>
  args.map((arg) => evaluateExpression(arg, scope));

function callRow(
  row: FunctionRow,
  name: string,
  args: readonly ArmValue[],
  { engine }: Scope,
): ArmValue {
  const [least, most] = row.arity;
  if (args.length < least || args.length > most) {
    const bound = Number.isFinite(most)
      ? least === most
        ? `${least}`
        : `${least} to ${most}`
      : `${least} or more`;
    throw misfit('the number of arguments is wrong', bound, `${args.length}`);
  }
  const unknown =
    row.unknown === 'deep'
      ? findUnknown(args, engine.budget)
      : row.unknown === 'shallow'
        ? joinUnknown(args)
        : undefined;
  if (unknown !== undefined) return unknown;
  const result = row.run(args, engine.budget);
  const doubt = row.doubt?.(args);
  if (doubt !== undefined) engine.doubt(`${name}(): ${doubt}`);
  return result;
}

/** The error of a function with its name in front, unless an inner one has put its own there or a place is known. */
function named(error: unknown, name: string): unknown {
  if (!(error instanceof ToolError) || error.where !== undefined) return error;
  if (error.code !== 'ARM_EXPRESSION' || /^[A-Za-z]+\(\): /.test(error.message)) return error;
  const { message, want, got, hints } = error;
  return new ToolError('ARM_EXPRESSION', `${name}(): ${message}`, {
    ...(want === undefined ? {} : { want }),
    ...(got === undefined ? {} : { got }),
    hints,
    cause: error,
  });
}

/** Only the branch that is chosen is evaluated. */
function chooseBranch(args: readonly Expression[], scope: Scope): ArmValue {
  const [condition, whenTrue, whenFalse, ...rest] = args;
  if (
    condition === undefined ||
    whenTrue === undefined ||
    whenFalse === undefined ||
    rest.length > 0
  ) {
    throw misfit('the number of arguments is wrong', '3', `${args.length}`);
  }
  const chosen = evaluateExpression(condition, scope);
  if (isUnknown(chosen)) return chosen;
  return evaluateExpression(booleanArg([chosen], 0) ? whenTrue : whenFalse, scope);
}

/** What the name that an expression gives stands for. A name that is computed may be secret. */
function lookUpName(
  args: readonly Expression[],
  scope: Scope,
  find: (name: string) => ArmValue | undefined,
  kind: string,
): ArmValue {
  if (args.length !== 1) throw misfit('the number of arguments is wrong', '1', `${args.length}`);
  const [name] = evaluateAll(args, scope);
  if (isUnknown(name)) return name;
  const found = find(textArg([name ?? null], 0));
  if (found !== undefined) return found;
  throw misfit(
    args[0]?.kind === 'text' ? `there is no ${kind} ${args[0].value}` : `there is no such ${kind}`,
  );
}

/** copyIndex([loop], [offset]). */
function copyIndex(args: readonly Expression[], scope: Scope): ArmValue {
  const values = evaluateAll(args, scope);
  const unknown = values.find(isUnknown);
  if (unknown !== undefined) return unknown;
  const isNamed = typeof values[0] === 'string';
  if (values.length > (isNamed ? 2 : 1)) throw misfit('the number of arguments is wrong');
  const loop = isNamed ? textArg(values, 0).toLowerCase() : scope.resourceLoop;
  const index = loop === undefined ? undefined : scope.loops.get(loop);
  if (index === undefined) {
    throw misfit(
      isNamed ? 'there is no such loop around' : 'there is no loop of a resource around',
      'copyIndex(NAME) within the loop of that name',
    );
  }
  const offset = isNamed ? 1 : 0;
  return index + (values.length > offset ? integerArg(values, offset) : 0n);
}

/** A function of the template sees its parameters and the other functions, nothing else. */
function callUser({ namespace = '', name, args }: CallExpression, scope: Scope): ArmValue {
  const found = scope.userFunction(namespace, name);
  if (found === undefined) throw misfit(`there is no function ${namespace}.${name}`);
  if (args.length !== found.parameters.length) {
    throw misfit(
      `${namespace}.${name}(): the number of arguments is wrong`,
      `${found.parameters.length}`,
      `${args.length}`,
    );
  }
  const values = new Map(
    evaluateAll(args, scope).map((value, i) => [found.parameters[i]?.toLowerCase() ?? '', value]),
  );
  const inner: Scope = {
    ...scope,
    loops: new Map(),
    lambda: new Map(),
    parameter: (wanted) => values.get(wanted.toLowerCase()),
    variable: () => {
      throw misfit('functions of a template cannot use variables');
    },
  };
  return evaluateNode(found.output, inner, found.path);
}
