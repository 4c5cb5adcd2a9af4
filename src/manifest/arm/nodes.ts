/** Walks over the tree of a template: names of members count in any case, as Resource Manager reads them. */
import { ToolError } from '../../core/error.js';
import type { JsonDocument, JsonMap, JsonMember, JsonNode } from '../../core/json-tree.js';
import { locate } from '../../core/locate.js';

/** Path of a node from the root of its document. */
export type NodePath = readonly (string | number)[];

/** The member whose key is the same in any case: the exact one first; undefined if the node is no object or lacks it. */
export function memberAnyCase(node: JsonNode | undefined, key: string): JsonMember | undefined {
  if (node?.kind !== 'object') return undefined;
  const exact = node.members.find((member) => member.key === key);
  const wanted = key.toLowerCase();
  return exact ?? node.members.find((member) => member.key.toLowerCase() === wanted);
}

/**
 * Names of a template have no case: throws MANIFEST_INVALID where a node has members whose names differ by it only, of
 * which readers take different ones.
 */
export function assertDistinctNames(document: JsonDocument, node: JsonNode | undefined): void {
  const seen = new Map<string, string>();
  for (const { key, start } of node?.kind === 'object' ? node.members : []) {
    const other = seen.get(key.toLowerCase());
    if (other !== undefined) {
      throw new ToolError('MANIFEST_INVALID', `${key} and ${other} are the same name`, {
        where: locate(document, start),
        hints: ['names in templates are the same whatever their case: take one of them out'],
      });
    }
    seen.set(key.toLowerCase(), key);
  }
}

/** The node if it is an object. */
export function mapOf(node: JsonNode | undefined): JsonMap | undefined {
  return node?.kind === 'object' ? node : undefined;
}

/** What stands behind a path of exact keys and indexes; undefined if nothing does. */
export function nodeAtPath(root: JsonNode, path: NodePath): JsonNode | undefined {
  return path.reduce<JsonNode | undefined>((node, step) => {
    if (node?.kind === 'array') return typeof step === 'number' ? node.items[step] : undefined;
    return node?.kind === 'object'
      ? node.members.find((member) => member.key === step)?.value
      : undefined;
  }, root);
}

/** The deepest node that stands on a path, names in any case: where a message about the path points to. */
export function nearestNode(root: JsonNode, path: NodePath): JsonNode {
  let node = root;
  for (const step of path) {
    const next =
      node.kind === 'array' && typeof step === 'number'
        ? node.items[step]
        : memberAnyCase(node, String(step))?.value;
    if (next === undefined) break;
    node = next;
  }
  return node;
}

/** `a.b[0]` of a path. */
export function printPath(path: NodePath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    const name = /^[A-Za-z0-9_.$-]+$/.test(step) ? step : JSON.stringify(step);
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

/** `file:line:column PATH`. */
export function locatePath(document: JsonDocument, path: NodePath): string {
  const { start } = nearestNode(document.root, path);
  return `${locate(document, start)} ${printPath(path)}`.trimEnd();
}
