import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadNative } from '../../src/io/native.js';
import { policyText } from '../policy/aci/sample-policy.js';
import { type CliOptions, podseal, ROOT, temporaryFolder } from '../support/cli.js';

const EXAMPLE = join(ROOT, 'fixtures/example/consumer.yaml');
const IMAGES = ['--images', join(ROOT, 'fixtures/example/images.json')];
const AKS = 'io.katacontainers.config.agent.policy';
const isNative = loadNative().kind === 'loaded';

interface Logged {
  readonly kind: string;
  readonly request: {
    OCI?: { Process: { Env: string[]; Args: string[] }; Annotations: Record<string, string> };
  };
}

let policy = '';
let start: readonly Logged[] = [];

beforeAll(async () => {
  const env = { HOME: tmpdir() };
  const made = await podseal(['policy', EXAMPLE, ...IMAGES, '--no-cache', '--print'], { env });
  expect([made.status, made.stderr]).toEqual([0, expect.stringContaining('guest azl3')]);
  policy = made.stdout;
  const emitted = await podseal(['simulate', '-', '--emit-requests'], { stdin: policy, env });
  expect(emitted.status).toBe(0);
  start = linesOf(emitted.stdout).map((line) => JSON.parse(line) as Logged);
});

const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');
const logOf = (requests: readonly unknown[]) =>
  requests.map((one) => `${JSON.stringify(one)}\n`).join('');

/** Files by name in a folder of their own. */
function files(contents: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(contents))
    writeFileSync(join(folder, name), content);
  return folder;
}

/** Runs podseal in a folder with the policy and these requests. */
function inFolder(args: readonly string[], requests: readonly unknown[], options: CliOptions = {}) {
  const cwd = files({ 'policy.rego': policy, 'requests.jsonl': logOf(requests) });
  return podseal(args, { cwd, ...options });
}

/** The start with one container's request changed. */
function changedStart(edit: (request: Required<Logged['request']>) => void): readonly Logged[] {
  return structuredClone(start).map((one) => {
    const { OCI } = one.request;
    if (OCI?.Annotations['io.kubernetes.cri.container-name'] === 'skr') edit({ OCI });
    return one;
  });
}

describe('podseal simulate', () => {
  it('allows the start of its own workload', async () => {
    const { status, stdout, stderr } = await inFolder(
      ['simulate', 'policy.rego', '--synthesize'],
      [],
    );
    expect(status).toBe(0);
    expect(linesOf(stdout).every((line) => line.startsWith('allow'))).toBe(true);
    expect(stdout).toContain('CreateContainerRequest  container skr\n');
    expect(stderr).toContain('guest azl3');
    expect(stderr).toMatch(/(\d+) of \1 requests allowed/);
  });

  it('takes the log of an agent with what it answered', async () => {
    const answer = { kind: 'CreateSandboxRequest', request: { allowed: true, ops: [] } };
    const log = start.flatMap((one) => [one, answer]);
    const { status, stdout } = await inFolder(['simulate', 'policy.rego', 'requests.jsonl'], log);
    expect(status).toBe(0);
    expect(linesOf(stdout)).toHaveLength(start.length);
  });

  it('ends with 10 and says which request is refused and why', async () => {
    const changed = changedStart(({ OCI }) => OCI.Process.Env.push('FOO=bar'));
    const at = changed.findIndex((one, i) => JSON.stringify(one) !== JSON.stringify(start[i]));
    const { status, stdout } = await inFolder(['simulate', 'policy.rego', '-'], [], {
      stdin: logOf(changed),
    });
    expect(status).toBe(10);
    const refused = linesOf(stdout).filter((line) => !line.startsWith('allow'));
    expect(refused).toHaveLength(1);
    expect(refused[0]).toMatch(
      new RegExp(`^deny +${at + 1}  CreateContainerRequest  container skr: `),
    );
    expect(refused[0]).toContain('environment');
  });

  it('prints one JSON object per request', async () => {
    const requests = [start[0], { kind: 'SetPolicyRequest', request: { policy: '' } }];
    const { status, stdout } = await inFolder(
      ['simulate', 'policy.rego', 'requests.jsonl', '--json'],
      requests,
    );
    expect(status).toBe(10);
    expect(linesOf(stdout).map((line) => JSON.parse(line))).toMatchObject([
      {
        format: 'podseal.decision/v1',
        kind: start[0]?.kind,
        decision: 'allow',
        reason: null,
        line: 1,
      },
      { kind: 'SetPolicyRequest', decision: 'deny', reason: expect.any(String), line: 2 },
    ]);
  });

  it.each([
    ['{"kind":"CreateSandboxRequest","request":{}}\n{"kind"', 'JSON_SYNTAX', 'requests.jsonl:2'],
    ['{"kind":"CreateSandboxRequest","request":{"dns":7}}', 'REQUEST_INVALID', 'dns'],
  ])('refuses %s', async (text, code, told) => {
    const cwd = files({ 'policy.rego': policy, 'requests.jsonl': text });
    const { status, stderr } = await podseal(['simulate', 'policy.rego', 'requests.jsonl'], {
      cwd,
    });
    expect([status, stderr]).toEqual([3, expect.stringContaining(`[${code}]`)]);
    expect(stderr).toContain(told);
  });

  it('a request that no agent has is an error of its line alone', async () => {
    const lines = ['NoRequest', 'SetPolicyRequest'].map((kind) =>
      JSON.stringify({ kind, request: {} }),
    );
    const cwd = files({ 'policy.rego': policy, 'requests.jsonl': lines.join('\n') });
    const run = ['simulate', 'policy.rego', 'requests.jsonl', '--json'];
    const { status, stdout } = await podseal(run, { cwd });
    expect(status).toBe(10);
    expect(linesOf(stdout).map((line) => JSON.parse(line))).toMatchObject([
      { kind: 'NoRequest', decision: 'error', line: 1 },
      { kind: 'SetPolicyRequest', decision: 'deny', line: 2 },
    ]);
  });

  it('shows what would steer a terminal as escapes', async () => {
    const name = 'a\u001b[31mb';
    const requests = changedStart(({ OCI }) => {
      OCI.Annotations['io.kubernetes.cri.container-name'] = name;
    });
    const { stdout } = await inFolder(['simulate', 'policy.rego', 'requests.jsonl'], requests);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toContain('a\\x1b[31mb');
  });

  it.each([
    [['simulate', 'policy.rego'], 'no requests'],
    [['simulate', 'policy.rego', 'requests.jsonl', '--synthesize'], 'exclude each other'],
    [['simulate', '-', '-'], 'once'],
    [['simulate', 'policy.rego', '--synthesize', '--guest', 'kata-9'], 'kata-9'],
    [['simulate', 'policy.rego', '--synthesize', '--engine', 'other'], 'engine'],
    [['explain', 'policy.rego'], 'no requests'],
    [['explain'], 'no policy'],
    [['explain', 'policy.rego', 'requests.jsonl', '--line', '9'], 'line 9'],
    [['explain', 'policy.rego', 'requests.jsonl', '--from-error', 'x'], 'exclude each other'],
  ])('%j is a mistake in the command line', async (args, told) => {
    const { status, stderr } = await inFolder(args, [start[0]]);
    expect([status, stderr]).toEqual([2, expect.stringContaining(told)]);
  });

  it('chooses among the policies of a manifest', async () => {
    const pod = (name: string) =>
      `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n  annotations:\n    ${AKS}: ${Buffer.from(policy).toString('base64')}\n`;
    const cwd = files({ 'pods.yaml': `${pod('a')}---\n${pod('b')}` });
    const none = await podseal(['simulate', 'pods.yaml', '--synthesize'], { cwd });
    expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('--workload')]);
    const one = await podseal(['simulate', 'pods.yaml', '--synthesize', '--workload', 'b'], {
      cwd,
    });
    expect(one.status).toBe(0);
  });

  it('runs our own rules without the native part, and others not', async () => {
    const env = { PODSEAL_NATIVE: 'off' };
    const own = await inFolder(['simulate', 'policy.rego', '--synthesize'], [], { env });
    expect(own.status).toBe(0);
    const cwd = files({
      'other.rego': 'package agent_policy\ndefault CreateSandboxRequest := true\n',
      'r.jsonl': logOf([start[2]]),
    });
    const other = await podseal(['simulate', 'other.rego', 'r.jsonl'], { cwd, env });
    expect([other.status, other.stderr]).toEqual([3, expect.stringContaining('[ENGINE_ABSENT]')]);
  });

  it.runIf(isNative)('decides the same in both engines', async () => {
    const changed = changedStart(({ OCI }) => OCI.Process.Args.push('-x'));
    const run = (engine: string) =>
      inFolder(
        ['simulate', 'policy.rego', 'requests.jsonl', '--json', '--engine', engine],
        changed,
      );
    const [native, wasm] = [await run('native'), await run('wasm')];
    const decisions = (text: string) =>
      linesOf(text).map((line) => (JSON.parse(line) as { decision: string }).decision);
    expect(native.status).toBe(10);
    expect(decisions(native.stdout)).toEqual(decisions(wasm.stdout));
  });
});

describe('podseal explain', () => {
  const denied = () =>
    changedStart(({ OCI }) => {
      OCI.Process.Env.push('FOO=bar');
      OCI.Process.Args.push('-x');
    });

  it('names check, container, both sides and the fix, and asks the policy', async () => {
    const { status, stdout } = await inFolder(
      ['explain', 'policy.rego', 'requests.jsonl'],
      denied(),
    );
    expect(status).toBe(10);
    expect(stdout).toMatch(/^line \d+: deny CreateContainerRequest: /);
    expect(stdout).toContain('nearest in the policy: container skr');
    expect(stdout).toContain('variable FOO is not in the policy (OCI.Process.Env[');
    expect(stdout).toContain('policy:  ["/bin/skr"]');
    expect(stdout).toContain('request: ["/bin/skr","-x"]');
    expect(stdout).toContain('spec.containers[name=skr].env[name=FOO]');
    expect(stdout).toContain('with this put right, the policy allows the request');
  });

  it('tells the same as JSON', async () => {
    const { status, stdout } = await inFolder(
      ['explain', 'policy.rego', 'requests.jsonl', '--json'],
      denied(),
    );
    expect(status).toBe(10);
    const { format, explanations } = JSON.parse(stdout) as {
      format: string;
      explanations: { decision: string; trial: string; failed: { id: string }[] }[];
    };
    expect(format).toBe('podseal.explain/v1');
    expect(explanations).toHaveLength(start.length);
    const refused = explanations.filter(({ decision }) => decision !== 'allow');
    expect(refused).toMatchObject([{ trial: 'allowed', failed: [{ id: 'args' }, { id: 'env' }] }]);
  });

  it('has nothing to say of what is allowed', async () => {
    const { status, stdout, stderr } = await inFolder(
      ['explain', 'policy.rego', 'requests.jsonl'],
      start,
    );
    expect([status, stdout]).toEqual([0, '']);
    expect(stderr).toContain('nothing to explain');
  });

  /** What kubelet makes of the answer of rules that print the request. */
  const eventOf = (request: unknown, levels: number) => {
    let text = `CreateContainerRequest is blocked by policy: agent_policy:81: ${JSON.stringify(request)}`;
    for (let i = 0; i < levels; i += 1) text = JSON.stringify(text).slice(1, -1);
    return `Error: failed to create containerd task: failed to create shim task: "${text}": unknown`;
  };
  const deniedRequest = () => {
    const at = denied().findIndex((one, i) => JSON.stringify(one) !== JSON.stringify(start[i]));
    return denied()[at]?.request;
  };

  it('reads the text of an error', async () => {
    const cwd = files({ 'policy.rego': policy, 'error.txt': eventOf(deniedRequest(), 3) });
    const { status, stdout } = await podseal(
      ['explain', 'policy.rego', '--from-error', 'error.txt'],
      { cwd },
    );
    expect(status).toBe(10);
    expect(stdout).toContain('CreateContainerRequest: refused by the policy');
    expect(stdout).toContain('variable FOO is not in the policy');
    expect(stdout).toContain('with this put right, the policy allows the request');
  });

  it('says what was cut, and compares what is left', async () => {
    const text = eventOf(deniedRequest(), 2);
    const cwd = files({ 'policy.rego': policy });
    const { status, stdout, stderr } = await podseal(
      ['explain', 'policy.rego', '--from-error', '-'],
      { cwd, stdin: text.slice(0, text.indexOf('Mounts')) },
    );
    expect(status).toBe(10);
    expect(stdout).toContain('variable FOO is not in the policy');
    expect(stdout).not.toContain('allows the request');
    expect(stderr).toContain('the text was cut in OCI');
  });

  it('says what an error tells without a policy, and what it does not', async () => {
    const text =
      'CreateContainerRequest is blocked by policy: agent_policy:102: failed checks: environment';
    const { status, stdout, stderr } = await podseal(['explain', '--from-error', '-'], {
      stdin: text,
    });
    expect([status, stdout]).toEqual([
      10,
      'CreateContainerRequest: refused by the policy\n  failed checks: environment\n',
    ]);
    expect(stderr).toContain('does not hold the request');
    const none = await podseal(['explain', '--from-error', '-'], {
      stdin: 'pulling the image failed',
    });
    expect([none.status, none.stderr]).toEqual([3, expect.stringContaining('[REQUEST_INVALID]')]);
  });
});

it.each(['simulate', 'explain'])('%s refuses an input without requests', async (command) => {
  const cwd = files({
    'pod.yaml': readFileSync(EXAMPLE, 'utf8'),
    'group.rego': policyText(),
    'none.jsonl': '\n\n',
    'question.jsonl': '{"kind":"AllowRequestsFailingPolicy","request":{}}\n',
    'none.json': '[]',
  });
  expect((await podseal(['policy', 'pod.yaml', ...IMAGES], { cwd })).status).toBe(0);
  for (const args of [
    ['pod.yaml', 'none.jsonl'],
    ['pod.yaml', 'question.jsonl'],
    ['group.rego', 'none.jsonl'],
    ['group.rego', 'none.json'],
  ]) {
    const { status, stdout, stderr } = await podseal([command, ...args], { cwd });
    expect([status, stdout], args.join(' ')).toEqual([3, '']);
    expect(stderr).toContain(`${args[1]} holds no request`);
    expect(stderr).toContain('--synthesize --emit-requests');
  }
});

it('simulate --synthesize refuses a policy without containers', async () => {
  const cwd = files({ 'empty.rego': policyText({ containers: [] }) });
  const { status, stdout, stderr } = await podseal(['simulate', 'empty.rego', '--synthesize'], {
    cwd,
  });
  expect([status, stdout]).toEqual([3, '']);
  expect(stderr).toContain('the policy names no container to start');
});

describe('podseal policy, self-check', () => {
  const broken = readFileSync(EXAMPLE, 'utf8').replace(
    '      env:\n',
    '      env:\n        - {name: ADDRESS, valueFrom: {fieldRef: {fieldPath: status.podIP}}}\n        - {name: URL, value: "http://$(ADDRESS):80"}\n',
  );

  it('refuses a policy under which the pod would not start, and writes nothing', async () => {
    expect(broken).not.toBe(readFileSync(EXAMPLE, 'utf8'));
    const cwd = files({ 'pod.yaml': broken });
    const { status, stdout, stderr } = await podseal(['policy', 'pod.yaml', ...IMAGES], { cwd });
    expect([status, stdout]).toEqual([3, '']);
    expect(stderr).toContain('[POLICY_SELF_CHECK_FAILED]');
    expect(stderr).toContain('CreateContainerRequest of container skr');
    expect(stderr).toContain('hint:  variable URL joins other text and a value');
    expect(stderr).toContain('take spec.containers[name=skr].env[name=URL] out');
    expect(readFileSync(join(cwd, 'pod.yaml'), 'utf8')).toBe(broken);
  });

  it('can be turned off, and the policy be explained', async () => {
    const cwd = files({ 'pod.yaml': broken });
    const made = await podseal(['policy', 'pod.yaml', ...IMAGES, '--no-self-check'], { cwd });
    expect(made.status).toBe(0);
    const emitted = await podseal(['simulate', 'pod.yaml', '--emit-requests'], { cwd });
    const { status, stdout } = await podseal(['explain', 'pod.yaml', '-'], {
      cwd,
      stdin: emitted.stdout,
    });
    expect(status).toBe(10);
    expect(stdout).toContain('variable URL joins other text and a value');
  });

  it('says that rules of a stand-in cannot be tried', async () => {
    const cwd = files({ 'pod.yaml': readFileSync(EXAMPLE, 'utf8') });
    const rules = join(ROOT, 'fixtures/kata-golden/rules.rego');
    const { status, stderr } = await podseal(['policy', 'pod.yaml', ...IMAGES, '--rules', rules], {
      cwd,
    });
    expect([status, stderr]).toEqual([0, expect.stringContaining('[self-check-skipped]')]);
  });
});
