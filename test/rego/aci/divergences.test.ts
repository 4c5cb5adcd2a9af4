import { describe, expect, it } from 'vitest';
import { openFrameworkEngine } from '../../../src/io/framework-engine.js';
import { explainCceRequests } from '../../../src/pipeline/aci/explain.js';
import { startSteps } from '../../../src/pipeline/aci/self-check.js';
import { requireCceDocument } from '../../../src/policy/aci/read-policy.js';
import { loadFragment } from '../../../src/rego/aci/load.js';
import { CceSession } from '../../../src/rego/aci/session.js';
import { policyText } from '../../policy/aci/sample-policy.js';
import { readDivergences } from '../../support/divergences.js';

const GUEST = 'framework-0.5.0';
const engine = openFrameworkEngine();
const rows = readDivergences().filter(({ area }) => area === 'aci-enforcement');

/** Each row with what shows that it still holds. */
const SHOWN: Readonly<Record<string, () => Promise<void>>> = {
  'aci-enforcement-reserved-namespace': async () => {
    const entry = { issuer: 'i', feed: 'f', minimum_svn: '1', includes: ['containers'] };
    const text = policyText({ fragments: [entry] });
    const load = (name: string) =>
      loadFragment(new CceSession(engine, text, { guest: GUEST }), {
        issuer: 'i',
        feed: 'f',
        text: `package ${name}\nsvn := "1"\nframework_version := "0.5.0"`,
      });
    expect((await load('other')).decision.verdict).toBe('allow');
    for (const name of ['podseal_guest', 'podseal_fragment']) {
      expect((await load(name)).decision).toMatchObject({
        verdict: 'error',
        fault: expect.stringContaining('cannot be simulated'),
      });
    }
  },
  'aci-enforcement-semver-v': async () => {
    const candidates = async (version: string) => {
      const text = policyText({ framework_version: version });
      const session = new CceSession(engine, text, { guest: GUEST });
      return session.query('data.framework.candidate_containers', {});
    };
    expect(await candidates('0.5.0')).toMatchObject({ value: [{ name: 'web' }] });
    expect(await candidates('v0.5.0')).toEqual({ kind: 'value', value: [] });
  },
  'aci-enforcement-exec-reasons': async () => {
    const text = policyText();
    const document = requireCceDocument(text, 't');
    const steps = startSteps(document, GUEST);
    const at = steps.findIndex(({ point }) => point === 'exec_in_container');
    const requests = steps.slice(0, at + 1).map(({ point, input }, i) => ({
      point,
      input: i === at ? { ...input, argList: ['sh'] } : input,
      line: i + 1,
    }));
    const session = new CceSession(engine, text, { guest: GUEST });
    let errors: readonly string[] | undefined;
    for (const { point, input } of requests) errors = (await session.enforce(point, input)).errors;
    expect(errors).toEqual(['invalid command', 'invalid noNewPrivileges', 'invalid user']);
    const input = { document, unknown: [], policyText: text, guest: GUEST, engine };
    const explained = await explainCceRequests(requests, input);
    expect(explained.at(-1)?.reason).toBe('invalid command');
  },
};

describe('decisions on CCE policies that differ from the reference', () => {
  it('are those of the rows', () => {
    expect(rows.map(({ id }) => id).sort()).toEqual(Object.keys(SHOWN).sort());
  });

  it.each(Object.keys(SHOWN))('%s', async (id) => {
    await SHOWN[id]?.();
  });
});
