/** The servers of the side-car at their limits: places for requests at once, and the time of each. */
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { serveHttp } from '../../src/io/services/http-server.js';
import { serveKeyProvider } from '../../src/io/services/key-provider-server.js';
import { openPlaces } from '../../src/io/services/places.js';

/** Work that ends when it is told to. */
function held() {
  const ends: (() => void)[] = [];
  const begun: (() => void)[] = [];
  return {
    work: () =>
      new Promise<string>((done) => {
        ends.push(() => done('done'));
        begun.shift()?.();
      }),
    /** Settles when one more has begun. */
    next: () => new Promise<void>((done) => begun.push(done)),
    end: () => {
      for (const each of ends.splice(0)) each();
    },
  };
}

const failing = (code: string) => expect.objectContaining({ code });

describe('places', () => {
  it('are as many as the limit, and free again afterwards', async () => {
    const { work, end } = held();
    const places = openPlaces({ requests: 2, answerMs: 60_000 });
    const both = Promise.all([places.run(work), places.run(work)]);
    await expect(places.run(work)).rejects.toThrow(failing('SERVER_BUSY'));
    end();
    expect(await both).toEqual(['done', 'done']);
    const again = places.run(work);
    end();
    expect(await again).toBe('done');
  });

  it('are held by work that is too late, until it ends', async () => {
    const { work, end } = held();
    const places = openPlaces({ requests: 1, answerMs: 1 });
    await expect(places.run(work)).rejects.toThrow(failing('SERVICE_TIMEOUT'));
    await expect(places.run(work)).rejects.toThrow(failing('SERVER_BUSY'));
    end();
    await new Promise(setImmediate);
    await expect(places.run(async () => 'ok')).resolves.toBe('ok');
  });

  it('are free again after work that fails', async () => {
    const places = openPlaces({ requests: 1 });
    const failed = places.run(() => Promise.reject(new Error('no')));
    await expect(failed).rejects.toThrow('no');
    await expect(places.run(async () => 'ok')).resolves.toBe('ok');
  });
});

describe('the HTTP server at its limit', () => {
  const LIMITS = {
    address: '127.0.0.1',
    port: 0,
    bodyBytes: 100,
    headersMs: 5000,
    requestMs: 5000,
  };

  async function start(limits: { requests: number; answerMs?: number }) {
    const { work, next, end } = held();
    const refused: [number, string][] = [];
    const running = await serveHttp(
      { ...LIMITS, ...limits, free: ['/status'], onRefused: (...what) => refused.push(what) },
      async ({ target }) => ({ status: 200, body: target === '/status' ? 'fine' : await work() }),
    );
    onTestFinished(async () => {
      end();
      await running.close();
    });
    const get = (path: string) => fetch(`http://127.0.0.1:${running.port}${path}`);
    return { get, next, end, refused };
  }

  it('tells others to come back, but answers probes', async () => {
    const { get, next, end, refused } = await start({ requests: 1 });
    const begun = next();
    const first = get('/a');
    await begun;
    const second = await get('/b');
    expect([second.status, second.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await second.json()).toEqual({ error: 'too many requests at once' });
    expect(await (await get('/status')).text()).toBe('fine');
    end();
    expect(await (await first).text()).toBe('done');
    expect(refused).toEqual([[503, 'too many requests at once']]);
  });

  it('tells a request that takes too long to come back, and keeps its place until it ends', async () => {
    const { get, end, refused } = await start({ requests: 1, answerMs: 20 });
    const late = await get('/a');
    expect([late.status, late.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await late.json()).toEqual({ error: 'the request takes too long' });
    expect((await get('/b')).status).toBe(503);
    end();
    expect(refused.map(([, problem]) => problem)).toEqual([
      'the request takes too long',
      'too many requests at once',
    ]);
  });
});

describe('the key provider at its limit', () => {
  it('answers RESOURCE_EXHAUSTED, but greets', async () => {
    const { work, next, end } = held();
    const told: (string | undefined)[] = [];
    const never = () => Promise.reject(new Error('not called'));
    const running = await serveKeyProvider(
      { address: '127.0.0.1', port: 0, messageBytes: 1000, requests: 1, answerMs: 60_000 },
      {
        wrapKey: never,
        unwrapKey: never,
        getAttestationData: never,
        getReport: work,
        onCall: async (_, error) => {
          told.push(error?.code);
        },
      },
    );
    const client = new Client(`127.0.0.1:${running.port}`, credentials.createInsecure());
    onTestFinished(async () => {
      client.close();
      await running.close();
    });
    const call = (name: string) =>
      new Promise<number>((done) => {
        const path = `/key_provider.KeyProviderService/${name}`;
        const answer = (error: ServiceError | null) => done(error?.code ?? 0);
        client.makeUnaryRequest(path, (bytes: Buffer) => bytes, String, Buffer.alloc(0), answer);
      });
    const begun = next();
    const first = call('GetReport');
    await begun;
    expect(await call('GetReport')).toBe(8);
    expect(await call('SayHello')).toBe(0);
    end();
    expect(await first).toBe(0);
    expect(told).toEqual(['SERVER_BUSY', undefined, undefined]);
  });
});
