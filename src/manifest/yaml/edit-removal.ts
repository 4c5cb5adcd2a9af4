/** Takes entries out of a mapping of a YAML text, as splices. */
import { breakAt, endOfLine, isBreak, skipBlanks, startOfLine, startsComment } from './blank.js';
import { behindColon, type FoundMapping, findMapping, ownEntry, type YamlPath } from './edit.js';
import type { YamlDocument, YamlEntry, YamlMapping } from './node.js';
import { NotEditable, type Splice } from './splice.js';

/** Splices that remove these keys from the mapping at `path`; none for what is not there. Throws NotEditable. */
export function planRemoval(
  document: YamlDocument,
  path: YamlPath,
  keys: readonly string[],
): readonly Splice[] {
  const found = findMapping(document, path);
  if (found === undefined) return [];
  const { mapping } = found;
  const gone = keys.map((key) => ownEntry(mapping, key)).filter((entry) => entry !== undefined);
  if (gone.length === 0) return [];
  const marked = gone.find(({ key }) => key.anchor !== undefined || key.tag !== undefined);
  if (marked !== undefined) throw new NotEditable('its key has an anchor or tag', marked.key.start);
  const isCleared = gone.length === mapping.entries.length;
  if (mapping.flow) {
    return isCleared ? [insideOf(mapping)] : removeFromFlow(mapping, gone);
  }
  const lines = joinNeighbours(gone.map((entry) => removeLines(found.text, entry)));
  for (const { start, end } of lines) refuseTakenLines(found, start, end);
  const removals = lines.map((splice) => withoutOpenEnd(found.text, splice));
  return [...(isCleared ? [leaveBraces(found)] : []), ...removals];
}

function insideOf(mapping: YamlMapping): Splice {
  return { start: mapping.start + 1, end: mapping.end - 1, text: '' };
}

/** `{}` behind the key of a mapping that loses all its lines. */
function leaveBraces({ text, mapping, entry }: FoundMapping): Splice {
  const colon = entry === undefined ? undefined : behindColon(text, entry);
  if (colon === undefined || mapping.anchor !== undefined || mapping.tag !== undefined) {
    throw new NotEditable('nothing would be left of it', mapping.start);
  }
  return { start: colon, end: colon, text: ' {}' };
}

/** The lines of an entry of a block mapping, with the line break behind them. */
function removeLines(text: string, entry: YamlEntry): Splice {
  const start = startOfLine(text, entry.key.start);
  if (skipExplicitMark(text, start) !== entry.key.start) {
    throw new NotEditable('its entry shares its line with something before it', entry.key.start);
  }
  const { after } = entry.value;
  if (startOfLine(text, after) === after) return { start, end: after, text: '' };
  const end = endOfEntry(text, after);
  return { start, end: end + breakAt(text, end).length, text: '' };
}

/** Offset of the key on a line: behind blanks and the `? ` of an explicit key. */
function skipExplicitMark(text: string, lineStart: number): number {
  const next = skipBlanks(text, lineStart);
  return text[next] === '?' ? skipBlanks(text, next + 1) : next;
}

function joinNeighbours(splices: readonly Splice[]): readonly Splice[] {
  const joined: Splice[] = [];
  for (const splice of splices.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last === undefined || last.end < splice.start) joined.push(splice);
    else joined[joined.length - 1] = { ...last, end: splice.end };
  }
  return joined;
}

/** A block that keeps its line breaks would take the empty lines behind the removed ones for its own. */
function refuseTakenLines({ text, mapping }: FoundMapping, start: number, end: number): void {
  const before = mapping.entries.findLast(({ value }) => value.end < start)?.value;
  if (before === undefined || before.after === before.end) return;
  if (!isBreak(text, skipBlanks(text, end))) return;
  throw new NotEditable('the text before it would grow by the empty lines behind it', start);
}

/** At the end of a text without a line break there, the break before the removed lines goes instead. */
function withoutOpenEnd(text: string, splice: Splice): Splice {
  if (splice.end < text.length || isBreak(text, splice.end - 1)) return splice;
  const isPair = text.startsWith('\r\n', splice.start - 2);
  return { ...splice, start: splice.start - (isPair ? 2 : 1) };
}

/** End of the line on which an entry ends, a comment behind it included. */
function endOfEntry(text: string, after: number): number {
  const end = endOfLine(text, after);
  const next = skipBlanks(text, after);
  if (next < end && !startsComment(text, next)) {
    throw new NotEditable('something follows it on its line', next);
  }
  return end;
}

/** Runs of entries with the comma before them; a run at the start with the comma behind it. */
function removeFromFlow(mapping: YamlMapping, gone: readonly YamlEntry[]): readonly Splice[] {
  const { entries } = mapping;
  const splices: Splice[] = [];
  for (let first = 0; first < entries.length; first++) {
    let behind = first;
    while (behind < entries.length && gone.includes(entries[behind]!)) behind += 1;
    if (behind === first) continue;
    const last = entries[behind - 1]!;
    const start = first === 0 ? entries[0]!.key.start : entries[first - 1]!.value.end;
    const end = first === 0 ? entries[behind]!.key.start : last.value.end;
    splices.push({ start, end, text: '' });
    first = behind;
  }
  return splices;
}
