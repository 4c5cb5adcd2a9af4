/** What a document says, without where and in which quotes: to compare a text before and after an edit. */
import type { YamlPath } from './edit.js';
import { keyText, type ScalarStyle } from './node.js';
import { readAsKubectl, readAsReference } from './scalar.js';

/** What counts of a node. A node of a tree is one, so that an edit makes new ones only along its path. */
export type PlainNode = PlainAlias | PlainContent;

type PlainContent = PlainScalar | PlainSequence | PlainMapping;

/** Not followed: the anchor that it names is compared where it stands. */
interface PlainAlias {
  readonly kind: 'alias';
  readonly target: PlainContent;
}

interface Marked {
  readonly tag?: string;
  readonly anchor?: string;
}

interface PlainScalar extends Marked {
  readonly kind: 'scalar';
  readonly text: string;
  readonly style: ScalarStyle;
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
  readonly value: PlainNode;
}

/** The tree with a text in the mapping at `path`, which is made where it is missing or null. */
export function withText(tree: PlainNode, path: YamlPath, key: string, text: string): PlainNode {
  return withMapping(tree, path, (mapping) =>
    setEntry(mapping, key, (value) => ({
      ...textNode(text),
      ...(value.kind === 'scalar' ? marksOf(value) : {}),
    })),
  );
}

/** The tree without an entry of the mapping at `path`; the same tree if there is none. */
export function withoutText(tree: PlainNode, path: YamlPath, key: string): PlainNode {
  if (!hasEntry(tree, [...path, key])) return tree;
  return withMapping(tree, path, (mapping) => ({
    ...mapping,
    entries: mapping.entries.filter((entry) => keyText(entry) !== key),
  }));
}

/** True if both trees say the same. */
export function samePlain(a: PlainNode, b: PlainNode): boolean {
  if (a.kind === 'alias') return b.kind === 'alias' && a.target.anchor === b.target.anchor;
  if (b.kind === 'alias') return false;
  if (a.tag !== b.tag || a.anchor !== b.anchor) return false;
  if (a.kind === 'scalar') return b.kind === 'scalar' && sameScalar(a, b);
  if (a.kind === 'sequence') return b.kind === 'sequence' && sameItems(a.items, b.items, samePlain);
  return b.kind === 'mapping' && sameItems(a.entries, b.entries, sameEntry);
}

function sameScalar(a: PlainScalar, b: PlainScalar): boolean {
  return a.text === b.text && (a.style === b.style || isSpecial(a) === isSpecial(b));
}

/** True if a reader takes it for anything but its text: a plain number, boolean or null. */
function isSpecial(scalar: PlainScalar): boolean {
  return readAsKubectl(scalar) !== scalar.text || readAsReference(scalar) !== scalar.text;
}

function sameEntry(a: PlainEntry, b: PlainEntry): boolean {
  return keyText(a) === keyText(b) && samePlain(a.key, b.key) && samePlain(a.value, b.value);
}

function sameItems<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean): boolean {
  return a.length === b.length && a.every((item, index) => same(item, b[index]!));
}

const NOTHING: PlainNode = { kind: 'mapping', entries: [] };

/** A text as edits write it: in quotes. */
const textNode = (text: string): PlainScalar => ({ kind: 'scalar', text, style: 'double-quoted' });

const marksOf = ({ tag, anchor }: Marked): Marked => ({
  ...(tag === undefined ? {} : { tag }),
  ...(anchor === undefined ? {} : { anchor }),
});

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
  if (!mapping.entries.some((entry) => keyText(entry) === name)) {
    const entry = { key: textNode(name), value: edit(NOTHING) };
    return { ...mapping, entries: [...mapping.entries, entry] };
  }
  const entries = mapping.entries.map((entry) =>
    keyText(entry) === name ? { ...entry, value: edit(entry.value) } : entry,
  );
  return { ...mapping, entries };
}

/** A null takes entries as an empty mapping would. */
function mappingOf(tree: PlainNode): PlainMapping {
  if (tree.kind === 'mapping') return tree;
  return { kind: 'mapping', entries: [], ...(tree.kind === 'alias' ? {} : marksOf(tree)) };
}

function hasEntry(tree: PlainNode, path: YamlPath): boolean {
  const [step, ...rest] = path;
  if (step === undefined) return true;
  const child =
    tree.kind === 'mapping'
      ? tree.entries.find((entry) => keyText(entry) === step)?.value
      : tree.kind === 'sequence'
        ? tree.items[Number(step)]
        : undefined;
  return child !== undefined && hasEntry(child, rest);
}
