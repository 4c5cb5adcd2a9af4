/** `podseal release-policy`, as a user runs it. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { podseal, temporaryFolder } from '../support/cli.js';
import { keepToken } from '../support/secrets/record.js';

const AUTHORITY = 'https://sharedeus2.eus2.attest.azure.net';
const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const CLAIMS = {
  iss: AUTHORITY,
  'x-ms-attestation-type': 'sevsnpvm',
  'x-ms-compliance-status': 'azure-signed-katacc-uvm',
  'x-ms-sevsnpvm-hostdata': A,
  'x-ms-sevsnpvm-is-debuggable': false,
  'x-ms-sevsnpvm-vmpl': 0,
};

async function policyFile(measurement = A) {
  const folder = temporaryFolder();
  const file = join(folder, 'release.json');
  const args = ['--authority', AUTHORITY, '--measurement', measurement, '-o', file];
  expect(await podseal(['release-policy', 'create', ...args])).toMatchObject({ status: 0 });
  return { folder, file };
}

function writeJson(folder: string, name: string, value: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(value));
  return path;
}

describe('release-policy create for enclaves', () => {
  const create = (...args: string[]) =>
    podseal(['release-policy', 'create', '--authority', AUTHORITY, ...args]);

  it('names enclaves by measurement or signer', async () => {
    const enclaves = ['--mrenclave', A, '--mrenclave', B];
    const made = await create(...enclaves, '--mrsigner', B, '--product-id', '1', '--min-svn', '3');
    expect(made).toMatchObject({ status: 0, stderr: '' });
    const { anyOf } = JSON.parse(made.stdout);
    const common = [
      { claim: 'x-ms-attestation-type', equals: 'sgx' },
      { claim: 'x-ms-sgx-is-debuggable', equals: 'false' },
    ];
    expect(anyOf.map(({ allOf }: { allOf: object[] }) => allOf)).toEqual([
      [...common, { claim: 'x-ms-sgx-mrenclave', equals: A }],
      [...common, { claim: 'x-ms-sgx-mrenclave', equals: B }],
      [
        ...common,
        { claim: 'x-ms-sgx-mrsigner', equals: B },
        { claim: 'x-ms-sgx-product-id', equals: '1' },
        { claim: 'x-ms-sgx-svn', greaterOrEquals: 3 },
      ],
    ]);
  });

  it.each([
    [['--mrsigner', A], '--mrsigner and --product-id go together'],
    [['--mrenclave', A, '--product-id', '1'], '--mrsigner and --product-id go together'],
    [['--mrenclave', A, '--min-svn', '1'], '--min-svn goes with --mrsigner'],
    [['--mrenclave', A, '--measurement', B], '--measurement is not for policies of enclaves'],
    [['--mrenclave', A, '--target', 'aks'], '--target is not for policies of enclaves'],
    [['--mrenclave', A.toUpperCase()], 'the value is no hash of an enclave'],
    [['--mrsigner', A, '--product-id', '65536'], 'want 0 to 65535'],
  ])('refuses %j', async (args, problem) =>
    expect(await create(...args)).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining(problem),
    }),
  );
});

describe('release-policy create --update', () => {
  it('adds and removes measurements in place', async () => {
    const { file } = await policyFile();
    const update = ['release-policy', 'create', '--update', file];
    expect(await podseal([...update, '--add', B, '-o', file])).toMatchObject({ status: 0 });
    expect(readFileSync(file, 'utf8')).toContain(B);
    const removed = await podseal([...update, '--remove', A]);
    expect(removed.stdout).toContain(B);
    expect(removed.stdout).not.toContain(A);
  });

  it('writes nothing that must not be stored', async () => {
    const { folder } = await policyFile();
    const open = {
      version: '1.0.0',
      anyOf: [{ authority: AUTHORITY, allOf: [{ claim: 'x-ms-sevsnpvm-hostdata', equals: A }] }],
    };
    const file = writeJson(folder, 'open.json', open);
    const before = readFileSync(file, 'utf8');
    const args = ['release-policy', 'create', '--update', file, '--add', B, '-o', file];
    const result = await podseal(args);
    expect(result.status).toBe(3);
    expect(result.stderr).toContain('debuggable');
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it.each([
    [['--add', B], '--update'],
    [['--update', 'x.json'], '--add'],
    [['--update', 'x.json', '--add', B, '--authority', AUTHORITY], 'exclude each other'],
    [['--update', 'x.json', '--add', B.toUpperCase()], 'lower case'],
  ])('refuses %j', async (args, told) => {
    const result = await podseal(['release-policy', 'create', ...args]);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain(told);
  });
});

describe('release-policy lint', () => {
  it('is silent about what podseal wrote', async () => {
    const { file } = await policyFile();
    const result = await podseal(['release-policy', 'lint', file, '--json']);
    expect(result.status).toBe(0);
    expect(JSON.parse(result.stdout)).toMatchObject({ storable: true, findings: [] });
  });

  it('ends with 11 for a policy that must not be stored, with 3 for none at all', async () => {
    const { folder } = await policyFile();
    const entry = { authority: AUTHORITY, allOf: [{ claim: 'x-ms-ver', equals: '1.0' }] };
    const open = writeJson(folder, 'open.json', { version: '1.0.0', anyOf: [entry] });
    const result = await podseal(['release-policy', 'lint', open]);
    expect(result.status).toBe(11);
    expect(result.stdout).toContain('release-no-hostdata');
    expect(await podseal(['release-policy', 'lint', open, '--fail-on', 'none'])).toMatchObject({
      status: 0,
    });
    const sarif = await podseal(['release-policy', 'lint', open, '--sarif']);
    expect(JSON.parse(sarif.stdout).runs[0].results.length).toBeGreaterThan(2);
    const none = writeJson(folder, 'none.json', { version: '1.0.0', anyOf: [] });
    expect(await podseal(['release-policy', 'lint', none])).toMatchObject({ status: 3 });
  });

  it('reads a key with its policy from stdin', async () => {
    const { file } = await policyFile();
    const data = Buffer.from(readFileSync(file)).toString('base64url');
    const stdin = JSON.stringify({ key: {}, releasePolicy: { data, immutable: true } });
    const result = await podseal(['release-policy', 'lint', '-', '--fail-on', 'medium'], { stdin });
    expect(result.status).toBe(11);
    expect(result.stdout).toContain('release-immutable');
  });
});

describe('release-policy evaluate', () => {
  it.each([
    ['release', A, 0],
    ['deny', B, 10],
  ])('says %s for claims', async (decision, measurement, status) => {
    const { folder, file } = await policyFile(measurement);
    const claims = writeJson(folder, 'claims.json', CLAIMS);
    const args = ['release-policy', 'evaluate', file, '--claims', claims];
    const plain = await podseal(args);
    expect(plain.status).toBe(status);
    expect(plain.stdout).toContain('x-ms-sevsnpvm-hostdata');
    const json = await podseal([...args, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ decision });
  });

  it('checks the signature of a token where keys are given, and says so where not', async () => {
    const { folder, file } = await policyFile();
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const input = `${part({ alg: 'RS256', kid: 'k' })}.${part(CLAIMS)}`;
    const signature = sign('sha256', Buffer.from(input), privateKey).toString('base64url');
    const token = join(folder, 'token');
    keepToken(`${input}.${signature}`, 'a token to evaluate');
    writeFileSync(token, `${input}.${signature}\n`);
    const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'k' }];
    const jwks = writeJson(folder, 'jwks.json', { keys });
    const args = ['release-policy', 'evaluate', file, '--token', token];
    const unchecked = await podseal(args);
    expect(unchecked.status).toBe(0);
    expect(unchecked.stderr).toContain('token-unverified');
    const checked = await podseal([...args, '--jwks', jwks]);
    expect(checked).toMatchObject({ status: 0, stderr: '' });
    writeFileSync(token, `${input}.${signature.replace(/^./, signature[0] === 'A' ? 'B' : 'A')}`);
    const forged = await podseal([...args, '--jwks', jwks]);
    expect(forged.status).toBe(3);
    expect(forged.stderr).toContain('wrong signature');
    expect(forged.stderr).not.toContain(part(CLAIMS));
  });

  it.each([[[]], [['--claims', 'x', '--token', 'y']], [['--claims', 'x', '--jwks', 'y']]])(
    'refuses %j',
    async (args) => {
      const { file } = await policyFile();
      expect(await podseal(['release-policy', 'evaluate', file, ...args])).toMatchObject({
        status: 2,
      });
    },
  );
});
