/**
 * Why a kata policy refuses a request. Whether it does is only for the policy to say: what a comparison finds is tried on
 * the policy itself, by a request in which it is put right, and what makes no difference there is left out.
 */
import type { JsonObject, JsonValue } from '../core/json.js';
import { isJsonObject } from '../core/json-equal.js';
import type { KataPolicyData } from '../policy/kata/data.js';
import type { FailedCheck } from '../policy/kata/explain/check.js';
import {
  type Candidate,
  type Comparison,
  compareContainers,
  rank,
} from '../policy/kata/explain/compare-container.js';
import { compareExec } from '../policy/kata/explain/compare-exec.js';
import { alwaysRefused, compareRequest } from '../policy/kata/explain/compare-request.js';
import { exchangeParts, expectedContainer, unseenReason } from '../policy/kata/explain/locate.js';
import { applyRepairs } from '../policy/kata/explain/repair.js';
import { findCheckRules } from '../policy/kata/explain/rules.js';
import { type ErrorText, hasSurvived } from '../rego/error-text.js';
import { findAgentVariant } from '../rego/guests.js';
import { buildPolicyInput } from '../rego/policy-input.js';
import type { RegoEngine } from '../rego/ports.js';
import { createPolicySession, type Decision, type PolicySession } from '../rego/session.js';
import { reasonOf, type SimulatedRequest } from './simulate.js';

export interface Explanation {
  readonly kind: string;
  readonly decision: Decision['verdict'];
  /** What the engine or the rules say themselves. */
  readonly reason: string | null;
  /** The container of the policy that the request comes nearest to. */
  readonly nearest?: Pick<Candidate, 'index' | 'subject'>;
  /** The other containers and how many conditions fail for each. */
  readonly others: readonly { readonly subject: string; readonly failed: number }[];
  readonly failed: readonly FailedCheck[];
  /**
   * `allowed`: with all of `failed` put right the policy allows the request, and each of them is needed; `refused`: even
   * then it refuses, so there is a reason that was not found; `located`: the parts that it refuses were found by trying
   * each in a request that it allows; `untried`: nothing can be put right, or nothing was found.
   */
  readonly trial: 'allowed' | 'refused' | 'located' | 'untried';
  /** What the explanation leaves open. */
  readonly notes?: readonly string[];
}

interface ExplainInput {
  readonly data: KataPolicyData;
  readonly guest: string;
  /** The policy in the state in which the request finds it. */
  readonly session: PolicySession;
  /** A new session in the same state; trials change it. */
  readonly openTrial: () => Promise<PolicySession>;
}

export interface ExplainRequest {
  readonly data: KataPolicyData;
  readonly policyText: string;
  readonly guest: string;
  readonly engine: RegoEngine;
}

/**
 * Decides on requests in order, each in the state that those before it left, and explains the refused ones. Throws
 * REQUEST_INVALID, and what loading the policy throws.
 */
export async function explainRequests<T extends SimulatedRequest>(
  requests: readonly T[],
  { data, policyText, guest, engine }: ExplainRequest,
): Promise<readonly (Explanation & Omit<T, 'request'>)[]> {
  const session = await createPolicySession(engine, policyText, guest);
  const allowed: T[] = [];
  const openTrial = async () => {
    const trial = await createPolicySession(engine, policyText, guest);
    for (const { kind, request } of allowed) trial.receive(kind, request);
    return trial;
  };
  const explained = [];
  for (const each of requests) {
    const { request, ...rest } = each;
    const one = await explainRequest(each, { data, guest, session, openTrial });
    if (one.decision === 'allow') allowed.push(each);
    explained.push({ ...rest, ...one });
  }
  return explained;
}

/**
 * A request of which only a part is left against the policy: the conditions that this part fails. The policy itself is
 * not asked, since it would refuse whatever is missing.
 */
export function compareSurvivor(told: ErrorText, data: KataPolicyData, guest: string): Explanation {
  const { kind = '', request = {}, lines } = told;
  const made = buildPolicyInput(findAgentVariant(guest), kind, request);
  const input = made.kind === 'input' ? made.input : {};
  const message = objectOf(input.base ?? input);
  const rules = findCheckRules(guest);
  const candidates = rank(
    compare(kind, { data, message, state: {}, rules }).map((one) => ({
      ...one,
      failed: one.failed.filter(({ path }) => hasSurvived(told, path)),
    })),
  );
  const [nearest, ...rest] = candidates;
  return {
    kind,
    decision: told.outcome === 'failed' ? 'error' : 'deny',
    reason: lines.join('; ') || null,
    ...(nearest === undefined || nearest.index < 0
      ? {}
      : { nearest: { index: nearest.index, subject: nearest.subject } }),
    others: rest.map(({ subject, failed }) => ({ subject, failed: failed.length })),
    failed: nearest?.failed ?? [],
    trial: 'untried',
  };
}

/** Decides on the request, and explains where it is refused. Throws REQUEST_INVALID. */
async function explainRequest(
  { kind, request }: SimulatedRequest,
  { data, guest, session, openTrial }: ExplainInput,
): Promise<Explanation> {
  const made = buildPolicyInput(findAgentVariant(guest), kind, request);
  const state = objectOf(session.state.pstate);
  const decision = session.receive(kind, request);
  const told = { kind, decision: decision.verdict, reason: reasonOf(decision) };
  if (decision.verdict === 'allow' || made.kind === 'refused') {
    return { ...told, others: [], failed: [], trial: 'untried' };
  }
  const message = objectOf(made.input.base ?? made.input);
  const comparison: Comparison = { data, message, state, rules: findCheckRules(guest) };
  const candidates = compare(kind, comparison);
  const [nearest, ...rest] = candidates;
  const others = rest.map(({ subject, failed }) => ({ subject, failed: failed.length }));
  if (nearest === undefined) return { ...told, others, failed: [], trial: 'untried' };
  const plain = await tryRepairs(kind, message, nearest.failed, openTrial);
  const isOpen = kind === 'CreateContainerRequest' && plain.trial !== 'allowed';
  const tried = isOpen ? await locate(comparison, nearest, plain, openTrial) : plain;
  const { index, subject } = nearest;
  const named = index < 0 ? {} : { nearest: { index, subject } };
  return { ...told, ...named, others, ...tried };
}

/** The containers that a request may be for; one without a name for requests about no container. */
export function compare(kind: string, comparison: Comparison): readonly Candidate[] {
  if (kind === 'CreateContainerRequest') return compareContainers(comparison);
  if (kind === 'ExecProcessRequest') return compareExec(comparison);
  const failed = compareRequest(kind, comparison) ?? [alwaysRefused(kind)];
  return [{ index: -1, subject: kind, failed }];
}

async function tryRepairs(
  kind: string,
  message: JsonObject,
  failed: readonly FailedCheck[],
  openTrial: () => Promise<PolicySession>,
): Promise<Pick<Explanation, 'failed' | 'trial'>> {
  if (failed.length === 0 || failed.every(({ repairs }) => repairs.length === 0)) {
    return { failed, trial: 'untried' };
  }
  const trial = await openTrial();
  const isAllowed = (some: readonly FailedCheck[]) =>
    trial.receive(kind, applyRepairs(message, some)).verdict === 'allow';
  if (!isAllowed(failed)) return { failed, trial: 'refused' };
  const needed = failed.reduce<readonly FailedCheck[]>((kept, one) => {
    const without = kept.filter((other) => other !== one);
    return isAllowed(without) ? without : kept;
  }, failed);
  return { failed: needed, trial: 'allowed' };
}

/**
 * Exchanges part after part of a request that the policy allows for the given one's: what it then refuses holds a
 * reason. Leaves `plain` as it is where the policy does not allow even the request that it was made for.
 */
async function locate(
  comparison: Comparison,
  { index }: Candidate,
  plain: Pick<Explanation, 'failed' | 'trial'>,
  openTrial: () => Promise<PolicySession>,
): Promise<Pick<Explanation, 'failed' | 'trial'>> {
  const kind = 'CreateContainerRequest';
  const { message } = comparison;
  const expected = expectedContainer(comparison, index);
  if (expected === undefined) return plain;
  const trial = await openTrial();
  if (trial.receive(kind, expected).verdict !== 'allow') return plain;
  const refused = exchangeParts(expected, message).filter(
    ({ request }) => trial.receive(kind, request).verdict !== 'allow',
  );
  if (refused.length === 0) return plain;
  const failed = refused.flatMap(({ path }) => {
    const known = plain.failed.filter((one) => one.path.startsWith(path.join('.')));
    return known.length > 0 ? known : [unseenReason(path, expected, message)];
  });
  return { failed, trial: 'located' };
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
