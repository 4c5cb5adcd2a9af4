/**
 * A YAML text as a tree that remembers where each part stands. Offsets are UTF-16 code units into the text, end
 * exclusive; lines and columns in messages count from 1.
 */
import type { NamedText } from '../../core/locate.js';

/** One document of a text; `index` counts all documents from 0, those without content too. */
export interface YamlDocument {
  readonly source: NamedText;
  readonly index: number;
  readonly root: YamlNode;
}

interface NodeBase {
  /** Start of the content, behind tag and anchor. An empty scalar stands behind its colon or dash. */
  readonly start: number;
  /** End of the content: behind the closing quote or bracket; for a block scalar the end of its last line of text. */
  readonly end: number;
  /** Offset from which text may be inserted without becoming part of the node. Differs from `end` for `|+` only. */
  readonly after: number;
  /** True if an alias names this node: an edit inside it would show in several places. */
  readonly aliased: boolean;
  readonly anchor?: string;
  /** Explicit tag as written; `!!map` and `!!seq` on their own kind are left out. */
  readonly tag?: string;
}

export type ScalarStyle = 'plain' | 'single-quoted' | 'double-quoted' | 'literal' | 'folded';

export interface YamlScalar extends NodeBase {
  readonly kind: 'scalar';
  readonly style: ScalarStyle;
  /** Decoded text: escapes and folding resolved. */
  readonly text: string;
}

export interface YamlSequence extends NodeBase {
  readonly kind: 'sequence';
  readonly flow: boolean;
  readonly items: readonly YamlNode[];
}

export interface YamlMapping extends NodeBase {
  readonly kind: 'mapping';
  readonly flow: boolean;
  /** All entries in order of the text, duplicate and merge keys included. */
  readonly entries: readonly YamlEntry[];
}

export interface YamlEntry {
  readonly key: YamlNode;
  readonly value: YamlNode;
}

export interface YamlAlias extends NodeBase {
  readonly kind: 'alias';
  readonly target: YamlContent;
}

export type YamlContent = YamlScalar | YamlSequence | YamlMapping;
export type YamlNode = YamlContent | YamlAlias;

/** The node itself, or what an alias stands for. */
export function contentOf(node: YamlNode): YamlContent {
  return node.kind === 'alias' ? node.target : node;
}

/** What of a key tells its text. */
type KeyNode =
  | Pick<YamlScalar, 'kind' | 'text' | 'tag'>
  | { readonly kind: 'sequence' | 'mapping' }
  | { readonly kind: 'alias'; readonly target: KeyNode };

/** Text of a scalar key; undefined for a collection or a key with a tag other than `!!str`. */
export function keyText({ key }: { readonly key: KeyNode }): string | undefined {
  if (key.kind === 'alias') return keyText({ key: key.target });
  if (key.kind !== 'scalar') return undefined;
  return key.tag === undefined || key.tag === '!!str' ? key.text : undefined;
}

/** True for `<<`, unquoted. */
export function isMergeKey({ key }: YamlEntry): boolean {
  return key.kind === 'scalar' && key.style === 'plain' && key.text === '<<';
}

/** The last entry with this key: of duplicate keys the last one counts, for kubectl and for the reference. */
export function findEntry(mapping: YamlMapping, key: string): YamlEntry | undefined {
  return mapping.entries.findLast((entry) => keyText(entry) === key);
}

/** Value behind a key of a mapping, aliases resolved; undefined if the node is no mapping or lacks the key. */
export function childOf(node: YamlNode | undefined, key: string): YamlContent | undefined {
  const content = node === undefined ? undefined : contentOf(node);
  if (content?.kind !== 'mapping') return undefined;
  const entry = findEntry(content, key);
  return entry === undefined ? undefined : contentOf(entry.value);
}

/** True for an empty plain scalar, `~` and `null`: no content for kubectl and for the reference. */
export function isNull(node: YamlNode): boolean {
  const content = contentOf(node);
  if (content.kind !== 'scalar' || content.style !== 'plain') return false;
  const { tag, text } = content;
  if (tag !== undefined && tag !== '!!null') return false;
  return text === '~' || text === 'null' || (text === '' && tag === undefined);
}
