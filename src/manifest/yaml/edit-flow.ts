/** New entries in flow mappings (`{a: b}`, JSON): written as the entries beside them are. */
import {
  breakAt,
  endOfLine,
  skipBlanks,
  skipToContent,
  startOfLine,
  startsComment,
} from './blank.js';
import type { YamlEntry, YamlMapping } from './node.js';
import { type NewEntry, printKey, printText, type Splice } from './splice.js';

/** How a flow mapping is written. */
interface FlowStyle {
  /** Keys in quotes, as JSON wants them. */
  readonly quotedKeys: boolean;
  /** Behind colons and commas: a space, or nothing in compact JSON. */
  readonly gap: string;
}

/** Entries in braces, for a place inside `parents`. */
export function printFlow(entries: readonly NewEntry[], parents: readonly YamlMapping[]): string {
  return printBraces(entries, styleOf(parents));
}

/** Adds entries at the end of a flow mapping, each on a line of its own if the last one begins a line. */
export function insertIntoFlow(
  text: string,
  mapping: YamlMapping,
  entries: readonly NewEntry[],
  parents: readonly YamlMapping[],
): readonly Splice[] {
  const style = styleOf([...parents, mapping]);
  const last = mapping.entries.at(-1);
  if (last === undefined) {
    const start = mapping.start + 1;
    const blank = skipBlanks(text, start);
    const inside = printEntries(entries, style).join(`,${style.gap}`);
    return [{ start, end: text[blank] === '}' ? blank : start, text: inside }];
  }
  const { place, hasComma, needsBlank } = endOfEntries(text, mapping, last);
  const comma = `${needsBlank ? ' ' : ''}${hasComma ? '' : ','}`;
  const printed = printEntries(entries, style);
  const lineStart = startOfLine(text, last.key.start);
  const indent = text.slice(lineStart, last.key.start);
  if (lineStart <= mapping.start || indent.trim() !== '') {
    const added = printed.map((entry) => `${style.gap}${entry}`).join(',');
    return [{ start: place, end: place, text: `${comma}${added}` }];
  }
  const eol = breakAt(text, endOfLine(text, mapping.start));
  const lines = printed.map((entry) => `${eol}${indent}${entry}`).join(',');
  const next = skipBlanks(text, place);
  const end = startsComment(text, next) ? endOfLine(text, next) : place;
  return [
    { start: place, end: place, text: comma },
    { start: end, end, text: lines },
  ];
}

interface EndOfEntries {
  /** Behind the last entry and the comma that may follow it. */
  readonly place: number;
  readonly hasComma: boolean;
  /** The last value is empty: a comma right behind its colon would belong to the key for some readers. */
  readonly needsBlank: boolean;
}

function endOfEntries(text: string, mapping: YamlMapping, last: YamlEntry): EndOfEntries {
  let place = last.value.end;
  let next = skipToContent(text, place);
  while (next < mapping.end - 1) {
    place = next + 1;
    next = skipToContent(text, place);
  }
  const before = text[place - 1];
  const isEmpty = last.value.start === last.value.end;
  return {
    place,
    hasComma: before === ',' && place > last.value.end,
    needsBlank: isEmpty && before === ':',
  };
}

function styleOf(mappings: readonly YamlMapping[]): FlowStyle {
  const model = mappings.findLast((mapping) => mapping.flow && mapping.entries.length > 0);
  const entry = model?.entries.at(-1);
  if (entry === undefined) return { quotedKeys: false, gap: ' ' };
  const { key, value } = entry;
  const quotedKeys = key.kind === 'scalar' && key.style === 'double-quoted';
  return { quotedKeys, gap: quotedKeys && value.start === key.end + 1 ? '' : ' ' };
}

function printEntries(entries: readonly NewEntry[], style: FlowStyle): readonly string[] {
  return entries.map(([key, value]) => {
    const name = style.quotedKeys ? printText(key) : printKey(key);
    const content = typeof value === 'string' ? printText(value) : printBraces(value, style);
    return `${name}:${style.gap}${content}`;
  });
}

function printBraces(entries: readonly NewEntry[], style: FlowStyle): string {
  return `{${printEntries(entries, style).join(`,${style.gap}`)}}`;
}
