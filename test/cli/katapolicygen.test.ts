/** `podseal katapolicygen`, as a script that was written for `az confcom katapolicygen` runs it. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { podseal, ROOT, temporaryFolder } from '../support/cli.js';

const GOLDEN = join(ROOT, 'fixtures/kata-golden');
const KEY = 'io.katacontainers.config.agent.policy';

interface Images {
  readonly images: Record<string, { readonly layout: string; readonly tag: string }>;
  readonly references: Record<string, string>;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const textOf = (name: string, file: string) =>
  readFileSync(join(GOLDEN, 'cases', name, file), 'utf8');

/** A folder with the input of a golden case and the options that name its rules and images. */
function workFolder(name: string) {
  const folder = temporaryFolder();
  const { images, references } = JSON.parse(
    readFileSync(join(GOLDEN, 'images.json'), 'utf8'),
  ) as Images;
  const map = Object.entries(references).map(([reference, image]) => {
    const { layout, tag } = images[image]!;
    return [reference, `oci:${join(GOLDEN, layout)}:${tag}`];
  });
  writeFileSync(join(folder, 'images.json'), JSON.stringify(Object.fromEntries(map)));
  const file = join(folder, 'input.yaml');
  copyFileSync(join(GOLDEN, 'cases', name, 'input.yaml'), file);
  const args = ['-p', join(GOLDEN, 'rules.rego'), '--images', join(folder, 'images.json')];
  return { folder, file, args };
}

const expectationOf = (name: string) => JSON.parse(textOf(name, 'expected-C.json'));

describe('podseal katapolicygen', () => {
  it.each([
    ['cli-base64', ['--print-policy']],
    ['cli-raw', ['--outraw']],
  ])(
    '%s: prints what the model prints, then an empty line, and rewrites the file',
    async (name, flags) => {
      const { folder, file, args } = workFolder(name);
      const result = await podseal(['katapolicygen', '-y', file, ...args, ...flags]);
      const { yaml, stdout_bytes, stdout_sha256 } = expectationOf(name);
      expect(result.status).toBe(0);
      expect(result.stdout.endsWith('\n')).toBe(true);
      const printed = result.stdout.slice(0, -1);
      expect([Buffer.byteLength(printed), sha256(printed)]).toEqual([stdout_bytes, stdout_sha256]);
      expect(sha256(readFileSync(file, 'utf8'))).toBe(yaml.complete_sha256);
      expect(readdirSync(folder).sort()).toEqual(['images.json', 'input.yaml']);
    },
  );

  it('prints an empty line alone where nothing is to be printed', async () => {
    const { file, args } = workFolder('cli-base64');
    const result = await podseal(['katapolicygen', '--yaml', file, ...args, '-u']);
    expect(result).toMatchObject({ status: 0, stdout: '\n' });
  });

  it('reads stdin and prints the manifest behind the policies', async () => {
    const { args } = workFolder('cli-stdin');
    const stdin = textOf('cli-stdin', 'input.yaml');
    const plain = await podseal(['katapolicygen', '-y', '-', ...args], { stdin });
    expect(plain.status).toBe(0);
    expect(sha256(plain.stdout.slice(0, -1))).toBe(expectationOf('cli-stdin').yaml.complete_sha256);
    const both = await podseal(['katapolicygen', '-y', '-', ...args, '--print-policy'], { stdin });
    const [, value = ''] = plain.stdout.split(`${KEY}: `);
    expect(both.stdout).toBe(`${value.split('\n')[0]}\n${plain.stdout}`);
  });

  it('serves the pipe of the tutorial', async () => {
    const { folder, file, args } = workFolder('cli-stdin');
    const line = `"$0" "$1" katapolicygen -y "$2" "\${@:3}" --print-policy | base64 -d | sha256sum`;
    const program = [process.execPath, join(ROOT, 'dist/cli.js'), file, ...args];
    const printed = execFileSync('bash', ['-o', 'pipefail', '-c', line, ...program], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: folder },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(printed).toBe(`${expectationOf('cli-stdin').policies[0].measurement}  -\n`);
  });

  it('takes settings and further documents', async () => {
    const { folder, file, args } = workFolder('env-refs-config-file');
    const files = ['config.yaml', 'config2.yaml'].flatMap((name) => {
      copyFileSync(join(GOLDEN, 'cases/env-refs-config-file', name), join(folder, name));
      return ['-c', join(folder, name)];
    });
    const settings = join(ROOT, 'policies/kata/settings/azl3.json');
    const result = await podseal(['katapolicygen', '-y', file, '-j', settings, ...files, ...args]);
    expect(result.status).toBe(0);
    const { yaml } = expectationOf('env-refs-config-file');
    expect(sha256(readFileSync(file, 'utf8'))).toBe(yaml.complete_sha256);
  });

  it('takes our rules and settings where none are named', async () => {
    const { file, args } = workFolder('cli-stdin');
    const images = args.slice(args.indexOf('--images'));
    const result = await podseal(['katapolicygen', '-y', file, '--outraw', ...images]);
    const rules = readFileSync(join(ROOT, 'policies/kata/rules/azl3.rego'), 'utf8');
    expect(result.status).toBe(0);
    const head = `${rules}\npolicy_data := `;
    expect(result.stdout.startsWith(head)).toBe(true);
    const { policy_data_sha256 } = expectationOf('cli-stdin').policies[0];
    expect(sha256(result.stdout.slice(head.length, -1))).toBe(policy_data_sha256);
  });

  it('prints a version without reading anything, whatever else is asked', async () => {
    for (const args of [['-v'], ['--print-version', '-y', '/nowhere', '-d']]) {
      const result = await podseal(['katapolicygen', ...args]);
      expect(result).toMatchObject({ status: 0, stderr: '' });
      expect(result.stdout).toMatch(/id: genpolicy, version: 3\.2\.0-azl3\.genpolicy4, .*\n\n$/);
    }
  });
});

describe('failures', () => {
  it.each([
    ['neither a manifest nor -v', [], 1, 'Either --yaml-path or --print-version is required'],
    ['an option that does not exist', ['-y', 'x', '--silent'], 2, 'unknown option'],
    ['an option without its value', ['--yaml'], 2, 'argument missing'],
    ['our own options in conflict', ['-y', 'x', '-u', '--no-cache'], 2, 'exclude each other'],
    ['a manifest that does not exist', ['-y', '/nowhere/x.yaml'], 101, 'does not exist'],
    ['a pull through containerd', ['-y', 'x', '-d'], 101, '--image-facts'],
  ])('%s', async (_what, args, status, text) => {
    const result = await podseal(['katapolicygen', ...args]);
    expect(result).toMatchObject({ status, stdout: '' });
    expect(result.stderr).toContain(text);
    expect(result.stderr).not.toContain('    at ');
  });

  it('name the socket that cannot be used, and only warn of one without -d', async () => {
    const socket = ['--containerd-socket-path', '/run/x.sock'];
    const refused = await podseal(['katapolicygen', '-y', 'x', '-d', ...socket]);
    expect(refused.stderr).toContain('/run/x.sock');
    const { file, args } = workFolder('cli-stdin');
    const result = await podseal(['katapolicygen', '-y', file, ...args, ...socket]);
    expect(result.status).toBe(0);
    expect(result.stderr).toContain('[option-without-effect]');
  });

  it.each([
    ['security-run-as-non-root', 'spec.containers[0].securityContext.runAsNonRoot'],
    ['error-second-document', 'spec.hostPID'],
    ['yaml-bool-upper', 'spec.hostNetwork'],
    ['yaml-invalid', 'input.yaml:'],
  ])('%s leaves the manifest as it was', async (name, text) => {
    const { folder, file, args } = workFolder(name);
    const result = await podseal(['katapolicygen', '-y', file, ...args, '--print-policy']);
    expect(result).toMatchObject({ status: 101, stdout: '' });
    expect(result.stderr).toContain(text);
    expect(readFileSync(file, 'utf8')).toBe(textOf(name, 'input.yaml'));
    expect(readdirSync(folder).sort()).toEqual(['images.json', 'input.yaml']);
  });

  it('are documented with their statuses', async () => {
    const { status, stdout } = await podseal(['katapolicygen', '--help']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/0 ok, 1 neither .*, 2 wrong options, 101 any other failure/);
    expect(stdout.split('\n').length).toBeLessThan(75);
  });
});
