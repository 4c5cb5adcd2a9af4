import { describe, expect, it, vi } from 'vitest';
import type { JsonValue } from '../../src/core/json.js';
import { applyJsonPatch } from '../../src/core/json-patch.js';
import { LIMITS } from '../../src/core/limits.js';
import { OpaInstance } from '../../src/io/rego-instance.js';
import { openWasmEngine, type WasmOptions } from '../../src/io/rego-wasm.js';
import type { RegoPolicy } from '../../src/rego/ports.js';
import { readRuleCases, rulesText } from '../support/rule-cases.js';

const GUEST = 'azl3';
const RULES = rulesText(GUEST);
/** A request that is allowed: container `side`, which is number 2 of the policy. */
const SIDE = readRuleCases(GUEST).find(({ id }) => id === 'side')!;
const CREATE = 'data.agent_policy.CreateContainerRequest';
const PLACE = { code: 'INTERNAL', what: 'test', path: '' } as const;

const patched = (value: JsonValue, ...patch: JsonValue[]) => applyJsonPatch(value, patch, PLACE);
const module = (data: string, name = 'agent_policy') => ({
  name,
  text: `${RULES}\npolicy_data := ${data}`,
});

async function open(data: string, options: WasmOptions = {}, name = 'p'): Promise<RegoPolicy> {
  const policy = await openWasmEngine(options).compile([module(data, name)], 'v0');
  policy.setData({ pstate: {} });
  return policy;
}

describe('load', () => {
  const load = async (text: string) => {
    const loading = await openWasmEngine().load([{ name: 'p', text }]);
    return loading.kind === 'loaded' ? loading.kind : loading.reason;
  };
  const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
  /** Data whose one line of the policy text has so many bytes. */
  const line = (bytes: number) => `{"a": "é${'x'.repeat(bytes - 26)}"}`;
  const lines = (count: number) => `{${'\n'.repeat(count - RULES.split('\n').length - 1)}}`;
  /** Data that is blank, for a text of so many bytes. */
  const blank = (bytes: number) => {
    const line = `${' '.repeat(999)}\n`;
    const count = bytes - Buffer.byteLength(module('{}').text);
    return `{${line.repeat(count / line.length)}${' '.repeat(count % line.length)}}`;
  };

  it.each([
    ['its own rules', '{}', 'loaded'],
    ['rules of others', undefined, 'its rules are not those of podseal'],
    ['a list as data', '[]', 'its data is not an object'],
    ['a blank before the data', ' {}', 'its data is not an object'],
    ['rules behind the data', '{}\nX := 1', 'its data is more than JSON'],
    ['a comment behind the data', '{} # end', 'its data is more than JSON'],
    ['a key given twice', '{"a": 1, "a": 2}', 'its data is more than JSON'],
    ['deep data', nested(16), 'loaded'],
    ['data that is too deep', nested(17), 'its data is nested deeper than 16'],
    ['a long line', line(65_535), 'loaded'],
    ['a line that is too long', line(65_536), 'it has a line of more than 65535 bytes'],
    ['many lines', lines(200_000), 'loaded'],
    ['too many lines', lines(200_001), 'it has more than 200000 lines'],
    ['a long text', blank(LIMITS.policyTextBytes), 'loaded'],
    [
      'a text that is too long',
      blank(LIMITS.policyTextBytes + 1),
      'it has more than 16777216 bytes',
    ],
  ])('%s', async (_, data, want) => {
    const text =
      data === undefined ? module('{}').text.replace('true', 'false') : module(data).text;
    expect(await load(text)).toContain(want);
  });

  it.each([
    ['the rules alone', [{ name: 'p', text: RULES }], 'it has no line policy_data'],
    ['two files', [module('{}'), module('{}')], 'it has more than one file'],
    ['no file', [], 'it has more than one file'],
  ])('%s', async (_, modules, reason) => {
    expect(await openWasmEngine().load(modules)).toEqual({ kind: 'foreign', reason });
  });
});

it('compile throws for policies that it cannot run', async () => {
  const text = 'package agent_policy\n\ndefault StartContainerRequest := true';
  await expect(openWasmEngine().compile([{ name: 'p', text }], 'v0')).rejects.toMatchObject({
    code: 'ENGINE_ABSENT',
    message: expect.stringContaining('it has no line policy_data'),
  });
});

describe('evaluate', () => {
  const data = JSON.stringify(SIDE.data);

  it('gives what the rules answer', async () => {
    const policy = await open(data);
    expect(policy.evaluate(CREATE, SIDE.input)).toEqual({
      outcome: { kind: 'value', value: true },
      prints: [],
    });
    for (const input of [{}, null, false, 0, '', []]) {
      expect(policy.evaluate(CREATE, input).outcome).toEqual({ kind: 'value', value: false });
    }
    for (const rule of ['data.agent_policy.sandbox_id', 'data.agent_policy.None', 'data', '']) {
      expect(policy.evaluate(rule, SIDE.input).outcome).toEqual({ kind: 'undefined' });
    }
  });

  it('tells what the rules print, once, with name and line', async () => {
    const policy = await open(data, {}, 'my policy');
    const input = patched(SIDE.input, { op: 'replace', path: '/OCI/Version', value: 'x' });
    const line = RULES.split('\n').findIndex((text) => text.includes('print(')) + 1;
    const want = [
      `my policy:${line}: the container of that name is refused, failed checks: version`,
    ];
    expect(policy.evaluate(CREATE, input).prints).toEqual(want);
    expect(policy.evaluate(CREATE, SIDE.input).prints).toEqual([]);
    expect(policy.evaluate(CREATE, input).prints).toEqual(want);
  });

  it('reads the policy whatever the state is called', async () => {
    const policy = await open(data);
    policy.setData({ podseal: { policy_data: {} }, pstate: { a: 1 } });
    expect(policy.evaluate(CREATE, SIDE.input).outcome).toEqual({ kind: 'value', value: true });
  });

  it('keeps the digits of big integers of the policy', async () => {
    const path = '/OCI/Process/User/UID';
    const uid = { op: 'replace', path: `/containers/2${path}`, value: 1_234_567 };
    const text = JSON.stringify(patched(SIDE.data, uid));
    const input = patched(SIDE.input, { op: 'replace', path, value: 2 ** 53 });
    for (const [digits, value] of [
      ['9007199254740992', true],
      ['9007199254740993', false],
    ] as const) {
      const policy = await open(text.replace('1234567', digits));
      expect(policy.evaluate(CREATE, input).outcome).toEqual({ kind: 'value', value });
    }
  });

  it('takes more patterns in one request than the module could keep itself', async () => {
    const mounts = Array.from({ length: 150 }, (_, i) => ({
      destination: `/m${i}`,
      source: `^/m${i}-[a-z0-9]{16}$`,
      type_: 'bind',
      options: [],
    }));
    const given = mounts.map((mount, i) => ({ ...mount, source: `/m${i}-0123456789abcdef` }));
    const add = (list: readonly JsonValue[], path: string) =>
      list.map((value) => ({ op: 'add', path: `${path}/OCI/Mounts/-`, value }));
    const policy = await open(JSON.stringify(patched(SIDE.data, ...add(mounts, '/containers/2'))));
    const input = patched(SIDE.input, ...add(given, ''));
    expect(policy.evaluate(CREATE, input).outcome).toEqual({ kind: 'value', value: true });
    const wrong = { op: 'replace', path: `/OCI/Mounts/${4 + 149}/source`, value: '/m149-' };
    expect(policy.evaluate(CREATE, patched(input, wrong)).outcome).toEqual({
      kind: 'value',
      value: false,
    });
  });

  it('fails where the memory ends, and goes on in a new module', async () => {
    const started = vi.spyOn(OpaInstance.prototype, 'setData');
    const policy = await open(data, { memoryBytes: 3 * 1024 * 1024 });
    const Env = Array.from({ length: 1_000 }, (_, i) => `NAME_${i}=value`);
    const large = patched(SIDE.input, { op: 'replace', path: '/OCI/Process/Env', value: Env });
    for (let round = 1; round <= 3; round += 1) {
      expect(policy.evaluate(CREATE, SIDE.input).outcome).toEqual({ kind: 'value', value: true });
      expect(policy.evaluate(CREATE, SIDE.input).outcome).toEqual({ kind: 'value', value: true });
      // A module that is used on after hundreds of failures has no stack left.
      expect(started).toHaveBeenCalledTimes(round);
      expect(policy.evaluate(CREATE, large)).toMatchObject({
        outcome: { kind: 'failed', message: 'opa_malloc: failed' },
        prints: [],
      });
    }
  });

  it('takes a request that needs far more memory than most', async () => {
    const policy = await open(data);
    const Env = Array.from({ length: 20_000 }, () => 'KUBERNETES_PORT=tcp://10.0.0.1:443');
    const large = patched(SIDE.input, { op: 'replace', path: '/OCI/Process/Env', value: Env });
    expect(policy.evaluate(CREATE, large).outcome).toEqual({ kind: 'value', value: true });
    expect(policy.evaluate(CREATE, SIDE.input).outcome).toEqual({ kind: 'value', value: true });
  });
});
