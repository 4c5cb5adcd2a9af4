/**
 * What can be read as data of a policy with rules of its own: its lists and switches as far as they are constants. Nothing
 * is evaluated, so that the rest stays unknown and is told.
 */
import { ToolError } from '../../core/error.js';
import {
  parseRegoModule,
  plainStatements,
  type RegoModuleText,
  type RegoTerm,
} from '../../core/rego-module.js';
import { positionIn } from '../../core/rego-tokens.js';
import { CCE_FLAGS, type CceDocument } from './cce-document.js';
import { isReadable, readDocument } from './read-policy.js';

/** A name of the policy whose value is not known. */
export interface UnknownPart {
  readonly name: string;
  /** `a rule of its own`, or why the data is not read. */
  readonly problem: string;
  /** FILE:LINE:COLUMN. */
  readonly where: string;
}

export interface KnownPolicy {
  /** Without what is not known; switches that rules decide count as on, so that nothing is told against them. */
  readonly document: CceDocument;
  /** In the order of the text; empty for a plain policy. */
  readonly unknown: readonly UnknownPart[];
}

/** Reads what is constant. Throws POLICY_UNREADABLE for text that is no Rego module, and LIMIT_EXCEEDED. */
export function readKnownPolicy(text: string, what: string): KnownPolicy {
  const module = parseRegoModule(text, what);
  const terms = new Map<string, RegoTerm>();
  const unknown: UnknownPart[] = [...foreignImports(module, what)];
  for (const [name, { offset, term }] of firstOf(module)) {
    const problem = problemOf(module, name, term, what);
    if (problem !== undefined)
      unknown.push({ name, problem, where: positionIn(text, offset, what) });
    else if (term !== undefined) terms.set(name, term);
  }
  const document = readDocument(module.packageName, terms, what);
  const isUnknown = (name: string) => unknown.some((part) => part.name === name);
  const flags = { ...document.flags };
  for (const flag of CCE_FLAGS) if (isUnknown(flag)) flags[flag] = true;
  return { document: { ...document, flags }, unknown };
}

/** An import can give any name another meaning. */
function foreignImports(module: RegoModuleText, what: string): readonly UnknownPart[] {
  const plain = plainStatements({ ...module, statements: [] });
  return 'problem' in plain ? [{ name: 'import', problem: plain.problem, where: what }] : [];
}

type Statement = RegoModuleText['statements'][number];

/** One statement of each name. */
function firstOf({ statements }: RegoModuleText): ReadonlyMap<string, Statement> {
  const first = new Map<string, Statement>();
  for (const statement of statements) {
    if (!first.has(statement.name)) first.set(statement.name, statement);
  }
  return first;
}

function problemOf(
  { packageName, statements }: RegoModuleText,
  name: string,
  term: RegoTerm | undefined,
  what: string,
): string | undefined {
  const same = statements.filter((one) => one.name === name);
  if (same.some((one) => one.term === undefined)) return 'a rule of its own';
  if (same.length > 1) return 'defined more than once';
  if (term === undefined || !isReadable(name, term)) return 'a value from elsewhere';
  try {
    readDocument(packageName, new Map([[name, term]]), what);
    return undefined;
  } catch (error) {
    if (error instanceof ToolError && error.code === 'POLICY_UNREADABLE') return error.message;
    throw error;
  }
}
