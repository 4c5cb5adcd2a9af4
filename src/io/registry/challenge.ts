/**
 * WWW-Authenticate (RFC 9110 section 11.6.1): several schemes in one or more headers, names in any case, parameters in
 * any order, quoted strings with escapes and commas.
 */
import { ToolError } from '../../core/error.js';
import { match } from '../../core/scan.js';

/** One challenge; scheme and parameter names in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly params: ReadonlyMap<string, string>;
}

interface Scanner {
  readonly text: string;
  offset: number;
}

const BLANKS = /[ \t]*/y;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const EQUALS = /[ \t]*=[ \t]*/y;

/** All challenges of an answer in order. `host` names the registry in the error. Throws REGISTRY_PROTOCOL. */
export function parseChallenges(
  header: string | readonly string[] | undefined,
  host: string,
): readonly Challenge[] {
  const lines = header === undefined ? [] : typeof header === 'string' ? [header] : header;
  return lines.flatMap((line) => parseLine(line, host));
}

function parseLine(text: string, host: string): Challenge[] {
  const scanner: Scanner = { text, offset: 0 };
  const found: { scheme: string; params: Map<string, string> }[] = [];
  while (!atEnd(scanner)) {
    const name = match(scanner, TOKEN);
    if (name === undefined) throw unreadable(host);
    const current = found.at(-1);
    if (current !== undefined && match(scanner, EQUALS) !== undefined) {
      addParam(current.params, name, scanner, host);
    } else {
      const next = { scheme: name.toLowerCase(), params: new Map<string, string>() };
      found.push(next);
      parseFirstParam(next.params, scanner, host);
    }
  }
  return found;
}

/** What follows a scheme name: nothing, a token68, or the first of its parameters. */
function parseFirstParam(params: Map<string, string>, scanner: Scanner, host: string): void {
  const blanks = match(scanner, BLANKS) ?? '';
  const isAlone = scanner.offset === scanner.text.length || scanner.text[scanner.offset] === ',';
  if (isAlone || match(scanner, TOKEN68) !== undefined) return;
  const name = blanks === '' ? undefined : match(scanner, TOKEN);
  if (name === undefined || match(scanner, EQUALS) === undefined) throw unreadable(host);
  addParam(params, name, scanner, host);
}

function addParam(params: Map<string, string>, name: string, scanner: Scanner, host: string): void {
  const quoted = match(scanner, QUOTED);
  const value = quoted === undefined ? match(scanner, TOKEN) : unquote(quoted);
  const key = name.toLowerCase();
  if (value === undefined || params.has(key)) throw unreadable(host);
  params.set(key, value);
  match(scanner, BLANKS);
  if (scanner.offset < scanner.text.length && scanner.text[scanner.offset] !== ',') {
    throw unreadable(host);
  }
}

/** Skips blanks and commas; empty list elements are allowed. */
function atEnd(scanner: Scanner): boolean {
  while (/[ \t,]/.test(scanner.text[scanner.offset] ?? '')) scanner.offset += 1;
  return scanner.offset === scanner.text.length;
}

const unquote = (text: string) => text.slice(1, -1).replace(/\\(.)/g, '$1');

function unreadable(host: string): ToolError {
  return new ToolError('REGISTRY_PROTOCOL', `${host} asks for credentials in an unreadable way`, {
    want: 'WWW-Authenticate: Bearer realm="..." or Basic realm="..."',
  });
}
