/** How an object of a JSON text is laid out, and how a member is added to it in the same way. */
import type { JsonMap, JsonMember } from '../../core/json-tree.js';
import type { TextEdit } from './inject.js';

/** The layout of the members of an object. */
export interface ObjectStyle {
  /** Line end and indentation in front of a member; empty where members stand on one line. */
  readonly before: string;
  /** The same in front of the closing brace. */
  readonly beforeEnd: string;
  /** One level of indentation. */
  readonly unit: string;
  /** Between key and value: `: `. */
  readonly colon: string;
  /** Between members on one line: `, `. */
  readonly comma: string;
}

/**
 * Edits that add a member behind the last one of an object. `print` gives the text of the value, for the style of the
 * object's members.
 */
export function insertMember(
  text: string,
  object: JsonMap,
  key: string,
  print: (style: ObjectStyle) => string,
): readonly TextEdit[] {
  const style = styleOf(text, object);
  const member = `${JSON.stringify(key)}${style.colon}${print(style)}`;
  const last = lastMember(object);
  if (last === undefined) {
    const at = object.start + 1;
    const rest = text.slice(at, object.end - 1);
    const isBlank = rest.trim() === '';
    return [
      {
        start: at,
        end: isBlank ? object.end - 1 : at,
        text: `${style.before}${member}${isBlank ? style.beforeEnd : ''}`,
      },
    ];
  }
  const end = last.value.end;
  if (style.before === '') return [{ start: end, end, text: `${style.comma}${member}` }];
  const lineEnd = endOfLine(text, end, object.end - 1);
  if (lineEnd === undefined || text.slice(end, lineEnd).trim() === '') {
    return [{ start: end, end, text: `,${style.before}${member}` }];
  }
  return [
    { start: end, end, text: ',' },
    { start: lineEnd, end: lineEnd, text: `${style.before}${member}` },
  ];
}

/** An object with one member, laid out as a value within an object of this style. */
export function printMember(style: ObjectStyle, key: string, value: string): string {
  const member = `${JSON.stringify(key)}${style.colon}${JSON.stringify(value)}`;
  if (style.before === '') return `{${member}}`;
  return `{${style.before}${style.unit}${member}${style.before}}`;
}

/** The member that stands last in the text: of doubled keys the last value stands at the place of the first. */
function lastMember({ members }: JsonMap): JsonMember | undefined {
  return members.reduce<JsonMember | undefined>(
    (last, member) => (last === undefined || member.start > last.start ? member : last),
    undefined,
  );
}

/** The style of an object's members; for an empty one that of what is around it. */
export function styleOf(text: string, object: JsonMap): ObjectStyle {
  const first = object.members.reduce<JsonMember | undefined>(
    (one, member) => (one === undefined || member.start < one.start ? member : one),
    undefined,
  );
  const newLine = /\r\n|\n|\r/.exec(text)?.[0] ?? '\n';
  const outer = indentOf(text, object.start) ?? '';
  const inner = first === undefined ? undefined : indentOf(text, first.start);
  const isOneLine = first === undefined ? !/[\n\r]/.test(text) : !isFirstOnLine(text, first.start);
  const unit = unitOf(text, outer, inner);
  const colon = first === undefined ? ': ' : colonOf(text, first);
  if (isOneLine) {
    return { before: '', beforeEnd: '', unit, colon, comma: colon.endsWith(' ') ? ', ' : ',' };
  }
  const before = `${newLine}${inner ?? outer + unit}`;
  return { before, beforeEnd: `${newLine}${outer}`, unit, colon, comma: ',' };
}

/** Blanks at the start of the line on which an offset stands. */
function indentOf(text: string, offset: number): string | undefined {
  return /^[ \t]*/.exec(text.slice(startOfLine(text, offset)))?.[0];
}

function startOfLine(text: string, offset: number): number {
  return Math.max(text.lastIndexOf('\n', offset - 1), text.lastIndexOf('\r', offset - 1)) + 1;
}

function isFirstOnLine(text: string, offset: number): boolean {
  return (
    text.slice(startOfLine(text, offset), offset).trim() === '' &&
    /[\n\r]/.test(text.slice(0, offset))
  );
}

/** By how much members are indented further than the line of their object; two blanks where that is not to be seen. */
function unitOf(text: string, outer: string, inner: string | undefined): string {
  if (inner?.startsWith(outer) && inner.length > outer.length) {
    return inner.slice(outer.length);
  }
  return /^([ \t]+)"/m.exec(text)?.[1] ?? '  ';
}

/** The text between a key and its value, if it is blanks and the colon only. */
function colonOf(text: string, { key, start, value }: JsonMember): string {
  const between = text.slice(start + JSON.stringify(key).length, value.start);
  return /^[ \t]*:[ \t]*$/.test(between) ? between : ': ';
}

/** Where the line ends on which `from` stands, comments of several lines skipped; undefined beyond `limit`. */
function endOfLine(text: string, from: number, limit: number): number | undefined {
  for (let offset = from; offset < limit; offset += 1) {
    if (text.startsWith('/*', offset)) offset = text.indexOf('*/', offset) + 1;
    else if (text.startsWith('//', offset)) {
      const end = text.slice(offset, limit).search(/[\n\r]/);
      return end < 0 ? undefined : offset + end;
    } else if (text[offset] === '\n' || text[offset] === '\r') return offset;
  }
  return undefined;
}
