/**
 * Rego text -> tokens, as far as a reader needs them that must not be fooled by comments and strings: names, strings,
 * punctuation, with offset, line start and nesting. Nothing is parsed; line ends are LF, as for the engines.
 */
import { ToolError } from './error.js';
import type { RegoConstant } from './rego-constant.js';
import type { RegoTerm } from './rego-module.js';

export type RegoTokenKind = 'name' | 'string' | 'number' | 'punctuation' | 'constant';

export interface RegoToken {
  readonly kind: RegoTokenKind;
  /** As it stands in the text; `:=`, `==`, `!=`, `<=` and `>=` are one token. */
  readonly text: string;
  /** UTF-16 code units from the start. */
  readonly offset: number;
  /** True for the first token of a line. */
  readonly startsLine: boolean;
  /** Open brackets before it. */
  readonly depth: number;
  /** Of a constant alone. */
  readonly term?: RegoTerm;
}

const BLANKS = /[ \t\r\n]+|#[^\n]*/y;
const PARTS: readonly (readonly [RegoTokenKind, RegExp])[] = [
  ['name', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['number', /[0-9](?:[0-9.]|[eE][+-]?)*/y],
  ['punctuation', /:=|==|!=|<=|>=|[^"`]/y],
];
const PLAIN = /[^"\\\n]*/y;
const TEMPLATE = /^\$["`]/;
const OPENING = '([{';
const CLOSING = ')]}';

/**
 * The tokens of a text up to its end, or up to the first one for which `stop` holds, which is the last of the result.
 * `what` names the text. Throws POLICY_UNREADABLE for strings without end, brackets that do not match, and template
 * strings, whose inside is code. What `readConstant` finds behind an assignment becomes one token.
 */
export function scanRego(
  text: string,
  what: string,
  stop: (token: RegoToken) => boolean = () => false,
  readConstant: (text: string, offset: number) => RegoConstant | undefined = () => undefined,
): readonly RegoToken[] {
  const tokens: RegoToken[] = [];
  const open: string[] = [];
  for (let offset = skipBlanks(text, 0); offset < text.length; ) {
    const isAssigned = open.length === 0 && tokens.at(-1)?.text === ':=';
    const constant = isAssigned ? readConstant(text, offset) : undefined;
    if (constant !== undefined) {
      const startsLine = isFirstOfLine(text, offset, tokens.at(-1));
      tokens.push({ kind: 'constant', ...constant, offset, startsLine, depth: 0 });
      offset = skipBlanks(text, offset + constant.text.length);
      continue;
    }
    const { kind, found } = takeToken(text, offset, what);
    if (kind === 'punctuation') closeBracket(open, found, () => fail(text, offset, what));
    const startsLine = isFirstOfLine(text, offset, tokens.at(-1));
    const token = { kind, text: found, offset, startsLine, depth: open.length };
    tokens.push(token);
    if (stop(token)) return tokens;
    if (kind === 'punctuation' && OPENING.includes(found)) open.push(found);
    offset = skipBlanks(text, offset + found.length);
  }
  if (open.length > 0) throw unreadable(what, 'a bracket is never closed', text, text.length);
  return tokens;
}

/** `what:line:column` of an offset. */
export function positionIn(text: string, offset: number, what: string): string {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return `${what}:${line}:${offset - before.lastIndexOf('\n')}`;
}

function takeToken(
  text: string,
  offset: number,
  what: string,
): { kind: RegoTokenKind; found: string } {
  if (TEMPLATE.test(text.slice(offset, offset + 2))) {
    throw unreadable(what, 'it holds a template string', text, offset);
  }
  for (const [kind, expression] of PARTS) {
    expression.lastIndex = offset;
    const found = expression.exec(text)?.[0];
    if (found !== undefined) return { kind, found };
  }
  const end = endOfString(text, offset);
  if (end > offset) return { kind: 'string', found: text.slice(offset, end) };
  throw unreadable(what, 'a string does not end', text, offset);
}

/** Offset behind the closing quote; 0 if there is none. */
function endOfString(text: string, offset: number): number {
  if (text[offset] === '`') return text.indexOf('`', offset + 1) + 1;
  let at = offset + 1;
  for (;;) {
    PLAIN.lastIndex = at;
    PLAIN.test(text);
    at = PLAIN.lastIndex;
    if (text[at] === '"') return at + 1;
    if (text[at] !== '\\' || text[at + 1] === '\n' || at + 1 >= text.length) return 0;
    at += 2;
  }
}

function skipBlanks(text: string, offset: number): number {
  let end = offset;
  BLANKS.lastIndex = offset;
  while (BLANKS.test(text)) end = BLANKS.lastIndex;
  return end;
}

function closeBracket(open: string[], found: string, failure: () => ToolError): void {
  const index = CLOSING.indexOf(found);
  if (index >= 0 && open.pop() !== OPENING[index]) throw failure();
}

function isFirstOfLine(text: string, offset: number, previous: RegoToken | undefined): boolean {
  if (previous === undefined) return true;
  return text.slice(previous.offset + previous.text.length, offset).includes('\n');
}

function fail(text: string, offset: number, what: string): ToolError {
  return unreadable(what, 'brackets do not match', text, offset);
}

function unreadable(what: string, problem: string, text: string, offset: number): ToolError {
  return new ToolError('POLICY_UNREADABLE', `the policy text cannot be read: ${problem}`, {
    where: positionIn(text, offset, what),
  });
}
