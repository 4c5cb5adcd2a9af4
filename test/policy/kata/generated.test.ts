/**
 * Policies of random pods, for every guest: each allows the whole start of its own workload, and refuses each request of
 * it with one field changed, by a table of changes.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/core/json.js';
import { openWasmEngine } from '../../../src/io/rego-wasm.js';
import type { ContainerData } from '../../../src/policy/kata/data.js';
import { KATA_GUESTS, type KataGuest } from '../../../src/policy/kata/guests.js';
import { synthesizeStart } from '../../../src/policy/kata/synthesize.js';
import { findAgentVariant } from '../../../src/rego/guests.js';
import { buildPolicyInput } from '../../../src/rego/policy-input.js';
import { createPolicySession, type PolicySession } from '../../../src/rego/session.js';
import { policyOfPod, randomPods } from '../../support/random-pods.js';
import type { MadePolicy } from '../../support/rehearsal.js';
import {
  type AllowedRequest,
  mutatedRequests,
  START_MUTATIONS,
  type StartMutation,
} from '../../support/start-mutations.js';

const SEED = 0xb0b;
const PODS = 12;
/** Requests that no policy allows. */
const NEVER: readonly string[] = [
  'SetPolicyRequest',
  'PauseContainerRequest',
  'ResumeContainerRequest',
  'UpdateContainerRequest',
  'ListInterfacesRequest',
  'ListRoutesRequest',
  'ReseedRandomDevRequest',
  'SetGuestDateTimeRequest',
  'MemHotplugByProbeRequest',
  'AddSwapRequest',
  'WriteStreamRequest',
  'CloseStdinRequest',
  'UpdateEphemeralMountsRequest',
];

/** How often each row of the table was refused. */
type Counts = Map<StartMutation, number>;

/** The message with all its fields, as it can be patched; not wrapped. */
function completed(guest: KataGuest, kind: string, request: JsonValue): JsonObject {
  const made = buildPolicyInput(findAgentVariant(guest.id), kind, request);
  if (made.kind !== 'input') throw new Error(`${kind} cannot be read: ${made.reason}`);
  return (made.input.base ?? made.input) as JsonObject;
}

const NAME = 'io.kubernetes.cri.container-name';

function containerFor({ data }: MadePolicy, request: JsonObject): ContainerData | undefined {
  const annotations = (request.OCI as JsonObject | undefined)?.Annotations as
    | JsonObject
    | undefined;
  return annotations === undefined
    ? undefined
    : data.containers.find(({ OCI }) => OCI.Annotations?.get(NAME) === annotations[NAME]);
}

/** These guests take a process only where the policy names the pod. */
function refusesProbes({ family }: KataGuest, { workload }: MadePolicy): boolean {
  return family === 'C' && workload.kind !== 'Pod';
}

/** Makes the whole start, and tries every mutation of each request right after it. */
function rehearse(
  guest: KataGuest,
  made: MadePolicy,
  session: PolicySession,
  counts: Counts,
): void {
  const { initContainers } = made.workload.pod;
  for (const step of synthesizeStart(made.data, { initContainers: initContainers.length })) {
    const { kind, subject } = step;
    const decision = session.receive(kind, step.request);
    if (kind === 'ExecProcessRequest' && refusesProbes(guest, made)) {
      expect(decision.verdict).toBe('deny');
      continue;
    }
    expect(decision.verdict, `${kind} ${subject}: ${decision.prints.join('; ')}`).toBe('allow');
    const rows = START_MUTATIONS.filter(
      (row) => row.kind === kind && row.families.includes(guest.family),
    );
    if (rows.length === 0) continue;
    const request = completed(guest, kind, step.request);
    const allowed: AllowedRequest = { kind, request, container: containerFor(made, request) };
    for (const row of rows) {
      for (const changed of mutatedRequests(row, allowed)) {
        const text = () => `${kind} ${subject} ${row.name}: ${JSON.stringify(changed)}`;
        if (session.receive(kind, changed).verdict === 'allow') throw new Error(text());
        counts.set(row, (counts.get(row) ?? 0) + 1);
      }
    }
    expect(session.receive(kind, request).verdict, `${kind} again`).toBe('allow');
  }
  for (const kind of NEVER) expect(session.receive(kind, {}).verdict).not.toBe('allow');
}

describe.each(KATA_GUESTS)('policies of random pods for $id', (guest) => {
  const counts: Counts = new Map();

  it('allow their own start and refuse every change of it', { timeout: 300_000 }, async () => {
    const engine = openWasmEngine();
    await fc.assert(
      fc.asyncProperty(randomPods(guest.family), async (pod) => {
        const made = policyOfPod(guest.family, pod);
        rehearse(guest, made, await createPolicySession(engine, made.text, guest.id), counts);
      }),
      { seed: SEED, numRuns: PODS, endOnFailure: true },
    );
  });

  it('were tried with thousands of requests, and each row of the table', () => {
    const rows = START_MUTATIONS.filter(({ families }) => families.includes(guest.family));
    expect(rows.filter((row) => !counts.has(row)).map(({ name }) => name)).toEqual([]);
    expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(2000);
  });
});
