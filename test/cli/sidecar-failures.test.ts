/** `podseal sidecar` as a process: services that fail in every way, and the limits at which it tells callers to come back. */
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { makeSyntheticPlatform } from '../../src/pipeline/rehearsal/platform.js';
import { GUEST, policyFor } from '../support/released-guest.js';
import {
  type Fault,
  post,
  type Sidecar,
  type StandIns,
  secondsNow,
  startSidecar,
  startStandIns,
} from '../support/stand-ins.js';

const passOn: Fault = (_, answer) => answer();

let standIns: StandIns;
let sidecar: Sidecar;
let fault: Fault = passOn;
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
      fault: (request, answer) => fault(request, answer),
    },
    later,
  );
  sidecar = await startSidecar(standIns, ['--max-requests', '2'], later);
  return async () => {
    for (const close of atEnd) await close();
  };
});

beforeEach(() => {
  fault = passOn;
});

/** Whatever failed before: a side-car whose services are well releases again. */
afterEach(async () => {
  fault = passOn;
  expect((await release()).status).toBe(200);
});

async function release(change: object = {}, at = sidecar) {
  const { host, key } = standIns;
  const order = { maa_endpoint: host, akv_endpoint: host, kid: key, ...change };
  const answer = await post(at, '/key/release', order);
  return { ...answer, body: JSON.parse(answer.text) as { key?: string; error?: string } };
}

/** Fails the first `times` requests to a path; counts all of them. */
function failing(where: string, status: number, body: string, times = Number.POSITIVE_INFINITY) {
  const count = { asked: 0 };
  fault = async (request, answer) => {
    if (!request.url.includes(where)) return await answer();
    count.asked += 1;
    return count.asked > times ? await answer() : { status, body: Buffer.from(body) };
  };
  return count;
}

describe('a service that fails', () => {
  const SAID = '{"error":{"code":"Throttled","message":"come back later"}}';

  it.each([
    ['/attest/', 429],
    ['/attest/', 500],
    ['/release', 429],
    ['/release', 500],
    ['/release', 503],
  ])('%s with %d is asked three times, and what it said is told', async (where, status) => {
    const count = failing(where, status, SAID);
    const answer = await release();
    expect(answer.status).toBe(403);
    expect(answer.body).toEqual({ error: expect.stringContaining(`${status}: Throttled: come`) });
    expect(count.asked).toBe(3);
  });

  it.each(['/attest/', '/release'])('%s for a moment is asked again', async (where) => {
    const count = failing(where, 503, '', 1);
    expect((await release()).status).toBe(200);
    expect(count.asked).toBe(2);
  });

  it.each([
    ['/attest/', 400, SAID, 'Throttled'],
    ['/release', 403, SAID, 'Throttled'],
    ['/attest/', 200, '{"token":"a.b.c"}', 'token-form'],
    ['/release', 200, '{"value":"a.b.c"}', 'jws-form'],
    ['/release', 200, '<html>', 'answer-form'],
  ])('%s with %d %s is asked once', async (where, status, body, told) => {
    const count = failing(where, status, body);
    const answer = await release();
    expect(answer.status).toBe(403);
    expect(answer.body.error).toContain(told);
    expect(count.asked).toBe(1);
  });

  it('by a JWS with a changed payload, after a good one of the same certificate, is refused', async () => {
    fault = async (request, answer) => {
      const good = await answer();
      if (!request.url.includes('/release')) return good;
      const { value } = JSON.parse(good.body.toString()) as { value: string };
      const [header, payload = '', signature] = value.split('.');
      const changed = JSON.parse(Buffer.from(payload, 'base64url').toString());
      changed.response.key.attributes = {};
      const part = Buffer.from(JSON.stringify(changed)).toString('base64url');
      return { status: 200, body: Buffer.from(`{"value":"${header}.${part}.${signature}"}`) };
    };
    expect((await release()).body.error).toContain('jws-signature');
  });

  it('by ended connections is tried twice', async () => {
    let connections = 0;
    const server = await listen((socket) => {
      connections += 1;
      socket.once('error', () => undefined).once('data', () => socket.resetAndDestroy());
    });
    const host = hostOf(server);
    const at = await startSidecar(standIns, ['--allow-host', host]);
    const answer = await release({ maa_endpoint: host }, at);
    expect(answer.status).toBe(403);
    expect(answer.body.error).toContain(`${host} cannot be reached`);
    expect(connections).toBe(2);
  });

  it('by silence is given up in half of the time for a request', async () => {
    const host = hostOf(await listen((socket) => socket.once('error', () => undefined)));
    const at = await startSidecar(standIns, ['--allow-host', host, '--timeout', '4']);
    const answer = await post(at, '/attest/maa', { maa_endpoint: host, runtime_data: 'e30=' });
    expect(answer.status).toBe(403);
    const { error } = JSON.parse(answer.text) as { error: string };
    expect(error).toBe(`${host} does not answer\nwant: an answer within 2 s`);
  });
});

describe('a request', () => {
  it.each([
    [{ kid: undefined }, 'the member kid is missing'],
    [{ kid: null }, 'the member kid is missing'],
    [{ kid: '' }, 'the member kid is missing'],
    [{ kid: 5 }, 'the member kid is not a text'],
    [{ akv_endpoint: ['a'] }, 'the member akv_endpoint is not a text'],
  ])('with %j is told what is wrong', async (change, told) => {
    const answer = await release(change);
    expect([answer.status, answer.body.error]).toEqual([400, told]);
  });
});

describe('as many requests as may be at once', () => {
  it('let others come back later, with one JSON error and Retry-After; probes are answered', async () => {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((done) => {
      open = done;
    });
    let waiting = 0;
    const full = new Promise<void>((done) => {
      fault = async (request, answer) => {
        if (!request.url.includes('/release')) return await answer();
        waiting += 1;
        if (waiting === 2) done();
        await opened;
        return await answer();
      };
    });
    const both = Promise.all([release(), release()]);
    await full;
    const url = `http://127.0.0.1:${sidecar.port}`;
    const third = await fetch(`${url}/key/release`, { method: 'POST', body: '{}' });
    expect([third.status, third.headers.get('retry-after')]).toEqual([503, '1']);
    expect(third.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await third.json()).toEqual({ error: 'too many requests at once' });
    expect(await (await fetch(`${url}/status`)).json()).toEqual({ message: 'Status OK' });
    open();
    expect((await both).map(({ status }) => status)).toEqual([200, 200]);
    expect(sidecar.output()).toContain('"event":"refused","status":503');
  });
});

async function listen(take: (socket: Socket) => void): Promise<Server> {
  const server = createServer(take);
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  onTestFinished(() => void server.close());
  return server;
}

function hostOf(server: Server): string {
  const address = server.address();
  return `localhost:${typeof address === 'object' ? address?.port : ''}`;
}
