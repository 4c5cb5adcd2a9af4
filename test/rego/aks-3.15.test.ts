import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/core/json.js';
import { applyJsonPatch } from '../../src/core/json-patch.js';
import { openNativeEngine } from '../../src/io/rego-native.js';
import { createPolicySession } from '../../src/rego/session.js';
import { readDivergences } from '../support/divergences.js';
import { policyText, RequestVectors } from '../support/kata-requests.js';
import { nativeAddon } from '../support/native.js';
import { rulesText } from '../support/rule-cases.js';
import { describeRules } from '../support/rule-suite.js';
import { vectorsDir } from '../support/vectors.js';

const GUEST = 'aks-3.15';

/** Spec kata-policy-rules section 6, columns U and R315. */
describeRules({
  guest: GUEST,
  allows: ['RemoveContainerRequest'],
});

const addon = nativeAddon();
const root = vectorsDir('kata-requests');
/** Requests as the agents of azl5 rewrite them, but for the wrapping: the probes patch what is inside. */
const vectors = root === undefined ? undefined : new RequestVectors(root, 'azl3');
const RULES = rulesText(GUEST);
const ROWS = readDivergences().filter((row) => row.area === `kata-rules-${GUEST}`);
const DATA = 'azl5/createContainer';

/** What policies for azl5 lack or write in another form; the vectors have no policies of AKS 3.15. */
const TO_AKS_3_15: readonly JsonObject[] = [
  {
    op: 'add',
    path: '/common/mount_source_cpath',
    value: '/run/kata-containers/shared/containers',
  },
  {
    op: 'replace',
    path: '/request_defaults/ExecProcessRequest',
    value: { allowed_commands: [], regex: [] },
  },
  { op: 'add', path: '/containers/0/OCI/Linux/Sysctl', value: {} },
  { op: 'add', path: '/containers/0/OCI/Linux/Devices', value: [] },
  { op: 'add', path: '/containers/0/devices', value: [] },
  {
    op: 'replace',
    path: '/containers/0/OCI/Annotations/io.kubernetes.cri.sandbox-name',
    value: '^busybox$',
  },
];

/** Probes that the reference of AKS 3.15 decides otherwise than that of azl5 (spec section 12.2). */
const CHANGED: Readonly<Record<string, 'allow' | 'deny'>> = {
  'azl5/createContainer/legacy/network-ns': 'allow',
  'azl5/createContainer/legacy/device-any': 'deny',
  'azl5/createContainer/legacy/linux-device-any': 'deny',
};

const adapt = (data: JsonValue) =>
  applyJsonPatch(data, TO_AKS_3_15, { code: 'INTERNAL', what: 'policy data', path: '' });

const open = (data: JsonValue) =>
  createPolicySession(openNativeEngine(), policyText(RULES, data), GUEST);

/** The request with the map that agents make of its variables. */
function wrap(input: JsonValue): JsonValue {
  const { OCI } = input as { OCI: { Process: { Env: readonly string[] } } };
  const entries = OCI.Process.Env.map((text) => text.split(/=(.*)/s).slice(0, 2));
  return { base: input, env_map: Object.fromEntries(entries) };
}

describe.runIf(addon !== undefined && vectors !== undefined)(`rules for ${GUEST}, vectors`, () => {
  const probes = vectors?.probes('azl5.json') ?? [];

  it.each(probes)('$id', async (probe) => {
    const data = adapt(vectors!.probeData(probe, DATA));
    const want = CHANGED[probe.id] ?? probe.steps[0]?.expect;
    const row = ROWS.find((known) => known.case === probe.id);
    for (const form of [wrap, (input: JsonValue) => input]) {
      const session = await open(data);
      const [step, ...others] = probe.steps;
      expect(others).toEqual([]);
      const { verdict } = session.decide(step?.kind ?? '', form(vectors!.stepInput(step!)));
      expect(verdict).toBe(row?.ours ?? want);
    }
    if (row === undefined) return;
    expect(row.reference).toBe(want);
    expect(row.ours).not.toBe(want);
  });

  it('know the probes that are decided otherwise', () => {
    const ids = probes.map(({ id }) => id);
    for (const id of Object.keys(CHANGED)) expect(ids).toContain(id);
    for (const row of ROWS.filter(({ case: id }) => id.includes('/')))
      expect(ids).toContain(row.case);
  });

  it.each(vectors?.folders('microsoft-azl5') ?? [])('%s', async (folder) => {
    const data = adapt(vectors!.policyData(DATA));
    const session = await open(data);
    for (const { kind, request, allowed, description } of vectors!.cases(folder)) {
      const { verdict } = session.receive(kind, request);
      expect([description, verdict]).toEqual([description, allowed ? 'allow' : 'deny']);
    }
  });
});
