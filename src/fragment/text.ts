/** Fragment text (aci policy 15.2), and which namespaces and SVNs a fragment may have. */
import type { DataMap } from '../core/data.js';
import { printCompact, printPretty, printText } from '../core/data-json.js';
import { ToolError } from '../core/error.js';
import { GUEST_NAMESPACES } from './payload.js';

/** What a fragment says. */
export interface FragmentDocument {
  readonly namespace: string;
  /** Digits. */
  readonly svn: string;
  readonly frameworkVersion: string;
  /** Imports, with the members that a policy keeps of them. */
  readonly fragments: readonly DataMap[];
  readonly containers: readonly DataMap[];
}

/** Namespaces that the reference does not let users take. */
export const REFERENCE_NAMESPACES: readonly string[] = [
  'microsoftcontainerinstance',
  'data',
  'input',
  'policy',
];

/** Words that no package can be called (Rego's keywords). */
const KEYWORDS: readonly string[] = [
  'as',
  'contains',
  'default',
  'else',
  'every',
  'false',
  'if',
  'import',
  'in',
  'not',
  'null',
  'package',
  'some',
  'true',
  'with',
];

/** Refuses a namespace that a guest would not load or that is not a name. Throws USAGE_CONFLICT. */
export function assertNamespace(namespace: string): void {
  const reserved = [...REFERENCE_NAMESPACES, ...GUEST_NAMESPACES, ...KEYWORDS];
  if (reserved.includes(namespace)) {
    throw new ToolError('USAGE_CONFLICT', `the namespace ${namespace} is reserved`);
  }
  if (/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(namespace)) return;
  throw new ToolError('USAGE_CONFLICT', 'a namespace is not a name', {
    want: 'letters, digits and _, no digit first',
    got: namespace.slice(0, 80),
  });
}

/** Refuses an SVN that is not digits. Throws USAGE_CONFLICT. */
export function assertSvn(svn: string): void {
  if (/^[0-9]{1,18}$/.test(svn)) return;
  throw new ToolError('USAGE_CONFLICT', 'an svn is not a number', {
    want: 'up to 18 digits',
    got: svn.slice(0, 80),
  });
}

/** The text of a fragment, ending in one line feed. `compact`: containers in one line. */
export function printFragment(document: FragmentDocument, compact: boolean): string {
  const { namespace, svn, frameworkVersion, fragments, containers } = document;
  return [
    `package ${namespace}`,
    '',
    `svn := ${printText(svn)}`,
    `framework_version := ${printText(frameworkVersion)}`,
    '',
    `fragments := ${printPretty(fragments)}`,
    '',
    `containers := ${compact ? printCompact(containers) : printPretty(containers)}`,
    '',
  ].join('\n');
}
