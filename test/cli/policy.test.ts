/** `podseal policy` and the commands around it, as a user runs them. */
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { podseal, ROOT, temporaryFolder } from '../support/cli.js';

const GOLDEN = join(ROOT, 'fixtures/kata-golden');
const RULES = join(GOLDEN, 'rules.rego');
const HEX = /^[0-9a-f]{64}\n$/;

const POD = `# A pod with comments that matter.
apiVersion: v1
kind: Pod
metadata:
  name: 'web'   # quoted on purpose
spec:
  runtimeClassName: kata-cc-isolation
  containers:
    - name: web
      image: "busybox:1.36"
      command: [ "sh", "-c", "echo $(GREETING)" ]
      env:
        - { name: GREETING, value: hello }
`;

interface Golden {
  readonly images: Record<string, { readonly layout: string; readonly tag: string }>;
  readonly references: Record<string, string>;
}

/** A folder with pod.yaml and an image map over the golden images. */
function workFolder(pod = POD) {
  const folder = temporaryFolder();
  const golden = JSON.parse(readFileSync(join(GOLDEN, 'images.json'), 'utf8')) as Golden;
  const map: Record<string, string> = {};
  for (const [reference, name] of Object.entries(golden.references)) {
    const image = golden.images[name]!;
    map[reference] = `oci:${join(GOLDEN, image.layout)}:${image.tag}`;
  }
  writeFileSync(join(folder, 'images.json'), JSON.stringify(map));
  const file = join(folder, 'pod.yaml');
  writeFileSync(file, pod);
  const args = [file, '--images', join(folder, 'images.json'), '--rules', RULES];
  return { folder, file, args };
}

describe('podseal policy', () => {
  it('writes the policy in place, touches nothing else, prints the measurement', async () => {
    const { folder, file, args } = workFolder();
    const result = await podseal(['policy', ...args]);
    expect(result).toMatchObject({ status: 0, stdout: expect.stringMatching(HEX) });
    expect(result.stderr).toContain('target aks, guest azl3');
    const after = readFileSync(file, 'utf8');
    const added = after.split('\n').filter((line) => !POD.split('\n').includes(line));
    expect(added).toHaveLength(2);
    expect(added[1]).toMatch(
      /^ +"?io\.katacontainers\.config\.agent\.policy"?: "[A-Za-z0-9+/]+=*"$/,
    );
    expect(
      after
        .split('\n')
        .filter((line) => !added.includes(line))
        .join('\n'),
    ).toBe(POD);
    expect(await podseal(['measure', file])).toMatchObject({ status: 0, stdout: result.stdout });
    expect(readdirSync(folder).sort()).toEqual(['images.json', 'pod.yaml']);
  });

  it('gives the same bytes when run again on its own output', async () => {
    const { file, args } = workFolder();
    const first = await podseal(['policy', ...args]);
    const text = readFileSync(file, 'utf8');
    const second = await podseal(['policy', ...args]);
    expect(second.stdout).toBe(first.stdout);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('prints text, annotation or JSON without writing', async () => {
    const { file, args } = workFolder();
    const text = await podseal(['policy', ...args, '--print']);
    const encoded = await podseal(['policy', ...args, '--base64']);
    const json = await podseal(['policy', ...args, '--json']);
    expect(text.stdout.startsWith(`${readFileSync(RULES, 'utf8')}\npolicy_data := {\n`)).toBe(true);
    expect(Buffer.from(encoded.stdout, 'base64').toString()).toBe(text.stdout);
    const parsed = JSON.parse(json.stdout);
    expect(parsed).toMatchObject({
      format: 'podseal.policy/v1',
      workloads: [
        {
          kind: 'Pod',
          name: 'web',
          target: 'aks',
          guest: 'azl3',
          policy: text.stdout,
          placement: {
            file,
            path: ['metadata', 'annotations'],
            key: 'io.katacontainers.config.agent.policy',
          },
        },
      ],
    });
    expect(
      parsed.workloads[0].images.map((image: { reference: string }) => image.reference),
    ).toEqual(['mcr.microsoft.com/oss/v2/kubernetes/pause:3.6', 'busybox:1.36']);
    const measured = await podseal(['measure', '-'], { stdin: text.stdout });
    expect(measured.stdout.trim()).toBe(parsed.workloads[0].measurement);
    expect(readFileSync(file, 'utf8')).toBe(POD);
  });

  it('reads stdin and writes stdout', async () => {
    const { file, args } = workFolder();
    await podseal(['policy', ...args]);
    const result = await podseal(['policy', '-', ...args.slice(1)], { stdin: POD });
    expect(result.status).toBe(0);
    expect(result.stdout).toBe(readFileSync(file, 'utf8'));
  });

  it('needs no image where there are facts, and gives the same policy', async () => {
    const { folder, args } = workFolder();
    const facts = join(folder, 'facts.json');
    const pause = 'mcr.microsoft.com/oss/v2/kubernetes/pause:3.6';
    const made = await podseal([
      'layers',
      'busybox:1.36',
      pause,
      '--images',
      join(folder, 'images.json'),
      '--facts',
      facts,
    ]);
    expect(made.status).toBe(0);
    const without = await podseal([
      'policy',
      args[0]!,
      '--rules',
      RULES,
      '--image-facts',
      facts,
      '--offline',
      '--print',
    ]);
    expect(without.stderr).not.toContain('error');
    expect(without.stdout).toBe((await podseal(['policy', ...args, '--print'])).stdout);
  });

  it.each([
    [
      'a field that it does not know',
      'command: [ "sh"',
      'comand: [ "sh"',
      'MANIFEST_UNKNOWN_FIELD',
      'pod.yaml:11:',
    ],
    [
      'a field that the guest cannot have',
      'image: "bus',
      'workingDir: /x\n      image: "bus',
      'MANIFEST_UNSUPPORTED',
      'spec.containers[0].workingDir',
    ],
    [
      'an image that the map lacks',
      'busybox:1.36',
      'nobody/knows:1',
      'IMAGE_NOT_FOUND',
      'nobody/knows:1',
    ],
    [
      'a missing ConfigMap',
      '{ name: GREETING, value: hello }',
      '{ name: GREETING, valueFrom: { configMapKeyRef: { name: cm, key: k } } }',
      'MANIFEST_REFERENCE_MISSING',
      'spec.containers[0].env[0]',
    ],
    ['broken YAML', 'kind: Pod', 'kind: [Pod', 'MANIFEST_SYNTAX', 'pod.yaml:'],
    [
      'a runtime class of nobody',
      'kata-cc-isolation',
      'runc',
      'MANIFEST_TARGET_UNKNOWN',
      '--target',
    ],
  ])('refuses %s and leaves the manifest as it was', async (_what, from, to, code, names) => {
    const pod = POD.replace(from, to);
    const { file, args } = workFolder(pod);
    const result = await podseal(['policy', ...args]);
    expect(result.status === 3 || result.status === 4).toBe(true);
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain(`[${code}]`);
    expect(result.stderr).toContain(names);
    expect(readFileSync(file, 'utf8')).toBe(pod);
  });

  it('reports every problem of a manifest in one run', async () => {
    const pod = POD.replace('command: [', 'comand: [').replace(
      'runtimeClassName',
      'workload: x\n  runtimeClassName',
    );
    const result = await podseal(['policy', ...workFolder(pod).args]);
    expect(result.stderr.match(/\[MANIFEST_UNKNOWN_FIELD\]/g)).toHaveLength(2);
  });

  it('survives kill -9 in the middle of the rewriting: the manifest is the old or the new one', async () => {
    const reference = workFolder();
    await podseal(['policy', ...reference.args]);
    const complete = readFileSync(reference.file, 'utf8');
    const seen = new Set<string>();
    for (const moment of ['target', 'writing', 'wrote']) {
      const { file, args } = workFolder();
      const result = await podseal(['policy', ...args, '--verbose'], {
        onStderr: (text, child) => {
          if (text.includes(moment)) child.kill('SIGKILL');
        },
      });
      const after = readFileSync(file, 'utf8');
      expect([POD, complete]).toContain(after);
      seen.add(`${result.status}`);
    }
    expect(seen).toContain('null');
  });

  it('keeps the mode of the manifest and refuses a folder', async () => {
    const { folder, file, args } = workFolder();
    const copy = join(folder, 'copy.yaml');
    copyFileSync(file, copy);
    mkdirSync(join(folder, 'sub'));
    const mode = statSync(file).mode;
    await podseal(['policy', ...args]);
    expect(statSync(file).mode).toBe(mode);
    expect((await podseal(['policy', join(folder, 'sub'), ...args.slice(1)])).status).toBe(3);
  });
});

describe('refused', () => {
  it.each([
    ['', ''],
    ['# package agent_policy\n', ''],
    ['package other\n', ':1'],
    ['# rules\n\npackage agent_policy.more\n', ':3'],
    [POD, ':2'],
  ])('rules that are none of the kata agent: %j', async (rules, line) => {
    const { folder, file, args } = workFolder();
    const other = join(folder, 'other.rego');
    writeFileSync(other, rules);
    const result = await podseal(['policy', ...args, '--rules', other]);
    expect(result).toMatchObject({ status: 3, stdout: '' });
    expect(result.stderr).toContain('holds no rules of the kata agent [POLICY_UNREADABLE]');
    expect(result.stderr).toContain(`where: ${other}${line}\n`);
    expect(readFileSync(file, 'utf8')).toBe(POD);
  });

  it('a manifest that is named twice, however it is spelled', async () => {
    const { folder, file, args } = workFolder();
    const again = join(folder, '..', folder.split('/').at(-1)!, '.', 'pod.yaml');
    for (const second of [file, `${folder}//pod.yaml`, `${folder}/./pod.yaml`, again]) {
      const result = await podseal(['policy', second, ...args]);
      expect(result).toMatchObject({ status: 2, stdout: '' });
      expect(result.stderr).toContain('a manifest is named twice');
    }
    expect(readFileSync(file, 'utf8')).toBe(POD);
  });
});

describe('usage', () => {
  it.each([
    [['policy'], 'missing required argument'],
    [['policy', 'a.yaml', 'b.yaml', '-o', 'c.yaml'], '-o takes one manifest'],
    [['policy', 'a.yaml', '--print', '--json'], 'exclude each other'],
    [['policy', 'a.yaml', '--guest', 'nope'], 'nope'],
    [['layers', 'busybox'], '--for'],
    [['layer', '-', '--for', 'kata'], 'no layer hashes'],
    [['measure'], 'missing required argument'],
    [['release-policy', 'create'], '--measurement HEX or --from FILE'],
    [['nonsense'], 'unknown command'],
    [['layer', 'x', '--for', 'aci', '--nonsense'], 'unknown option'],
  ])('podseal %s is refused with status 2', async (args, text) => {
    const result = await podseal(args);
    expect(result.stderr).toContain(text);
    expect(result.status).toBe(2);
    expect(result.stdout).toBe('');
  });

  it.each(['', 'policy', 'measure', 'layer', 'layers', 'release-policy create'])(
    'podseal %s --help teaches',
    async (name) => {
      const result = await podseal([...name.split(' ').filter((word) => word !== ''), '--help']);
      expect(result.status).toBe(0);
      expect(result.stderr).toBe('');
      expect(result.stdout).toContain('Usage: podseal');
      expect(result.stdout.split('\n').length).toBeLessThan(100);
    },
  );

  it('an error with --json is one JSON object on stderr', async () => {
    const result = await podseal(['layer', '/nowhere/x', '--for', 'aci', '--json']);
    expect(result.status).toBe(3);
    expect(JSON.parse(result.stderr)).toMatchObject({
      format: 'podseal.error/v1',
      error: { code: 'FILE_NOT_FOUND' },
    });
  });
});
