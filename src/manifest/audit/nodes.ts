/** Reading manifests for audits: whatever does not fit is passed over, since generation reports it. */
import { locate, type NamedText } from '../../core/locate.js';
import {
  childOf,
  contentOf,
  isNull,
  keyText,
  type YamlContent,
  type YamlNode,
} from '../yaml/node.js';

/** A node with the path that led there. */
export interface Spot {
  readonly source: NamedText;
  readonly node: YamlContent;
  readonly path: string;
}

/** The spot behind keys; undefined if it is missing or null. */
export function spotAt(spot: Spot | undefined, ...keys: readonly string[]): Spot | undefined {
  let inner = spot;
  for (const key of keys) {
    const node = childOf(inner?.node, key);
    if (inner === undefined || node === undefined || isNull(node)) return undefined;
    inner = { source: inner.source, node, path: inner.path === '' ? key : `${inner.path}.${key}` };
  }
  return inner;
}

/** The items of a list below a key; none if it is no list. */
export function spotsIn(spot: Spot | undefined, ...keys: readonly string[]): readonly Spot[] {
  const list = spotAt(spot, ...keys);
  if (list?.node.kind !== 'sequence') return [];
  return list.node.items.map((item, i) => ({
    ...list,
    node: contentOf(item),
    path: `${list.path}[${i}]`,
  }));
}

/** The entries of a mapping below keys: name and value. */
export function entriesOf(
  spot: Spot | undefined,
  ...keys: readonly string[]
): readonly (readonly [string, Spot])[] {
  const map = spotAt(spot, ...keys);
  if (map?.node.kind !== 'mapping') return [];
  return map.node.entries.flatMap((entry) => {
    const name = keyText(entry);
    if (name === undefined) return [];
    const path = `${map.path}[${JSON.stringify(name)}]`;
    return [[name, { ...map, node: contentOf(entry.value), path }] as const];
  });
}

/** Text of a scalar below keys; undefined if there is none. */
export function textIn(spot: Spot | undefined, ...keys: readonly string[]): string | undefined {
  const node = spotAt(spot, ...keys)?.node;
  return node?.kind === 'scalar' ? node.text : undefined;
}

/** Texts of a list of scalars. */
export function textsIn(spot: Spot | undefined, ...keys: readonly string[]): readonly string[] {
  return spotsIn(spot, ...keys).flatMap(({ node }) => (node.kind === 'scalar' ? [node.text] : []));
}

/** `file:line:column` of a spot. */
export function placeAt({ source, node }: Spot): string {
  return locate(source, node.start);
}

/** The spot of a node of a document. */
export function spotOf(source: NamedText, node: YamlNode, path: string): Spot {
  return { source, node: contentOf(node), path };
}
