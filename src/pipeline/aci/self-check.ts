/**
 * A CCE policy against the start of its own container group: what it refuses there a guest would refuse too, so that the
 * group would not start. Probes and the end come later; that one of these is refused is said, but is no reason to refuse
 * the policy.
 */
import { type ErrorCode, ToolError } from '../../core/error.js';
import type { NoticeSink } from '../../core/notice.js';
import { parseRegoModule } from '../../core/rego-module.js';
import { type CceDocument, isWindowsContainer } from '../../policy/aci/cce-document.js';
import { readCceModule, requireCceDocument } from '../../policy/aci/read-policy.js';
import { type CceStartStep, synthesizeCceStart } from '../../policy/aci/start/synthesize.js';
import { defaultMounts } from '../../rego/aci/guest-data.js';
import { DEFAULT_FRAMEWORK_GUEST, findFrameworkGuest, knowsPoint } from '../../rego/aci/guests.js';
import { loadFragment } from '../../rego/aci/load.js';
import { type CceDecision, CceSession } from '../../rego/aci/session.js';
import type { FrameworkEngine } from '../../rego/ports.js';

export interface CceSelfCheckPorts {
  readonly engine: FrameworkEngine;
  readonly notices: NoticeSink;
}

/** A generated policy: its text, and how messages name its group and place. */
export interface CceCandidate {
  readonly text: string;
  /** `container group web`. */
  readonly subject: string;
  readonly where: string;
  /** The policy with the containers that it leaves to fragments: what the group starts, if it is not `text`. */
  readonly whole?: string;
  /** Signed fragments that the guest loads before the start, in order. */
  readonly fragments?: readonly { readonly bytes: Uint8Array; readonly what: string }[];
}

const POLICY_PACKAGE = 'policy';
const NO_SESSION: readonly ErrorCode[] = ['ENGINE_ABSENT'];

/** The requests of a start, with the containers of `fragments`, as far as the guest knows of their points. */
export function startSteps(
  document: CceDocument,
  guestId: string,
  fragments: readonly CceDocument[] = [],
): readonly CceStartStep[] {
  const guest = findFrameworkGuest(guestId);
  const steps = synthesizeCceStart(document, { defaultMounts: defaultMounts(), fragments });
  return steps.filter(({ point }) => knowsPoint(guest, point));
}

/**
 * Checks the policies of a run as checkCceStart does. A text that passed without a notice is not tried again: groups of
 * a copy loop often have the same.
 */
export async function checkCceStarts(
  candidates: readonly CceCandidate[],
  { engine, notices }: CceSelfCheckPorts,
): Promise<void> {
  const passed = new Set<string>();
  for (const candidate of candidates) {
    const { text, whole = '', fragments = [] } = candidate;
    const id = JSON.stringify([text, whole]);
    if (fragments.length === 0 && passed.has(id)) continue;
    let isPlain = fragments.length === 0;
    await checkCceStart(candidate, {
      engine,
      notices: (notice) => {
        isPlain = false;
        notices(notice);
      },
    });
    if (isPlain) passed.add(id);
  }
}

/**
 * Throws POLICY_SELF_CHECK_FAILED for a policy under which its group would not start in a guest of `guestId`, and
 * POLICY_UNREADABLE for a text that is no policy. Where nothing can tell (a fragment or side-car policy, an engine that is
 * not there), a notice says so.
 */
export async function checkCceStart(
  candidate: CceCandidate,
  { engine, notices }: CceSelfCheckPorts,
  guestId = DEFAULT_FRAMEWORK_GUEST,
): Promise<void> {
  const { text, subject, where } = candidate;
  const skip = (why: string) =>
    notices({
      code: 'self-check-skipped',
      message: `whether the policy lets its group start was not tried: ${why}`,
      where,
    });
  const module = parseRegoModule(text, where);
  const reading = readCceModule(module, text, where);
  if (reading.kind === 'custom') return skip(reading.problem);
  const { document } = reading;
  if (document.packageName !== POLICY_PACKAGE) {
    return skip(`package ${document.packageName} is loaded as a fragment`);
  }
  if (document.containers.some(isWindowsContainer))
    return skip('guests with Windows are not tried');
  noteMissingCommands(document, candidate, notices);
  const session = new CceSession(engine, text, { guest: guestId, module });
  const problem = await loadFragments(session, candidate);
  if (problem !== undefined) return skip(problem);
  const started =
    candidate.whole === undefined ? document : requireCceDocument(candidate.whole, where);
  for (const step of withoutRepeats(startSteps(started, guestId))) {
    const decision = await unlessAbsent(() => session.enforce(step.point, step.input));
    if (typeof decision === 'string') return skip(decision);
    if (decision.verdict === 'allow') continue;
    if (step.phase === 'start') throw refusal(step, decision, candidate);
    notices({
      code: 'self-check-later-refused',
      ...(step.phase === 'end' ? { level: 'info' as const } : {}),
      message: `${subject}: the policy refuses ${step.point} of ${step.subject}: ${reasonTextOf(decision)}`,
      where,
    });
  }
}

/** Loads what the guest loads before the start. Gives why nothing can decide, if so; throws for what is refused. */
async function loadFragments(
  session: CceSession,
  candidate: CceCandidate,
): Promise<string | undefined> {
  const { fragments = [] } = candidate;
  if (fragments.length === 0) return undefined;
  const { openFragment } = await import('./open-fragment.js');
  for (const { bytes, what } of fragments) {
    const load = () => loadFragment(session, openFragment(bytes, what));
    const loaded = await unlessAbsent(async () => (await load()).decision);
    if (typeof loaded === 'string') return loaded;
    if (loaded.verdict === 'allow') continue;
    throw refusal({ point: 'load_fragment', subject: what }, loaded, candidate);
  }
  return undefined;
}

/**
 * What is taken away at the end depends on nothing but that it was there: of requests to a point the first is enough, but
 * for signals, which each container has its own of.
 */
function withoutRepeats(steps: readonly CceStartStep[]): readonly CceStartStep[] {
  const seen = new Set<string>();
  return steps.filter(({ point, phase }) => {
    if (phase !== 'end' || point === 'signal_container_process') return true;
    return !seen.has(point) && seen.add(point);
  });
}

/** The policy allows such a container, but no runtime starts it. */
function noteMissingCommands(
  { containers }: CceDocument,
  { subject, where }: CceCandidate,
  notices: NoticeSink,
): void {
  for (const { name, id, command } of containers) {
    if (command !== null && command.length > 0) continue;
    notices({
      code: 'container-without-command',
      message: `${subject}: container ${name ?? id ?? ''} has no command, neither of its own nor of its image`,
      where,
    });
  }
}

/** The decision, or why nothing can decide. */
async function unlessAbsent(decide: () => Promise<CceDecision>): Promise<CceDecision | string> {
  try {
    return await decide();
  } catch (error) {
    if (error instanceof ToolError && NO_SESSION.includes(error.code)) return error.message;
    throw error;
  }
}

/** Why a request was refused, in the words of the policy or of the guest. */
export function reasonTextOf({ fault, errors, reason }: CceDecision): string {
  if (fault !== undefined) return fault;
  if (errors !== undefined) return errors.length === 0 ? 'no reason is given' : errors.join('; ');
  return typeof reason === 'string' ? reason : 'no reason is given';
}

function refusal(
  step: Pick<CceStartStep, 'point' | 'subject'>,
  decision: CceDecision,
  { subject, where }: CceCandidate,
): ToolError {
  return new ToolError(
    'POLICY_SELF_CHECK_FAILED',
    `${subject} would not start: its policy refuses ${step.point} of ${step.subject}`,
    {
      where,
      got: reasonTextOf(decision),
      hints: [
        'write the policy with --no-self-check, then ask podseal explain about the request',
        'nothing was written',
      ],
    },
  );
}
