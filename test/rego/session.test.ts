import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/core/json.js';
import type { RegoEngine, RegoOutcome } from '../../src/rego/ports.js';
import { createPolicySession } from '../../src/rego/session.js';

type Rule = RegoOutcome | JsonValue | ((input: JsonObject, data: JsonObject) => JsonValue);

const FAILED: RegoOutcome = { kind: 'failed', message: 'two values' };

/** An engine whose policies are tables of rules; the text is ignored. */
function engineOf(rules: Readonly<Record<string, Rule>>, seen: string[] = []): RegoEngine {
  return {
    async compile(modules, dialect) {
      seen.push(`${modules[0]?.name} ${dialect}`);
      let data: JsonObject = {};
      return {
        setData(document) {
          data = document;
        },
        evaluate(rule, input) {
          const found = rules[rule.replace('data.agent_policy.', '')];
          const value = typeof found === 'function' ? found(input as JsonObject, data) : found;
          const prints = [`asked ${rule}`];
          if (value === undefined) return { outcome: { kind: 'undefined' }, prints };
          if (value === FAILED) return { outcome: FAILED, prints };
          return { outcome: { kind: 'value', value: value as JsonValue }, prints };
        },
      };
    },
  };
}

const open = (rules: Readonly<Record<string, Rule>>, guest = 'kata-4.1') =>
  createPolicySession(engineOf(rules), 'text', guest);

const add = (key: string, value: JsonValue) => ({ op: 'add', path: `/pstate/${key}`, value });

describe('decide', () => {
  it.each<[string, Rule | undefined, string]>([
    ['true', true, 'allow'],
    ['false', false, 'deny'],
    ['an object that allows', { allowed: true }, 'allow'],
    ['an object without patch', { allowed: true, ops: null }, 'allow'],
    ['an object that denies', { allowed: false, ops: [add('a', 1)] }, 'deny'],
    ['an object without answer', { ops: [] }, 'error'],
    ['an object with a word as answer', { allowed: 'yes' }, 'error'],
    ['a patch that is no list', { allowed: true, ops: {} }, 'error'],
    [
      'a patch that does not apply',
      { allowed: true, ops: [{ op: 'remove', path: '/pstate/x' }] },
      'error',
    ],
    [
      'a patch that removes the state',
      { allowed: true, ops: [{ op: 'add', path: '', value: 1 }] },
      'error',
    ],
    ['a number', 1, 'error'],
    ['a failed evaluation', FAILED, 'error'],
    ['no rule', undefined, 'error'],
  ])('reads %s', async (_, rule, verdict) => {
    const session = await open(rule === undefined ? {} : { X: rule });
    const decision = session.decide('X', {});
    expect(decision).toMatchObject({ verdict, overridden: false });
    expect(decision.prints).toEqual(['asked data.agent_policy.X']);
    expect(decision.reason !== undefined).toBe(verdict === 'error');
    expect(session.state).toEqual({ pstate: {} });
  });

  it('takes booleans only from rules of azl1 and azl3', async () => {
    for (const guest of ['azl1', 'azl3']) {
      const session = await open({ X: { allowed: true }, Y: true }, guest);
      expect(session.decide('X', {}).verdict).toBe('error');
      expect(session.decide('Y', {}).verdict).toBe('allow');
    }
  });

  it('asks only for names', async () => {
    const session = await open({});
    for (const kind of ['', 'a.b', 'X == 1', '1'])
      expect(() => session.decide(kind, {})).toThrow(
        expect.objectContaining({ code: 'REQUEST_INVALID' }),
      );
  });
});

describe('receive', () => {
  it('refuses a request that the agent does not have, whatever the policy says', async () => {
    const session = await open({ NoSuchRequest: true, AllowRequestsFailingPolicy: true });
    expect(session.receive('NoSuchRequest', {})).toMatchObject({
      verdict: 'error',
      reason: 'request NoSuchRequest is not one of the kata agent',
    });
  });
});

describe('state', () => {
  const counting: Rule = (input, data) => {
    const known = data.pstate as JsonObject;
    const id = input.container_id as string;
    if (id in known) return { allowed: true, ops: [{ op: 'remove', path: `/pstate/${id}` }] };
    return { allowed: input.denied !== true, ops: [add(id, 1)] };
  };

  it('is what allowed requests left behind', async () => {
    const session = await open({ X: counting });
    session.decide('X', { container_id: 'a', denied: true });
    expect(session.state).toEqual({ pstate: {} });
    expect(session.decide('X', { container_id: 'a' }).ops).toEqual([add('a', 1)]);
    session.decide('X', { container_id: 'b' });
    expect(session.state).toEqual({ pstate: { a: 1, b: 1 } });
    session.decide('X', { container_id: 'a' });
    expect(session.state).toEqual({ pstate: { b: 1 } });
  });

  it('changes as a whole or not at all', async () => {
    const ops = [add('a', 1), { op: 'remove', path: '/pstate/none' }];
    const session = await open({ X: { allowed: true, ops } });
    expect(session.decide('X', {})).toMatchObject({ verdict: 'error', ops: [] });
    expect(session.state).toEqual({ pstate: {} });
  });

  it('belongs to one session', async () => {
    const first = await open({ X: counting });
    first.decide('X', { container_id: 'a' });
    expect((await open({ X: counting })).state).toEqual({ pstate: {} });
  });
});

describe('AllowRequestsFailingPolicy', () => {
  const failing = { AllowRequestsFailingPolicy: true, No: false, Bad: FAILED };

  it.each([
    ['kata-4.1', 'No', 'allow'],
    ['kata-4.1', 'None', 'allow'],
    ['kata-4.1', 'Bad', 'error'],
    ['azl5', 'Bad', 'error'],
    ['azl3', 'No', 'allow'],
    ['azl3', 'None', 'allow'],
    ['azl3', 'Bad', 'allow'],
  ])('%s: %s', async (guest, kind, verdict) => {
    const session = await open(failing, guest);
    expect(session.decide(kind, {})).toMatchObject({ verdict, overridden: verdict === 'allow' });
  });

  it.each<[string, Rule]>([
    ['false', false],
    ['a failure', FAILED],
    ['an object', { allowed: false }],
  ])('counts as false when it is %s', async (_, rule) => {
    const session = await open({ AllowRequestsFailingPolicy: rule, No: false });
    expect(session.decide('No', {}).verdict).toBe('deny');
  });
});

describe('receive', () => {
  it('rewrites the message as the agent does', async () => {
    const inputs: JsonValue[] = [];
    const keep: Rule = (input) => inputs.push(input) > 0;
    const rules = { CopyFileRequest: keep, PauseContainerRequest: keep };
    const session = await open(rules, 'azl3');
    session.receive('CopyFileRequest', { path: '/p', file_mode: 0o120777, data: [97] });
    session.receive('PauseContainerRequest', { type: 'x' });
    expect(inputs).toMatchObject([{ path: '/p', symlink_src: 'a' }, { container_id: '' }]);
    expect(inputs[1]).not.toHaveProperty('type');
  });

  it('refuses without asking what the agent cannot rewrite', async () => {
    const session = await open({ CopyFileRequest: true, AllowRequestsFailingPolicy: true });
    const decision = session.receive('CopyFileRequest', { file_mode: 0o120777, data: [255] });
    expect(decision).toMatchObject({ verdict: 'error', prints: [] });
  });
});

it('loads the text in the language that the agent of the guest reads', async () => {
  const seen: string[] = [];
  for (const guest of ['azl3', 'msft-main', 'kata-4.1'])
    await createPolicySession(engineOf({}, seen), 'text', guest);
  expect(seen).toEqual(['agent_policy v0', 'agent_policy v0', 'agent_policy v1']);
});
