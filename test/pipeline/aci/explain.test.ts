import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.js';
import { openFrameworkEngine } from '../../../src/io/framework-engine.js';
import { explainCceRequests, explainDenial } from '../../../src/pipeline/aci/explain.js';
import { startSteps } from '../../../src/pipeline/aci/self-check.js';
import { readKnownPolicy } from '../../../src/policy/aci/read-known.js';
import { requireCceDocument } from '../../../src/policy/aci/read-policy.js';
import { readDenialText } from '../../../src/rego/aci/denial-text.js';
import type { CceRequest } from '../../../src/rego/aci/requests.js';
import { CceSession } from '../../../src/rego/aci/session.js';
import { CONTAINER, policyText } from '../../policy/aci/sample-policy.js';
import { changesOf, pathText, withChange } from '../../support/request-changes.js';

const GUEST = 'framework-0.5.0';
const engine = openFrameworkEngine();

const startOf = (text: string): readonly CceRequest[] =>
  startSteps(requireCceDocument(text, 't'), GUEST).map(({ point, input }, i) => ({
    point,
    input,
    line: i + 1,
  }));
const explain = (text: string, requests: readonly CceRequest[]) =>
  explainCceRequests(requests, {
    ...readKnownPolicy(text, 't'),
    policyText: text,
    guest: GUEST,
    engine,
  });

/** The requests up to the first of a point, that one changed. */
function upTo(
  text: string,
  point: string,
  change: (input: JsonObject) => JsonObject,
): readonly CceRequest[] {
  const all = startOf(text);
  const at = all.findIndex((one) => one.point === point);
  return all
    .slice(0, at + 1)
    .map((one, i) => (i === at ? { ...one, input: change(one.input) } : one));
}

const explainLast = async (point: string, changes: JsonObject, text = policyText()) =>
  (
    await explain(
      text,
      upTo(text, point, (input) => ({ ...input, ...changes })),
    )
  ).at(-1);

describe('why a CCE policy refuses a request', () => {
  it('is nothing for a start that it allows', async () => {
    const explained = await explain(policyText(), startOf(policyText()));
    expect(
      explained.every(({ decision, failed }) => decision === 'allow' && failed.length === 0),
    ).toBe(true);
  });

  it.each<[string, JsonObject, readonly string[], string]>([
    ['create_container', { argList: ['/bin/sh'] }, ['argList'], 'allowed'],
    ['create_container', { workingDir: '/' }, ['workingDir'], 'allowed'],
    [
      'create_container',
      { envList: ['PATH=/usr/bin:/bin', 'A=1', 'TERM=vt100'] },
      ['envList[1]', 'envList[2]'],
      'allowed',
    ],
    ['create_container', { envList: [] }, ['envList'], 'allowed'],
    ['create_container', { privileged: true }, ['privileged'], 'allowed'],
    ['create_container', { user: { id: '0', name: 'root' } }, ['user'], 'allowed'],
    ['create_container', { umask: '0077' }, ['umask'], 'allowed'],
    ['create_container', { seccompProfileSHA256: 'ab' }, ['seccompProfileSHA256'], 'allowed'],
    ['create_container', { devices: [{ path: '/dev/x' }] }, ['devices'], 'allowed'],
    [
      'create_container',
      { mounts: [{ destination: '/x', source: '/y', type: 'bind', options: ['ro'] }] },
      ['mounts[0]'],
      'allowed',
    ],
    ['create_container', { containerID: 'ab' }, ['containerID'], 'untried'],
    ['exec_in_container', { argList: ['sh'] }, ['argList'], 'allowed'],
    ['mount_device', { deviceHash: 'f'.repeat(64) }, ['deviceHash'], 'untried'],
    ['mount_device', { target: '/x' }, ['target'], 'untried'],
    [
      'rw_mount_device',
      { encrypted: false, filesystem: 'ntfs' },
      ['encrypted', 'filesystem'],
      'untried',
    ],
    ['scratch_mount', { encrypted: false }, ['encrypted'], 'untried'],
    ['signal_container_process', { signal: 30 }, ['signal'], 'untried'],
    ['shutdown_container', { containerID: 'ab' }, ['containerID'], 'untried'],
    ['unmount_overlay', { unmountTarget: '/x' }, ['unmountTarget'], 'untried'],
  ])('%s with %j', async (point, changes, paths, trial) => {
    const told = await explainLast(point, changes);
    expect(told?.decision).toBe('deny');
    expect(told?.failed.map(({ path }) => path)).toEqual(paths);
    expect(told?.trial).toBe(trial);
    for (const { fix, message } of told?.failed ?? []) {
      expect(fix).not.toBe('');
      expect(message).toMatch(/^[a-z]/);
    }
  });

  it('names containers of older policies, whose names guests drop', async () => {
    const text = policyText({ framework_version: '0.2.3' });
    const explained = await explainLast('create_container', { argList: ['sh'] }, text);
    expect(explained?.nearest?.subject).toBe('container web');
    const twice = policyText({
      framework_version: '0.2.3',
      containers: [CONTAINER, { ...CONTAINER, name: 'twin' }],
    });
    const other = await explainLast('create_container', { argList: ['sh'] }, twice);
    expect(other?.nearest?.subject).toBe('container 1');
  });

  it('names the nearest container of several', async () => {
    const other = { ...CONTAINER, name: 'db', command: ['/bin/db'], working_dir: '/db' };
    const text = policyText({ containers: [other, CONTAINER] });
    const all = startOf(text);
    const at = all.findLastIndex(({ point }) => point === 'create_container');
    const changed = all.slice(0, at + 1).map((one, i) => {
      return i === at ? { ...one, input: { ...one.input, umask: '0000' } } : one;
    });
    const told = (await explain(text, changed)).at(-1);
    expect(told?.nearest?.subject).toBe('container web');
    expect(told?.others).toEqual([{ subject: 'container db', failed: 3 }]);
  });

  it('shows no values of secrets', async () => {
    const told = await explainLast('create_container', {
      envList: ['PATH=/usr/bin:/bin', 'DB_PASSWORD=hunter22'],
    });
    expect(
      JSON.stringify(told?.failed.map(({ repairs: _repairs, ...rest }) => rest)),
    ).not.toContain('hunter22');
  });

  it('leaves out what guests say of every refused command', async () => {
    const told = await explainLast('exec_in_container', { argList: ['sh'] });
    expect(told?.reason).toBe('invalid command');
    const user = await explainLast('exec_in_container', { user: { id: '9', name: '' } });
    expect(user?.reason).toBe('invalid user');
  });

  it('finds each refused change of a created container where it is', async () => {
    const text = policyText();
    const all = startOf(text);
    const at = all.findIndex(({ point }) => point === 'create_container');
    const { input } = all[at]!;
    const missed: string[] = [];
    let refused = 0;
    const shapes = new Set<string>();
    for (const change of changesOf(input)) {
      const path = pathText(change.path);
      const shape = path.replace(/\d+/g, '');
      if (shapes.has(shape)) continue;
      shapes.add(shape);
      const changed = withChange(input, change.path, change.value) as JsonObject;
      const told = (await explain(text, [...all.slice(0, at), { ...all[at]!, input: changed }])).at(
        -1,
      );
      if (told?.decision === 'allow') continue;
      refused += 1;
      const paths = told?.failed.map((one) => one.path) ?? [];
      const [root = ''] = path.split(/[.[]/, 1);
      if (!paths.some((one) => one.startsWith(root)) && !/^(?:sandboxDir|hugePagesDir)/.test(root))
        missed.push(path);
    }
    expect(refused).toBeGreaterThan(15);
    expect(missed).toEqual([]);
  });
});

describe('the text of a denial', () => {
  const denialFor = async (changes: JsonObject, bytes = 0) => {
    const text = policyText({ reason: undefined }).replace(
      /^reason.*$/m,
      'reason := data.framework.reason',
    );
    const session = new CceSession(engine, text, { guest: GUEST, denialBytes: bytes });
    const requests = upTo(text, 'create_container', (input) => ({ ...input, ...changes }));
    let message = '';
    for (const { point, input } of requests) {
      message = (await session.enforce(point, input)).denial?.message ?? '';
    }
    return { text, message };
  };

  it('is explained against the policy', async () => {
    const { text, message } = await denialFor({
      argList: ['sh'],
      envList: ['PATH=/usr/bin:/bin', 'SECRET=x'],
    });
    const told = readDenialText(
      `Error: container creation denied due to policy: ${message}: unknown`,
    );
    expect(told?.point).toBe('create_container');
    expect(told?.input?.envList).toEqual(['PATH=<<redacted>>', 'SECRET=<<redacted>>']);
    const explained = explainDenial(told!, readKnownPolicy(text, 't'), GUEST);
    expect(explained.failed.map(({ path }) => path)).toEqual(['argList', 'envList[1]']);
    expect(explained.reason).toBe('invalid command; invalid env list: SECRET');
  });

  it('names the candidates itself where the policy tells them', async () => {
    const { message } = await denialFor({ argList: ['sh'] });
    const explained = explainDenial(readDenialText(message)!, undefined, GUEST);
    expect(explained.nearest?.subject).toBe('container web');
    expect(explained.failed.map(({ path }) => path)).toEqual(['argList']);
  });

  it('is read as far as the guest left it', async () => {
    const { text, message } = await denialFor({ argList: ['x'.repeat(3000)] }, 700);
    const told = readDenialText(`container creation denied due to policy: ${message}`);
    expect(told).toMatchObject({
      point: 'create_container',
      truncated: ['reason.error_objects', 'input'],
      errors: ['invalid command'],
    });
    expect(explainDenial(told!, readKnownPolicy(text, 't'), GUEST)).toMatchObject({
      failed: [],
      reason: 'invalid command',
    });
  });

  it('is read as far as the way left it', async () => {
    const { message } = await denialFor({ argList: ['sh'] });
    const told = readDenialText(message.slice(0, 600));
    expect(told?.cutAt).toBeDefined();
    expect(told?.input).toMatchObject({ argList: ['sh'] });
  });

  it('may be escaped and broken into lines', async () => {
    const { message } = await denialFor({ argList: ['sh'] });
    const broken = message.replace(/(.{80})/g, '$1\\n');
    expect(readDenialText(broken)?.point).toBe('create_container');
  });

  it.each([
    '',
    'no denial',
    'policyDecision< >policyDecision',
    'policyDecision< bm8= >policyDecision',
    'policyDecision< W10= >policyDecision',
  ])('%j is none', (text) => expect(readDenialText(text)).toBeUndefined());
});
