/** `podseal simulate release`, as a user runs it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { podseal, ROOT, temporaryFolder } from '../support/cli.js';
import { vectorsDir } from '../support/vectors.js';

const EXAMPLE = join(ROOT, 'fixtures/example');
const snp = vectorsDir('snp');
const AUTHORITY = 'https://sharedeus2.eus2.attest.azure.net';

/** The example with its policy in `folder`; `change` edits the manifest first. Gives its text. */
async function sealed(folder: string, name: string, change = (text: string) => text) {
  const plain = join(folder, `${name}.plain.yaml`);
  const file = join(folder, `${name}.yaml`);
  writeFileSync(plain, change(readFileSync(join(EXAMPLE, 'consumer.yaml'), 'utf8')));
  const images = ['--images', join(EXAMPLE, 'images.json')];
  const made = await podseal(['policy', plain, ...images, '-o', file, '--quiet']);
  expect(made).toMatchObject({ status: 0, stderr: '' });
  return readFileSync(file, 'utf8');
}

describe('a rehearsal', () => {
  it('releases for the pod of the policy, and names the claim for another', async () => {
    const folder = temporaryFolder();
    const pod = await sealed(folder, 'pod');
    const other = await sealed(folder, 'other', (text) =>
      text.replace('kafka-demo-topic', 'other'),
    );
    const release = join(folder, 'release.json');
    const create = ['release-policy', 'create', '--authority', AUTHORITY];
    await podseal([...create, '--from', join(folder, 'pod.yaml'), '-o', release]);
    const rehearse = (manifest: string, ...args: string[]) =>
      podseal([
        'simulate',
        'release',
        '--manifest',
        join(folder, manifest),
        '--release-policy',
        release,
        ...args,
      ]);

    const good = await rehearse('pod.yaml', '--json');
    expect(good.status).toBe(0);
    const result = JSON.parse(good.stdout);
    expect(result).toMatchObject({ format: 'podseal.release-rehearsal/v1', released: true });
    expect(result.steps.map((one: { result: string }) => one.result)).toEqual(Array(7).fill('ok'));
    expect(result.notices[0].code).toBe('made-up-evidence');
    expect(good.stdout).not.toContain('"d"');

    expect(pod).not.toBe(other);
    const changed = await rehearse('other.yaml');
    expect(changed.status).toBe(10);
    expect(changed.stdout).toMatch(/fails +x-ms-sevsnpvm-hostdata/);

    const debug = await rehearse('pod.yaml', '--guest-debug', '--json');
    expect(debug.status).toBe(10);
    expect(debug.stdout).toContain('x-ms-sevsnpvm-is-debuggable');

    const foreign = await rehearse(
      'pod.yaml',
      '--authority',
      'https://other.attest.azure.net',
      '--json',
    );
    expect(foreign.status).toBe(10);
    expect(foreign.stdout).toContain('iss: the issuer');
  });

  it.runIf(snp)('holds the report of a real guest against the policy', async () => {
    const folder = temporaryFolder();
    const report = join(snp!, 'reports/milan-v2-aci.bin');
    const release = join(folder, 'release.json');
    const hostData = readFileSync(report).subarray(0xc0, 0xe0).toString('hex');
    const create = ['release-policy', 'create', '--authority', AUTHORITY, '--target', 'aci'];
    const rehearse = (...args: string[]) =>
      podseal([
        ...[
          'simulate',
          'release',
          '--release-policy',
          release,
          '--compliance',
          'azure-compliant-uvm',
        ],
        ...['--report', report, '--at', '2023-06-01T00:00:00Z', ...args, '--json'],
      ]);
    const thim = ['--thim', join(snp!, 'thim/milan-v2-aci.json')];
    await podseal([...create, '--measurement', hostData, '-o', release]);
    expect(await rehearse(...thim)).toMatchObject({ status: 0 });
    const bare = await rehearse();
    expect(bare.status).toBe(10);
    expect(bare.stdout).toContain('E_CHAIN_FORMAT');
    await podseal([...create, '--measurement', 'ab'.repeat(32), '-o', release]);
    const other = await rehearse(...thim);
    expect(other.status).toBe(10);
    expect(JSON.parse(other.stdout).evaluation.decision).toBe('deny');
  });

  it.each([
    [[], 2],
    [['--report', 'x', '--manifest', 'y', '--release-policy', 'z'], 2],
    [['--report', 'x'], 2],
    [['--manifest', join(EXAMPLE, 'consumer.yaml')], 2],
    [['--manifest', join(EXAMPLE, 'consumer.yaml'), '--release-policy', '/nonexistent'], 3],
    [['--manifest', 'x', '--release-policy', 'y', '--port', '70000'], 2],
    [['--manifest', 'x', '--release-policy', 'y', '--token-lifetime', 'long'], 2],
  ])('refuses %j with status %d', async (args, status) => {
    expect(await podseal(['simulate', 'release', ...args])).toMatchObject({ status });
  });

  it('serves the stand-ins until it is ended', async () => {
    const folder = temporaryFolder();
    await sealed(folder, 'pod');
    const release = join(folder, 'release.json');
    const create = ['release-policy', 'create', '--authority', AUTHORITY];
    await podseal([...create, '--from', join(folder, 'pod.yaml'), '-o', release]);
    const inputs = ['--manifest', join(folder, 'pod.yaml'), '--release-policy', release, '--serve'];
    expect(await podseal(['simulate', 'release', ...inputs])).toMatchObject({ status: 2 });
    const out = join(folder, 'out');
    const served = await podseal(['simulate', 'release', ...inputs, '-o', out], {
      onStderr: (text, child) => {
        if (text.includes('and its request')) child.kill('SIGINT');
      },
    });
    expect(served.status).toBe(0);
    const settings = JSON.parse(readFileSync(join(out, 'rehearsal.json'), 'utf8'));
    expect(settings).toMatchObject({
      format: 'podseal.rehearsal/v1',
      key: expect.stringMatching(/^rehearsal\/[0-9a-f]{32}$/),
    });
    expect(readFileSync(join(out, 'ca.pem'), 'utf8')).toContain('BEGIN CERTIFICATE');
  });
});
