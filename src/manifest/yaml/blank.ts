/** Steps over the parts of a YAML text that hold no content: blanks, line breaks, comments. */

const BYTE_ORDER_MARK = '\ufeff';

/** True at LF or CR. */
export function isBreak(text: string, offset: number): boolean {
  const code = text.charCodeAt(offset);
  return code === 10 || code === 13;
}

/** True at a space or tab. */
export function isBlank(text: string, offset: number): boolean {
  const code = text.charCodeAt(offset);
  return code === 32 || code === 9;
}

/** Offset of the next character on the same line that is no space or tab. */
export function skipBlanks(text: string, offset: number): number {
  let next = offset;
  while (isBlank(text, next)) next += 1;
  return next;
}

/** Offset of the next character of content: blanks, line breaks and comments are passed. */
export function skipToContent(text: string, offset: number): number {
  let next = offset;
  while (next < text.length) {
    if (isBlank(text, next) || isBreak(text, next)) next += 1;
    else if (startsComment(text, next)) next = endOfLine(text, next);
    else break;
  }
  return next;
}

/** True at a `#` that begins a comment: at the start of the text or behind a blank or break. */
export function startsComment(text: string, offset: number): boolean {
  if (text[offset] !== '#') return false;
  return offset === 0 || isBlank(text, offset - 1) || isBreak(text, offset - 1);
}

/** Offset of the line break that ends the line, or of the end of the text. */
export function endOfLine(text: string, offset: number): number {
  let next = offset;
  while (next < text.length && !isBreak(text, next)) next += 1;
  return next;
}

/** Offset of the first character of the line, behind a byte order mark. */
export function startOfLine(text: string, offset: number): number {
  let next = offset;
  while (next > 0 && !isBreak(text, next - 1)) next -= 1;
  return text[next] === BYTE_ORDER_MARK && next < offset ? next + 1 : next;
}

/** The line break at the offset (`\r\n`, `\n`, `\r`), or the empty string. */
export function breakAt(text: string, offset: number): string {
  if (!isBreak(text, offset)) return '';
  return text.startsWith('\r\n', offset) ? '\r\n' : text[offset]!;
}
