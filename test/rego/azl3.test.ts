import { describe, expect, it } from 'vitest';
import { openNativeEngine } from '../../src/io/rego-native.js';
import { createPolicySession } from '../../src/rego/session.js';
import { readDivergences } from '../support/divergences.js';
import { policyText, RequestVectors } from '../support/kata-requests.js';
import { nativeAddon } from '../support/native.js';
import { readRuleCases, rulesText } from '../support/rule-cases.js';
import { vectorsDir } from '../support/vectors.js';

const GUEST = 'azl3';
const RULES = rulesText(GUEST);
const CASES = readRuleCases(GUEST);
const ROWS = readDivergences().filter((row) => row.area === 'kata-rules-azl3');

const addon = nativeAddon();
const root = vectorsDir('kata-requests');
const vectors = root === undefined ? undefined : new RequestVectors(root, GUEST);
const DATA = 'azl3/createContainer';

describe.runIf(addon !== undefined)('rules for azl3', () => {
  it.each(CASES)('$id', async ({ kind, data, input, expect: want }) => {
    const session = await createPolicySession(openNativeEngine(), policyText(RULES, data), GUEST);
    const { verdict, prints, reason } = session.decide(kind, input);
    expect({ verdict, prints, reason }).toMatchObject({ verdict: want });
    // A refusal says which check failed, an allow says nothing; no value of the request is ever printed.
    expect(prints).toHaveLength(want === 'allow' ? 0 : 1);
    expect(prints.join()).toMatch(
      /^$|^agent_policy:\d+: the [a-z ]+ is refused, failed checks: [a-z, ]+$/,
    );
  });

  it.each(['v0', 'v1'] as const)('answer every query in %s', async (dialect) => {
    const data = CASES[0]?.data ?? null;
    const module = { name: 'agent_policy', text: policyText(RULES, data) };
    const policy = await openNativeEngine().compile([module], dialect);
    policy.setData({ pstate: {} });
    const answers = Object.keys(ALWAYS).map((kind) => {
      const { outcome } = policy.evaluate(`data.agent_policy.${kind}`, {});
      return [kind, outcome.kind === 'value' ? outcome.value : outcome.kind];
    });
    expect(Object.fromEntries(answers)).toEqual(ALWAYS);
    const container = CASES.find(({ id }) => id === 'web');
    const { outcome } = policy.evaluate(
      `data.agent_policy.${container?.kind}`,
      container?.input ?? null,
    );
    expect(outcome).toEqual({ kind: 'value', value: true });
  });
});

describe('rules for azl3, as text', () => {
  it('fit in the engines of all agents', () => {
    for (const line of RULES.split('\n')) expect(line.length).toBeLessThan(1024);
    expect(RULES).toMatch(/^package agent_policy$/m);
    expect(RULES).not.toMatch(/^import (rego\.v1|input)/m);
    expect(RULES).toMatch(/^[\t\n\x20-\x7e]*$/);
  });

  it('differ from the reference exactly where a row says so', () => {
    const differing = CASES.filter((row) => row.reference !== row.expect);
    const own = ROWS.filter((row) => !row.case.startsWith('azl3/'));
    expect(own.map(({ case: id, reference, ours }) => ({ id, reference, ours }))).toEqual(
      differing.map(({ id, reference, expect: ours }) => ({ id, reference, ours })),
    );
  });
});

describe.runIf(addon !== undefined && vectors !== undefined)('rules for azl3, vectors', () => {
  it.each(vectors?.probes('azl3.json') ?? [])('$id', async (probe) => {
    const data = vectors!.probeData(probe, DATA);
    const session = await vectors!.session(openNativeEngine(), RULES, data);
    const row = ROWS.find((known) => known.case === probe.id);
    const want = probe.steps.map((step) => step.expect);
    const got = probe.steps.map(
      (step) => session.decide(step.kind, vectors!.stepInput(step)).verdict,
    );
    if (row === undefined) return expect(got).toEqual(want);
    expect([row.reference, row.ours]).toEqual([want.at(-1), got.at(-1)]);
    expect(row.ours).not.toBe(row.reference);
  });

  it.each(vectors?.folders('microsoft-azl5') ?? [])('%s', async (folder) => {
    const session = await vectors!.session(openNativeEngine(), RULES, vectors!.policyData(DATA));
    for (const { kind, request, allowed, description } of vectors!.cases(folder)) {
      const { verdict } = session.receive(kind, request);
      expect([description, verdict]).toEqual([description, allowed ? 'allow' : 'deny']);
    }
  });
});

/** Answers to an empty request, which fails every check (spec kata-policy-rules section 6, columns U and A). */
const ALWAYS: Readonly<Record<string, boolean>> = {
  AddARPNeighborsRequest: false,
  AddSwapPathRequest: false,
  AddSwapRequest: false,
  AllowRequestsFailingPolicy: false,
  CloseStdinRequest: false,
  CopyFileRequest: false,
  CreateContainerRequest: false,
  CreateSandboxRequest: false,
  DestroySandboxRequest: true,
  ExecProcessRequest: false,
  GetDiagnosticDataRequest: false,
  GetIPTablesRequest: false,
  GetMetricsRequest: false,
  GetOOMEventRequest: true,
  GuestDetailsRequest: true,
  ListInterfacesRequest: false,
  ListRoutesRequest: false,
  MemAgentCompactConfig: false,
  MemAgentMemcgConfig: false,
  MemHotplugByProbeRequest: false,
  OnlineCPUMemRequest: true,
  PauseContainerRequest: false,
  ReadStreamRequest: true,
  RemoveContainerRequest: true,
  RemoveStaleVirtiofsShareMountsRequest: true,
  ReseedRandomDevRequest: false,
  ResizeVolumeRequest: false,
  ResumeContainerRequest: false,
  SetGuestDateTimeRequest: false,
  SetIPTablesRequest: false,
  SetPolicyRequest: false,
  SignalProcessRequest: true,
  StartContainerRequest: true,
  StartTracingRequest: false,
  StatsContainerRequest: true,
  StopTracingRequest: false,
  TtyWinResizeRequest: true,
  UpdateContainerRequest: false,
  UpdateEphemeralMountsRequest: false,
  UpdateInterfaceRequest: true,
  UpdateRoutesRequest: true,
  VolumeStatsRequest: false,
  WaitProcessRequest: true,
  WriteStreamRequest: false,
};
