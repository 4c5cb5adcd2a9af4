/**
 * Why a CCE policy refuses a request. Whether it does is only for the policy to say: what a comparison finds is tried on the
 * policy itself, by a request in which it is put right, and what makes no difference there is left out.
 */
import type { JsonObject } from '../../core/json.js';
import type { CceDocument } from '../../policy/aci/cce-document.js';
import {
  type CceCandidateReport,
  type CceComparison,
  rankCandidates,
} from '../../policy/aci/explain/candidates.js';
import { withCapabilities } from '../../policy/aci/explain/matching.js';
import type { FailedCheck } from '../../policy/kata/explain/check.js';
import { isFound } from '../../policy/kata/explain/patterns.js';
import { applyRepairs } from '../../policy/kata/explain/repair.js';
import type { DenialText } from '../../rego/aci/denial-text.js';
import { startData } from '../../rego/aci/guest-data.js';
import { findFrameworkGuest } from '../../rego/aci/guests.js';
import type { CceRequest } from '../../rego/aci/requests.js';
import { type CceDecision, CceSession } from '../../rego/aci/session.js';
import type { FrameworkEngine } from '../../rego/ports.js';
import type { Explanation } from '../explain.js';
import { reasonTextOf } from './self-check.js';

/** As for kata policies, so that both are shown alike. */
export type CceExplanation = Explanation & { readonly line?: number };

export interface CceExplainInput {
  readonly document: CceDocument;
  readonly policyText: string;
  readonly guest: string;
  readonly engine: FrameworkEngine;
}

/** Texts that guests give for every refused command in a container, true or not. */
const ALWAYS_TOLD: readonly string[] = ['invalid noNewPrivileges', 'invalid user'];

/**
 * Decides on requests in order, each in the state that those before it left, and explains the refused ones. Throws what
 * the policy and the engine throw.
 */
export async function explainCceRequests(
  requests: readonly CceRequest[],
  { document, policyText, guest, engine }: CceExplainInput,
): Promise<readonly CceExplanation[]> {
  const session = new CceSession(engine, policyText, { guest });
  const explained: CceExplanation[] = [];
  for (const { point, input, line } of requests) {
    const before = session.fork();
    const decision = await session.enforce(point, input);
    const told = { line, kind: point, decision: decision.verdict };
    if (decision.verdict === 'allow') {
      explained.push({ ...told, reason: null, others: [], failed: [], trial: 'untried' });
      continue;
    }
    const comparison = compareIn(point, input, { document, guest, metadata: before.metadata });
    const ranked = rankCandidates(comparison);
    const [nearest] = ranked;
    const tried = await tryRepairs(before, { point, input }, nearest?.failed ?? []);
    const reason = trueReasonOf(point, decision, tried.failed);
    explained.push({ ...told, reason, ...placeOf(ranked), ...tried });
  }
  return explained;
}

/** A denial as text against the policy: what can be compared without the state in which it was given. */
export function explainDenial(
  told: DenialText,
  document: CceDocument | undefined,
  guest: string,
): CceExplanation {
  const { point = '', input, errors, candidates, fault } = told;
  const reason = fault ?? told.reason ?? (errors.join('; ') || null);
  const base = {
    kind: point,
    decision: fault === undefined ? ('deny' as const) : ('error' as const),
    reason,
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
  if (point !== 'exec_in_container' || errors === undefined) return reasonTextOf(decision);
  const isMeant = (text: string) =>
    !ALWAYS_TOLD.includes(text) ||
    failed.some(({ id }) =>
      (text === 'invalid user' ? ['user', 'group', 'umask'] : ['no-new-privileges']).includes(id),
    );
  return errors.filter(isMeant).join('; ') || null;
}
