import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import type { JsonObject } from '../../../src/core/json.js';
import type { Notice } from '../../../src/core/notice.js';
import { openFrameworkEngine } from '../../../src/io/framework-engine.js';
import { checkCceStart, checkCceStarts, startSteps } from '../../../src/pipeline/aci/self-check.js';
import { requireCceDocument } from '../../../src/policy/aci/read-policy.js';
import { CceSession } from '../../../src/rego/aci/session.js';
import { CONTAINER, policyText } from '../../policy/aci/sample-policy.js';
import { changesOf, pathText, withChange } from '../../support/request-changes.js';
import { vectorsDir } from '../../support/vectors.js';

const GUEST = 'framework-0.5.0';
const engine = openFrameworkEngine();

async function check(text: string): Promise<{ notices: readonly Notice[]; error?: ToolError }> {
  const notices: Notice[] = [];
  const candidate = { text, subject: 'container group web', where: 'arm.json' };
  try {
    await checkCceStart(candidate, { engine, notices: (notice) => notices.push(notice) });
    return { notices };
  } catch (error) {
    if (error instanceof ToolError) return { notices, error };
    throw error;
  }
}

describe('the self-check of CCE policies', () => {
  it('passes a policy whose group starts', async () => {
    expect(await check(policyText())).toEqual({ notices: [] });
  });

  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    [
      'two containers that differ in stdio only',
      { containers: [CONTAINER, { ...CONTAINER, allow_stdio_access: false }] },
      'containers only distinguishable by allow_stdio_access',
    ],
    ['a later framework', { framework_version: '9.0.0' }, 'framework_version is ahead'],
    ['no api version', { api_version: undefined }, 'policy does not define api_version'],
    [
      'a pattern that is no regular expression',
      {
        containers: [
          { ...CONTAINER, env_rules: [{ pattern: 'A=(', strategy: 're2', required: true }] },
        ],
      },
      'missing required environment variable',
    ],
    [
      'a user by an unknown strategy',
      {
        containers: [
          {
            ...CONTAINER,
            user: { ...CONTAINER.user, user_idname: { pattern: 'x', strategy: 'regex' } },
          },
        ],
      },
      'invalid user',
    ],
  ])('refuses %s', async (_what, changes, why) => {
    const { error } = await check(policyText(changes));
    expect(error?.code).toBe('POLICY_SELF_CHECK_FAILED');
    expect(error?.message).toMatch('container group web would not start');
    expect(error?.got).toMatch(why);
  });

  it('says where the group starts but what comes later is refused', async () => {
    const text = policyText().replace(/^exec_in_container.*$/m, '');
    const { notices, error } = await check(text);
    expect(error).toBeUndefined();
    expect(notices.map(({ code }) => code)).toContain('self-check-later-refused');
  });

  it('says where it cannot tell', async () => {
    const texts = [
      policyText().replace('package policy', 'package microsoftcontainerinstance'),
      `${policyText()}\nhost_network := {"allowed": true} if input.x`,
    ];
    for (const text of texts) {
      expect((await check(text)).notices).toMatchObject([{ code: 'self-check-skipped' }]);
    }
  });

  it('says that a container has no command', async () => {
    const { notices, error } = await check(
      policyText({ containers: [{ ...CONTAINER, command: null }] }),
    );
    expect(error).toBeUndefined();
    expect(notices).toMatchObject([{ code: 'container-without-command' }]);
  });
});

describe('the self-check of several policies', () => {
  /** Checks them together; what is said of them. */
  async function checkAll(texts: readonly string[]): Promise<readonly Notice[]> {
    const notices: Notice[] = [];
    const candidates = texts.map((text, i) => ({ text, subject: `group ${i}`, where: 'arm.json' }));
    await checkCceStarts(candidates, { engine, notices: (notice) => notices.push(notice) });
    return notices;
  }

  it('tries a text once, unless there is something to say of it', async () => {
    const enforce = vi.spyOn(CceSession.prototype, 'enforce');
    await checkAll([policyText()]);
    const steps = enforce.mock.calls.length;
    await checkAll([policyText(), policyText(), policyText()]);
    expect(enforce).toHaveBeenCalledTimes(2 * steps);
    await checkAll([policyText(), policyText({ api_version: '0.10.0' })]);
    expect(enforce.mock.calls.length).toBeGreaterThan(3 * steps);
    enforce.mockRestore();
    const silent = policyText({ containers: [{ ...CONTAINER, command: null }] });
    expect(await checkAll([silent, silent])).toHaveLength(2);
  });

  it('refuses each that does not start', async () => {
    const wrong = policyText({ framework_version: '9.0.0' });
    await expect(checkAll([policyText(), wrong])).rejects.toMatchObject({
      message: expect.stringContaining('group 1 would not start'),
    });
  });
});

/** What a request may say without another answer, with the reason. */
const FREE: readonly (readonly [point: string, path: RegExp, why: string])[] = [
  ['*', /^mountPathRegex$/, 'the guest itself gives the pattern; a wrong one refuses'],
  ['rw_mount_device', /^(target|filesystem|encrypted|ensureFilesystem)/, 'tested one by one below'],
  [
    'create_container',
    /^(user\.name|groups|envList\[2\]|sandboxDir|hugePagesDir|isSandboxContainer|noNewPrivileges)/,
    'any group and host name is allowed; the container may gain no privileges',
  ],
  ['create_container', /^mounts\[\d+\]\.source$/, 'a pattern leaves the rest of the source open'],
  ['create_container', /^capabilities\..*$/, 'tested one by one below'],
  [
    'exec_in_container',
    /^(user\.name|groups|envList\[2\]|noNewPrivileges)/,
    'as for the container',
  ],
  ['exec_in_container', /^capabilities\..*$/, 'tested one by one below'],
  ['scratch_mount', /^target$/, 'any folder may be scratch space once'],
  ['mount_overlay', /^(containerID|target)$/, 'ids and targets are chosen by the host'],
  ['signal_container_process', /^argList/, 'the command of the first process is not looked at'],
  ['get_properties', /./, 'nothing is asked'],
];

describe('a start with one value changed', () => {
  it('is refused, except where the policy leaves the value open', async () => {
    const text = policyText();
    const document = requireCceDocument(text, 't');
    const session = new CceSession(engine, text, { guest: GUEST });
    const passed: string[] = [];
    let tried = 0;
    for (const { point, input } of startSteps(document, GUEST)) {
      for (const change of changesOf(input)) {
        const path = pathText(change.path);
        const isFree = FREE.some(([at, free]) => (at === '*' || at === point) && free.test(path));
        if (isFree) continue;
        tried += 1;
        const changed = withChange(input, change.path, change.value) as JsonObject;
        const { verdict } = await session.fork().enforce(point, changed);
        if (verdict === 'allow') passed.push(`${point} ${path}`);
      }
      expect((await session.enforce(point, input)).verdict, point).toBe('allow');
    }
    expect(tried).toBeGreaterThan(100);
    expect(passed).toEqual([]);
  });

  it.each([
    ['rw_mount_device', { encrypted: false }],
    ['rw_mount_device', { ensureFilesystem: false }],
    ['rw_mount_device', { filesystem: 'btrfs' }],
    ['rw_mount_device', { target: '/run/gcs/c/x' }],
    [
      'create_container',
      {
        capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
      },
    ],
    [
      'create_container',
      {
        capabilities: {
          bounding: ['CAP_CHOWN', 'CAP_KILL', 'CAP_SYS_ADMIN'],
          effective: ['CAP_CHOWN', 'CAP_KILL'],
          inheritable: [],
          permitted: ['CAP_CHOWN', 'CAP_KILL'],
          ambient: [],
        },
      },
    ],
    ['create_container', { sandboxDir: '/other' }],
  ])('%s with %j is refused', async (point, change) => {
    const text = policyText();
    const session = new CceSession(engine, text, { guest: GUEST });
    for (const step of startSteps(requireCceDocument(text, 't'), GUEST)) {
      if (step.point === point) {
        const { verdict } = await session.enforce(point, {
          ...step.input,
          ...change,
        } as JsonObject);
        return expect(verdict).toBe('deny');
      }
      await session.enforce(step.point, step.input);
    }
    throw new Error(`no ${point}`);
  });
});

const golden = vectorsDir('aci');
describe.runIf(golden !== undefined)('policies of the vectors', () => {
  it('let their groups start', async () => {
    const all = readdirSync(golden ?? '', { recursive: true, encoding: 'utf8' });
    const files = all.filter((name) => name.endsWith('policy.rego'));
    const failed: string[] = [];
    for (const name of files) {
      const { error } = await check(readFileSync(join(golden ?? '', name), 'utf8'));
      if (error !== undefined) failed.push(`${name}: ${error.message}`);
    }
    expect(files.length).toBeGreaterThan(20);
    expect(failed).toEqual([]);
  });
});
