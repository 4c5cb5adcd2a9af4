import { describe, expect, it } from 'vitest';
import { openNativeEngine } from '../../src/io/rego-native.js';
import { nativeAddon } from '../support/native.js';

describe.runIf(nativeAddon() !== undefined)('problems of a policy', () => {
  const module = (text: string) => [
    { name: 'agent_policy', text: `package agent_policy\n${text}` },
  ];

  it('are told without the line that they stand in, which may be long and secret', async () => {
    const long = `x := "password ${'y'.repeat(70_000)}"`;
    for (const dialect of ['v0', 'v1'] as const) {
      await expect(openNativeEngine().compile(module(long), dialect)).rejects.toMatchObject({
        code: 'POLICY_UNREADABLE',
        message:
          'policy text cannot be read: agent_policy:2:7: line exceeds maximum column width of 65536',
      });
    }
  });

  it('are told the same way when they show in an evaluation', async () => {
    const policy = await openNativeEngine().compile(module('x := nothing("password")'), 'v1');
    policy.setData({});
    expect(policy.evaluate('data.agent_policy.x', {}).outcome).toEqual({
      kind: 'failed',
      message: 'agent_policy:2:13: could not find function nothing',
    });
  });
});
