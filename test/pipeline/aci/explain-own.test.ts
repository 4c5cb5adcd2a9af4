/** Explanations of policies with rules of their own, of Windows policies, and with fragments. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.js';
import { openFrameworkEngine } from '../../../src/io/framework-engine.js';
import {
  type CceExplainInput,
  type CceExplanation,
  explainCceRequests,
} from '../../../src/pipeline/aci/explain.js';
import { startedFragments } from '../../../src/pipeline/aci/fragment-documents.js';
import { startSteps } from '../../../src/pipeline/aci/self-check.js';
import { readKnownPolicy } from '../../../src/policy/aci/read-known.js';
import { requireCceDocument } from '../../../src/policy/aci/read-policy.js';
import { CONTAINER, policyText } from '../../policy/aci/sample-policy.js';
import { nativeAddon } from '../../support/native.js';
import { FEED, issuerOf, makeSigner, makeStatement } from '../../support/statements.js';
import { vectorsDir } from '../../support/vectors.js';

const GUEST = 'framework-0.5.0';
const engine = openFrameworkEngine();
const hasNative = nativeAddon() !== undefined;

type Request = readonly [point: string, input: JsonObject];

const explain = (
  text: string,
  requests: readonly Request[],
  more: Partial<CceExplainInput> = {},
): Promise<readonly CceExplanation[]> =>
  explainCceRequests(
    requests.map(([point, input], i) => ({ point, input, line: i + 1 })),
    { ...readKnownPolicy(text, 't.rego'), policyText: text, guest: GUEST, engine, ...more },
  );

/** The start of a group up to the creation of `web`, whose arguments are changed. */
function wrongStart(text: string): readonly Request[] {
  const steps = startSteps(requireCceDocument(text, 't'), GUEST);
  const at = steps.findIndex(({ point }) => point === 'create_container');
  return steps
    .slice(0, at + 1)
    .map(({ point, input }, i) => [point, i === at ? { ...input, argList: ['sh'] } : input]);
}

const OWN = 'create_container := data.framework.create_container';
/** The sample policy with a rule of its own in place of the framework's. */
const withOwn = (rule: string) => policyText().replace(new RegExp(`^${OWN}$`, 'm'), rule);

describe('readKnownPolicy', () => {
  it('knows all of a plain policy', () => {
    const text = policyText();
    expect(readKnownPolicy(text, 't')).toEqual({
      document: requireCceDocument(text, 't'),
      unknown: [],
    });
  });

  it('reads what is plain, and tells the rest with its place', () => {
    const text = withOwn('create_container := {"allowed": true} if input.x')
      .replace(/^allow_dump_stacks := .*$/m, 'allow_dump_stacks if input.y')
      .replace(/^fragments := .*$/m, 'fragments := [{"issuer": 1}]');
    const { document, unknown } = readKnownPolicy(text, 't.rego');
    expect(document.containers).toHaveLength(1);
    expect([document.fragments, document.flags.allow_dump_stacks]).toEqual([[], true]);
    expect(unknown.map(({ name, problem }) => [name, problem])).toEqual([
      ['fragments', expect.stringContaining('issuer')],
      ['allow_dump_stacks', 'a rule of its own'],
      ['create_container', 'a rule of its own'],
    ]);
    expect(unknown[2]?.where).toMatch(/^t\.rego:\d+:1$/);
  });

  it('tells names that are defined twice, or come from elsewhere', () => {
    const text = `${policyText()}\nsvn := 1\nsvn := 2\nallow_host_network := data.x\nf(x) := x\n`;
    const { unknown } = readKnownPolicy(text, 't');
    expect(unknown.map(({ name, problem }) => [name, problem])).toEqual([
      ['svn', 'defined more than once'],
      ['allow_host_network', 'a value from elsewhere'],
      ['f', 'a rule of its own'],
    ]);
  });
});

describe.runIf(hasNative)('a policy with rules of its own', () => {
  it('is decided on by its rules, and compared as far as its containers are known', async () => {
    const text = withOwn('create_container := data.framework.create_container if input.argList');
    const requests = wrongStart(policyText());
    const explained = (await explain(text, requests)).at(-1);
    expect(explained).toMatchObject({
      decision: 'deny',
      reason: expect.stringContaining('invalid command'),
      nearest: { subject: 'container web' },
      failed: [{ id: 'command' }],
      trial: 'allowed',
      notes: [
        expect.stringMatching(/^create_container is a rule of its own \(t\.rego:\d+:1\)$/),
        "the framework's rule of that name would refuse the request too: invalid command",
      ],
    });
  });

  it('that refuses more than the framework says so', async () => {
    const text = withOwn('create_container := {"allowed": false} if true');
    const steps = wrongStart(policyText()).map(
      ([point, input]): Request =>
        point === 'create_container'
          ? [point, { ...input, argList: CONTAINER.command }]
          : [point, input],
    );
    expect((await explain(text, steps)).at(-1)).toMatchObject({
      decision: 'deny',
      failed: [],
      trial: 'untried',
      notes: [
        expect.stringContaining('a rule of its own'),
        "the framework's rule of that name would allow the request: what refuses it is the policy's own",
      ],
    });
  });

  it('whose rule gives no answer is not told to lack it', async () => {
    const text = withOwn('create_container := {"allowed": true} if input.none');
    const explained = (await explain(text, wrongStart(policyText()))).at(-1);
    expect(explained).toMatchObject({
      decision: 'error',
      reason: 'rule for create_container is missing from policy',
    });
    expect(explained?.notes?.[1]).toMatch(/^the rule is there, but gives no answer/);
  });

  it('whose containers are computed has none to compare with', async () => {
    const text = policyText()
      .replace(/^containers := (.*)$/m, 'listed := $1\ncontainers := [c | some c in listed]')
      .replace(/^reason := .*$/m, 'reason := {"text": input.rule} if input.rule');
    const explained = (await explain(text, wrongStart(policyText()))).at(-1);
    expect(explained).toMatchObject({
      decision: 'deny',
      reason: '{"text":"create_container"}',
      failed: [{ id: 'command' }],
    });
    expect(explained?.notes?.[0]).toMatch(/^containers is not compared: it is a rule of its own/);
    expect(explained?.notes?.[1]).toMatch(/not plain data, and not compared: reason$/);
  });

  it('without reasons is told so, and a fault is the reason', async () => {
    const text = 'package policy\napi_version := "0.1.0"\nmount_device := {"allowed": false}\n';
    expect(await explain(text, [['mount_device', {}]])).toMatchObject([
      { decision: 'deny', notes: [expect.stringContaining('gives no reason')] },
    ]);
    const fault = `${text.replace('false', '1')}x if true\n`;
    expect(await explain(fault, [['mount_device', {}]])).toMatchObject([
      { decision: 'error', reason: "value for 'allowed' is not a boolean" },
    ]);
  });
});

const WINDOWS = {
  name: 'web',
  command: ['cmd.exe /c run'],
  env_rules: [{ pattern: 'A=1', strategy: 'string', required: false }],
  layers: ['1'.repeat(64), '2'.repeat(64)],
  mounted_cim: ['4'.repeat(64)],
  exec_processes: [{ command: ['cmd.exe /c dir'], signals: ['CtrlC'] }],
  signals: [],
  user: 'ContainerUser',
  working_dir: 'C:\\',
  allow_stdio_access: true,
};
const MOUNT: JsonObject = {
  containerID: 'c1',
  layerHashes: WINDOWS.layers.toReversed(),
  mountedCim: WINDOWS.mounted_cim,
};
const CREATE: JsonObject = {
  containerID: 'c1',
  argList: WINDOWS.command,
  envList: ['A=1'],
  workingDir: WINDOWS.working_dir,
  user: WINDOWS.user,
};
const POINTS = ['mount_cims', 'log_provider', 'registry_changes']
  .map((point) => `${point} := data.framework.${point}`)
  .join('\n');
const windowsPolicy = (changes: Readonly<Record<string, unknown>> = {}) =>
  `${policyText({ api_version: '0.12.0', containers: [WINDOWS], ...changes })}\n${POINTS}\n`;

describe('a Windows policy', () => {
  it.each<[string, readonly Request[], readonly string[], string]>([
    [
      'other layers',
      [['mount_cims', { ...MOUNT, layerHashes: ['3'.repeat(64)] }]],
      ['layers'],
      'untried',
    ],
    ['another CIM', [['mount_cims', { ...MOUNT, mountedCim: [] }]], ['mounted-cim'], 'untried'],
    [
      'a second mount',
      [
        ['mount_cims', MOUNT],
        ['mount_cims', MOUNT],
      ],
      ['overlay-twice'],
      'untried',
    ],
    ['no mount', [['create_container', CREATE]], ['no-overlay'], 'untried'],
    [
      'another command, folder, variable and user',
      [
        ['mount_cims', MOUNT],
        [
          'create_container',
          {
            containerID: 'c1',
            argList: ['x'],
            envList: ['B=1'],
            workingDir: 'D:\\',
            user: 'Admin',
          },
        ],
      ],
      ['command', 'working-dir', 'env', 'user'],
      'allowed',
    ],
    [
      'another command in it',
      [
        ['mount_cims', MOUNT],
        ['create_container', CREATE],
        ['exec_in_container', { ...CREATE, argList: ['cmd.exe'] }],
      ],
      ['exec-command'],
      'allowed',
    ],
    ['log providers', [['log_provider', { providers: ['x'] }]], ['log-provider'], 'allowed'],
    [
      'changes of the registry',
      [
        ['mount_cims', MOUNT],
        ['registry_changes', { containerID: 'c1', registryChanges: { AddValues: [] } }],
      ],
      ['registry-changes'],
      'untried',
    ],
  ])('refuses %s', async (_what, requests, ids, trial) => {
    const explained = await explain(windowsPolicy(), requests);
    const last = explained.at(-1);
    expect(explained.slice(0, -1).map(({ decision }) => decision)).toEqual(
      requests.slice(0, -1).map(() => 'allow'),
    );
    expect(last?.decision).toBe('deny');
    expect(last?.failed.map(({ id }) => id)).toEqual(ids);
    expect(last?.trial).toBe(trial);
  });

  it('of an older framework has no containers for newer guests', async () => {
    const text = windowsPolicy({ framework_version: '0.4.1' });
    const [refused] = await explain(text, [['mount_cims', MOUNT]]);
    expect(refused).toMatchObject({
      decision: 'deny',
      failed: [],
      notes: [expect.stringContaining('read no Windows container')],
    });
  });
});

describe('fragments', () => {
  const signer = makeSigner();
  const fragment = (version = '"0.5.0"', svn = '2') => ({
    bytes: makeStatement({
      ...signer,
      payload: Buffer.from(
        `package a\nsvn := "${svn}"\nframework_version := ${version}\ncontainers := [${JSON.stringify({ ...CONTAINER, name: 'b', layers: ['9'.repeat(64)], command: ['b'] })}]\n`,
      ),
    }),
    what: 'a.cose',
  });
  const text = policyText({
    fragments: [
      { issuer: issuerOf(signer.chain), feed: FEED, minimum_svn: '2', includes: ['containers'] },
    ],
  });
  const stepsWith = (fragments: readonly { bytes: Buffer; what: string }[]) => {
    const document = requireCceDocument(text, 't');
    const notices: string[] = [];
    const started = startedFragments(document, fragments, ({ code }) => notices.push(code));
    const steps = startSteps(document, GUEST, started);
    return { notices, steps: steps.map(({ point, input }): Request => [point, input]) };
  };

  it('bring containers that a made-up start has, and that a guest starts', async () => {
    const { steps, notices } = stepsWith([fragment()]);
    expect(notices).toEqual([]);
    expect(steps.filter(([point]) => point === 'create_container')).toHaveLength(2);
    const explained = await explain(text, steps, { fragments: [fragment()] });
    expect(explained.filter(({ decision }) => decision !== 'allow')).toEqual([]);
    const without = await explain(text, steps);
    expect(without.find(({ decision }) => decision !== 'allow')).toMatchObject({
      kind: 'mount_device',
    });
  });

  it('are compared as containers of the policy are', async () => {
    const { steps } = stepsWith([fragment()]);
    const wrong = steps.map(([point, input]): Request => {
      const isIt = point === 'create_container' && JSON.stringify(input.argList) === '["b"]';
      return [point, isIt ? { ...input, argList: ['c'] } : input];
    });
    const refused = (await explain(text, wrong, { fragments: [fragment()] })).filter(
      ({ decision }) => decision !== 'allow',
    );
    expect(refused[0]).toMatchObject({
      kind: 'create_container',
      failed: [{ id: 'command', policy: '["b"]', request: '["c"]' }],
      trial: 'allowed',
    });
    const overlay = steps.map(([point, input]): Request => {
      return [point, point === 'mount_overlay' ? { ...input, layerPaths: ['/x'] } : input];
    });
    const found = (await explain(text, overlay, { fragments: [fragment()] })).find(
      ({ kind, decision }) => kind === 'mount_overlay' && decision !== 'allow',
    );
    expect([found?.nearest, ...(found?.others ?? [])]).toHaveLength(2);
  });

  it('that the policy refuses are explained', async () => {
    const [refused] = await explain(text, [], { fragments: [fragment(undefined, '1')] });
    expect(refused).toMatchObject({
      kind: 'load_fragment',
      decision: 'deny',
      reason: expect.stringContaining('below the specified minimum'),
      failed: [{ id: 'svn', policy: 'at least 2' }],
    });
  });

  it('whose containers depend on parameters are not started', () => {
    const { steps, notices } = stepsWith([fragment('parameter("x")')]);
    expect(notices).toEqual(['fragment-not-started']);
    expect(steps.filter(([point]) => point === 'create_container')).toHaveLength(1);
  });
});

interface RecordedCase {
  readonly id: string;
  readonly os?: 'linux' | 'windows';
  readonly policy: string;
  readonly steps: readonly {
    readonly op: string;
    readonly point: string;
    readonly input: JsonObject;
    /** With env_error the guest refuses what the policy answered. */
    readonly expect?: { readonly allowed?: boolean; readonly env_error?: string };
  }[];
}

const root = vectorsDir('aci-enforcement');
describe.runIf(root !== undefined && hasNative)('recorded cases', () => {
  const files = root === undefined ? [] : readdirSync(join(root, 'cases'));
  const read = (file: string): readonly RecordedCase[] => {
    const content = JSON.parse(readFileSync(join(root ?? '', 'cases', file), 'utf8')) as unknown;
    return (Array.isArray(content) ? content : (content as { cases: unknown }).cases) as never;
  };
  it.each(files.filter((file) => /^(custom_policy|windows|versions|flags)/.test(file)))(
    '%s: an explanation of each refusal',
    async (file) => {
      for (const { id, os, policy, steps } of read(file)) {
        if (!policy.endsWith('.rego') || steps.some(({ op }) => op !== 'enforce')) continue;
        const text = readFileSync(join(root ?? '', policy), 'utf8');
        const requests = steps.map(({ point, input }): Request => [point, input]);
        let explained: readonly CceExplanation[];
        try {
          explained = await explain(text, requests, os === undefined ? {} : { os });
        } catch (error) {
          expect([id, (error as { code?: string }).code]).toEqual([id, 'POLICY_UNREADABLE']);
          continue;
        }
        const allowed = explained.map(({ decision }) => decision === 'allow');
        const wanted = steps.map(({ expect: { allowed: is, env_error: problem } = {} }) => {
          return is === true && problem === undefined;
        });
        expect([id, allowed]).toEqual([id, wanted]);
      }
    },
  );
});
