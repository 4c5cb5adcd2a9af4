/** Takes entries out of a mapping of a YAML text, as splices. */
import { breakAt, endOfLine, skipBlanks, startOfLine, startsComment } from './blank.js';
import { behindColon, type FoundMapping, findMapping, ownEntry, type YamlPath } from './edit.js';
import type { YamlEntry, YamlMapping } from './node.js';
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
  if (gone.length === mapping.entries.length) return [clearMapping(found)];
  return mapping.flow
    ? removeFromFlow(mapping, gone)
    : gone.map((entry) => removeLines(found.text, mapping, entry));
}

/** Leaves `{}` where the mapping was. */
function clearMapping({ text, mapping, entry }: FoundMapping): Splice {
  if (mapping.flow) return { start: mapping.start + 1, end: mapping.end - 1, text: '' };
  const colon = entry === undefined ? undefined : behindColon(text, entry);
  const between = colon === undefined ? '#' : text.slice(colon, mapping.start);
  if (colon === undefined || /[^ \t\r\n]/.test(between)) {
    throw new NotEditable('something stands between its key and its only entry', mapping.start);
  }
  return { start: colon, end: endOfEntry(text, mapping.after), text: ' {}' };
}

/** The lines of an entry of a block mapping, with the line break behind them. */
function removeLines(text: string, mapping: YamlMapping, entry: YamlEntry): Splice {
  const start = startOfLine(text, entry.key.start);
  if (text.slice(start, entry.key.start).trim() !== '') {
    throw new NotEditable('its entry shares its line with something before it', entry.key.start);
  }
  const { after } = entry.value;
  const end = endOfEntry(text, after);
  const lineBreak = breakAt(text, end);
  if (end === after && startOfLine(text, after) === after) return { start, end, text: '' };
  if (lineBreak !== '') return { start, end: end + lineBreak.length, text: '' };
  // The last line of the text has no break: the one before it goes.
  const isFirst = mapping.entries.indexOf(entry) === 0;
  return { start: isFirst ? start : breakBefore(text, start), end, text: '' };
}

function breakBefore(text: string, lineStart: number): number {
  const isPair = text[lineStart - 1] === '\n' && text[lineStart - 2] === '\r';
  return lineStart - (isPair ? 2 : 1);
}

/** End of the line on which an entry ends, a comment behind it included. */
function endOfEntry(text: string, after: number): number {
  if (startOfLine(text, after) === after) return after;
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
