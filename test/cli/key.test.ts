/** `podseal key`, as a user runs it, against the stand-ins on real sockets; and the Kafka example. */
import { spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeSyntheticPlatform } from '../../src/pipeline/rehearsal/platform.js';
import { type CliOptions, podseal, ROOT } from '../support/cli.js';
import { GUEST, policyFor } from '../support/released-guest.js';
import { keepSecret, recordOutput } from '../support/secrets/record.js';
import { type StandIns, secondsNow, startStandIns } from '../support/stand-ins.js';

const IDENTITY_HEADER = keepSecret(randomBytes(24).toString('base64url'), 'an identity header');
let standIns: StandIns;
const atEnd: (() => void | Promise<void>)[] = [];

beforeAll(async () => {
  standIns = await startStandIns(
    {
      platform: await makeSyntheticPlatform(secondsNow()),
      guest: GUEST,
      policy: (authority) => policyFor(authority),
    },
    (close) => {
      atEnd.unshift(close);
    },
  );
  writeFileSync(at('release.json'), policyFor(`https://${standIns.host}`));
});

afterAll(async () => {
  for (const close of atEnd) await close();
});

const at = (name: string) => join(standIns.folder, name);
const services = () => [
  ...['--allow-host', standIns.host, '--ca-file', standIns.caFile],
  ...['--identity', 'endpoint'],
];
const key = (args: readonly string[], stdin = '', options: CliOptions = {}) =>
  podseal(['key', ...args], {
    ...options,
    stdin,
    env: {
      IDENTITY_ENDPOINT: `${standIns.machine}/metadata/identity/oauth2/token`,
      IDENTITY_HEADER,
    },
  });

describe('key create', () => {
  const create = (...args: string[]) =>
    key([
      'create',
      'made',
      '--vault',
      standIns.host,
      '--policy',
      at('release.json'),
      ...services(),
      ...args,
    ]);

  it('prints the request and sends nothing, unless told to', async () => {
    const dry = await create();
    expect(dry.status).toBe(0);
    expect(dry.stderr).toContain('nothing was sent');
    const { url, body } = JSON.parse(dry.stdout);
    expect(url).toBe(`https://${standIns.host}/keys/made/create?api-version=7.4`);
    const policy = Buffer.from(body.release_policy.data, 'base64url').toString();
    expect(JSON.parse(policy)).toEqual(JSON.parse(readFileSync(at('release.json'), 'utf8')));
    const doctor = await key([
      'doctor',
      '--vault',
      standIns.host,
      '--key',
      'made',
      '--authority',
      standIns.host,
      ...services(),
    ]);
    expect(doctor.stdout).toContain('KeyNotFound');
  });

  it('creates the key and saves its public half', async () => {
    const files = [
      '--public-key',
      at('pub.pem'),
      '--info',
      at('made-info.json'),
      '--authority',
      standIns.host,
    ];
    const made = await create('--apply', ...files);
    expect(made).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/^wrote .*pub.pem\nwrote .*\n$/),
    });
    expect(made.stdout).toMatch(/^https:\/\/localhost:[0-9]+\/keys\/made\/[0-9a-f]{32}\n$/);
    expect(createPublicKey(readFileSync(at('pub.pem'))).asymmetricKeyDetails?.modulusLength).toBe(
      3072,
    );
    expect(JSON.parse(readFileSync(at('made-info.json'), 'utf8'))).toEqual({
      public_key_path: at('pub.pem'),
      kms_endpoint: standIns.host,
      attester_endpoint: standIns.host,
    });
    const near = (name: string) => relative(process.cwd(), at(name));
    const relatively = ['--public-key', near('pub.pem'), '--info', near('near-info.json')];
    const again = await create('--apply', ...relatively, '--authority', standIns.host);
    expect(again).toMatchObject({ status: 0 });
    expect(JSON.parse(readFileSync(at('near-info.json'), 'utf8'))).toMatchObject({
      public_key_path: 'pub.pem',
    });
  });

  it.each([
    [['create', 'made/x', '--vault', 'v.vault.azure.net', '--policy', 'p'], 2],
    [['create', 'made', '--vault', 'evil.example', '--policy', 'p'], 2],
    [['create', 'made', '--vault', 'v.vault.azure.net', '--policy', '/nonexistent'], 3],
    [['create', 'made', '--vault', 'v.vault.azure.net', '--policy', 'p', '--info', 'x'], 2],
    [['create', 'made', '--vault', 'v.vault.azure.net', '--policy', 'p', '--size', '1000'], 2],
    [['create', 'made'], 2],
  ])('refuses %j', async (args, status) => expect(await key(args)).toMatchObject({ status }));

  it.each([
    ['--type oct-HSM --size 2048', 'a key of type oct-HSM has no size of 2048 bits'],
    ['--size 256', 'a key of type RSA-HSM has no size of 256 bits'],
    ['--type oct-HSM --public-key p', 'a symmetric key has no public half'],
    ['--public-key p --info i --authority evil.example', 'attestation service is not allowed'],
    ['--type EC-HSM --size 3072', 'a key of type EC-HSM has no size of 3072 bits'],
    ['--curve P-256', 'a key of type RSA-HSM has no curve'],
    ['--ops sign --ops Verify', 'the vault knows no such operation'],
  ])('refuses %s', async (options, problem) => {
    const refused = await create(...options.split(' '));
    expect(refused).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining(problem),
    });
  });

  it.each([
    ['', { kty: 'RSA-HSM', key_size: 3072 }],
    ['--type oct-HSM', { kty: 'oct-HSM', key_size: 256 }],
    ['--type EC-HSM', { kty: 'EC-HSM', crv: 'P-256', key_ops: ['sign', 'verify'] }],
    ['--type EC-HSM --curve P-521 --ops sign', { crv: 'P-521', key_ops: ['sign'] }],
    ['--size 4096 --immutable', { key_size: 4096, release_policy: { immutable: true } }],
  ])('asks for %j', async (options, body) => {
    const { stdout } = await create(...options.split(' ').filter((one) => one !== ''));
    expect(JSON.parse(stdout).body).toMatchObject(body);
  });

  it('refuses a policy that must not be stored', async () => {
    writeFileSync(
      at('open.json'),
      policyFor(`https://${standIns.host}`).replace('"false"', '"true"'),
    );
    const result = await key([
      'create',
      'made',
      '--vault',
      standIns.host,
      '--policy',
      at('open.json'),
      ...services(),
    ]);
    expect(result.status).toBe(3);
    expect(result.stderr).toContain('debuggable');
  });
});

describe('key import', () => {
  const configure = (name: string, change: object = {}, derivation: object = {}) => {
    const [entry] = JSON.parse(readFileSync(at('release.json'), 'utf8')).anyOf;
    const authority = { endpoint: standIns.host };
    const imported = {
      kid: name,
      kty: 'oct-HSM',
      authority,
      akv: { endpoint: standIns.host },
      ...change,
    };
    const file = at(`${name}.json`);
    writeFileSync(
      file,
      JSON.stringify({ key: imported, claims: [entry.allOf], key_derivation: derivation }),
    );
    return ['import', '-c', file, ...services()];
  };
  const KEY = keepSecret(randomBytes(16), 'a symmetric key to import');
  const HEX = KEY.toString('hex');

  it('shows no secret in a dry run, and writes nothing', async () => {
    const args = configure('dry');
    writeFileSync(at('key.hex'), HEX);
    const dry = await key([...args, '--key-hex-file', at('key.hex'), '--save-key', at('dry.key')]);
    expect(dry.status).toBe(0);
    const k = KEY.toString('base64url');
    expect(dry.stdout + dry.stderr).not.toContain(k);
    expect(dry.stdout).toContain('<secret, 22 characters>');
    expect(existsSync(at('dry.key'))).toBe(false);
  });

  it('imports a symmetric key that the guest gets released', async () => {
    writeFileSync(at('key.hex'), `${HEX}\n`);
    const args = configure('sym');
    const made = await key([...args, '--key-hex-file', at('key.hex'), '--apply']);
    expect(made).toMatchObject({ status: 0, stderr: '' });
    const out = at('released.jwk');
    const guest = ['--fake-evidence-that-proves-nothing', standIns.machine, '-o', out];
    const release = ['release', 'sym', '--vault', standIns.host, '--authority', standIns.host];
    const released = await key([...release, ...services(), ...guest]);
    expect(released.status).toBe(0);
    expect(released.stderr).toContain('made-up-evidence');
    expect(JSON.parse(readFileSync(out, 'utf8'))).toMatchObject({
      kty: 'oct',
      k: KEY.toString('base64url'),
    });
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const onStdout = [...release, ...services(), ...guest.slice(0, 2)];
    const printed = await key(onStdout, '', { printsSecret: true });
    expect(printed).toMatchObject({ status: 0, stdout: readFileSync(out, 'utf8') });
  });

  it('makes, keeps and derives keys for their owner alone', async () => {
    const args = configure('rsa', { kty: 'RSA-HSM' }, { salt: 'c0ffee' });
    const files = ['--save-key', at('rsa.pem'), '--derived-key', at('derived.bin')];
    const made = await key([...args, '--generate', ...files, '--apply']);
    expect(made).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/^(wrote .*, readable by you alone\n){2}$/),
    });
    expect(readFileSync(at('rsa.pem'), 'utf8')).toContain('PRIVATE KEY');
    expect(readFileSync(at('derived.bin'))).toHaveLength(32);
    keepSecret(readFileSync(at('derived.bin')), 'a derived key');
    createPrivateKey(readFileSync(at('rsa.pem')));
    for (const file of ['rsa.pem', 'derived.bin']) {
      expect(statSync(at(file)).mode & 0o777).toBe(0o600);
    }
  });

  it.each([
    ['ec', 'EC-HSM', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['pem', 'RSA-HSM', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ])('gives the guest the very key of a PEM: %s', async (name, kty, make) => {
    const { privateKey } = make();
    writeFileSync(at('mine.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const args = configure(name, { kty, key_ops: ['sign'] });
    const imported = await key([...args, '--key-pem', at('mine.pem'), '--apply']);
    expect(imported).toMatchObject({ status: 0, stderr: '' });
    const out = at(`${name}.jwk`);
    const guest = ['--fake-evidence-that-proves-nothing', standIns.machine, '-o', out];
    const release = ['release', name, '--vault', standIns.host, '--authority', standIns.host];
    expect(await key([...release, ...services(), ...guest])).toMatchObject({ status: 0 });
    expect(JSON.parse(readFileSync(out, 'utf8'))).toEqual({
      ...privateKey.export({ format: 'jwk' }),
      key_ops: ['sign'],
    });
  });

  it('refuses what does not fit, and sends nothing', async () => {
    const apply = (args: readonly string[], ...more: string[]) =>
      key([...args, ...more, '--apply']);
    expect(await apply(configure('bad'))).toMatchObject({ status: 2 });
    writeFileSync(at('odd.hex'), 'abc');
    expect(await apply(configure('bad'), '--key-hex-file', at('odd.hex'))).toMatchObject({
      status: 3,
    });
    writeFileSync(at('long.hex'), 'ab'.repeat(65));
    expect(await apply(configure('bad'), '--key-hex-file', at('long.hex'))).toMatchObject({
      status: 3,
    });
    expect(await apply(configure('bad'), '--key-pem', at('odd.hex'))).toMatchObject({ status: 3 });
    expect(
      await apply(configure('bad', { kty: 'RSA-HSM' }), '--key-hex-file', at('key.hex')),
    ).toMatchObject({ status: 3 });
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    writeFileSync(at('old.pem'), privateKey.export({ type: 'pkcs1', format: 'pem' }));
    const old = await apply(configure('bad', { kty: 'RSA-HSM' }), '--key-pem', at('old.pem'));
    expect(old).toMatchObject({ status: 3, stderr: expect.stringContaining('PKCS#8') });
    const kid = `bad/${'0'.repeat(32)}`;
    expect(await apply(configure('bad', { kid }), '--generate')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('has no version yet'),
    });
    expect(await apply(configure('bad', { kty: 'DSA' }), '--generate')).toMatchObject({
      status: 3,
    });
    const doctor = await key([
      'doctor',
      '--vault',
      standIns.host,
      '--key',
      'bad',
      '--authority',
      standIns.host,
      ...services(),
    ]);
    expect(doctor.stdout).toContain('KeyNotFound');
  });
});

describe('key doctor', () => {
  const doctor = (...args: string[]) =>
    key(['doctor', '--vault', standIns.host, '--authority', standIns.host, ...services(), ...args]);

  it('finds a healthy release healthy, and names the claim of another manifest', async () => {
    const pod = at('pod.rego');
    writeFileSync(pod, 'package agent_policy\n\ndefault AllowRequestsFailingPolicy := false\n');
    const measured = await podseal(['measure', pod, '--quiet']);
    expect(measured.status).toBe(0);
    const digest = /[0-9a-f]{64}/.exec(measured.stdout)![0];
    writeFileSync(at('mine.json'), policyFor(`https://${standIns.host}`, digest));
    const create = ['create', 'mine', '--vault', standIns.host, '--policy', at('mine.json')];
    expect(await key([...create, ...services(), '--apply'])).toMatchObject({ status: 0 });
    const good = await doctor('--key', 'mine', '--manifest', pod, '--json');
    expect(JSON.parse(good.stdout).examined.map((one: { result: string }) => one.result)).toEqual(
      Array(6).fill('ok'),
    );
    expect(good.status).toBe(0);
    const other = await doctor('--key', 'key1', '--manifest', pod);
    expect(other.status).toBe(10);
    expect(other.stdout).toContain('x-ms-sevsnpvm-hostdata');
  });

  it('stops where something is missing', async () => {
    const result = await podseal(
      [
        'key',
        'doctor',
        '--vault',
        standIns.host,
        '--authority',
        standIns.host,
        '--key',
        'k',
        ...services(),
      ],
      { env: { IDENTITY_ENDPOINT: `${standIns.machine}/nothing`, IDENTITY_HEADER: 'x' } },
    );
    expect(result.status).toBe(10);
    expect(result.stdout).toMatch(/identity +failed/);
    expect(result.stdout).toMatch(/key +not examined/);
  });

  it.each([
    ['http response status equal to 401 Unauthorized', 'identity'],
    ['ForbiddenByRbac: caller is not authorized', 'role'],
    ['http response status equal to 403 Forbidden', 'claims'],
    ['404 Not Found', 'key'],
    ['dial tcp: lookup x.vault.azure.net: no such host', 'network'],
    ['"CreateContainerRequest is blocked by policy"', 'guest policy'],
    ["SNP reported TCB value: 7 doesn't match Certificate TCB value: 8", 'certificates'],
    ['k property of oct key is too large, maximum size is 64', 'key'],
    ['the release policy does not hold: x-ms-sevsnpvm-vmpl', 'x-ms-sevsnpvm-vmpl'],
  ])('explains %j', async (text, told) => {
    const result = await key(['doctor', '--error', '-'], text);
    expect(result.status).toBe(10);
    expect(result.stdout).toContain(told);
  });

  it('says when it does not know an error, or gets no question', async () => {
    expect(await key(['doctor', '--error', '-'], 'all is well')).toMatchObject({ status: 3 });
    expect(await key(['doctor'])).toMatchObject({ status: 2 });
  });
});

describe('the Kafka example', () => {
  it('runs from policy to decrypted message', () => {
    const run = spawnSync(process.execPath, [join(ROOT, 'fixtures/kafka/run.mjs')], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: standIns.folder, TMPDIR: standIns.folder },
    });
    recordOutput('fixtures/kafka/run.mjs', run.stderr);
    expect(run.stdout).toBe(
      'Message Id 1: azure kafka cipherMessage\nMessage Id 2: only for the measured pod\n',
    );
    expect(run.status).toBe(0);
    // With what its side-car and its stand-ins wrote.
    expect(run.stderr).toContain('"event":"listening"');
    expect(run.stderr).toContain('"path":"/key/release"');
    expect(run.stderr).not.toMatch(/"d":|PRIVATE|Bearer/);
  }, 120_000);
});
