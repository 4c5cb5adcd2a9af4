/**
 * Constants of a Rego text that are JSON just as JSON.stringify prints it, each on one line: so generators write their
 * lists. They are read as a whole instead of token by token, and mean the same.
 */
import type { JsonValue } from './json.js';
import { LIMITS } from './limits.js';
import { recordOf } from './record.js';
import type { RegoTerm } from './rego-module.js';

export interface RegoConstant {
  readonly text: string;
  readonly term: RegoTerm;
}

const START = /[[{]/y;
/** Half of a pair may come as an escape; what has such is left to the reader of tokens. */
const SURROGATE = /\\u[dD]/;

/** Terms that are known to be constant, with their values. */
const values = new WeakMap<RegoTerm, JsonValue>();

/** The value of a term that was read here; undefined for any other. */
export function knownValue(term: RegoTerm): JsonValue | undefined {
  return values.get(term);
}

/** The list or object that stands at an offset and goes to the end of its line; undefined if it is written otherwise. */
export function readConstant(text: string, offset: number): RegoConstant | undefined {
  START.lastIndex = offset;
  if (!START.test(text)) return undefined;
  const end = text.indexOf('\n', offset);
  const line = text.slice(offset, end < 0 ? text.length : end);
  const parsed = parsePrinted(line);
  const term = parsed === undefined ? undefined : termOf(parsed, 0)?.term;
  return term && { text: line, term };
}

/** The value, if it is printed in that one way: no key is there twice, and no digit of a number is lost. */
function parsePrinted(line: string): unknown {
  try {
    const parsed: unknown = JSON.parse(line);
    return JSON.stringify(parsed) === line && !SURROGATE.test(line) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

interface Known {
  readonly term: RegoTerm;
  readonly value: JsonValue;
}

/** Undefined for what the reader of tokens refuses: a number that a double may not hold, and too many levels. */
function termOf(parsed: unknown, depth: number): Known | undefined {
  if (depth > LIMITS.jsonDepth) return undefined;
  if (typeof parsed !== 'object' || parsed === null) return scalarOf(parsed as Scalar);
  return Array.isArray(parsed)
    ? arrayOf(parsed, depth + 1)
    : objectOf(parsed as Readonly<Record<string, unknown>>, depth + 1);
}

type Scalar = null | boolean | number | string;

function scalarOf(value: Scalar): Known | undefined {
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return undefined;
  return { term: { kind: 'scalar', value }, value };
}

function arrayOf(parsed: readonly unknown[], depth: number): Known | undefined {
  const items: RegoTerm[] = [];
  const value: JsonValue[] = [];
  for (const one of parsed) {
    const item = termOf(one, depth);
    if (item === undefined) return undefined;
    items.push(item.term);
    value.push(item.value);
  }
  return know({ kind: 'array', items }, value);
}

function objectOf(parsed: Readonly<Record<string, unknown>>, depth: number): Known | undefined {
  const members: (readonly [string, RegoTerm])[] = [];
  const value = recordOf<JsonValue>([]);
  for (const name of Object.keys(parsed)) {
    const member = termOf(parsed[name], depth);
    if (member === undefined) return undefined;
    members.push([name, member.term]);
    value[name] = member.value;
  }
  return know({ kind: 'object', members }, value);
}

function know(term: RegoTerm, value: JsonValue): Known {
  values.set(term, value);
  return { term, value };
}
