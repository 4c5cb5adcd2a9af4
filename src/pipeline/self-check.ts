/**
 * A generated policy against the start of its own workload: what it refuses there it would refuse in the guest too, so
 * that the pod would not start. Probes run later; that one is refused is said, but is no reason to refuse the policy.
 */
import { type ErrorCode, ToolError } from '../core/error.js';
import type { NoticeSink } from '../core/notice.js';
import type { GeneratedPolicy, KataRequest } from '../pipeline.js';
import { type StartStep, synthesizeStart } from '../policy/kata/synthesize.js';
import type { RegoEngine } from '../rego/ports.js';
import { createPolicySession, type Decision, type PolicySession } from '../rego/session.js';
import { reasonOf } from './simulate.js';

export interface SelfCheckPorts {
  /** Its `compile` throws ENGINE_ABSENT where no engine can run the policy. */
  readonly engine: RegoEngine;
  readonly notices: NoticeSink;
}

/** Reasons that an error tells; further ones mostly say the same of other values. */
const MOST_REASONS = 5;
const NO_SESSION: readonly ErrorCode[] = ['ENGINE_ABSENT', 'POLICY_UNREADABLE'];
/** Rules that answer to containers at all; a file without is a stand-in for real rules. */
const DECIDES_CONTAINERS = /^(?:default\s+)?CreateContainerRequest\b/m;

/**
 * Throws POLICY_SELF_CHECK_FAILED for the first policy under which its workload would not start. Where no engine can
 * tell, a notice says so.
 */
export async function checkStarts(
  policies: readonly GeneratedPolicy[],
  request: KataRequest,
  ports: SelfCheckPorts,
): Promise<void> {
  if (policies.length === 0) return;
  const skip = (why: string) =>
    ports.notices({
      code: 'self-check-skipped',
      message: `whether the policy lets its workload start was not tried: ${why}`,
    });
  if (!DECIDES_CONTAINERS.test(request.rules)) {
    return skip('the rules have none for CreateContainerRequest');
  }
  for (const policy of policies) {
    const session = await openSession(policy, request, ports);
    if (typeof session === 'string') return skip(session);
    const refused = findRefused(session, policy, ports.notices);
    if (refused !== undefined) throw await refusal(refused, policy, request, ports);
  }
}

/** A session, or why there is none. Throws if the guest would not load the policy because of its data. */
async function openSession(
  made: GeneratedPolicy,
  { guest, rules }: KataRequest,
  { engine }: SelfCheckPorts,
): Promise<PolicySession | string> {
  const load = async (text: string) => {
    try {
      return await createPolicySession(engine, text, guest.id);
    } catch (error) {
      if (error instanceof ToolError && NO_SESSION.includes(error.code)) return error.message;
      throw error;
    }
  };
  const session = await load(made.policy);
  if (typeof session !== 'string') return session;
  const withoutData = await load(`${rules}\npolicy_data := {}`);
  if (typeof withoutData === 'string') return withoutData;
  throw new ToolError(
    'POLICY_SELF_CHECK_FAILED',
    `${nameOf(made)} would not start: the guest cannot load its policy`,
    { where: made.workload.at, got: session },
  );
}

interface Refused {
  readonly step: StartStep;
  readonly decision: Decision;
  /** Requests that were allowed before it. */
  readonly before: readonly StartStep[];
}

/** The first request of the start that is refused. */
function findRefused(
  session: PolicySession,
  made: GeneratedPolicy,
  notices: NoticeSink,
): Refused | undefined {
  const initContainers = made.workload.pod.initContainers.length;
  const before: StartStep[] = [];
  for (const step of withoutRepeats(synthesizeStart(made.data, { initContainers }))) {
    const decision = session.receive(step.kind, step.request);
    if (decision.verdict === 'allow') before.push(step);
    else if (step.phase === 'start') return { step, decision, before };
    else {
      notices({
        code: 'self-check-probe-refused',
        message: `the policy refuses a probe or hook of ${step.subject}: ${reasonOf(decision)}`,
        where: made.workload.at,
      });
    }
  }
  return undefined;
}

/** Requests up to the probes; of those that differ in nothing but ids the first is enough. */
function withoutRepeats(steps: readonly StartStep[]): readonly StartStep[] {
  const seen = new Set<string>();
  return steps.filter(({ kind, request, phase }) => {
    if (phase === 'end') return false;
    if (kind === 'CreateContainerRequest' || kind === 'RemoveContainerRequest') return true;
    const form = `${kind} ${JSON.stringify(request).replace(/[0-9a-f]{64}/g, '')}`;
    return !seen.has(form) && seen.add(form);
  });
}

function nameOf({ workload }: GeneratedPolicy): string {
  return `${workload.kind} ${workload.name ?? workload.generateName ?? ''}`.trim();
}

/** What is wrong with the policy, and what to change in the YAML. */
async function refusal(
  { step, decision, before }: Refused,
  made: GeneratedPolicy,
  { guest }: KataRequest,
  { engine }: SelfCheckPorts,
): Promise<ToolError> {
  const { explainRequests } = await import('./explain.js');
  const explained = await explainRequests([...before, step], {
    data: made.data,
    policyText: made.policy,
    guest: guest.id,
    engine,
  });
  const failed = explained.at(-1)?.failed ?? [];
  return new ToolError(
    'POLICY_SELF_CHECK_FAILED',
    `${nameOf(made)} would not start: its policy refuses ${step.kind} of ${step.subject}`,
    {
      where: made.workload.at,
      got: reasonOf(decision) ?? decision.verdict,
      hints: [
        ...failed.slice(0, MOST_REASONS).map(({ message, fix }) => `${message}; ${fix}`),
        `guest ${guest.id} would refuse it too; --no-self-check writes the policy all the same`,
        'nothing was written',
      ],
    },
  );
}
