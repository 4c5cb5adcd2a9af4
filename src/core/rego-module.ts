/**
 * Rego text -> its statements as data, without evaluation: generated policies and fragments only give names to constants
 * and pass questions on (`create_container := data.framework.create_container`). Whatever is more than that is kept by
 * name and marked, so that no reader mistakes it for data.
 */
import { ToolError } from './error.js';
import type { JsonValue } from './json.js';
import { LIMITS } from './limits.js';
import { recordOf } from './record.js';
import { knownValue, readConstant } from './rego-constant.js';
import { positionIn, type RegoToken, scanRego } from './rego-tokens.js';

/** A constant, a path such as `data.framework.reason`, a call `parameter("name").field`, or a list or object of these. */
export type RegoTerm =
  | { readonly kind: 'scalar'; readonly value: null | boolean | number | string }
  | { readonly kind: 'array'; readonly items: readonly RegoTerm[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [string, RegoTerm])[] }
  | { readonly kind: 'reference'; readonly path: readonly string[] }
  | { readonly kind: 'parameter'; readonly name: string; readonly path: readonly string[] };

export interface RegoStatement {
  readonly name: string;
  /** UTF-16 code units from the start of the text. */
  readonly offset: number;
  /** Absent for a rule of its own: a body, a function, an operator, a key that stands there twice. */
  readonly term?: RegoTerm;
}

export interface RegoModuleText {
  /** `policy`, or a dotted name. */
  readonly packageName: string;
  /** Imports as they stand there, without the keyword: `future.keywords.in`. */
  readonly imports: readonly string[];
  readonly statements: readonly RegoStatement[];
}

/** Imports that change nothing but keywords. */
const KEYWORD_IMPORT = /^(?:rego\.v1|future\.keywords(?:\.(?:every|in|if|contains))?)$/;
const ASSIGNS: readonly string[] = [':=', '='];
const WORDS: ReadonlyMap<string, null | boolean> = new Map([
  ['null', null],
  ['true', true],
  ['false', false],
]);
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
/** Half of a pair: engines replace it. */
const LONE_SURROGATE = /\p{Surrogate}/u;

interface Cursor {
  readonly text: string;
  readonly what: string;
  readonly tokens: readonly RegoToken[];
  at: number;
}

/** What cannot be read as data; never leaves this file. */
class NotData extends Error {}

/**
 * The statements of a text; `what` names it. Throws POLICY_UNREADABLE with line and column for text that is no Rego
 * module, and LIMIT_EXCEEDED for one larger than LIMITS.policyTextBytes or nested deeper than LIMITS.jsonDepth.
 */
export function parseRegoModule(text: string, what: string): RegoModuleText {
  checkSize(text, what);
  const cursor: Cursor = {
    text,
    what,
    tokens: scanRego(text, what, undefined, readConstant),
    at: 0,
  };
  const packageName = takePackage(cursor);
  const imports: string[] = [];
  const statements: RegoStatement[] = [];
  for (let token = peek(cursor); token !== undefined; token = peek(cursor)) {
    if (token.text === 'import') imports.push(takeImport(cursor));
    else statements.push(takeStatement(cursor, token));
  }
  return { packageName, imports, statements };
}

/** The value of a term: `look` gives that of a path or call. undefined if any part is undefined, as in Rego. */
export function evaluateTerm(
  term: RegoTerm,
  look: (leaf: RegoTerm & { kind: 'reference' | 'parameter' }) => JsonValue | undefined,
): JsonValue | undefined {
  const known = knownValue(term);
  if (known !== undefined) return known;
  switch (term.kind) {
    case 'scalar':
      return term.value;
    case 'array': {
      const items = term.items.map((item) => evaluateTerm(item, look));
      return items.every((item) => item !== undefined) ? items : undefined;
    }
    case 'object': {
      const members = term.members.map(([key, inner]) => [key, evaluateTerm(inner, look)] as const);
      const isWhole = members.every(([, value]) => value !== undefined);
      return isWhole ? recordOf(members as readonly (readonly [string, JsonValue])[]) : undefined;
    }
    default:
      return look(term);
  }
}

/** The paths and calls in a term. */
export function leavesOf(
  term: RegoTerm,
): readonly (RegoTerm & { kind: 'reference' | 'parameter' })[] {
  if (knownValue(term) !== undefined) return [];
  if (term.kind === 'array') return term.items.flatMap(leavesOf);
  if (term.kind === 'object') return term.members.flatMap(([, inner]) => leavesOf(inner));
  return term.kind === 'scalar' ? [] : [term];
}

/**
 * The statements by name, if the module holds nothing but constants, paths and calls, each name once; else the first
 * thing that is more, with its offset.
 */
export function plainStatements(
  module: RegoModuleText,
): ReadonlyMap<string, RegoTerm> | { readonly problem: string; readonly offset: number } {
  const foreign = module.imports.find((name) => !KEYWORD_IMPORT.test(name));
  if (foreign !== undefined) return { problem: `it imports ${foreign}`, offset: 0 };
  const terms = new Map<string, RegoTerm>();
  for (const { name, offset, term } of module.statements) {
    if (term === undefined) return { problem: `${name} is a rule of its own`, offset };
    if (terms.has(name)) return { problem: `${name} is defined twice`, offset };
    terms.set(name, term);
  }
  return terms;
}

function checkSize(text: string, what: string): void {
  if (text.startsWith('\ufeff')) {
    throw new ToolError('POLICY_UNREADABLE', `${what} starts with a byte order mark`, {
      where: `${what}:1:1`,
      hints: ['save it as UTF-8 without byte order mark; the measurement changes'],
    });
  }
  if (Buffer.byteLength(text) <= LIMITS.policyTextBytes) return;
  throw new ToolError('LIMIT_EXCEEDED', `${what} is too large for a policy`, {
    want: `at most ${LIMITS.policyTextBytes} bytes`,
  });
}

function takePackage(cursor: Cursor): string {
  const keyword = take(cursor);
  const path = keyword?.text === 'package' ? takePath(cursor) : undefined;
  const next = peek(cursor);
  if (path !== undefined && (next === undefined || next.startsLine)) return path.join('.');
  throw new ToolError('POLICY_UNREADABLE', `${cursor.what} is not a Rego module`, {
    where: positionIn(cursor.text, keyword?.offset ?? 0, cursor.what),
    want: 'package NAME in front of everything else',
  });
}

function takeImport(cursor: Cursor): string {
  const start = (peek(cursor)?.offset ?? 0) + 'import'.length;
  cursor.at += 1;
  while (peek(cursor)?.startsLine === false) cursor.at += 1;
  const end = peek(cursor)?.offset ?? cursor.text.length;
  return cursor.text
    .slice(start, end)
    .replace(/#[^\n]*/g, '')
    .trim();
}

function takeStatement(cursor: Cursor, first: RegoToken): RegoStatement {
  const { offset, text: name, kind } = first;
  const start = cursor.at;
  if (kind === 'name') {
    cursor.at += 1;
    try {
      if (!ASSIGNS.includes(take(cursor)?.text ?? '')) throw new NotData();
      const term = takeTerm(cursor, 0);
      const next = peek(cursor);
      if (next === undefined || isStart(next)) return { name, offset, term };
    } catch (error) {
      if (!(error instanceof NotData)) throw error;
    }
  }
  cursor.at = start + 1;
  for (let next = peek(cursor); next !== undefined && !isStart(next); next = peek(cursor)) {
    cursor.at += 1;
  }
  return { name: ruleName(cursor, start), offset };
}

/** Where a statement begins: a name at the start of a line, outside of brackets, that does not go on with a rule. */
function isStart({ startsLine, depth, kind, text }: RegoToken): boolean {
  return (
    startsLine &&
    depth === 0 &&
    kind === 'name' &&
    !['else', 'if', 'contains', 'with'].includes(text)
  );
}

function ruleName({ tokens }: Cursor, start: number): string {
  const first = tokens[start]?.text ?? '';
  return first === 'default' ? (tokens[start + 1]?.text ?? first) : first;
}

function takeTerm(cursor: Cursor, depth: number): RegoTerm {
  if (depth > LIMITS.jsonDepth) {
    throw new ToolError('LIMIT_EXCEEDED', `${cursor.what} is nested too deeply`, {
      where: positionIn(cursor.text, peek(cursor)?.offset ?? 0, cursor.what),
      want: `at most ${LIMITS.jsonDepth} levels`,
    });
  }
  const token = take(cursor);
  if (token === undefined) throw new NotData();
  const { kind, text } = token;
  if (token.term !== undefined) return token.term;
  if (text === '[') return takeArray(cursor, depth);
  if (text === '{') return takeObject(cursor, depth);
  if (kind === 'string') return { kind: 'scalar', value: stringValue(text) };
  if (kind === 'number') return { kind: 'scalar', value: numberValue(text) };
  if (text === '-') return { kind: 'scalar', value: negative(cursor, token) };
  if (kind !== 'name') throw new NotData();
  const word = WORDS.get(text);
  if (word !== undefined) return { kind: 'scalar', value: word };
  cursor.at -= 1;
  return takeReference(cursor);
}

function takeArray(cursor: Cursor, depth: number): RegoTerm {
  const items: RegoTerm[] = [];
  while (!takeIf(cursor, ']')) {
    items.push(takeTerm(cursor, depth + 1));
    if (!takeIf(cursor, ',') && peek(cursor)?.text !== ']') throw new NotData();
  }
  return { kind: 'array', items };
}

/** `{}` and `{"a": 1}`; a set has no colon and is no data. */
function takeObject(cursor: Cursor, depth: number): RegoTerm {
  const members = new Map<string, RegoTerm>();
  while (!takeIf(cursor, '}')) {
    const key = take(cursor);
    if (key?.kind !== 'string' || !takeIf(cursor, ':')) throw new NotData();
    const name = stringValue(key.text);
    if (members.has(name)) throw new NotData();
    members.set(name, takeTerm(cursor, depth + 1));
    if (!takeIf(cursor, ',') && peek(cursor)?.text !== '}') throw new NotData();
  }
  return { kind: 'object', members: [...members] };
}

function takeReference(cursor: Cursor): RegoTerm {
  const path = takePath(cursor);
  if (path === undefined) throw new NotData();
  const next = peek(cursor);
  if (next?.text === '(' && isJoined(cursor)) {
    cursor.at += 1;
    const argument = take(cursor);
    if (path.join('.') !== 'parameter' || argument?.kind !== 'string' || !takeIf(cursor, ')')) {
      throw new NotData();
    }
    const behind = peek(cursor)?.text === '.' ? takeFields(cursor) : [];
    if (isIndexed(cursor)) throw new NotData();
    return { kind: 'parameter', name: stringValue(argument.text), path: behind };
  }
  if (path[0] !== 'data' || path.length < 2 || isIndexed(cursor)) throw new NotData();
  return { kind: 'reference', path };
}

function takePath(cursor: Cursor): readonly string[] | undefined {
  const first = take(cursor);
  if (first?.kind !== 'name') return undefined;
  return [first.text, ...takeFields(cursor)];
}

function takeFields(cursor: Cursor): readonly string[] {
  const names: string[] = [];
  while (peek(cursor)?.text === '.' && isJoined(cursor)) {
    cursor.at += 1;
    const next = take(cursor);
    if (next?.kind !== 'name') throw new NotData();
    names.push(next.text);
  }
  return names;
}

/** True if the next token touches the one before, so that it goes on with the same term. */
function isJoined({ tokens, at }: Cursor): boolean {
  const before = tokens[at - 1];
  return before !== undefined && before.offset + before.text.length === tokens[at]?.offset;
}

function isIndexed(cursor: Cursor): boolean {
  return ['[', '('].includes(peek(cursor)?.text ?? '') && isJoined(cursor);
}

function stringValue(text: string): string {
  if (text.startsWith('`')) return text.slice(1, -1);
  let value: string;
  try {
    value = JSON.parse(text) as string;
  } catch {
    throw new NotData();
  }
  if (LONE_SURROGATE.test(value)) throw new NotData();
  return value;
}

/** Numbers that a double does not hold exactly are left to the engines. */
function numberValue(text: string): number {
  const value = Number(text);
  if (!NUMBER.test(text) || !Number.isFinite(value)) throw new NotData();
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw new NotData();
  return value;
}

function negative(cursor: Cursor, sign: RegoToken): number {
  const next = take(cursor);
  if (next?.kind !== 'number' || next.offset !== sign.offset + 1) throw new NotData();
  return -numberValue(next.text) + 0;
}

function peek({ tokens, at }: Cursor): RegoToken | undefined {
  return tokens[at];
}

function take(cursor: Cursor): RegoToken | undefined {
  const token = cursor.tokens[cursor.at];
  cursor.at += 1;
  return token;
}

function takeIf(cursor: Cursor, text: string): boolean {
  if (peek(cursor)?.text !== text) return false;
  cursor.at += 1;
  return true;
}
