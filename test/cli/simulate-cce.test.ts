import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadNative } from '../../src/io/native.js';
import { CONTAINER, policyText } from '../policy/aci/sample-policy.js';
import { type CliOptions, podseal, temporaryFolder } from '../support/cli.js';
import { vectorsDir } from '../support/vectors.js';

const isNative = loadNative().kind === 'loaded';

/** Runs podseal in a folder with these files; objects are written as JSON lines. */
function inFolder(
  args: readonly string[],
  contents: Readonly<Record<string, string | Uint8Array | readonly unknown[]>>,
  options: CliOptions = {},
) {
  const cwd = temporaryFolder();
  for (const [name, content] of Object.entries(contents)) {
    const isList = Array.isArray(content);
    const text = isList ? content.map((one) => `${JSON.stringify(one)}\n`).join('') : content;
    writeFileSync(join(cwd, name), text as string);
  }
  return podseal(args, { cwd, ...options });
}

const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');
const base64 = (text: string) => Buffer.from(text).toString('base64');
const device = (target: string, deviceHash: string) => ({
  enforcementPoint: 'mount_device',
  input: { target, deviceHash, mountPathRegex: '/run/mounts/scsi/m[0-9]+' },
});
const [HASH, OTHER] = ['1'.repeat(64), 'f'.repeat(64)];

describe('podseal simulate of CCE policies', () => {
  it.each([
    ['framework-0.5.0', []],
    ['framework-0.3.0', []],
    ...(isNative ? [['framework-0.5.0', ['--engine', 'native']] as const] : []),
  ] as const)('allows the start of a group in %s %j', async (guest, more) => {
    const args = ['simulate', 'policy.rego', '--synthesize', '--guest', guest, ...more];
    const text = policyText({ framework_version: '0.2.3' });
    const { status, stdout, stderr } = await inFolder(args, { 'policy.rego': text });
    expect(stderr).toMatch(/(\d+) of \1 requests allowed/);
    expect(status).toBe(0);
    const points = linesOf(stdout).map((line) => line.split(/\s+/)[2]);
    expect(points).toEqual(
      expect.arrayContaining(['mount_overlay', 'create_container', 'exec_in_container']),
    );
    expect(points.includes('rw_mount_device')).toBe(guest === 'framework-0.5.0');
  });

  it('reads base64, templates and annotations', async () => {
    const text = policyText();
    const properties = {
      osType: 'Linux',
      confidentialComputeProperties: { ccePolicy: base64(text) },
      containers: [],
    };
    const resource = {
      type: 'Microsoft.ContainerInstance/containerGroups',
      name: 'web',
      properties,
    };
    const arm = JSON.stringify({ $schema: 'x', resources: [resource] });
    const pod = `apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    microsoft.containerinstance.virtualnode.ccepolicy: ${base64(text)}\n`;
    for (const [name, content] of [
      ['p.base64', base64(text)],
      ['arm.json', arm],
      ['pod.yaml', pod],
    ] as const) {
      const { status, stderr } = await inFolder(['simulate', name, '--synthesize'], {
        [name]: content,
      });
      expect([name, status, stderr]).toEqual([
        name,
        0,
        expect.stringContaining('requests allowed'),
      ]);
    }
  });

  it('tells each decision, and all of it in JSON', async () => {
    const files = {
      'policy.rego': policyText(),
      'r.jsonl': [device('/run/mounts/scsi/m1', HASH), device('/run/mounts/scsi/m1', OTHER)],
    };
    const plain = await inFolder(['simulate', 'policy.rego', 'r.jsonl'], files);
    expect(plain.status).toBe(10);
    expect(linesOf(plain.stdout)).toEqual([
      'allow  1  mount_device  /run/mounts/scsi/m1',
      'deny   2  mount_device  /run/mounts/scsi/m1: device already mounted at path; deviceHash not found',
    ]);
    const { stdout } = await inFolder(['simulate', 'policy.rego', 'r.jsonl', '--json'], files);
    const [allowed, denied] = linesOf(stdout).map((line) => JSON.parse(line));
    expect(allowed).toEqual({
      format: 'podseal.decision/v1',
      kind: 'mount_device',
      decision: 'allow',
      reason: null,
      line: 1,
      subject: '/run/mounts/scsi/m1',
      result: { allowed: true },
    });
    expect(denied).toMatchObject({
      decision: 'deny',
      errors: ['device already mounted at path', 'deviceHash not found'],
      message: expect.stringMatching(/^policyDecision< .* >policyDecision$/),
    });
  });

  it('plays back what it made up', async () => {
    const files = { 'policy.rego': policyText() };
    const made = await inFolder(['simulate', 'policy.rego', '--emit-requests'], files);
    expect(made.status).toBe(0);
    const again = await inFolder(['simulate', 'policy.rego', '-'], files, { stdin: made.stdout });
    expect(again.status).toBe(0);
    expect(linesOf(again.stdout)).toHaveLength(linesOf(made.stdout).length);
  });

  it('looks users up where the files of the container are given', async () => {
    const made = await inFolder(['simulate', 'policy.rego', '--emit-requests'], {
      'policy.rego': policyText(),
    });
    const changed = (user: string) =>
      linesOf(made.stdout).map((line) => {
        const one = JSON.parse(line) as { enforcementPoint: string; input: object };
        if (one.enforcementPoint !== 'create_container') return one;
        const etc = { passwd: 'web:x:1000:5::/:/bin/sh\n', group: 'www:x:5:\n' };
        return { ...one, input: { ...one.input, user }, etc };
      });
    const run = (user: string) =>
      inFolder(['simulate', 'policy.rego', 'r.jsonl'], {
        'policy.rego': policyText(),
        'r.jsonl': changed(user),
      });
    expect((await run('web')).status).toBe(0);
    expect((await run('1001')).status).toBe(10);
    expect(await run('nobody')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('user "nobody" does not exist'),
    });
  });

  it.skipIf(!isNative)('runs policies with rules of their own', async () => {
    const text = policyText().replace(
      /^get_properties.*$/m,
      'get_properties := {"allowed": true} if input.please',
    );
    const ask = (input: object) => ({ enforcementPoint: 'get_properties', input });
    const files = {
      'policy.rego': text,
      'r.jsonl': [ask({ please: true }), ask({ please: false })],
    };
    const { status, stdout } = await inFolder(['simulate', 'policy.rego', 'r.jsonl'], files);
    expect(status).toBe(10);
    expect(linesOf(stdout).map((line) => line.slice(0, 5))).toEqual(['allow', 'error']);
    const env = { PODSEAL_NATIVE: 'off' };
    const without = await inFolder(['simulate', 'policy.rego', 'r.jsonl'], files, { env });
    expect(without).toMatchObject({ status: 3, stderr: expect.stringContaining('ENGINE_ABSENT') });
  });

  it('warns of what guests do otherwise than expected', async () => {
    const rules = [{ pattern: 'A=1|B=2', strategy: 're2', required: false }];
    const twice = [CONTAINER.exec_processes[0], CONTAINER.exec_processes[0]];
    const text = policyText({
      containers: [{ ...CONTAINER, env_rules: rules, exec_processes: twice }],
    });
    const { stderr } = await inFolder(['simulate', 'policy.rego', '--synthesize'], {
      'policy.rego': text,
    });
    expect(stderr).toMatch('pattern-alternatives-open');
    expect(stderr).toMatch('repeated-exec-command');
  });

  it.each<[string, readonly string[], string | readonly unknown[], number, string]>([
    [
      'an unknown point',
      [],
      [{ enforcementPoint: 'mount', input: {} }],
      3,
      'is no enforcement point',
    ],
    [
      'an input that is no object',
      [],
      [{ enforcementPoint: 'dump_stacks', input: [] }],
      3,
      'r.jsonl:1',
    ],
    ['a broken line', [], '{"enforcementPoint": "dump_stacks"}\n{', 3, 'r.jsonl:2:2'],
    [
      'a request of kata',
      [],
      [{ kind: 'CreateContainerRequest', request: {} }],
      3,
      'enforcementPoint is missing',
    ],
    ['a fragment that is not there', ['--fragment', 'none.cose'], [], 3, 'none.cose'],
    ['a fragment that is none', ['--fragment', 'r.jsonl'], [], 3, 'a guest does not load r.jsonl'],
    [
      'an unknown guest',
      ['--guest', 'azl3'],
      [device('a', HASH)],
      2,
      'framework-0.3.0, framework-0.5.0',
    ],
    ['an unknown system', ['--os', 'plan9'], [device('a', HASH)], 2, '--os linux or windows'],
    ['an unknown engine', ['--engine', 'none'], [device('a', HASH)], 2, '--engine native or wasm'],
    [
      'a fragment without signer',
      [],
      [{ enforcementPoint: 'load_fragment', input: { local_path: 'r.jsonl' } }],
      3,
      'needs issuer and feed',
    ],
  ])('refuses %s', async (_what, args, requests, status, message) => {
    const files = { 'policy.rego': policyText(), 'r.jsonl': requests };
    const result = await inFolder(['simulate', 'policy.rego', 'r.jsonl', ...args], files);
    expect([result.status, result.stderr]).toEqual([status, expect.stringContaining(message)]);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });

  it('keeps options of CCE policies from kata ones', async () => {
    const files = {
      'policy.rego': 'package agent_policy\ndefault CreateContainerRequest := true\n',
      'r.jsonl': [],
    };
    const args = ['simulate', 'policy.rego', 'r.jsonl', '--os', 'linux'];
    expect(await inFolder(args, files)).toMatchObject({ status: 2 });
  });
});

const FRAGMENT = `package fragment\nsvn := "2"\nframework_version := "0.5.0"\ncontainers := [${JSON.stringify({ ...CONTAINER, layers: [OTHER] })}]\n`;
const entryOf = (issuer: string, feed: string, minimum: string) => ({
  fragments: [{ issuer, feed, minimum_svn: minimum, includes: ['containers'] }],
});

describe('fragments in a simulation', () => {
  it('bring containers, if the policy imports them', async () => {
    const load = {
      enforcementPoint: 'load_fragment',
      input: { issuer: 'did:x', feed: 'f', local_path: 'f.rego' },
    };
    const requests = [
      device('/run/mounts/scsi/m1', OTHER),
      load,
      device('/run/mounts/scsi/m1', OTHER),
    ];
    const run = (minimum: string) =>
      inFolder(['simulate', 'policy.rego', 'r.jsonl'], {
        'policy.rego': policyText(entryOf('did:x', 'f', minimum)),
        'f.rego': FRAGMENT,
        'r.jsonl': requests,
      });
    const verdicts = async (minimum: string) =>
      linesOf((await run(minimum)).stdout).map((line) => line.slice(0, 5).trim());
    expect(await verdicts('2')).toEqual(['deny', 'allow', 'allow']);
    expect(await verdicts('3')).toEqual(['deny', 'deny', 'deny']);
  });

  it('are refused where a command file names an object as issuer', async () => {
    const input = { issuer: {}, feed: 'f', namespace: [{}], local_path: 'f.rego' };
    const result = await inFolder(['simulate', 'policy.rego', 'c.json'], {
      'policy.rego': policyText(entryOf('did:x', 'f', '2')),
      'f.rego': FRAGMENT,
      'c.json': JSON.stringify([{ name: 'load_fragment', input }]),
    });
    expect(result.status).toBe(10);
    expect(result.stdout).toMatch(/^deny/m);
  });

  const cose = vectorsDir('cose');
  const ISSUER =
    'did:x509:0:sha256:6JG9hz1bJWVVwPzWVnury8hzSzCmo_NI3fp8EbgFltA::subject:CN:Test%20Leaf%20%28DO%20NOT%20TRUST%29';
  describe.runIf(cose !== undefined)('that are signed', () => {
    const run = (file: string, minimum: string) =>
      inFolder(['simulate', 'policy.rego', 'r.jsonl', '--fragment', 'f.cose'], {
        'policy.rego': policyText(entryOf(ISSUER, 'contoso.azurecr.io/fragment', minimum)),
        'f.cose': readFileSync(join(cose ?? '', 'sign1', file)),
        'r.jsonl': [],
      });

    it('are loaded', async () => {
      const { status, stdout } = await run('es384-valid.cose', '1');
      expect([status, stdout]).toEqual([0, 'allow  0  load_fragment  f.cose\n']);
    });

    it('are refused by the policy', async () => {
      const { status, stdout } = await run('es384-valid.cose', '2');
      expect([status, stdout]).toEqual([
        10,
        expect.stringContaining('below the specified minimum'),
      ]);
    });

    it('are refused by the guest', async () => {
      for (const file of [
        'tampered-payload.cose',
        'did-wrong-subject.cose',
        'no-feed.cose',
        'truncated.cose',
      ]) {
        const { status, stderr } = await run(file, '1');
        expect([file, status, stderr]).toEqual([
          file,
          3,
          expect.stringContaining('a guest does not load f.cose'),
        ]);
      }
    });
  });
});

const samples = vectorsDir('aci-enforcement');
describe.runIf(samples !== undefined)('command files of the reference simulator', () => {
  const folder = join(samples ?? '', 'samples/simple_framework');
  it.each([
    ['commands.json', 'framework-0.3.0', 'expected-framework-0.3.0.json'],
    ['commands.json', 'framework-0.5.0', 'expected-framework-0.5.0.json'],
    ['commands-repaired.json', 'framework-0.5.0', 'expected-framework-0.5.0-repaired.json'],
  ])('%s in %s', async (commands, guest, expected) => {
    const args = [
      'simulate',
      join(folder, 'policy.rego'),
      join(folder, commands),
      '--guest',
      guest,
    ];
    const { stdout, status } = await podseal([...args, '--json']);
    const decided = linesOf(stdout).map((line) => {
      const { decision, errors } = JSON.parse(line);
      return decision === 'allow' ? { allowed: true } : { allowed: false, errors };
    });
    const recorded = JSON.parse(readFileSync(join(folder, expected), 'utf8')) as readonly {
      allowed: boolean;
      errors?: string[];
    }[];
    expect(status).toBe(10);
    expect(decided).toEqual(
      recorded.map(({ allowed, errors }) =>
        allowed ? { allowed } : { allowed, errors: errors?.toSorted() ?? [] },
      ),
    );
  });
});

describe('podseal policy of container groups', () => {
  const facts = {
    format: 'podseal.image-facts/v1',
    images: [
      {
        references: ['example.org/base:1'],
        platform: 'linux/amd64',
        config: {},
        layers: [{ rootHashes: { ext4: HASH } }],
      },
    ],
  };
  const resource = {
    type: 'Microsoft.ContainerInstance/containerGroups',
    name: 'web',
    properties: {
      osType: 'Linux',
      confidentialComputeProperties: { ccePolicy: '' },
      containers: [{ name: 'base', properties: { image: 'example.org/base:1' } }],
    },
  };
  const files = {
    'facts.json': JSON.stringify(facts),
    'arm.json': JSON.stringify({
      $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
      resources: [resource],
    }),
  };
  const args = ['policy', 'arm.json', '--image-facts', 'facts.json', '--offline', '--print'];

  it('tries them before they are written, unless told not to', async () => {
    const tried = await inFolder(args, files);
    expect([tried.status, tried.stderr]).toEqual([
      0,
      expect.stringContaining('container-without-command'),
    ]);
    const untried = await inFolder([...args, '--no-self-check'], files);
    expect(untried.stderr).not.toMatch('container-without-command');
    expect(untried.stdout).toBe(tried.stdout);
    const simulated = await inFolder(['simulate', 'p.rego', '--synthesize'], {
      'p.rego': tried.stdout,
    });
    expect(simulated.stdout).toMatch('create_container  container');
  });
});
