/**
 * Changes inside a YAML text as splices: the text around them stays as it is, comments, quotes, order and line endings
 * included. Sets texts in a mapping that stands at a path and makes what is missing on the way.
 */
import { breakAt, endOfLine, isBreak, skipBlanks, startOfLine, startsComment } from './blank.js';
import { insertIntoFlow, printFlow } from './edit-flow.js';
import {
  contentOf,
  isMergeKey,
  isNull,
  keyText,
  type YamlDocument,
  type YamlEntry,
  type YamlMapping,
  type YamlNode,
  type YamlScalar,
} from './node.js';
import { readAsKubectl, readAsReference } from './scalar.js';
import { type NewEntry, NotEditable, printKey, printText, type Splice } from './splice.js';

/** Address of a node: keys and indexes from the root of a document. */
export type YamlPath = readonly (string | number)[];

/** Where the wanted mapping, or the last node on the way to it, stands. */
interface Spot {
  readonly text: string;
  /** Mappings from the root on, the innermost last. */
  readonly parents: readonly YamlMapping[];
  /** The entry whose value `node` is. */
  readonly entry: YamlEntry | undefined;
  readonly node: YamlNode;
  /** Keys that are missing below `node`. */
  readonly missing: readonly string[];
}

const INDENT_SPACES = 2;

/**
 * Splices that give the mapping at `path` these texts. Throws NotEditable where the change would show elsewhere
 * (aliases), or where two keys or a merge leave open what counts.
 */
export function planTexts(
  document: YamlDocument,
  path: YamlPath,
  texts: readonly (readonly [string, string])[],
): readonly Splice[] {
  const spot = findSpot(document, path);
  const { node, missing } = spot;
  const entries = nest(missing, texts);
  if (isVoid(node)) return fill(spot, entries);
  const content = contentOf(node);
  if (content.kind !== 'mapping') throw new NotEditable('it is not a mapping', node.start);
  if (missing.length > 0) return insert(spot, content, entries);
  const replaced = texts.flatMap(([key, text]) => {
    const entry = ownEntry(content, key);
    return entry === undefined ? [] : [replaceValue(spot.text, content, entry, text)];
  });
  const added = texts.filter(([key]) => ownEntry(content, key) === undefined);
  return [...replaced.flat(), ...(added.length === 0 ? [] : insert(spot, content, added))];
}

/** The mapping at `path` if it is there in full; undefined if a part is missing. Throws NotEditable as planTexts. */
export function findMapping(document: YamlDocument, path: YamlPath): FoundMapping | undefined {
  const { text, node, missing, entry } = findSpot(document, path);
  const content = contentOf(node);
  if (missing.length > 0 || content.kind !== 'mapping') return undefined;
  return { text, mapping: content, entry };
}

export interface FoundMapping {
  readonly text: string;
  readonly mapping: YamlMapping;
  /** The entry whose value the mapping is; undefined for a root. */
  readonly entry: YamlEntry | undefined;
}

/** The one entry with this key. Throws NotEditable if there are two. */
export function ownEntry(mapping: YamlMapping, key: string): YamlEntry | undefined {
  const [entry, second] = mapping.entries.filter((candidate) => keyText(candidate) === key);
  if (second !== undefined) throw new NotEditable(`${key} stands there twice`, second.key.start);
  return entry;
}

function findSpot(document: YamlDocument, path: YamlPath): Spot {
  const { text } = document.source;
  const parents: YamlMapping[] = [];
  let node: YamlNode = document.root;
  let entry: YamlEntry | undefined;
  for (const [depth, step] of path.entries()) {
    const content = editable(node);
    if (isVoid(node)) return { text, parents, entry, node, missing: keysFrom(path, depth) };
    if (typeof step === 'number') {
      const item = content.kind === 'sequence' ? content.items[step] : undefined;
      if (item === undefined) throw new NotEditable(`it has no element ${step}`, node.start);
      node = item;
      entry = undefined;
      continue;
    }
    if (content.kind !== 'mapping') throw new NotEditable('it is not a mapping', node.start);
    const found: YamlEntry | undefined = ownEntry(content, step);
    if (found === undefined) {
      refuseMerge(content, step);
      return { text, parents, entry, node, missing: keysFrom(path, depth) };
    }
    parents.push(content);
    entry = found;
    node = found.value;
  }
  editable(node);
  return { text, parents, entry, node, missing: [] };
}

function editable(node: YamlNode) {
  if (node.kind === 'alias') {
    throw new NotEditable('it is an alias: the change would show where the anchor is', node.start);
  }
  if (node.aliased) {
    throw new NotEditable('an alias shows it elsewhere too', node.start);
  }
  return node;
}

function refuseMerge(mapping: YamlMapping, key: string): void {
  const merge = mapping.entries.find(isMergeKey);
  if (merge === undefined) return;
  throw new NotEditable(`${key} may come from the merge key <<`, merge.key.start);
}

function keysFrom(path: YamlPath, depth: number): readonly string[] {
  return path.slice(depth).map((step) => {
    if (typeof step === 'string') return step;
    throw new NotEditable(`it has no element ${step}`, 0);
  });
}

function nest(keys: readonly string[], entries: readonly NewEntry[]): readonly NewEntry[] {
  return keys.reduceRight<readonly NewEntry[]>((inner, key) => [[key, inner]], entries);
}

/** Null, or an empty flow mapping: what is put there takes its place. */
function isVoid(node: YamlNode): boolean {
  if (isNull(node)) return node.kind !== 'scalar' || node.tag === undefined;
  return node.kind === 'mapping' && node.flow && node.entries.length === 0;
}

/** Puts entries where nothing stood: on lines of their own below a block key, else in braces. */
function fill(spot: Spot, entries: readonly NewEntry[]): readonly Splice[] {
  const { text, parents, entry, node } = spot;
  const parent = parents.at(-1);
  const colon = entry === undefined ? undefined : behindColon(text, entry);
  if (parent === undefined || entry === undefined) {
    throw new NotEditable('there is no key before it', node.start);
  }
  const between = colon === undefined ? undefined : text.slice(colon, node.end);
  const plain = node.anchor === undefined && node.tag === undefined;
  const ownLines = !parent.flow && plain && between !== undefined && !/[\r\n#]/.test(between);
  if (ownLines && colon !== undefined) {
    const indent = columnOf(text, parent) + unitOf(text, parents);
    const end = endOfLine(text, node.end);
    const lines = printBlock(entries, {
      indent,
      unit: unitOf(text, parents),
      eol: eolOf(text, end),
    });
    return [
      { start: colon, end: node.end, text: '' },
      { start: end, end, text: `${eolOf(text, end)}${lines}` },
    ];
  }
  if (node.kind === 'mapping') return insertIntoFlow(text, node, entries, parents);
  const braces = printFlow(entries, parents);
  if (node.end > node.start) return [{ start: node.start, end: node.end, text: braces }];
  return [{ start: node.start, end: node.start, text: `${leadIn(text, node, parent)}${braces}` }];
}

function insert(spot: Spot, mapping: YamlMapping, entries: readonly NewEntry[]): readonly Splice[] {
  const { text, parents } = spot;
  if (mapping.flow) return insertIntoFlow(text, mapping, entries, parents);
  const place = mapping.after;
  const atLineStart = place > mapping.end && startOfLine(text, place) === place;
  const end = atLineStart ? place : endOfLine(text, place);
  refuseContent(text, place, end);
  const eol = eolOf(text, atLineStart ? Math.max(0, place - 1) : end);
  const all = [...parents, mapping];
  const layout = { indent: columnOf(text, mapping), unit: unitOf(text, all), eol };
  const lines = printBlock(entries, layout);
  return [{ start: end, end, text: atLineStart ? `${lines}${eol}` : `${eol}${lines}` }];
}

/** Behind the last entry of a block mapping only blanks and a comment stand on the line. */
function refuseContent(text: string, from: number, to: number): void {
  const next = skipBlanks(text, from);
  if (next >= to || startsComment(text, next)) return;
  throw new NotEditable('something follows it on its line', next);
}

function replaceValue(
  text: string,
  mapping: YamlMapping,
  entry: YamlEntry,
  value: string,
): readonly Splice[] {
  const { value: node } = entry;
  const quoted = printText(value);
  if (node.kind === 'alias') return [{ start: node.start, end: node.end, text: quoted }];
  if (node.kind !== 'scalar') throw new NotEditable('its value is not text', node.start);
  if (node.aliased) throw new NotEditable('an alias shows its value elsewhere too', node.start);
  if (node.tag !== undefined && node.tag !== '!!str') {
    throw new NotEditable(`its value has the tag ${node.tag}`, node.start);
  }
  if (readAsKubectl(node) === value && readAsReference(node) === value) return [];
  if (node.end === node.start) {
    return [
      { start: node.start, end: node.start, text: `${leadIn(text, node, mapping)}${quoted}` },
    ];
  }
  if (node.style === 'literal' || node.style === 'folded') return replaceBlock(text, node, quoted);
  return [{ start: node.start, end: node.end, text: quoted }];
}

/** The indicator gives way to the value, the lines below it go; a comment behind the indicator stays. */
function replaceBlock(text: string, node: YamlScalar, quoted: string): readonly Splice[] {
  const indicator = /^[|>][0-9+-]*/.exec(text.slice(node.start, node.start + 3))?.[0] ?? '';
  const headerEnd = endOfLine(text, node.start);
  return [
    { start: node.start, end: node.start + indicator.length, text: quoted },
    { start: headerEnd, end: node.end, text: '' },
  ];
}

/** What must stand between the key, or the properties, and a value where none was. */
function leadIn(text: string, node: YamlNode, mapping: YamlMapping): string {
  if (text[node.start - 1] === ':' || node.anchor !== undefined || node.tag !== undefined)
    return ' ';
  if (!mapping.flow)
    throw new NotEditable('its key is written with ? and has no colon', node.start);
  return ': ';
}

/** Offset behind the colon of a key; undefined for a key without one, or with one on another line. */
export function behindColon(text: string, entry: YamlEntry): number | undefined {
  const next = skipBlanks(text, entry.key.end);
  return text[next] === ':' ? next + 1 : undefined;
}

interface Layout {
  readonly indent: number;
  readonly unit: number;
  readonly eol: string;
}

/** Lines without a break at the end. */
function printBlock(entries: readonly NewEntry[], layout: Layout): string {
  const { indent, unit, eol } = layout;
  const lines = entries.map(([key, value]) => {
    const start = `${' '.repeat(indent)}${printKey(key)}:`;
    if (typeof value === 'string') return `${start} ${printText(value)}`;
    return `${start}${eol}${printBlock(value, { indent: indent + unit, unit, eol })}`;
  });
  return lines.join(eol);
}

function columnOf(text: string, mapping: YamlMapping): number {
  return mapping.start - startOfLine(text, mapping.start);
}

/** Indentation of a level: that of the innermost block mapping against the one that it is a value of. */
function unitOf(text: string, mappings: readonly YamlMapping[]): number {
  const steps = mappings.map((mapping, index) => {
    const parent = mappings[index - 1];
    const isChild = parent?.entries.some(({ value }) => value === mapping) === true;
    if (!isChild || parent === undefined || parent.flow || mapping.flow) return 0;
    return columnOf(text, mapping) - columnOf(text, parent);
  });
  return steps.findLast((step) => step > 0) ?? INDENT_SPACES;
}

/** The line ending at an offset, else the first of the text, else LF. */
function eolOf(text: string, offset: number): string {
  if (isBreak(text, offset)) return breakAt(text, offset);
  const first = endOfLine(text, 0);
  return breakAt(text, first) || '\n';
}
