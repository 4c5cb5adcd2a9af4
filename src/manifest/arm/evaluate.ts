/**
 * Expressions and values of a template -> values. What only the deployment knows becomes an unknown value and is
 * carried along; whatever ARM would refuse is an error with expression and place.
 */
import { ToolError } from '../../core/error.js';
import type { JsonNode } from '../../core/json-tree.js';
import { hideSecrets } from '../../core/secret.js';
import { evaluateCall } from './call.js';
import { expandLoops, isLoopList } from './copy.js';
import { type AccessExpression, classifyText, type Expression } from './expression.js';
import { numberOf } from './functions/json-text.js';
import { misfit } from './functions/row.js';
import type { Scope } from './scope.js';
import { type ArmValue, armMember, isArmList, isArmObject, isUnknown, kindOfArm } from './value.js';

/** Characters of an expression that a message shows. */
const SHOWN_CHARS = 160;

/**
 * The value of a node of a template, expressions evaluated, loops expanded. `path` is where it stands, for messages.
 * Throws ARM_EXPRESSION and LIMIT_EXCEEDED; messages hold no values.
 */
export function evaluateNode(node: JsonNode, scope: Scope, path: string): ArmValue {
  const { budget } = scope.engine;
  budget.step();
  switch (node.kind) {
    case 'null':
      return null;
    case 'boolean':
      return node.value;
    case 'number':
      return numberOf(node.text);
    case 'string':
      return evaluateText(node, scope, path);
    case 'array':
      return budget.nest(() =>
        node.items.map((item, index) => evaluateNode(item, scope, `${path}[${index}]`)),
      );
    case 'object':
      return budget.nest(() => evaluateObject(node, scope, path));
  }
}

function evaluateObject(
  node: Extract<JsonNode, { kind: 'object' }>,
  scope: Scope,
  path: string,
): ArmValue {
  const object = new Map<string, ArmValue>();
  for (const { key, value } of node.members) {
    if (key.toLowerCase() === 'copy' && isLoopList(value)) {
      for (const [name, items] of expandLoops(value.items, scope, `${path}.${key}`)) {
        object.set(name, items);
      }
    } else object.set(key, evaluateNode(value, scope, `${path}.${key}`));
  }
  return object;
}

function evaluateText(
  node: Extract<JsonNode, { kind: 'string' }>,
  scope: Scope,
  path: string,
): ArmValue {
  const text = classifyText(node.value);
  if (text.kind === 'literal') {
    if (!node.multiLine) return text.value;
    throw new ToolError('MANIFEST_UNSUPPORTED', 'a string goes over several lines', {
      where: scope.locate(node, path),
      hints: ['write \\n where a line ends: tools read such strings in different ways'],
    });
  }
  try {
    return evaluateExpression(scope.engine.parse(text.source), scope);
  } catch (error) {
    throw placed(error, text.source, scope.locate(node, path));
  }
}

/** The error with the expression in its message and its place; errors that have a place keep it. */
function placed(error: unknown, source: string, where: string): unknown {
  if (!(error instanceof ToolError) || error.where !== undefined) return error;
  const { code, message, want, got, hints } = error;
  const shown = source.length > SHOWN_CHARS ? `${source.slice(0, SHOWN_CHARS)}...` : source;
  return new ToolError(code, `${hideSecrets(shown)}: ${message}`, {
    where,
    ...(want === undefined ? {} : { want }),
    ...(got === undefined ? {} : { got }),
    hints,
    cause: error,
  });
}

/** The value of a syntax tree. Errors have no place yet. */
export function evaluateExpression(expression: Expression, scope: Scope): ArmValue {
  const { budget } = scope.engine;
  budget.step();
  switch (expression.kind) {
    case 'text':
    case 'integer':
      return expression.value;
    case 'call':
      return budget.nest(() => evaluateCall(expression, scope));
    case 'access':
      return budget.nest(() => evaluateAccess(expression, scope));
  }
}

function evaluateAccess({ of, key: keyOf, isSafe }: AccessExpression, scope: Scope): ArmValue {
  const value = evaluateExpression(of, scope);
  if (isUnknown(value)) return value;
  const key = evaluateExpression(keyOf, scope);
  if (isUnknown(key)) return key;
  const found = access(value, key);
  if (found !== undefined) return found;
  if (isSafe) return null;
  if (typeof key === 'bigint') throw misfit('an index is out of range');
  throw misfit(
    keyOf.kind === 'text' ? `there is no property ${keyOf.value}` : 'there is no such property',
  );
}

/** What stands at a key or index; undefined if nothing does. Throws where the key does not fit. */
function access(value: ArmValue, key: ArmValue): ArmValue | undefined {
  if (value === null) return undefined;
  if (isArmList(value) && typeof key === 'bigint') {
    return key < 0n ? undefined : value[Number(key)];
  }
  if (isArmObject(value) && typeof key === 'string') return armMember(value, key);
  const want = isArmList(value) ? 'an int' : isArmObject(value) ? 'a string' : 'an object or array';
  throw misfit(
    'a property or element does not fit',
    want,
    kindOfArm(want.startsWith('an o') ? value : key),
  );
}
