/**
 * The Rego text of a fragment: its namespace as the guest reads it from the first line (aci-framework 10.3), and what it
 * states about itself. Nothing is evaluated.
 */
import { ToolError } from '../core/error.js';
import type { JsonValue } from '../core/json.js';
import { evaluateTerm, parseRegoModule, type RegoStatement } from '../core/rego-module.js';

/** Lists that an import may take over from a fragment. */
export const FRAGMENT_LISTS = [
  'containers',
  'fragments',
  'external_processes',
  'transparency_trust_lists',
  'platform_rules',
] as const;

export interface FragmentPayload {
  readonly text: string;
  readonly namespace: string;
  readonly svn: number | string | undefined;
  readonly frameworkVersion: string | undefined;
  /** The lists that the text defines, in the order of FRAGMENT_LISTS. */
  readonly lists: readonly (typeof FRAGMENT_LISTS)[number][];
  /** Containers and imports; empty where the text does not give them as plain data. */
  readonly containers: readonly JsonValue[];
  readonly fragments: readonly JsonValue[];
  /** Statements that are more than constants: the text cannot be read as data alone. */
  readonly rules: readonly string[];
}

const FIRST_LINE = /^package +([a-zA-Z_][a-zA-Z0-9_]*)\s*$/;

/** Namespaces that the guest does not load. */
export const GUEST_NAMESPACES: readonly string[] = ['framework', 'api', 'policy', 'metadata'];

/** The namespace by the rules of the guest. Throws FRAGMENT_INVALID. */
export function readNamespace(text: string, what: string): string {
  const line = text.split('\n', 1)[0] ?? '';
  const namespace = FIRST_LINE.exec(line)?.[1];
  if (namespace === undefined) {
    throw new ToolError('FRAGMENT_INVALID', `${what} does not name its package in the first line`, {
      want: 'package NAME, and nothing else in that line',
      got: line.slice(0, 80),
    });
  }
  if (!GUEST_NAMESPACES.includes(namespace)) return namespace;
  throw new ToolError('FRAGMENT_INVALID', `${what} has a reserved namespace`, { got: namespace });
}

/** Reads the text of a fragment. Throws FRAGMENT_INVALID, POLICY_UNREADABLE with the line, LIMIT_EXCEEDED. */
export function parseFragment(bytes: Uint8Array, what: string): FragmentPayload {
  const text = decodeText(bytes, what);
  const namespace = readNamespace(text, what);
  const { statements } = parseRegoModule(text, what);
  const values = new Map(statements.map((statement) => [statement.name, constantOf(statement)]));
  const svn = values.get('svn');
  const version = values.get('framework_version') ?? values.get('framework_svn');
  const listOf = (name: string): readonly JsonValue[] => {
    const value = values.get(name);
    return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
  };
  return {
    text,
    namespace,
    svn: typeof svn === 'string' || typeof svn === 'number' ? svn : undefined,
    frameworkVersion: typeof version === 'string' ? version : undefined,
    lists: FRAGMENT_LISTS.filter((name) => values.has(name)),
    containers: listOf('containers'),
    fragments: listOf('fragments'),
    rules: statements.filter(({ term }) => term === undefined).map(({ name }) => name),
  };
}

/** A constant; undefined for a rule, a path or a parameter. */
function constantOf({ term }: RegoStatement): JsonValue | undefined {
  return term && evaluateTerm(term, () => undefined);
}

function decodeText(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ToolError('FRAGMENT_INVALID', `${what} is not UTF-8 text`, { cause });
  }
}
