import { readFileSync } from 'node:fs';
import * as library from '@open-policy-agent/opa-wasm';
import { describe, expect, it } from 'vitest';
import { openRegoBuiltins, type RegoBuiltins } from '../../src/io/rego-builtins.js';
import { OpaInstance, type PolicyClass } from '../../src/io/rego-instance.js';
import { readRuleCases } from '../support/rule-cases.js';

const { default: opa } = library as unknown as { readonly default: unknown };
const { LoadedPolicy } = opa as { readonly LoadedPolicy: PolicyClass };
const module = new WebAssembly.Module(
  readFileSync(new URL('../../policies/kata/kata-4.1.wasm', import.meta.url)),
);
const CREATE = 'agent_policy/CreateContainerRequest';
const CASE = readRuleCases('kata-4.1').find(({ id }) => id === 'pause')!;
const input = () => new TextEncoder().encode(JSON.stringify(CASE.input));

function start(builtins: RegoBuiltins): OpaInstance {
  return new OpaInstance(LoadedPolicy, {
    module,
    builtins,
    fixed: { name: 'podseal', json: JSON.stringify({ policy_data: CASE.data }) },
    startBytes: 8 * 1024 * 1024,
    mostBytes: 64 * 1024 * 1024,
  });
}

const BUILTINS = openRegoBuiltins(() => {});

describe('calls outside', () => {
  it('give texts as they are', () => {
    const texts: unknown[] = [];
    const instance = start({
      ...BUILTINS,
      'podseal.regex.match': (pattern, text) => {
        texts.push(pattern, text);
        return false;
      },
    });
    instance.setData({ pstate: {} });
    const odd = structuredClone(CASE.input) as { OCI: { Annotations: Record<string, string> } };
    odd.OCI.Annotations['io.kubernetes.cri.sandbox-name'] = 'ä\u0000"\u{1f600}';
    instance.evaluate(CREATE, new TextEncoder().encode(JSON.stringify(odd)));
    expect(texts).toContain('ä\u0000"\u{1f600}');
  });

  it('fail by name where there is no such function', () => {
    const instance = start({});
    instance.setData({ pstate: {} });
    expect(() => instance.evaluate(CREATE, input())).toThrow(/calls (podseal|internal)\./);
  });
});

describe('setData', () => {
  const remove = (container: string) => {
    const request = { container_id: container, timeout: 0 };
    return new TextEncoder().encode(JSON.stringify(request));
  };

  it('changes the state as often as wanted, and leaves the policy as it is', () => {
    const instance = start(BUILTINS);
    instance.setData({ pstate: {} });
    const before = instance.evaluate(CREATE, input());
    // All of them together would not fit into the memory.
    for (let i = 0; i < 300; i += 1) {
      const state = { sandbox_name: 'x'.repeat(i % 2 === 0 ? 1_000_000 : 1) };
      instance.setData({ pstate: state });
    }
    expect(instance.evaluate(CREATE, input())).toBe(false);
    instance.setData({ pstate: {} });
    expect(instance.evaluate(CREATE, input())).toEqual(before);
    expect(before).toMatchObject({ allowed: true });
  });

  it('leaves out a member that has the name of the fixed one', () => {
    const instance = start(BUILTINS);
    instance.setData({ pstate: {} });
    const before = instance.evaluate(CREATE, input());
    instance.setData({ podseal: { policy_data: {} }, pstate: {} });
    expect(instance.evaluate(CREATE, input())).toEqual(before);
    expect(before).toMatchObject({ allowed: true });
  });

  it('takes names and values of any kind', () => {
    const instance = start(BUILTINS);
    instance.setData({ 'a"b\\ ü': [1, { x: null }] });
    expect(instance.hasEntrypoint('agent_policy/StartContainerRequest')).toBe(true);
    expect(instance.hasEntrypoint('agent_policy/sandbox_id')).toBe(false);
    expect(instance.evaluate('agent_policy/StartContainerRequest', remove('a'))).toBe(true);
  });
});
