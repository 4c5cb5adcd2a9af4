/** A template -> the scope of its expressions: parameters, variables and functions of its own. */
import type { JsonDocument, JsonMap, JsonMember, JsonNode } from '../../core/json-tree.js';
import { locate } from '../../core/locate.js';
import { expandLoops } from './copy.js';
import { evaluateNode } from './evaluate.js';
import { misfit } from './functions/row.js';
import { assertDistinctNames, mapOf, memberAnyCase, type NodePath, printPath } from './nodes.js';
import { buildParameters, type GivenParameters } from './parameters.js';
import type { Engine, Scope, UserFunction } from './scope.js';
import type { ArmValue } from './value.js';

/** Where a template stands: a file, or a path within one. */
export interface TemplatePlace {
  readonly document: JsonDocument;
  readonly path: NodePath;
  /** Templates around it. */
  readonly depth: number;
}

/**
 * The scope of a template with parameters, variables and functions of its own. Throws MANIFEST_INVALID for one that has
 * a name twice.
 */
export function buildScope(
  template: JsonNode,
  given: GivenParameters,
  { document, path, depth }: TemplatePlace,
  engine: Engine,
): Scope {
  const prefix = path.length === 0 ? '' : `${printPath(path)}.`;
  assertDistinctNames(document, template);
  for (const key of ['parameters', 'variables']) {
    assertDistinctNames(document, memberAnyCase(template, key)?.value);
  }
  const place = (node: JsonNode, at: string) => `${locate(document, node.start)} ${at}`;
  const functions = readFunctions(memberAnyCase(template, 'functions')?.value, prefix);
  const bare = {
    engine,
    locate: place,
    loops: new Map(),
    lambda: new Map(),
    userFunction: (namespace: string, name: string) =>
      functions.get(`${namespace}.${name}`.toLowerCase()),
  };
  const declarations = {
    map: mapOf(memberAnyCase(template, 'parameters')?.value),
    path: prefix,
    isOutermost: depth === 0,
  };
  const scope: Scope = {
    ...bare,
    parameter: buildParameters(declarations, given, () => scope),
    variable: buildVariables(
      mapOf(memberAnyCase(template, 'variables')?.value),
      () => scope,
      prefix,
    ),
  };
  return scope;
}

/** Variables are evaluated when they are used, once. */
function buildVariables(
  variables: JsonMap | undefined,
  scope: () => Scope,
  prefix: string,
): (name: string) => ArmValue | undefined {
  const work = new Map<string, readonly [string, () => ArmValue]>();
  for (const { key, value } of variables?.members ?? []) {
    if (key.toLowerCase() !== 'copy') {
      const path = `${prefix}variables.${key}`;
      work.set(key.toLowerCase(), [key, () => evaluateNode(value, scope(), path)]);
      continue;
    }
    for (const loop of value.kind === 'array' ? value.items : []) {
      const name = memberAnyCase(loop, 'name')?.value;
      if (name?.kind !== 'string') continue;
      work.set(name.value.toLowerCase(), [
        name.value,
        () => expandLoops([loop], scope(), `${prefix}variables.${key}`)[0]?.[1] ?? null,
      ]);
    }
  }
  const known = new Map<string, ArmValue>();
  const running = new Set<string>();
  return (wanted) => {
    const key = wanted.toLowerCase();
    const before = known.get(key);
    if (before !== undefined) return before;
    const [name, evaluate] = work.get(key) ?? [];
    if (evaluate === undefined) return undefined;
    if (running.has(key)) throw misfit(`variable ${name} needs itself`);
    running.add(key);
    const value = evaluate();
    running.delete(key);
    known.set(key, value);
    return value;
  };
}

/** `functions: [{namespace, members: {NAME: {parameters, output}}}]`, by `namespace.name` in lower case. */
function readFunctions(
  node: JsonNode | undefined,
  prefix: string,
): ReadonlyMap<string, UserFunction> {
  const found = new Map<string, UserFunction>();
  for (const [i, space] of (node?.kind === 'array' ? node.items : []).entries()) {
    const namespace = memberAnyCase(space, 'namespace')?.value;
    const members = mapOf(memberAnyCase(space, 'members')?.value)?.members ?? [];
    if (namespace?.kind !== 'string') continue;
    for (const { key, value } of members) {
      const output = memberAnyCase(memberAnyCase(value, 'output')?.value, 'value')?.value;
      if (output === undefined) continue;
      found.set(`${namespace.value}.${key}`.toLowerCase(), {
        parameters: functionParameters(memberAnyCase(value, 'parameters')),
        output,
        path: `${prefix}functions[${i}].members.${key}.output.value`,
      });
    }
  }
  return found;
}

function functionParameters(member: JsonMember | undefined): readonly string[] {
  const items = member?.value.kind === 'array' ? member.value.items : [];
  return items.map((item) => {
    const name = memberAnyCase(item, 'name')?.value;
    return name?.kind === 'string' ? name.value : '';
  });
}
