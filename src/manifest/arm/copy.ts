/** Copy loops of properties and variables: `"copy": [{"name", "count", "input"}]` -> one array per loop. */
import { ToolError } from '../../core/error.js';
import type { JsonNode } from '../../core/json-tree.js';
import { LIMITS } from '../../core/limits.js';
import { evaluateNode } from './evaluate.js';
import { memberAnyCase } from './nodes.js';
import { type Scope, withLoop } from './scope.js';
import { type ArmValue, isUnknown, type Unknown } from './value.js';

/** True for the value of a `copy` that makes properties: a list of objects with name and count. */
export function isLoopList(node: JsonNode): node is Extract<JsonNode, { kind: 'array' }> {
  return (
    node.kind === 'array' &&
    node.items.length > 0 &&
    node.items.every(
      (item) =>
        memberAnyCase(item, 'name')?.value.kind === 'string' && memberAnyCase(item, 'count'),
    )
  );
}

/** The properties that loops make: name and items. An unknown count makes an unknown value. */
export function expandLoops(
  loops: readonly JsonNode[],
  scope: Scope,
  path: string,
): readonly (readonly [string, ArmValue])[] {
  return loops.map((loop, i) => {
    const at = `${path}[${i}]`;
    const named = memberAnyCase(loop, 'name')?.value;
    const input = memberAnyCase(loop, 'input')?.value;
    const counted = memberAnyCase(loop, 'count')?.value;
    if (named?.kind !== 'string' || input === undefined || counted === undefined) {
      throw new ToolError('MANIFEST_INVALID', 'a copy loop has no name, no count or no input', {
        where: scope.locate(loop, at),
      });
    }
    const name = named.value;
    const count = readCount(counted, scope, `${at}.count`);
    if (typeof count !== 'number') return [name, count];
    scope.engine.budget.produce(count);
    const items = Array.from({ length: count }, (_value, index) =>
      evaluateNode(input, withLoop(scope, name, index, false), `${at}.input`),
    );
    return [name, items];
  });
}

/** How many instances a loop makes. Throws LIMIT_EXCEEDED before any is made. */
export function readCount(node: JsonNode, scope: Scope, path: string): number | Unknown {
  const count = evaluateNode(node, scope, path);
  if (isUnknown(count)) return count;
  const where = scope.locate(node, path);
  if (typeof count !== 'bigint' || count < 0n) {
    throw new ToolError('MANIFEST_INVALID', 'the count of a copy loop is no number of instances', {
      where,
      want: `an int from 0 to ${LIMITS.armCopyCount}`,
    });
  }
  if (count > BigInt(LIMITS.armCopyCount)) {
    throw new ToolError('LIMIT_EXCEEDED', 'a copy loop makes too many instances', {
      where,
      want: `at most ${LIMITS.armCopyCount}`,
      got: `${count}`,
    });
  }
  return Number(count);
}
