/** Events of js-yaml -> node trees: end offsets, aliases bound to their targets, limits on aliases and nodes. */
import {
  type AliasEvent,
  COLLECTION_STYLE,
  EVENT_ID,
  type Event,
  getScalarValue,
  type MappingEvent,
  SCALAR_STYLE,
  type ScalarEvent,
  type SequenceEvent,
} from 'js-yaml';
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import { locate, type NamedText } from '../../core/locate.js';
import { withoutAbsent } from '../../core/record.js';
import { endOfLine, skipToContent, startOfLine } from './blank.js';
import type { ScalarStyle, YamlContent, YamlDocument, YamlEntry, YamlNode } from './node.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type CollectionEvent = SequenceEvent | MappingEvent;

interface Frame {
  readonly event: CollectionEvent;
  readonly node: Mutable<YamlContent>;
  readonly items: YamlNode[];
  readonly entries: YamlEntry[];
  key?: YamlNode;
  /** Nodes inside, aliases expanded. */
  size: number;
}

interface Anchor {
  readonly node: Mutable<YamlContent>;
  /** Undefined while the node is still open. */
  size?: number;
}

interface Builder {
  readonly source: NamedText;
  readonly documents: YamlDocument[];
  readonly frames: Frame[];
  anchors: Map<string, Anchor>;
  root: YamlNode | undefined;
  /** End of the last token that was read. */
  cursor: number;
  aliases: number;
  nodes: number;
}

const STYLES: Readonly<Record<number, ScalarStyle>> = {
  [SCALAR_STYLE.PLAIN]: 'plain',
  [SCALAR_STYLE.SINGLE_QUOTED]: 'single-quoted',
  [SCALAR_STYLE.DOUBLE_QUOTED]: 'double-quoted',
  [SCALAR_STYLE.LITERAL_BLOCK]: 'literal',
  [SCALAR_STYLE.FOLDED_BLOCK]: 'folded',
};
const ABSENT = -1;
/** Tags that say what a collection is anyway. */
const OWN_TAGS: Readonly<Record<number, string>> = {
  [EVENT_ID.SEQUENCE]: '!!seq',
  [EVENT_ID.MAPPING]: '!!map',
};
const ESCAPE = /\\(?:U([0-9a-fA-F]{8})|[\s\S])/g;
const LAST_CHARACTER = 0x10ffff;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** The documents that the events describe. Throws MANIFEST_SYNTAX and LIMIT_EXCEEDED. */
export function buildTree(events: readonly Event[], source: NamedText): readonly YamlDocument[] {
  const builder: Builder = {
    source,
    documents: [],
    frames: [],
    anchors: new Map(),
    root: undefined,
    cursor: 0,
    aliases: 0,
    nodes: 0,
  };
  for (const event of events) addEvent(builder, event);
  return builder.documents;
}

function addEvent(builder: Builder, event: Event): void {
  switch (event.type) {
    case EVENT_ID.DOCUMENT:
      builder.anchors = new Map();
      builder.root = undefined;
      break;
    case EVENT_ID.SEQUENCE:
    case EVENT_ID.MAPPING:
      openCollection(builder, event);
      break;
    case EVENT_ID.SCALAR:
      addScalar(builder, event);
      break;
    case EVENT_ID.ALIAS:
      addAlias(builder, event);
      break;
    case EVENT_ID.POP:
      if (builder.frames.length > 0) closeCollection(builder);
      else closeDocument(builder);
      break;
  }
}

function closeDocument(builder: Builder): void {
  const { root, source, documents } = builder;
  if (root === undefined) throw new ToolError('INTERNAL', 'a YAML document without a node');
  documents.push({ source, index: documents.length, root });
}

function openCollection(builder: Builder, event: CollectionEvent): void {
  if (builder.frames.length >= LIMITS.yamlDepth) {
    throw new ToolError('LIMIT_EXCEEDED', `${builder.source.file} is nested too deeply`, {
      where: locate(builder.source, event.start),
      want: `at most ${LIMITS.yamlDepth} levels`,
    });
  }
  const items: YamlNode[] = [];
  const entries: YamlEntry[] = [];
  const shared = {
    ...properties(builder, event),
    flow: event.style === COLLECTION_STYLE.FLOW,
    start: event.start,
    end: event.start,
    after: event.start,
    aliased: false,
  };
  const node: Mutable<YamlContent> =
    event.type === EVENT_ID.SEQUENCE
      ? { kind: 'sequence', ...shared, items }
      : { kind: 'mapping', ...shared, entries };
  const opened = opensBracket(builder.source.text, event) ? event.start + 1 : event.start;
  builder.cursor = Math.max(builder.cursor, opened);
  builder.frames.push({ event, node, items, entries, size: 0 });
  if (node.anchor !== undefined) builder.anchors.set(node.anchor, { node });
}

function closeCollection(builder: Builder): void {
  const { event, node, items, entries, size } = builder.frames.pop()!;
  const last = items.at(-1) ?? entries.at(-1)?.value;
  // The pair `[{a: 1}: b]` starts where its key does; the bracket is the key's.
  const isPair = entries[0]?.key.start === event.start;
  if (opensBracket(builder.source.text, event) && !isPair) {
    node.end = endOfFlow(builder);
    node.after = node.end;
  } else {
    node.end = last?.end ?? builder.cursor;
    node.after = last?.after ?? node.end;
  }
  builder.cursor = Math.max(builder.cursor, node.end);
  const anchor = node.anchor === undefined ? undefined : builder.anchors.get(node.anchor);
  if (anchor?.node === node) anchor.size = size + 1;
  addNode(builder, node, size + 1);
}

/** A block collection, or the single pair `[a: b]`, has no bracket of its own. */
function opensBracket(text: string, event: CollectionEvent): boolean {
  if (event.style !== COLLECTION_STYLE.FLOW) return false;
  return text[event.start] === '[' || text[event.start] === '{';
}

/** Offset behind the closing bracket: only commas, colons, question marks and blanks stand before it. */
function endOfFlow(builder: Builder): number {
  const { text } = builder.source;
  let offset = skipToContent(text, builder.cursor);
  while (text[offset] !== ']' && text[offset] !== '}') {
    if (offset >= text.length) throw new ToolError('INTERNAL', 'a flow collection without end');
    offset = skipToContent(text, offset + 1);
  }
  return offset + 1;
}

function addScalar(builder: Builder, event: ScalarEvent): void {
  const { source } = builder;
  const style = STYLES[event.style] ?? 'plain';
  const extent = extentOf(builder, event, style);
  const text = getScalarValue(source.text, event);
  if (style === 'double-quoted' && !event.fast) refuseBadEscapes(source, event);
  if (LONE_SURROGATE.test(text)) {
    throw new ToolError('MANIFEST_SYNTAX', `${source.file} holds half a surrogate pair`, {
      where: locate(source, extent.start),
    });
  }
  const node: Mutable<YamlContent> = {
    kind: 'scalar',
    style,
    text,
    start: extent.start,
    end: extent.end,
    after: extent.after,
    aliased: false,
    ...properties(builder, event),
  };
  builder.cursor = Math.max(builder.cursor, node.after);
  if (node.anchor !== undefined) builder.anchors.set(node.anchor, { node, size: 1 });
  addNode(builder, node, 1);
}

function refuseBadEscapes(source: NamedText, event: ScalarEvent): void {
  const raw = source.text.slice(event.valueStart, event.valueEnd);
  for (const match of raw.matchAll(ESCAPE)) {
    if (match[1] === undefined || Number.parseInt(match[1], 16) <= LAST_CHARACTER) continue;
    throw new ToolError('MANIFEST_SYNTAX', `${source.file} holds an escape of no character`, {
      where: locate(source, event.valueStart + match.index),
      got: match[0],
    });
  }
}

interface Extent {
  readonly start: number;
  readonly end: number;
  readonly after: number;
}

function extentOf(builder: Builder, event: ScalarEvent, style: ScalarStyle): Extent {
  const { text } = builder.source;
  const floor = Math.max(builder.cursor, event.anchorEnd, event.tagEnd);
  if (event.valueStart === ABSENT) {
    const start = floor > builder.cursor ? floor : placeOfEmpty(builder);
    return { start, end: start, after: start };
  }
  if (style === 'literal' || style === 'folded') return extentOfBlock(text, event, floor);
  const quote = style === 'plain' ? 0 : 1;
  const end = event.valueEnd + quote;
  return { start: event.valueStart - quote, end, after: end };
}

/** Where an empty scalar without properties stands: behind its dash, its colon, or the mark of its key. */
function placeOfEmpty(builder: Builder): number {
  const { cursor } = builder;
  const frame = builder.frames.at(-1);
  if (frame === undefined) return cursor;
  const { text } = builder.source;
  const next = skipToContent(text, cursor);
  const isKey = frame.key === undefined;
  const mark = frame.node.kind === 'sequence' ? '-' : isKey ? '?' : ':';
  return text[next] === mark ? next + 1 : cursor;
}

/** The block from its `|` or `>` to the end of its last line with text; `after` knows the lines that `+` keeps. */
function extentOfBlock(text: string, event: ScalarEvent, floor: number): Extent {
  let start = skipToContent(text, floor);
  while (text[start] !== '|' && text[start] !== '>') {
    if (start >= event.valueStart) throw new ToolError('INTERNAL', 'a block scalar without header');
    const directive = text[start] === '%' && startOfLine(text, start) === start;
    start = skipToContent(text, directive ? endOfLine(text, start) : start + 1);
  }
  const end = endOfBlockText(text, event, endOfLine(text, start));
  const keeps = /^[|>][1-9]?\+/.test(text.slice(start, start + 3));
  return { start, end, after: keeps ? Math.max(event.valueEnd, end) : end };
}

/** End of the last line of a block that is not empty: one that has more than the indentation. */
function endOfBlockText(text: string, event: ScalarEvent, headerEnd: number): number {
  let next = event.valueEnd;
  while (next > event.valueStart) {
    const isBehindBreak = startOfLine(text, next) === next;
    const lineEnd = isBehindBreak ? next - (text.startsWith('\r\n', next - 2) ? 2 : 1) : next;
    const lineStart = startOfLine(text, lineEnd);
    const line = text.slice(lineStart, lineEnd);
    if (event.indent >= 0 && (line.length > event.indent || /[^ ]/.test(line))) return lineEnd;
    next = lineStart;
  }
  return headerEnd;
}

function addAlias(builder: Builder, event: AliasEvent): void {
  const { source } = builder;
  const name = source.text.slice(event.anchorStart, event.anchorEnd);
  const where = locate(source, event.anchorStart);
  builder.aliases += 1;
  if (builder.aliases > LIMITS.yamlAliases) {
    throw new ToolError('LIMIT_EXCEEDED', `${source.file} has too many aliases`, {
      where,
      want: `at most ${LIMITS.yamlAliases}`,
    });
  }
  const anchor = builder.anchors.get(name);
  if (anchor === undefined) {
    throw new ToolError('MANIFEST_SYNTAX', `${source.file} has no anchor for *${name}`, {
      where,
      hints: [`an anchor stands before its aliases, in the same document: &${name}`],
    });
  }
  if (anchor.size === undefined) {
    throw new ToolError('MANIFEST_SYNTAX', `*${name} stands inside the node that it names`, {
      where,
    });
  }
  anchor.node.aliased = true;
  const start = event.anchorStart - 1;
  const end = event.anchorEnd;
  builder.cursor = end;
  const target: YamlContent = anchor.node;
  addNode(builder, { kind: 'alias', target, start, end, after: end, aliased: false }, anchor.size);
}

function addNode(builder: Builder, node: YamlNode, size: number): void {
  builder.nodes += node.kind === 'alias' ? size : 1;
  if (builder.nodes > LIMITS.yamlNodes || size > LIMITS.yamlNodes) {
    throw new ToolError('LIMIT_EXCEEDED', `${builder.source.file} has too many nodes`, {
      where: locate(builder.source, node.start),
      want: `at most ${LIMITS.yamlNodes} with aliases expanded`,
      hints: ['split the file'],
    });
  }
  const frame = builder.frames.at(-1);
  if (frame === undefined) {
    builder.root = node;
    return;
  }
  frame.size += size;
  if (frame.node.kind === 'sequence') frame.items.push(node);
  else if (frame.key === undefined) frame.key = node;
  else {
    frame.entries.push({ key: frame.key, value: node });
    delete frame.key;
  }
}

interface Properties {
  readonly anchor?: string;
  readonly tag?: string;
}

const NO_PROPERTIES: Properties = {};

function properties(builder: Builder, event: ScalarEvent | CollectionEvent): Properties {
  if (event.tagStart === ABSENT && event.anchorStart === ABSENT) return NO_PROPERTIES;
  const { text } = builder.source;
  const written = event.tagStart === ABSENT ? undefined : text.slice(event.tagStart, event.tagEnd);
  const { anchorStart, anchorEnd } = event;
  return withoutAbsent({
    anchor: anchorStart === ABSENT ? undefined : text.slice(anchorStart, anchorEnd),
    tag: written === OWN_TAGS[event.type] ? undefined : written,
  });
}
