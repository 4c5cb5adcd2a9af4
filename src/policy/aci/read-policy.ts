/**
 * CCE policy or fragment text -> document (spec aci-framework 4). Nothing is evaluated: a text that is more than constants
 * and the framework's rules by name has no document, and the first thing that is more is told. Data is read strictly:
 * a field of a wrong type is refused, since the guest would take it for one that never matches.
 */
import { ToolError } from '../../core/error.js';
import type { JsonObject, JsonValue } from '../../core/json.js';
import {
  arrayOf,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  optionalField,
  readObject,
  readString,
} from '../../core/json-read.js';
import { LIMITS } from '../../core/limits.js';
import { recordOf, withoutAbsent } from '../../core/record.js';
import {
  evaluateTerm,
  leavesOf,
  parseRegoModule,
  plainStatements,
  type RegoModuleText,
  type RegoTerm,
} from '../../core/rego-module.js';
import { positionIn } from '../../core/rego-tokens.js';
import { CCE_FLAGS, type CceDocument, type CceFlag, type CcePoint } from './cce-document.js';
import { POLICY_PACKAGE } from './points.js';
import {
  readContainer,
  readExternalProcess,
  readFragmentEntry,
  readPlatformRule,
  readSvn,
  readTrustList,
} from './read-objects.js';

export type CceReading =
  | { readonly kind: 'document'; readonly document: CceDocument }
  /** Rules of its own: only an engine can tell what it decides. */
  | { readonly kind: 'custom'; readonly packageName: string; readonly problem: string };

/** Names that hold data; what else is defined decides an enforcement point. */
const VERSION_NAMES: Readonly<Record<'api_version' | 'framework_version', readonly string[]>> = {
  api_version: ['api_version', 'api_svn'],
  framework_version: ['framework_version', 'framework_svn'],
};
const LISTS = [
  'containers',
  'external_processes',
  'fragments',
  'platform_rules',
  'transparency_trust_lists',
  'allowed_log_providers',
] as const;
const DATA_NAMES: readonly string[] = [
  ...Object.values(VERSION_NAMES).flat(),
  ...LISTS,
  ...CCE_FLAGS,
  'svn',
  'parameters_api',
  'reason',
];

const CCE_SIGNS = /^\s*(?:api_version|api_svn|framework_version|framework_svn|containers)\s*:?=/m;

/**
 * True if a policy text is meant for the guests of this framework: package `policy`, or one of its data names in another
 * package than the kata agent's.
 */
export function isCcePolicy(text: string): boolean {
  const name = /^\uFEFF?(?:\s|#[^\n]*\n)*package\s+([A-Za-z_][\w.]*)/.exec(text)?.[1];
  if (name === undefined || name === 'agent_policy') return false;
  return name === POLICY_PACKAGE || CCE_SIGNS.test(text);
}

/**
 * The document of a text; `what` names it. Throws POLICY_UNREADABLE with line and column for text that is no Rego module
 * or has a field of a wrong type, and LIMIT_EXCEEDED.
 */
export function readCcePolicy(text: string, what: string): CceReading {
  return readCceModule(parseRegoModule(text, what), text, what);
}

/** As readCcePolicy, for a text that was parsed. */
export function readCceModule(module: RegoModuleText, text: string, what: string): CceReading {
  const { packageName } = module;
  const terms = plainStatements(module);
  if ('problem' in terms) {
    const where = positionIn(text, terms.offset, what);
    return { kind: 'custom', packageName, problem: `${terms.problem} (${where})` };
  }
  const foreign = [...terms].find(([name, term]) => !isReadable(name, term));
  if (foreign !== undefined) {
    return { kind: 'custom', packageName, problem: `${foreign[0]} takes its value from elsewhere` };
  }
  return { kind: 'document', document: readDocument(packageName, terms, what) };
}

/** As readCcePolicy; throws POLICY_UNREADABLE for a text with rules of its own. */
export function requireCceDocument(text: string, what: string): CceDocument {
  const reading = readCcePolicy(text, what);
  if (reading.kind === 'document') return reading.document;
  throw new ToolError('POLICY_UNREADABLE', `${what} has rules of its own: ${reading.problem}`, {
    where: what,
    want: 'constants, and rules of the form POINT := data.framework.POINT',
    hints: ['podseal simulate POLICY REQUESTS decides with any rules'],
  });
}

/** Data is constant; a point is constant or one rule of the framework; reasons may be made of several. */
export function isReadable(name: string, term: RegoTerm): boolean {
  if (name === 'reason') return leavesOf(term).every(isFrameworkPath);
  if (leavesOf(term).length === 0) return true;
  return !DATA_NAMES.includes(name) && isFrameworkPath(term);
}

function isFrameworkPath(term: RegoTerm): boolean {
  return term.kind === 'reference' && term.path.length === 3 && term.path[1] === 'framework';
}

/** The document of terms by name. Throws POLICY_UNREADABLE, LIMIT_EXCEEDED. */
export function readDocument(
  packageName: string,
  terms: ReadonlyMap<string, RegoTerm>,
  what: string,
): CceDocument {
  const constants = [...terms].filter(([name]) => name !== 'reason' && DATA_NAMES.includes(name));
  const data: JsonObject = recordOf(
    constants.map(([name, term]) => [name, evaluateTerm(term, () => undefined) ?? null]),
  );
  const place: JsonPlace = { code: 'POLICY_UNREADABLE', what, path: '' };
  const list = <T>(name: (typeof LISTS)[number], read: JsonReader<T>): readonly T[] =>
    name in data ? readList(data[name] ?? null, { ...place, path: name }, read) : [];
  const reason = terms.get('reason');
  return {
    packageName,
    ...withoutAbsent({
      api_version: readVersion(data, 'api_version', place),
      framework_version: readVersion(data, 'framework_version', place),
      svn: optionalField(data, 'svn', place, readSvn),
      parameters_api: optionalField(data, 'parameters_api', place, readObject),
    }),
    containers: list('containers', readContainer),
    external_processes: list('external_processes', readExternalProcess),
    fragments: list('fragments', readFragmentEntry),
    platform_rules: list('platform_rules', readPlatformRule),
    transparency_trust_lists: list('transparency_trust_lists', readTrustList),
    allowed_log_providers: list('allowed_log_providers', readString),
    flags: readFlags(data),
    points: readPoints(terms),
    givesReasons: reason !== undefined && leavesOf(reason).length > 0,
  };
}

function readList<T>(value: JsonValue, place: JsonPlace, read: JsonReader<T>): readonly T[] {
  if (Array.isArray(value) && value.length > LIMITS.policyContainers) {
    throw new ToolError('LIMIT_EXCEEDED', `${place.what} has too many ${place.path}`, {
      want: `at most ${LIMITS.policyContainers}`,
      got: String(value.length),
    });
  }
  return arrayOf(read)(value, place);
}

/** Either spelling; both with different values are refused, as evaluation fails on them. */
function readVersion(
  data: JsonObject,
  name: keyof typeof VERSION_NAMES,
  place: JsonPlace,
): string | undefined {
  const [first, second] = VERSION_NAMES[name]
    .filter((spelling) => spelling in data)
    .map((spelling) => readString(data[spelling] ?? null, { ...place, path: spelling }));
  if (first === undefined || second === undefined || first === second) return first;
  throw invalidAt({ ...place, path: name }, 'is given twice with different values', {
    want: 'one version',
    got: `${first} and ${second}`,
  });
}

/** Whatever is not false counts as true, as it does for the rules that read it. */
function readFlags(data: JsonObject): Readonly<Record<CceFlag, boolean>> {
  const entries = CCE_FLAGS.map((flag) => [flag, flag in data && data[flag] !== false] as const);
  return Object.fromEntries(entries) as Record<CceFlag, boolean>;
}

function readPoints(terms: ReadonlyMap<string, RegoTerm>): ReadonlyMap<string, CcePoint> {
  const points = new Map<string, CcePoint>();
  for (const [name, term] of terms) {
    if (DATA_NAMES.includes(name)) continue;
    if (term.kind === 'reference') {
      points.set(name, { kind: 'framework', rule: term.path[2] ?? '' });
    } else {
      const value = evaluateTerm(term, () => undefined) ?? null;
      points.set(name, { kind: 'constant', value });
    }
  }
  return points;
}
