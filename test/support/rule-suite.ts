/** What every rules file must hold: our own cases, the request vectors, both languages, and its rows of divergences. */
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/core/json.js';
import { openNativeEngine } from '../../src/io/rego-native.js';
import { createPolicySession, type Decision } from '../../src/rego/session.js';
import { readDivergences } from './divergences.js';
import { policyText, RequestVectors } from './kata-requests.js';
import { loadingOnce, nativeAddon } from './native.js';
import { readRuleCases, rulesText } from './rule-cases.js';
import { vectorsDir } from './vectors.js';

/** Kinds that guests answer differently where the policy data has no say. */
export type VaryingKind = (typeof VARYING)[number];
const VARYING = [
  'ReadStreamRequest',
  'RemoveContainerRequest',
  'UpdateInterfaceRequest',
  'UpdateRoutesRequest',
] as const;
/** Kinds that every guest allows, and those that none allows, for an empty request. */
const ALLOWED = [
  'DestroySandboxRequest',
  'GetOOMEventRequest',
  'GuestDetailsRequest',
  'OnlineCPUMemRequest',
  'RemoveStaleVirtiofsShareMountsRequest',
  'SignalProcessRequest',
  'StartContainerRequest',
  'StatsContainerRequest',
  'TtyWinResizeRequest',
  'WaitProcessRequest',
];
const DENIED = [
  'AddARPNeighborsRequest',
  'AddSwapPathRequest',
  'AddSwapRequest',
  'AllowRequestsFailingPolicy',
  'CloseStdinRequest',
  'CopyFileRequest',
  'CreateContainerRequest',
  'CreateSandboxRequest',
  'ExecProcessRequest',
  'GetDiagnosticDataRequest',
  'GetIPTablesRequest',
  'GetMetricsRequest',
  'ListInterfacesRequest',
  'ListRoutesRequest',
  'MemAgentCompactConfig',
  'MemAgentMemcgConfig',
  'MemHotplugByProbeRequest',
  'PauseContainerRequest',
  'ReseedRandomDevRequest',
  'ResizeVolumeRequest',
  'ResumeContainerRequest',
  'SetGuestDateTimeRequest',
  'SetIPTablesRequest',
  'SetPolicyRequest',
  'StartTracingRequest',
  'StopTracingRequest',
  'UpdateContainerRequest',
  'UpdateEphemeralMountsRequest',
  'VolumeStatsRequest',
  'WriteStreamRequest',
];

function answersOf(allows: readonly VaryingKind[]): Readonly<Record<string, boolean>> {
  return Object.fromEntries([
    ...DENIED.map((kind) => [kind, false]),
    ...ALLOWED.map((kind) => [kind, true]),
    ...VARYING.map((kind) => [kind, allows.includes(kind)]),
  ]);
}

export interface RuleSuite {
  readonly guest: string;
  /** Which of the kinds that guests answer differently are allowed for an empty request, which fails every check. */
  readonly allows: readonly VaryingKind[];
  /** File of probes, and the folder of testcases that the rules decide; absent where none can be asked as it is. */
  readonly probes?: string;
  readonly testcases?: string;
  /** Policy data for a folder of testcases, where it has another name. */
  readonly dataOf?: (folder: string) => string;
}

/** Requests that are allowed if the settings say so. */
const SWITCHES = [
  'CloseStdinRequest',
  'ReadStreamRequest',
  'UpdateEphemeralMountsRequest',
  'WriteStreamRequest',
];

/** A refusal is one whether the policy says no or cannot say. */
const isAllowed = (verdict: Decision['verdict']) => verdict === 'allow';

/** Declares the tests of one rules file. */
export function describeRules(suite: RuleSuite): void {
  const { guest, probes = '', testcases = '', dataOf = (folder) => folder } = suite;
  const rules = rulesText(guest);
  const cases = readRuleCases(guest);
  const rows = readDivergences().filter((row) => row.area === `kata-rules-${guest}`);
  const addon = nativeAddon();
  const root = suite.probes === undefined ? undefined : vectorsDir('kata-requests');
  const vectors = root === undefined ? undefined : new RequestVectors(root, guest);
  const engine = addon === undefined ? undefined : loadingOnce(openNativeEngine());

  describe.runIf(engine !== undefined)(`rules for ${guest}`, () => {
    it.each(cases)('$id', async ({ before, kind, data, input, expect: want }) => {
      const session = await createPolicySession(engine!, policyText(rules, data), guest);
      for (const earlier of before)
        expect(session.decide(earlier.kind, earlier.input).verdict).toBe('allow');
      const { verdict, prints, reason } = session.decide(kind, input);
      expect({ verdict, prints, reason }).toMatchObject({ verdict: want });
      // A refusal says which check failed, an allow says nothing; no value of the request is ever printed.
      if (kind === 'RemoveContainerRequest') return;
      expect(prints).toHaveLength(isAllowed(want) ? 0 : 1);
      expect(prints.join()).toMatch(
        /^$|^agent_policy:\d+: the [a-z ]+ is refused, failed checks: [a-z, ]+$/,
      );
    });

    it.each(['v0', 'v1'] as const)('answer every query in %s', async (dialect) => {
      const module = { name: 'agent_policy', text: policyText(rules, cases[0]?.data ?? null) };
      const policy = await engine!.compile([module], dialect);
      policy.setData({ pstate: {} });
      const ask = (kind: string, input: JsonValue) => {
        const { outcome } = policy.evaluate(`data.agent_policy.${kind}`, input);
        return outcome.kind === 'value' ? outcome.value : outcome.kind;
      };
      const wanted = answersOf(suite.allows);
      const answers = Object.keys(wanted).map((kind) => [kind, ask(kind, {})]);
      expect(Object.fromEntries(answers)).toEqual(wanted);
      const web = cases.find(({ id }) => id === 'web');
      const answer = ask('CreateContainerRequest', web?.input ?? null);
      expect(answer === true ? { allowed: true } : answer).toMatchObject({ allowed: true });
    });

    it.each(SWITCHES)('let the settings decide about %s', async (kind) => {
      for (const value of [true, false, 'true', null]) {
        const data = { request_defaults: { [kind]: value } };
        const session = await createPolicySession(engine!, policyText(rules, data), guest);
        expect(session.decide(kind, {}).verdict).toBe(value === true ? 'allow' : 'deny');
        for (const other of SWITCHES.filter((name) => name !== kind))
          expect(session.decide(other, {}).verdict).toBe('deny');
      }
    });
  });

  describe(`text of the rules for ${guest}`, () => {
    it('fits in the engines of all agents', () => {
      for (const line of rules.split('\n')) expect(line.length).toBeLessThan(1024);
      expect(rules).toMatch(/^package agent_policy$/m);
      expect(rules).not.toMatch(/^import (rego\.v1|input)/m);
      expect(rules).toMatch(/^[\t\n\x20-\x7e]*$/);
      const defaults = [...rules.matchAll(/^default ([A-Za-z]+) :=/gm)].map((match) => match[1]);
      expect(defaults.sort()).toEqual(Object.keys(answersOf(suite.allows)).sort());
    });

    it('differs from the reference exactly where a row says so', () => {
      const differing = cases.filter(
        ({ reference, expect: ours }) => isAllowed(reference) !== isAllowed(ours),
      );
      const own = rows.filter((row) => !row.case.includes('/'));
      expect(own.map(({ case: id, reference, ours }) => ({ id, reference, ours }))).toEqual(
        differing.map(({ id, reference, expect: ours }) => ({ id, reference, ours })),
      );
    });
  });

  describe.runIf(engine !== undefined && vectors !== undefined)(
    `rules for ${guest}, vectors`,
    () => {
      it.each(vectors?.probes(probes) ?? [])('$id', async (probe) => {
        const data = vectors!.probeData(probe, dataOf(probe.policy));
        const session = await vectors!.session(engine!, rules, data);
        const want = probe.steps.map((step) => step.expect);
        const got = probe.steps.map(
          (step) => session.decide(step.kind, vectors!.stepInput(step)).verdict,
        );
        const row = rows.find((known) => known.case === probe.id);
        if (row === undefined) return expect(got.map(isAllowed)).toEqual(want.map(isAllowed));
        expect([row.reference, row.ours]).toEqual([want.join(' '), got.join(' ')]);
        expect(got.map(isAllowed)).not.toEqual(want.map(isAllowed));
      });

      it.each(vectors?.folders(testcases) ?? [])('%s', async (folder) => {
        const data = vectors!.policyData(dataOf(folder));
        const session = await vectors!.session(engine!, rules, data);
        for (const { kind, request, allowed, description } of vectors!.cases(folder)) {
          const { verdict } = session.receive(kind, request);
          expect([description, verdict]).toEqual([description, allowed ? 'allow' : 'deny']);
        }
      });
    },
  );
}
