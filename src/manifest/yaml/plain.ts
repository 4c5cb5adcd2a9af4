/** What a document says, without where and in which quotes: to compare a text before and after an edit. */
import type { YamlPath } from './edit.js';
import { keyText, type YamlNode } from './node.js';
import { readAsKubectl, readAsReference } from './scalar.js';

export type PlainNode = PlainAlias | PlainScalar | PlainSequence | PlainMapping;

/** Not followed: the anchor that it names is compared where it stands. */
interface PlainAlias {
  readonly kind: 'alias';
  readonly anchor: string | undefined;
}

interface Marked {
  readonly tag: string | undefined;
  readonly anchor: string | undefined;
}

interface PlainScalar extends Marked {
  readonly kind: 'scalar';
  readonly text: string;
  /** True if a reader takes it for anything but this text: a plain number, boolean or null. */
  readonly special: boolean;
}

interface PlainSequence extends Marked {
  readonly kind: 'sequence';
  readonly items: readonly PlainNode[];
}

interface PlainMapping extends Marked {
  readonly kind: 'mapping';
  readonly entries: readonly PlainEntry[];
}

interface PlainEntry {
  readonly key: PlainNode;
  readonly name: string | undefined;
  readonly value: PlainNode;
}

/** The tree of a node. */
export function plainTree(node: YamlNode): PlainNode {
  if (node.kind === 'alias') return { kind: 'alias', anchor: node.target.anchor };
  const marks = { tag: node.tag, anchor: node.anchor };
  switch (node.kind) {
    case 'scalar': {
      const { text } = node;
      const special = readAsKubectl(node) !== text || readAsReference(node) !== text;
      return { kind: 'scalar', text, special, ...marks };
    }
    case 'sequence':
      return { kind: 'sequence', items: node.items.map(plainTree), ...marks };
    case 'mapping':
      return {
        kind: 'mapping',
        entries: node.entries.map((entry) => ({
          key: plainTree(entry.key),
          name: keyText(entry),
          value: plainTree(entry.value),
        })),
        ...marks,
      };
  }
}

/** The tree with a text in the mapping at `path`, which is made where it is missing or null. */
export function withText(tree: PlainNode, path: YamlPath, key: string, text: string): PlainNode {
  return withMapping(tree, path, (mapping) =>
    setEntry(mapping, key, (value) => ({
      kind: 'scalar',
      text,
      special: false,
      ...(value.kind === 'scalar' ? { tag: value.tag, anchor: value.anchor } : UNMARKED),
    })),
  );
}

/** The tree without an entry of the mapping at `path`; the same tree if there is none. */
export function withoutText(tree: PlainNode, path: YamlPath, key: string): PlainNode {
  if (!hasEntry(tree, [...path, key])) return tree;
  return withMapping(tree, path, (mapping) => ({
    ...mapping,
    entries: mapping.entries.filter((entry) => entry.name !== key),
  }));
}

/** True if both trees say the same. */
export function samePlain(a: PlainNode, b: PlainNode): boolean {
  if (a.kind !== b.kind || a.anchor !== b.anchor) return false;
  if (a.kind === 'alias' || b.kind === 'alias') return true;
  if (a.tag !== b.tag) return false;
  if (a.kind === 'scalar') {
    return b.kind === 'scalar' && a.text === b.text && a.special === b.special;
  }
  if (a.kind === 'sequence') return b.kind === 'sequence' && sameItems(a.items, b.items, samePlain);
  return b.kind === 'mapping' && sameItems(a.entries, b.entries, sameEntry);
}

function sameEntry(a: PlainEntry, b: PlainEntry): boolean {
  return a.name === b.name && samePlain(a.key, b.key) && samePlain(a.value, b.value);
}

function sameItems<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean): boolean {
  return a.length === b.length && a.every((item, index) => same(item, b[index]!));
}

const UNMARKED = { tag: undefined, anchor: undefined };
const NOTHING: PlainNode = { kind: 'mapping', entries: [], ...UNMARKED };

function withMapping(
  tree: PlainNode,
  path: YamlPath,
  edit: (mapping: PlainMapping) => PlainMapping,
): PlainNode {
  const [step, ...rest] = path;
  if (step === undefined) return edit(mappingOf(tree));
  if (typeof step === 'string') {
    return setEntry(mappingOf(tree), step, (value) => withMapping(value, rest, edit));
  }
  if (tree.kind !== 'sequence') return tree;
  const items = tree.items.map((item, index) =>
    index === step ? withMapping(item, rest, edit) : item,
  );
  return { ...tree, items };
}

function setEntry(
  mapping: PlainMapping,
  name: string,
  edit: (value: PlainNode) => PlainNode,
): PlainMapping {
  if (!mapping.entries.some((entry) => entry.name === name)) {
    const key: PlainNode = { kind: 'scalar', text: name, special: false, ...UNMARKED };
    return { ...mapping, entries: [...mapping.entries, { key, name, value: edit(NOTHING) }] };
  }
  const entries = mapping.entries.map((entry) =>
    entry.name === name ? { ...entry, value: edit(entry.value) } : entry,
  );
  return { ...mapping, entries };
}

/** A null takes entries as an empty mapping would. */
function mappingOf(tree: PlainNode): PlainMapping {
  if (tree.kind === 'mapping') return tree;
  const marks = tree.kind === 'alias' ? UNMARKED : { tag: tree.tag, anchor: tree.anchor };
  return { kind: 'mapping', entries: [], ...marks };
}

function hasEntry(tree: PlainNode, path: YamlPath): boolean {
  const [step, ...rest] = path;
  if (step === undefined) return true;
  const child =
    tree.kind === 'mapping'
      ? tree.entries.find((entry) => entry.name === step)?.value
      : tree.kind === 'sequence'
        ? tree.items[Number(step)]
        : undefined;
  return child !== undefined && hasEntry(child, rest);
}
