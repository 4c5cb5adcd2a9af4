/**
 * Why a CCE policy refuses a request. Whether it does is only for the policy to say: what a comparison finds is tried on the
 * policy itself, by a request in which it is put right, and what makes no difference there is left out.
 */
import type { JsonObject } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import {
  type CceContainer,
  type CceDocument,
  type CceFragmentEntry,
  isWindowsContainer,
} from '../../policy/aci/cce-document.js';
import {
  type CceCandidateReport,
  type CceComparison,
  rankCandidates,
} from '../../policy/aci/explain/candidates.js';
import { memberOf, objectsOf, withCapabilities } from '../../policy/aci/explain/matching.js';
import type { KnownPolicy } from '../../policy/aci/read-known.js';
import { type FailedCheck, shown } from '../../policy/kata/explain/check.js';
import { isFound } from '../../policy/kata/explain/patterns.js';
import { applyRepairs } from '../../policy/kata/explain/repair.js';
import type { DenialText } from '../../rego/aci/denial-text.js';
import { type GuestOs, startData } from '../../rego/aci/guest-data.js';
import { findFrameworkGuest } from '../../rego/aci/guests.js';
import { loadFragment, loadTrustList } from '../../rego/aci/load.js';
import type { CceRequest } from '../../rego/aci/requests.js';
import { type CceDecision, CceSession } from '../../rego/aci/session.js';
import type { FrameworkEngine } from '../../rego/ports.js';
import type { Explanation } from '../explain.js';
import { notesOn, notesOnUnknown } from './explain-notes.js';
import type { FragmentFile } from './fragment-documents.js';
import { openFragment, openTrustList } from './open-fragment.js';
import { reasonTextOf } from './self-check.js';

/** As for kata policies, so that both are shown alike. */
export type CceExplanation = Explanation & { readonly line?: number };

export interface CceExplainInput extends KnownPolicy {
  readonly policyText: string;
  readonly guest: string;
  /** Default: that of the policy's containers. */
  readonly os?: GuestOs;
  /** Signed trust lists and fragments that the guest loads first, in order. */
  readonly trustLists?: readonly FragmentFile[];
  readonly fragments?: readonly FragmentFile[];
  readonly engine: FrameworkEngine;
}

/** A refused request, in the state in which it was decided. */
interface Refused {
  readonly before: CceSession;
  readonly point: string;
  readonly input: JsonObject;
  readonly decision: CceDecision;
}

/** Texts that guests give for every refused command in a container, true or not. */
const ALWAYS_TOLD: readonly string[] = ['invalid noNewPrivileges', 'invalid user'];

/**
 * Decides on requests in order, each in the state that those before it left, and explains the refused ones. Throws what
 * the policy and the engine throw.
 */
export async function explainCceRequests(
  requests: readonly CceRequest[],
  known: CceExplainInput,
): Promise<readonly CceExplanation[]> {
  const { engine, policyText, guest, os = osOf(known.document) } = known;
  const session = new CceSession(engine, policyText, { guest, os });
  const explained: CceExplanation[] = [...(await explainLoads(session, known))];
  for (const { point, input, line } of requests) {
    const before = session.fork();
    const decision = await session.request(point, input);
    const told = { line, kind: point, decision: decision.verdict };
    if (decision.verdict === 'allow') {
      explained.push({ ...told, reason: null, others: [], failed: [], trial: 'untried' });
      continue;
    }
    explained.push({
      ...told,
      ...(await explainRefused({ before, point, input, decision }, known)),
    });
  }
  return explained;
}

/** That of its containers; a policy without any is taken for one of Linux. */
export function osOf({ containers }: CceDocument): GuestOs {
  return containers.some(isWindowsContainer) ? 'windows' : 'linux';
}

async function explainRefused(
  refused: Refused,
  { document, unknown, guest }: CceExplainInput,
): Promise<Omit<CceExplanation, 'kind' | 'decision'>> {
  const { before, point, input, decision } = refused;
  const loaded = withLoaded(document, before.metadata);
  const comparison = compareIn(point, input, {
    document: loaded,
    guest,
    metadata: before.metadata,
  });
  const ranked = rankCandidates(comparison);
  const [nearest] = ranked;
  const tried = await tryRepairs(before, { point, input }, nearest?.failed ?? []);
  const reason = trueReasonOf(point, decision, tried.failed);
  const notes = await notesOn(before, { point, input }, decision, { document, unknown });
  return { reason, ...placeOf(ranked), ...tried, ...notesMember(notes) };
}

/** Trust lists and fragments that the guest does not load. Throws as openTrustList and openFragment. */
async function explainLoads(
  session: CceSession,
  known: CceExplainInput,
): Promise<readonly CceExplanation[]> {
  const refused: CceExplanation[] = [];
  const load = async (kind: string, input: JsonObject, decide: () => Promise<CceDecision>) => {
    const before = session.fork();
    const decision = await decide();
    if (decision.verdict === 'allow') return;
    const told = await explainRefused({ before, point: kind, input, decision }, known);
    refused.push({ kind, decision: decision.verdict, ...told });
  };
  for (const { bytes, what } of known.trustLists ?? []) {
    const list = openTrustList(bytes, what);
    const { issuer, subject, svn } = list;
    const input = { issuer, subject, svn, ledgers: [...list.keys.keys()] };
    await load('load_transparency_trust_list', input, () => loadTrustList(session, list));
  }
  for (const { bytes, what } of known.fragments ?? []) {
    const fragment = openFragment(bytes, what);
    const { issuer, feed, headerSvn = null } = fragment;
    const input = { issuer, feed, header_svn: headerSvn };
    const decide = async () => (await loadFragment(session, fragment)).decision;
    await load('load_fragment', input, decide);
  }
  return refused;
}

/** The document with what loaded fragments brought, which the guest keeps by issuer and feed. */
function withLoaded(document: CceDocument, metadata: JsonObject): CceDocument {
  const issuers = Object.values(memberOf(metadata, 'issuers')).filter(isJsonObject);
  const feeds = issuers.flatMap((issuer) => Object.values(memberOf(issuer, 'feeds')));
  const brought = feeds.flatMap(objectsOf);
  const listOf = (name: string) => brought.flatMap((one) => objectsOf(one[name]));
  const containers = listOf('containers').filter(({ layers }) => Array.isArray(layers));
  return {
    ...document,
    containers: [...document.containers, ...(containers as unknown as readonly CceContainer[])],
    fragments: [
      ...document.fragments,
      ...(listOf('fragments') as unknown as readonly CceFragmentEntry[]),
    ],
  };
}

/** A denial as text against the policy: what can be compared without the state in which it was given. */
export function explainDenial(
  told: DenialText,
  policy: KnownPolicy | undefined,
  guest: string,
): CceExplanation {
  const document = policy?.document;
  const { point = '', input, errors, candidates, fault } = told;
  const reason = fault ?? told.reason ?? (errors.join('; ') || null);
  const base = {
    kind: point,
    decision: fault === undefined ? ('deny' as const) : ('error' as const),
    reason,
    ...notesMember(notesOnUnknown(point, policy?.unknown ?? [])),
  };
  if (input === undefined || (document === undefined && candidates.length === 0)) {
    return { ...base, others: [], failed: [], trial: 'untried' };
  }
  const whole = withCapabilities(input);
  const known = document ?? EMPTY_DOCUMENT;
  const metadata = stateOf(point, whole, candidates);
  const ranked = rankCandidates(compareIn(point, whole, { document: known, guest, metadata })).map(
    (one) => ({ ...one, failed: one.failed.filter(({ id }) => !UNKNOWN_STATE.includes(id)) }),
  );
  const [nearest] = ranked;
  return { ...base, ...placeOf(ranked), failed: nearest?.failed ?? [], trial: 'untried' };
}

const notesMember = (notes: readonly string[]) => (notes.length === 0 ? {} : { notes });

/** Findings about a state that a text alone does not tell. */
const UNKNOWN_STATE: readonly string[] = [
  'no-overlay',
  'not-started',
  'not-mounted',
  'overlay-twice',
];

const EMPTY_DOCUMENT: CceDocument = {
  packageName: 'policy',
  containers: [],
  external_processes: [],
  fragments: [],
  platform_rules: [],
  transparency_trust_lists: [],
  allowed_log_providers: [],
  flags: {
    allow_properties_access: false,
    allow_dump_stacks: false,
    allow_runtime_logging: false,
    allow_host_network: false,
    allow_environment_variable_dropping: false,
    allow_unencrypted_scratch: false,
    allow_capability_dropping: false,
    allow_log_provider_dropping: false,
  },
  points: new Map(),
  givesReasons: true,
};

/** The candidates that a denied creation names are those that its overlay left. */
function stateOf(point: string, input: JsonObject, candidates: readonly JsonObject[]): JsonObject {
  if (point !== 'create_container' || candidates.length === 0) return {};
  return { matches: { [String(input.containerID)]: candidates } };
}

function compareIn(
  point: string,
  input: JsonObject,
  {
    document,
    guest,
    metadata,
  }: {
    readonly document: CceDocument;
    readonly guest: string;
    readonly metadata: JsonObject;
  },
): CceComparison {
  const { anchors } = findFrameworkGuest(guest).features;
  const { defaultMounts, privilegedMounts } = startData('linux');
  return {
    point,
    document,
    input,
    metadata,
    matches: (pattern, text) => isFound(anchors ? anchored(pattern) : pattern, text),
    defaultMounts: defaultMounts as readonly JsonObject[],
    privilegedMounts: privilegedMounts as readonly JsonObject[],
  };
}

/** As the framework does it: no group is made around the pattern. */
function anchored(pattern: string): string {
  const start = pattern.startsWith('^') ? '' : '^';
  return `${start}${pattern}${pattern.endsWith('$') ? '' : '$'}`;
}

function placeOf(
  ranked: readonly CceCandidateReport[],
): Pick<Explanation, 'others'> & Partial<Pick<Explanation, 'nearest'>> {
  const [nearest, ...rest] = ranked;
  const others = rest.map(({ subject, failed }) => ({ subject, failed: failed.length }));
  if (nearest === undefined || nearest.index < 0) return { others };
  return { others, nearest: { index: nearest.index, subject: nearest.subject } };
}

async function tryRepairs(
  before: CceSession,
  { point, input }: { readonly point: string; readonly input: JsonObject },
  failed: readonly FailedCheck[],
): Promise<Pick<Explanation, 'failed' | 'trial'>> {
  if (failed.length === 0 || failed.some(({ repairs }) => repairs.length === 0)) {
    return { failed, trial: 'untried' };
  }
  const isAllowed = async (some: readonly FailedCheck[]) =>
    (await before.fork().enforce(point, applyRepairs(input, some))).verdict === 'allow';
  if (!(await isAllowed(failed))) return { failed, trial: 'refused' };
  let needed = failed;
  for (const one of failed) {
    const without = needed.filter((other) => other !== one);
    if (await isAllowed(without)) needed = without;
  }
  return { failed: needed, trial: 'allowed' };
}

/** The guest's own texts, without those that it gives for every refused command. */
function trueReasonOf(
  point: string,
  decision: CceDecision,
  failed: readonly FailedCheck[],
): string | null {
  const { errors } = decision;
  if (errors === undefined && typeof decision.reason === 'object') return shown(decision.reason);
  if (point !== 'exec_in_container' || errors === undefined) return reasonTextOf(decision);
  const isMeant = (text: string) =>
    !ALWAYS_TOLD.includes(text) ||
    failed.some(({ id }) =>
      (text === 'invalid user' ? ['user', 'group', 'umask'] : ['no-new-privileges']).includes(id),
    );
  return errors.filter(isMeant).join('; ') || null;
}
