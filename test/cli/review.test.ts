/** `podseal policy --check`, `show`, `diff` and `audit`, as a user runs them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { podseal, ROOT, temporaryFolder } from '../support/cli.js';
import { blobOf, layoutFiles, tagged, writeFiles } from '../support/images.js';
import { SARIF_SCHEMA } from '../support/sarif-schema.js';
import { keepSecret } from '../support/secrets/record.js';

const EXAMPLE = join(ROOT, 'fixtures/example');
const IMAGES = ['--images', join(EXAMPLE, 'images.json')];
const PASSWORD = keepSecret('swordfish-2222', 'a password in a manifest');

/** A folder with the example, and its policy in it unless told otherwise. */
async function exampleFolder(change = (text: string) => text) {
  const folder = temporaryFolder();
  const plain = join(folder, 'plain.yaml');
  const sealed = join(folder, 'sealed.yaml');
  writeFileSync(plain, change(readFileSync(join(EXAMPLE, 'consumer.yaml'), 'utf8')));
  const made = await podseal(['policy', plain, ...IMAGES, '-o', sealed, '--quiet']);
  expect(made).toMatchObject({ status: 0, stderr: '' });
  return { folder, plain, sealed, measurement: made.stdout.trim() };
}

const withTopic = (topic: string) => (text: string) => text.replace('kafka-demo-topic', topic);

describe('podseal policy --check', () => {
  it('passes on what was just generated, and writes nothing', async () => {
    const { sealed } = await exampleFolder();
    const before = readFileSync(sealed, 'utf8');
    const result = await podseal(['policy', sealed, ...IMAGES, '--check']);
    expect(result.status).toBe(0);
    expect(result.stdout).toContain('no difference');
    expect(readFileSync(sealed, 'utf8')).toBe(before);
  });

  it('ends with 11 and says what differs', async () => {
    const { sealed } = await exampleFolder();
    writeFileSync(sealed, withTopic('other')(readFileSync(sealed, 'utf8')));
    const result = await podseal(['policy', sealed, ...IMAGES, '--check']);
    expect(result.status).toBe(11);
    expect(result.stdout).toContain(
      'changed  container kafka-golang-consumer: variable TOPIC has another value',
    );
    expect(result.stdout).toContain('before: kafka-demo-topic');
    expect(result.stdout).toContain('after:  other');
    expect(result.stderr).toContain('1 changed');
  });

  it('ends with 11 where there is no policy yet', async () => {
    const { plain } = await exampleFolder();
    const before = readFileSync(plain, 'utf8');
    const result = await podseal(['policy', plain, ...IMAGES, '--check', '--json']);
    expect(result.status).toBe(11);
    expect(JSON.parse(result.stdout)).toMatchObject({
      format: 'podseal.diff/v1',
      summary: { added: 1 },
      policies: [{ workload: 'Pod kafka/kafka-golang-consumer', isSame: false }],
    });
    expect(readFileSync(plain, 'utf8')).toBe(before);
  });

  it.each([['--print'], ['--base64'], ['-o', 'x.yaml']])('excludes %s', async (...args) => {
    const result = await podseal(['policy', 'pod.yaml', '--check', ...args]);
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toContain('[USAGE_CONFLICT]');
  });
});

describe('podseal show', () => {
  it('says what a manifest allows, the same every time', async () => {
    const { sealed, measurement } = await exampleFolder();
    const result = await podseal(['show', sealed]);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    for (const text of [
      measurement,
      'podseal, azl3.rego',
      'Container skr',
      'kafka-demo-topic',
      '/consume',
    ]) {
      expect(result.stdout).toContain(text);
    }
    const again = await podseal(['show', sealed], {
      env: { LC_ALL: 'C', TZ: 'UTC', COLUMNS: '40' },
    });
    expect(again.stdout).toBe(result.stdout);
  });

  it('reads a policy text from stdin', async () => {
    const { plain, measurement } = await exampleFolder();
    const { stdout } = await podseal(['policy', plain, ...IMAGES, '--print', '--quiet']);
    const result = await podseal(['show', '-', '--json'], { stdin: stdout });
    expect(result.status).toBe(0);
    expect(JSON.parse(result.stdout)).toMatchObject({
      format: 'podseal.show/v1',
      policies: [
        {
          measurement,
          podName: 'kafka-golang-consumer',
          containers: [{ isSandbox: true }, { name: 'container skr' }, { user: { uid: 0 } }],
        },
      ],
    });
  });

  it('writes a page without scripts', async () => {
    const { folder, sealed } = await exampleFolder(withTopic('<script>alert(1)</script>'));
    const page = join(folder, 'page.html');
    const result = await podseal(['show', sealed, '--html', '-o', page]);
    expect(result).toMatchObject({ status: 0, stdout: '' });
    const html = readFileSync(page, 'utf8');
    expect(html).toMatch(/^<!doctype html>/);
    expect(html).not.toContain('<script');
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });

  it('shows neither secrets nor control characters', async () => {
    const { sealed } = await exampleFolder((text) =>
      text.replace('name: TOPIC, value: kafka-demo-topic', `name: DB_PASSWORD, value: ${PASSWORD}`),
    );
    for (const args of [
      ['show', sealed],
      ['show', sealed, '--json'],
      ['show', sealed, '--html'],
      ['audit', sealed],
      ['audit', sealed, '--json'],
      ['audit', sealed, '--sarif'],
    ]) {
      const { stdout } = await podseal(args);
      expect(stdout, args.join(' ')).not.toContain(PASSWORD);
      expect(stdout, args.join(' ')).toContain('password');
    }
  });

  it('ends with 3 where there is nothing to show', async () => {
    const { folder, plain } = await exampleFolder();
    const none = await podseal(['show', plain]);
    expect(none).toMatchObject({ status: 3, stdout: '' });
    expect(none.stderr).toContain('[POLICY_UNREADABLE]');
    expect(none.stderr).toContain(`hint:  podseal policy ${plain} writes one`);
    const twice = join(folder, 'twice.rego');
    writeFileSync(twice, 'package agent_policy\npolicy_data := {}\npolicy_data := {}\n');
    expect((await podseal(['show', twice])).stderr).toContain('twice.rego:3:1');
    expect((await podseal(['show', 'missing.yaml'])).status).toBe(3);
    expect((await podseal(['show', plain, '--json', '--html'])).status).toBe(2);
  });
});

describe('podseal diff', () => {
  it('ends with 0 for the same policy in two files', async () => {
    const { folder, sealed } = await exampleFolder();
    const copy = join(folder, 'copy.yaml');
    writeFileSync(copy, `# a comment\n${readFileSync(sealed, 'utf8')}`);
    const result = await podseal(['diff', sealed, copy]);
    expect(result).toMatchObject({ status: 0, stderr: 'no difference\n' });
  });

  it('ends with 11 for another one, and with 0 if that does not count', async () => {
    const [a, b] = [await exampleFolder(), await exampleFolder(withTopic('other'))];
    const result = await podseal(['diff', a.sealed, b.sealed]);
    expect(result.status).toBe(11);
    expect(result.stdout).toContain(`before  ${a.measurement}`);
    expect(result.stdout).toContain(`after   ${b.measurement}`);
    expect(result.stdout).toContain('variable TOPIC has another value');
    const widened = await podseal(['diff', a.sealed, b.sealed, '--fail-on', 'widened']);
    expect(widened).toMatchObject({ status: 0, stdout: result.stdout });
    const json = await podseal(['diff', a.sealed, b.sealed, '--json']);
    expect(json.status).toBe(11);
    expect(JSON.parse(json.stdout)).toMatchObject({
      format: 'podseal.diff/v1',
      before: a.sealed,
      summary: { changed: 1, widened: 0 },
      policies: [{ differences: [{ kind: 'changed', field: 'env', after: 'other' }] }],
    });
  });

  it('takes one side from stdin, not both', async () => {
    const { sealed } = await exampleFolder();
    const stdin = readFileSync(sealed, 'utf8');
    expect((await podseal(['diff', '-', sealed], { stdin })).status).toBe(0);
    expect((await podseal(['diff', '-', '-'], { stdin })).status).toBe(2);
  });
});

describe('podseal audit', () => {
  it('lists findings with remedies, and ends with 0', async () => {
    const { sealed } = await exampleFolder();
    const result = await podseal(['audit', sealed]);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toContain('[stdio-readable]');
    expect(result.stdout).toContain('remedy: name the image by digest');
    expect(result.stdout).toContain(
      '3072 MiB of memory: 2048 MiB for its system, 1024 MiB by the limits',
    );
  });

  it('ends with 11 for what was asked for', async () => {
    const { sealed } = await exampleFolder();
    const statuses = [];
    for (const severity of ['critical', 'high', 'medium', 'low', 'info', 'none']) {
      statuses.push((await podseal(['audit', sealed, '--fail-on', severity])).status);
    }
    expect(statuses).toEqual([0, 0, 0, 11, 11, 0]);
    expect((await podseal(['audit', sealed, '--fail-on', 'bad'])).status).toBe(2);
  });

  it('prints JSON and SARIF', async () => {
    const { folder, sealed } = await exampleFolder();
    const json = await podseal(['audit', sealed, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      format: 'podseal.audit/v1',
      file: sealed,
      summary: { critical: 0, high: 0, medium: 0 },
    });
    expect(JSON.parse(json.stdout).findings).toContainEqual(
      expect.objectContaining({
        id: 'stdio-readable',
        severity: 'low',
        place: { file: sealed, line: 16, column: expect.any(Number) },
      }),
    );
    const file = join(folder, 'out.sarif');
    const sarif = await podseal(['audit', sealed, '--sarif', '-o', file]);
    expect(sarif).toMatchObject({ status: 0, stdout: '' });
    const ajv = new Ajv({ strict: true, formats: { uri: true, 'uri-reference': true } });
    const log = JSON.parse(readFileSync(file, 'utf8'));
    expect(ajv.validate(SARIF_SCHEMA, log), JSON.stringify(ajv.errors)).toBe(true);
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(log.runs[0].tool.driver.version).toBe(version);
    expect(log.runs[0].results.length).toBeGreaterThan(3);
    expect((await podseal(['audit', sealed, '--json', '--sarif'])).status).toBe(2);
  });

  it('judges a manifest without a policy, and rules alone', async () => {
    const { folder, plain } = await exampleFolder();
    expect((await podseal(['audit', plain])).stdout).toContain('[policy-missing]');
    const open = join(folder, 'open.rego');
    writeFileSync(open, 'package agent_policy\ndefault AllowRequestsFailingPolicy := true\n');
    const result = await podseal(['audit', open, '--fail-on', 'critical']);
    expect(result.status).toBe(11);
    expect(result.stdout).toContain('[allow-all]');
  });

  it('looks images up with --resolve', async () => {
    const { folder, plain } = await exampleFolder();
    const result = await podseal(['audit', plain, ...IMAGES, '--resolve']);
    expect(result.status).toBe(0);
    expect(result.stdout).toMatch(/the tag stands for sha256:[0-9a-f]{64} now \[image-digest\]/);
    const v1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
    const old = blobOf({ schemaVersion: 1, name: 'skr', tag: '2.7', fsLayers: [] }, v1);
    const layout = join(folder, 'old');
    writeFiles(layout, layoutFiles([[old, tagged('1')]], []));
    const images = {
      ...(JSON.parse(readFileSync(join(EXAMPLE, 'images.json'), 'utf8')) as Record<string, string>),
      'mcr.microsoft.com/acc/samples/kafka/consumer:1.0': `oci:${join(EXAMPLE, 'images/consumer')}:1.0`,
      'mcr.microsoft.com/aci/skr:2.7': `oci:${layout}:1`,
    };
    const map = join(folder, 'map.json');
    writeFileSync(map, JSON.stringify(images));
    const found = await podseal([
      'audit',
      plain,
      '--images',
      map,
      '--resolve',
      '--fail-on',
      'high',
    ]);
    expect(found.status).toBe(11);
    expect(found.stdout).toMatch(
      /^high +image mcr\.microsoft\.com\/aci\/skr:2\.7: .*schema 1.*\[image-version-1\]$/m,
    );
  });
});

describe('help', () => {
  it.each([['show'], ['diff'], ['audit']])(
    'of %s names its JSON format and examples',
    async (command) => {
      const { stdout, status } = await podseal([command, '--help']);
      expect(status).toBe(0);
      expect(stdout).toContain(`podseal.${command}/v1`);
      expect(stdout).toContain(`  podseal ${command} `);
    },
  );
});
