/** `podseal sidecar` as a process: releases at the same time share an attestation, and nothing else. */
import { randomBytes } from 'node:crypto';
import { type ClientRequest, request as httpRequest } from 'node:http';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceAnswer } from '../../src/keyrelease/ports.js';
import { makeSyntheticPlatform } from '../../src/pipeline/rehearsal/platform.js';
import { storedKey } from '../../src/pipeline/rehearsal/stored-keys.js';
import { GUEST, policyFor } from '../support/released-guest.js';
import { keepSecret } from '../support/secrets/record.js';
import {
  type Fault,
  post,
  type Sidecar,
  type StandIns,
  secondsNow,
  startSidecar,
  startStandIns,
} from '../support/stand-ins.js';

let standIns: StandIns;
let sidecar: Sidecar;
let fault: Fault;
/** Bodies of requests to the attestation service. */
let attested: string[];
const atEnd: (() => void | Promise<void>)[] = [];

beforeAll(async () => {
  const later = (close: () => void | Promise<void>) => {
    atEnd.unshift(close);
  };
  standIns = await startStandIns(
    {
      platform: await makeSyntheticPlatform(secondsNow()),
      guest: GUEST,
      policy: policyFor,
      fault: (request, answer) => {
        if (request.url.includes('/attest/')) attested.push(request.body ?? '');
        return fault(request, answer);
      },
    },
    later,
  );
  sidecar = await startSidecar(standIns, [], later);
  return async () => {
    for (const close of atEnd) await close();
  };
});

beforeEach(() => {
  attested = [];
  fault = (_, answer) => answer();
});

interface Answer {
  readonly status: number;
  readonly body: { readonly key?: string; readonly error?: string };
}

interface Sent {
  readonly request: ClientRequest;
  /** Settles when all of it has left. */
  readonly left: Promise<void>;
  readonly answer: Promise<Answer>;
}

/** Sends an order for a key. */
function send(kid = standIns.key): Sent {
  const { host } = standIns;
  const options = { host: '127.0.0.1', port: sidecar.port, method: 'POST', path: '/key/release' };
  const request = httpRequest(options);
  const answer = new Promise<Answer>((done, failed) => {
    request.once('error', failed);
    request.once('response', async (response) => {
      const text = (await response.setEncoding('utf8').toArray()).join('');
      done({ status: response.statusCode ?? 0, body: JSON.parse(text) });
    });
  });
  const left = new Promise<void>((done) => {
    request.end(JSON.stringify({ maa_endpoint: host, akv_endpoint: host, kid }), done);
  });
  return { request, left, answer };
}

/** What is done once: by whoever comes first, while the others wait for it. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((done) => {
    open = done;
  });
  return { open, opened };
}

/** Holds the answers of the attestation service until `open` is called; tells when the first request is there. */
function holdAttestation(answered: Fault = (_, answer) => answer()) {
  const [first, rest] = [gate(), gate()];
  fault = async (request, answer) => {
    if (!request.url.includes('/attest/')) return await answer();
    first.open();
    await rest.opened;
    return await answered(request, answer);
  };
  return { begun: first.opened, open: rest.open };
}

/** Settles when the side-car has taken what was sent to it: it answers a later request. */
async function taken(sent: readonly Sent[]): Promise<void> {
  await Promise.all(sent.map(({ left }) => left));
  await (await fetch(`http://127.0.0.1:${sidecar.port}/status`)).text();
}

describe('releases at the same time', () => {
  it('of two hundred keys get each their own, with a few attestations', async () => {
    const keys = Array.from({ length: 200 }, (_, index) => ({
      name: `many${index}`,
      version: randomBytes(16).toString('hex'),
      kty: 'oct-HSM',
      keyOps: ['decrypt'],
      material: randomBytes(32),
    }));
    const policy = policyFor(`https://${standIns.host}`);
    for (const key of keys) {
      keepSecret(key.material, 'a symmetric key of the vault');
      standIns.rehearsal.vault.store(storedKey(key, policy, 'policy'));
    }
    const held = holdAttestation();
    const sent = keys.map(({ name, version }) => send(`${name}/${version}`));
    await taken(sent);
    held.open();
    const answers = await Promise.all(sent.map(({ answer }) => answer));
    expect(answers.map(({ status, body }) => [status, JSON.parse(body.key!).k])).toEqual(
      keys.map(({ material }) => [200, material.toString('base64url')]),
    );
    expect(attested.length).toBeLessThan(20);
    expect(new Set(attested.map(runtimeDataOf)).size).toBe(attested.length);
  });

  it('do not take the answer to another request of the same attestation', async () => {
    const answers: ServiceAnswer[] = [];
    const both = gate();
    const held = holdAttestation();
    const holding = fault;
    fault = async (request, answer) => {
      if (!request.url.includes('/release')) return await holding(request, answer);
      const own = answers.push(await answer()) - 1;
      if (answers.length === 2) both.open();
      await both.opened;
      return answers[1 - own]!;
    };
    const sent = [send(), send()];
    await taken(sent);
    held.open();
    for (const { answer } of sent) {
      const { status, body } = await answer;
      expect(status).toBe(403);
      expect(body.error).toContain('wrong-nonce');
    }
    expect(attested.length).toBe(1);
  });

  it('fail together where the attestation fails, each with the reason; the next one is well', async () => {
    const said = '{"error":{"code":"Refused","message":"not this guest"}}';
    const held = holdAttestation(async () => ({ status: 400, body: Buffer.from(said) }));
    const sent = [send(), send(), send()];
    await taken(sent);
    held.open();
    for (const { answer } of sent) {
      expect(await answer).toEqual({
        status: 403,
        body: { error: expect.stringContaining('status 400: Refused: not this guest') },
      });
    }
    expect(attested.length).toBe(1);
    fault = (_, answer) => answer();
    expect((await send().answer).status).toBe(200);
    expect(attested.length).toBe(2);
  });

  it('are not given up when the one goes away that came first', async () => {
    const held = holdAttestation();
    const first = send();
    first.answer.catch(() => undefined);
    await held.begun;
    const second = send();
    await taken([second]);
    first.request.destroy();
    await taken([]);
    held.open();
    expect((await second.answer).status).toBe(200);
    expect(attested.length).toBe(1);
  });

  it('leave tokens alone that others ask for by themselves', async () => {
    const held = holdAttestation();
    const released = send();
    await held.begun;
    const texts = ['{"n":1}', '{"n":1}', '{"n":2}'];
    const tokens = texts.map((text) => {
      const runtime_data = Buffer.from(text).toString('base64');
      return post(sidecar, '/attest/maa', { maa_endpoint: standIns.host, runtime_data });
    });
    held.open();
    const claims = (await Promise.all(tokens)).map(({ text }) => {
      const [, payload = ''] = (JSON.parse(text) as { token: string }).token.split('.');
      return JSON.parse(Buffer.from(payload, 'base64url').toString())['x-ms-runtime'];
    });
    expect(claims).toEqual([{ n: 1 }, { n: 1 }, { n: 2 }]);
    expect((await released.answer).status).toBe(200);
    expect(attested.length).toBe(4);
  });
});

describe('releases one after the other', () => {
  it('have a key pair and a token each', async () => {
    expect((await send().answer).status).toBe(200);
    expect((await send().answer).status).toBe(200);
    expect(new Set(attested.map(runtimeDataOf)).size).toBe(2);
  });
});

/** The runtime data of a request for a token: the wrapping key. */
function runtimeDataOf(body: string): string {
  // The nonce has more digits than a number of JavaScript; nothing else is read.
  const { runtimeData } = JSON.parse(body) as { runtimeData: { data: string } };
  return runtimeData.data;
}
