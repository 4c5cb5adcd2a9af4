/** Finds the Kubernetes objects of a document: the document itself, or the items of a List, Lists within included. */

import type { Placement, PodWorkloadKind } from '../../workload/pod.js';
import {
  childOf,
  contentOf,
  findEntry,
  isNull,
  type YamlContent,
  type YamlDocument,
  type YamlNode,
} from '../yaml/node.js';
import { readAsReference, textAsReference } from '../yaml/scalar.js';
import { isWorkloadKind, POD_PATHS } from './kinds.js';

/** An object and its address: keys and indexes from the root of the document. */
export interface FoundObject {
  readonly node: YamlNode;
  readonly path: readonly (string | number)[];
  readonly inList: boolean;
}

/** A workload of a document, without any check of its fields. */
export interface WorkloadPlace {
  readonly kind: PodWorkloadKind;
  readonly name?: string;
  /** Where its policy annotation is or goes. */
  readonly placement: Placement;
}

/** The objects of a document in order, a List before its items; none for a null document. */
export function findObjects(document: YamlDocument): readonly FoundObject[] {
  return isNull(document.root) ? [] : unfold({ node: document.root, path: [], inList: false });
}

function unfold(object: FoundObject): readonly FoundObject[] {
  const { node, path } = object;
  const items = textAt(node, 'kind') === 'List' ? childOf(node, 'items') : undefined;
  if (items?.kind !== 'sequence') return [object];
  const inside = items.items.flatMap((item, index) =>
    unfold({ node: item, path: [...path, 'items', index], inList: true }),
  );
  return [object, ...inside];
}

/** The workloads of a document. Never throws: meant for reading annotations, not for making policies. */
export function listWorkloads(document: YamlDocument): readonly WorkloadPlace[] {
  return findObjects(document).flatMap(({ node, path }) => {
    const kind = textAt(node, 'kind');
    if (kind === undefined || !isWorkloadKind(kind)) return [];
    const name = textAt(childOf(node, 'metadata'), 'name');
    const place = { kind, placement: placementOf(document, path, kind) };
    return [name === undefined ? place : { ...place, name }];
  });
}

/** Address of the annotations of the pods that an object makes. */
export function placementOf(
  document: YamlDocument,
  path: readonly (string | number)[],
  kind: PodWorkloadKind,
): Placement {
  return {
    file: document.source.file,
    document: document.index,
    path: [...path, ...POD_PATHS[kind], 'metadata', 'annotations'],
  };
}

/** Text of a scalar below a mapping as the reference reads it; undefined if it is missing, null or no scalar. */
export function textAt(node: YamlContent | YamlNode | undefined, key: string): string | undefined {
  const content = node === undefined ? undefined : contentOf(node);
  const entry = content?.kind === 'mapping' ? findEntry(content, key) : undefined;
  const value = entry === undefined ? undefined : contentOf(entry.value);
  if (value?.kind !== 'scalar' || isNull(value)) return undefined;
  return textAsReference(readAsReference(value));
}
