/** The policy that stands in an input -> the lists of it that a comparison needs (aci policy 13.1). */
import { decodeBase64Leniently } from '../../core/base64.js';
import { type DataMap, type DataValue, isMap } from '../../core/data.js';
import { parseJsonData } from '../../core/data-json.js';
import { ToolError } from '../../core/error.js';
import { parseRegoModule, type RegoStatement, type RegoTerm } from '../../core/rego-module.js';

export interface StandingLists {
  /** Undefined if the text has no list of containers. */
  readonly containers: readonly DataMap[] | undefined;
  readonly fragments: readonly DataMap[] | undefined;
}

/** How the reference finds the containers; a text without it, be it Rego or not, has none. */
const CONTAINERS_SIGN = 'containers := ';

/** Reads the base64 text of a policy; `at` names it. Throws POLICY_UNREADABLE with the reason, LIMIT_EXCEEDED. */
export function readStandingLists(base64: string, at: string): StandingLists {
  const text = decode(base64, at);
  const terms = new Map(readStatements(text, at).map(({ name, term }) => [name, term]));
  const listOf = (name: string) => {
    const term = terms.get(name);
    if (term === undefined && !terms.has(name)) return undefined;
    return readList(term, name, at);
  };
  return { containers: listOf('containers'), fragments: listOf('fragments') };
}

function readStatements(text: string, at: string): readonly RegoStatement[] {
  try {
    return parseRegoModule(text, at).statements;
  } catch (error) {
    const isForeign = error instanceof ToolError && error.code === 'POLICY_UNREADABLE';
    if (isForeign && !text.includes(CONTAINERS_SIGN)) return [];
    throw error;
  }
}

function decode(base64: string, at: string): string {
  const text = decodeBase64Leniently(base64)?.toString('latin1');
  if (text === undefined || /[^\x00-\x7f]/.test(text)) {
    throw unreadable(at, 'the policy that stands there is not ASCII in base64');
  }
  if (isJson(text)) throw unreadable(at, 'the policy that stands there is JSON, not Rego');
  return text;
}

function isJson(text: string): boolean {
  try {
    parseJsonData(text, 'the policy');
    return true;
  } catch (error) {
    if (error instanceof ToolError) return false;
    throw error;
  }
}

function readList(term: RegoTerm | undefined, name: string, at: string): readonly DataMap[] {
  const items = term?.kind === 'array' ? term.items.map(constantOf) : undefined;
  if (items?.every(isMap)) return items;
  throw unreadable(at, `the list ${name} of the policy that stands there is not plain data`);
}

/** A constant as a data value: numbers without fraction are integers. Undefined for anything else. */
function constantOf(term: RegoTerm): DataValue | undefined {
  if (term.kind === 'scalar') {
    const { value } = term;
    return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value;
  }
  if (term.kind === 'array') {
    const items = term.items.map(constantOf);
    return items.every((item) => item !== undefined) ? items : undefined;
  }
  if (term.kind !== 'object') return undefined;
  const members = new Map<string, DataValue>();
  for (const [key, member] of term.members) {
    const value = constantOf(member);
    if (value === undefined) return undefined;
    members.set(key, value);
  }
  return members;
}

function unreadable(at: string, message: string): ToolError {
  return new ToolError('POLICY_UNREADABLE', message, {
    where: at,
    hints: ['generate the policy again without --diff'],
  });
}
