import { describe, expect, it } from 'vitest';
import type { NativeState } from '../../src/io/native.js';
import { openRegoEngines } from '../../src/io/rego-engines.js';
import { policyText } from '../support/kata-requests.js';
import { nativeAddon } from '../support/native.js';
import { rulesText } from '../support/rule-cases.js';

const absent: NativeState = { kind: 'absent', reason: 'it is not built' };
const own = { name: 'agent_policy', text: policyText(rulesText('azl3'), {}) };
const other = { name: 'agent_policy', text: 'package agent_policy\n\ndefault X := 7' };

const asked = async (module: typeof own, engines = {}) => {
  const policy = await openRegoEngines(engines).compile([module], 'v0');
  policy.setData({ pstate: {} });
  const query = module === own ? 'StartContainerRequest' : 'X';
  return policy.evaluate(`data.agent_policy.${query}`, {}).outcome;
};

it('runs policies of our own without the native part', async () => {
  expect(await asked(own, { native: absent })).toEqual({ kind: 'value', value: true });
});

it('says why no engine runs a policy, and what helps', async () => {
  await expect(asked(other, { native: absent })).rejects.toMatchObject({
    code: 'ENGINE_ABSENT',
    message: expect.stringContaining('it is not built'),
    got: expect.stringContaining('it has no line policy_data'),
    hints: [expect.stringContaining('npm run build')],
  });
});

describe.runIf(nativeAddon() !== undefined)('with the native part', () => {
  it('runs policies of others', async () => {
    expect(await asked(other)).toEqual({ kind: 'value', value: 7 });
  });
});
