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

describe.runIf(nativeAddon() !== undefined)('functions that call themselves', () => {
  const load = async (text: string) => {
    const modules = [{ name: 'agent_policy', text: `package agent_policy\n${text}` }];
    const policy = await openNativeEngine().compile(modules, 'v0');
    policy.setData({ state: { last: 3 } });
    return policy;
  };
  const COUNT =
    'f(x) = x { x >= data.state.last }\nf(x) = y { x < data.state.last; y := f(x + 1) }';

  it('give their value, with what they print', async () => {
    const policy = await load(`${COUNT}\na = y { print("from", input); y := f(input) }`);
    expect(policy.evaluate('data.agent_policy.a', 1)).toEqual({
      outcome: { kind: 'value', value: 3 },
      prints: ['agent_policy:4: from 1'],
    });
    expect(policy.evaluate('data.agent_policy.b', 1).outcome).toEqual({ kind: 'undefined' });
  });

  it('fail where they fail', async () => {
    const policy = await load(`${COUNT}\na { f(1) == nothing(2) }`);
    expect(policy.evaluate('data.agent_policy.a', 1).outcome).toEqual({
      kind: 'failed',
      message: 'agent_policy:4:20: could not find function nothing',
    });
  });

  it.each([
    ['themselves', 'f(x) { f(x + 1) }'],
    ['each other', 'f(x) { g(x + 1) }\ng(x) { f(x) }'],
  ])('fail where they call %s without end', async (_name, text) => {
    const policy = await load(`${text}\na { f(1) }\nb { true }`);
    expect(policy.evaluate('data.agent_policy.b', 1).outcome).toMatchObject({ value: true });
    expect(policy.evaluate('data.agent_policy.a', 1)).toEqual({
      outcome: {
        kind: 'failed',
        message: 'the engine crashed: rules call each other too deep, or without end',
      },
      prints: [],
    });
  });
});
