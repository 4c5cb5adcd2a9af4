/** `podseal sidecar` as a process, against the stand-ins on real sockets. */
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  makeSyntheticPlatform,
  type SyntheticPlatform,
} from '../../src/pipeline/rehearsal/platform.js';
import { storedKey } from '../../src/pipeline/rehearsal/stored-keys.js';
import {
  buildReleasePolicy,
  parseMeasurement,
  printReleasePolicy,
} from '../../src/release/release-policy.js';
import { keepSecret } from '../support/secrets/record.js';
import {
  ACCESS_TOKEN,
  type Fault,
  post,
  type Sidecar,
  type StandInOptions,
  type StandIns,
  secondsNow,
  sidecarOutput,
  startSidecar,
  startStandIns,
} from '../support/stand-ins.js';

const HOST_DATA = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);
const LAUNCH = Buffer.alloc(48, 7);
const GIVEN_TOKEN = keepSecret(randomBytes(24).toString('base64url'), 'a token of the caller');
const RUNTIME = Buffer.from('{\n   "akey" : "avalue"\n}\n').toString('base64');

let platform: SyntheticPlatform;
const secrets: string[] = [];

interface Running {
  readonly standIns: StandIns;
  readonly sidecar: Sidecar;
}

/** One side-car for all tests that leave it as it is; its services fail as `fault` says. */
let shared: Running;
const passOn: Fault = (_, answer) => answer();
let fault: Fault = passOn;
const atEnd: (() => void | Promise<void>)[] = [];

beforeAll(async () => {
  platform = await makeSyntheticPlatform(secondsNow());
  const later = (close: () => void | Promise<void>) => {
    atEnd.unshift(close);
  };
  const failing: Fault = (request, answer) => fault(request, answer);
  const standIns = await startStandIns({ ...planOf(), fault: failing }, later);
  shared = { standIns, sidecar: await startSidecar(standIns, [], later) };
});

beforeEach(() => {
  fault = passOn;
});

interface Condition {
  readonly claim: string;
  readonly [operator: string]: string | number;
}

/** A policy for the measurement, with further conditions. */
const policyWith =
  (...more: readonly Condition[]) =>
  (authority: string, measurement = HOST_DATA) => {
    const policy = buildReleasePolicy({
      authorities: [authority],
      measurements: [parseMeasurement(measurement)],
      compliance: 'azure-signed-katacc-uvm',
      debuggable: false,
    });
    const anyOf = policy.anyOf.map((entry) => ({ ...entry, allOf: [...entry.allOf, ...more] }));
    return printReleasePolicy({ ...policy, anyOf } as typeof policy);
  };

const planOf = (): StandInOptions => ({
  platform,
  guest: { hostData: Buffer.from(HOST_DATA, 'hex'), launchMeasurement: LAUNCH },
  policy: policyWith(),
});

async function start(change: Partial<StandInOptions> = {}, args: readonly string[] = []) {
  const standIns = await startStandIns({ ...planOf(), ...change });
  return { standIns, sidecar: await startSidecar(standIns, args) };
}

const orderOf = ({ host, key }: StandIns, change: object = {}) => ({
  maa_endpoint: host,
  akv_endpoint: host,
  kid: key,
  ...change,
});

async function release(at: Running, change: object = {}) {
  const answer = await post(at.sidecar, '/key/release', orderOf(at.standIns, change));
  return { ...answer, body: JSON.parse(answer.text) as Record<string, string> };
}

describe('the API', () => {
  it('gives reports, tokens, evidence and keys, and marks made-up evidence', async () => {
    const at = await start();
    const status = await fetch(`http://127.0.0.1:${at.sidecar.port}/status`);
    expect(await status.json()).toEqual({ message: 'Status OK' });

    const raw = JSON.parse((await post(at.sidecar, '/attest/raw', { runtime_data: RUNTIME })).text);
    expect(raw.report).toMatch(/^[0-9a-f]{2368}$/);
    const digest = createHash('sha256').update(Buffer.from(RUNTIME, 'base64')).digest('hex');
    expect(raw.report.slice(0x50 * 2, 0x90 * 2)).toBe(digest + '0'.repeat(64));
    expect(raw.fake_evidence).toBe(true);

    const maa = { maa_endpoint: at.standIns.host, runtime_data: RUNTIME };
    const token = JSON.parse((await post(at.sidecar, '/attest/maa', maa)).text).token as string;
    secrets.push(token.split('.')[2]!);
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
    expect(claims).toMatchObject({
      'x-ms-sevsnpvm-hostdata': HOST_DATA,
      'x-ms-runtime': { akey: 'avalue' },
    });

    const combined = await post(at.sidecar, '/attest/combined', { runtime_data: 'AAAA' });
    expect(JSON.parse(combined.text)).toMatchObject({
      endorsed_tcb: platform.collateral.tcbText,
      endorsements: Buffer.from(platform.collateral.chain).toString('base64'),
      uvm_endorsements: '',
    });

    const released = await release(at);
    expect(released.status).toBe(200);
    const key = JSON.parse(released.body.key!);
    expect(key).toMatchObject({ kty: 'RSA', key_ops: ['decrypt', 'unwrapKey'] });
    secrets.push(key.d, key.p);
    expect(await at.sidecar.stop()).toBe(0);
    expect(at.sidecar.output()).toContain('"event":"stopped"');
  });

  it.each([
    ['/attest/raw', '{}', 400],
    ['/attest/raw', '{"runtime_data":""}', 400],
    ['/attest/raw', '{', 400],
    ['/attest/raw', '[]', 400],
    ['/attest/raw', '{"runtime_data":"-_-_"}', 400],
    ['/attest/maa', '{"runtime_data":"AAAA"}', 400],
    ['/key/release', '{"maa_endpoint":"a","akv_endpoint":"b"}', 400],
    ['/key/release', '{"maa_endpoint":"a.attest.azure.net","akv_endpoint":"b","kid":"k"}', 400],
    ['/attest/nothing', '{}', 404],
  ])('answers %s %s with %d and one error text', async (path, body, status) => {
    const answer = await post(shared.sidecar, path, body);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toEqual({ error: expect.any(String) });
  });

  it.each([
    ['its own', {}, ACCESS_TOKEN],
    ['its own for an empty one', { access_token: '' }, ACCESS_TOKEN],
    ['that of the request', { access_token: GIVEN_TOKEN }, GIVEN_TOKEN],
  ])('sends the vault one access token: %s', async (_, change, token) => {
    const sent: (string | undefined)[] = [];
    fault = async (request, answer) => {
      if (request.url.includes('/release')) sent.push(request.headers.authorization);
      else expect(request.headers.authorization).toBeUndefined();
      return await answer();
    };
    // Members that the manual's samples have beside those that are known are no mistake.
    const answer = await release(shared, { ...change, comment: 'ignored' });
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body)).toEqual(['key', 'fake_evidence']);
    expect(sent).toEqual([`Bearer ${token}`]);
  });

  it('refuses hosts and keys before any token leaves', async () => {
    const { standIns } = shared;
    for (const change of [
      { akv_endpoint: 'evil.example' },
      { akv_endpoint: `${standIns.host}/x` },
      { akv_endpoint: `user@${standIns.host}` },
      { akv_endpoint: `https://${standIns.host}` },
      { akv_endpoint: 'kv.vault.azure.net:99999' },
      { access_token: 7 },
      { access_token: 'a\nb' },
      { maa_endpoint: 'evil.example' },
      { kid: '../x' },
      { kid: 'a?b' },
    ]) {
      const answer = await release(shared, change);
      expect(answer, JSON.stringify(change)).toMatchObject({ status: 400 });
    }
  });

  it('has limits for bodies and requests at once', async () => {
    const { standIns, sidecar } = await start({}, ['--max-requests', '1']);
    const long = await post(sidecar, '/attest/raw', 'x'.repeat((1 << 20) + 1));
    expect(long.status).toBe(413);
    const fits = await post(sidecar, '/attest/raw', 'x'.repeat(1 << 20));
    expect(fits.status).toBe(400);
    const both = await Promise.all([1, 2, 3].map(() => release({ standIns, sidecar })));
    expect(both.map(({ status }) => status).sort()).toEqual([200, 503, 503]);
  });

  it('listens on loopback and says which port is taken', async () => {
    const { standIns, sidecar } = shared;
    await expect(startSidecar(standIns, ['--port', String(sidecar.port)])).rejects.toThrow(
      'EADDRINUSE',
    );
  });

  it('needs an SNP device unless evidence is made up', async () => {
    const { standIns, sidecar } = shared;
    expect(sidecar.output()).toContain('fake-evidence');
    const honest = await startHonest(standIns);
    const answer = await post(honest, '/attest/raw', { runtime_data: RUNTIME });
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text).error).toContain('no podseal-guest');
  });

  it('drops a client that goes away, and goes on', async () => {
    const { sidecar } = shared;
    const socket = connect(sidecar.port, '127.0.0.1');
    socket.write('POST /attest/raw HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{');
    socket.destroy();
    expect((await post(sidecar, '/attest/raw', { runtime_data: RUNTIME })).status).toBe(200);
  });
});

/** A side-car without made-up evidence, on a machine without a device. */
async function startHonest(standIns: StandIns): Promise<Sidecar> {
  const missing = ['--guest-program', '/nonexistent/podseal-guest'];
  return await startSidecar({ ...standIns, machine: '' }, missing);
}

describe('a release is refused, and the claim named', () => {
  it.each<[string, Partial<StandInOptions>, string]>([
    [
      'another environment variable in the pod',
      { guest: { hostData: Buffer.from(OTHER, 'hex') } },
      'x-ms-sevsnpvm-hostdata',
    ],
    [
      'a debuggable guest',
      { guest: { hostData: Buffer.from(HOST_DATA, 'hex'), debug: true } },
      'x-ms-sevsnpvm-is-debuggable',
    ],
    [
      'another launch measurement',
      {
        policy: policyWith({
          claim: 'x-ms-sevsnpvm-launchmeasurement',
          equals: '11'.repeat(48),
        }),
      },
      'x-ms-sevsnpvm-launchmeasurement',
    ],
    [
      'an old TCB',
      { policy: policyWith({ claim: 'x-ms-sevsnpvm-microcode-svn', greaterOrEquals: 220 }) },
      'x-ms-sevsnpvm-microcode-svn',
    ],
    ['an expired token', { tokenLifetime: -600 }, 'expired'],
    ['another compliance status', { compliance: 'azure-compliant-uvm' }, 'x-ms-compliance-status'],
    ['another authority', { policy: () => policyWith()('https://other.attest.azure.net') }, 'iss'],
  ])('%s', async (_, change, named) => {
    const answer = await release(await start(change));
    expect(answer.status).toBe(403);
    expect(answer.body.error).toContain(named);
    expect(answer.body.key).toBeUndefined();
  });

  it('another key', async () => {
    const answer = await release(shared, { kid: 'key2' });
    expect(answer.status).toBe(403);
    expect(answer.body.error).toContain('KeyNotFound');
  });

  it('a replayed answer', async () => {
    const answers: Awaited<ReturnType<Parameters<Fault>[1]>>[] = [];
    const replay: Fault = async (request, answer) => {
      if (!request.url.includes('/release')) return await answer();
      answers.push(await answer());
      return answers[0]!;
    };
    fault = replay;
    expect((await release(shared)).status).toBe(200);
    const second = await release(shared);
    expect(second.status).toBe(403);
    expect(second.body.error).toContain('wrong-nonce');
  });
});

describe('services that fail', () => {
  const answerWith =
    (where: string, status: number, body: string): Fault =>
    async (request, answer) =>
      request.url.includes(where) ? { status, body: Buffer.from(body) } : await answer();

  it.each<[string, Fault, string]>([
    ['429 of the vault', answerWith('/release', 429, '{}'), '429'],
    ['500 of the vault', answerWith('/release', 500, 'oops'), '500'],
    ['401 of the vault', answerWith('/release', 401, '{}'), 'access token'],
    ['no JSON of the vault', answerWith('/release', 200, '<html>'), 'answer-form'],
    ['a wrong JWS', answerWith('/release', 200, '{"value":"a.b.c"}'), 'jws-form'],
    [
      '400 of the attestation service',
      answerWith('/attest/', 400, '{"error":{"code":"C","message":"M"}}'),
      'C: M',
    ],
    ['no token', answerWith('/attest/', 200, '{}'), 'holds no token'],
    ['a token of others', answerWith('/attest/', 200, '{"token":"a.b.c"}'), 'token-form'],
    ['an endless answer', answerWith('/release', 200, 'x'.repeat((1 << 20) + 1)), 'too long'],
  ])('%s', async (_, failure, told) => {
    fault = failure;
    const answer = await release(shared);
    expect(answer.status).toBe(403);
    expect(answer.body.error).toContain(told);
  });

  it('get none of their own words back that hold a token', async () => {
    fault = async (request, answer) => {
      if (!request.url.includes('/release')) return await answer();
      const message = `the token ${request.headers.authorization} is not for this vault`;
      const error = { code: 'Unauthorized', message };
      return { status: 401, body: Buffer.from(JSON.stringify({ error })) };
    };
    const answer = await release(shared);
    expect(answer.status).toBe(403);
    expect(answer.body.error).toContain('Unauthorized: the token Bearer <JSON web token hidden>');
    expect(answer.text).not.toContain(ACCESS_TOKEN.split('.')[2]);
  });

  it.each<[string, Fault, string]>([
    ['no keys', answerWith('/certs', 404, '{}'), 'signing keys'],
    ['other keys', answerWith('/certs', 200, '{"keys":[]}'), 'token-key-unknown'],
  ])('%s of the attestation service', async (_, failure, told) => {
    const answer = await release(await start({ fault: failure }));
    expect(answer.status).toBe(403);
    expect(answer.body.error).toContain(told);
  });

  it('say nothing of a service that cannot be reached but its name', async () => {
    const answer = await release(shared, { maa_endpoint: 'nowhere.attest.azure.net.invalid' });
    expect(answer.status).toBe(400);
  });
});

describe('many requests at once', () => {
  it('get the key that each asked for', async () => {
    const { rehearsal, host } = shared.standIns;
    const keys = Array.from({ length: 20 }, (_, index) => ({
      name: `many${index}`,
      version: randomBytes(16).toString('hex'),
      kty: 'oct-HSM',
      keyOps: ['decrypt'],
      material: randomBytes(32),
    }));
    for (const key of keys) {
      rehearsal.vault.store(storedKey(key, policyWith()(`https://${host}`), 'policy'));
    }
    const answers = await Promise.all(
      keys.map(({ name, version }) => release(shared, { kid: `${name}/${version}` })),
    );
    const released = answers.map(({ status, body }) => [status, JSON.parse(body.key!).k]);
    const wanted = keys.map(({ material }) => material.toString('base64url'));
    expect(released).toEqual(wanted.map((k) => [200, k]));
    secrets.push(...wanted);
    for (const { material } of keys) keepSecret(material, 'a symmetric key of the vault');
  });

  it('are neither lost nor mixed up', async () => {
    const bodies = Array.from({ length: 40 }, (_, index) => Buffer.from(`{"n":${index}}`));
    const answers = await Promise.all(
      bodies.map((body) =>
        post(shared.sidecar, '/attest/raw', { runtime_data: body.toString('base64') }),
      ),
    );
    answers.forEach(({ text }, index) => {
      const digest = createHash('sha256').update(bodies[index]!).digest('hex');
      expect(JSON.parse(text).report.slice(0xa0, 0xe0)).toBe(digest);
    });
  });
});

afterAll(async () => {
  for (const close of atEnd) await close();
  const output = sidecarOutput.join('');
  expect(output).toContain('"path":"/key/release"');
  for (const secret of [...secrets, ACCESS_TOKEN, '"d":', 'Bearer']) {
    expect(output).not.toContain(secret);
  }
  expect(secrets.length).toBeGreaterThan(2);
});
