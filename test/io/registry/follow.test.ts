import type { LookupAddress } from 'node:dns';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.js';
import type { Lookup } from '../../../src/io/registry/dispatchers.js';
import { openFakeProxy } from '../../support/fake-proxy.js';
import {
  demand,
  demandBearer,
  type FakeRegistry,
  reply,
  secretsSentTo,
  sendAndCut,
  sendBlob,
  serveTokens,
} from '../../support/fake-registry.js';
import {
  type Bench,
  basic,
  createBench,
  failureOf,
  layer,
  MANIFEST_TYPE,
  noise,
  only,
  readBlob,
  story,
} from '../../support/registry-bench.js';
import { createTestCa } from '../../support/test-ca.js';

const BYTES = noise(200_000);
const BODY = Buffer.from('{}');
const SECRETS = ['tr0ub4dor&3 tulip', 't0ken-1-of-the-fake', 't0ken-2-of-the-fake'];
const BLOB = layer(`sha256:${'1'.repeat(64)}`, BYTES.length);

let bench: Bench;
let registry: FakeRegistry;
let image: string;
beforeEach(async () => {
  bench = createBench();
  registry = await bench.registry();
  registry.putManifest('1.0', BODY, MANIFEST_TYPE);
  image = `${registry.host}/team/app:1.0`;
});
afterEach(async () => {
  const told = secretsSentTo(bench.log, SECRETS);
  expect([...told].filter((host) => host !== registry.host)).toEqual([]);
  await bench.close();
});

/** Redirects blobs (or manifests) of the registry to `location`. */
function redirect(location: string, part = '/blobs/', status = 307): void {
  registry.before((request, response) => {
    if (!request.url?.includes(part) || request.url.includes('moved')) return false;
    response.writeHead(status, { location }).end();
    return true;
  });
}

/** Names that are looked up to the given addresses; other names do not exist. */
const names =
  (table: Readonly<Record<string, string>>): Lookup =>
  (hostname, _options, callback) => {
    const address = table[hostname];
    if (address === undefined) {
      callback(Object.assign(new Error('none'), { code: 'ENOTFOUND' }), []);
      return;
    }
    const found: LookupAddress[] = [{ address, family: address.includes(':') ? 6 : 4 }];
    callback(null, found);
  };

function demandToken(): void {
  const valid = new Set<string>();
  serveTokens(registry, { tokens: ['t0ken-1-of-the-fake', 't0ken-2-of-the-fake'], valid });
  demandBearer(registry, { realm: `${registry.url}/token`, valid });
}

describe('redirects', () => {
  it.each([301, 302, 303, 307, 308])(
    '%i to another origin goes without the token',
    async (code) => {
      demandToken();
      const storage = await bench.server('storage');
      storage.before((request, response) => sendBlob(request, response, BYTES));
      registry.before((request, response) => {
        if (!request.url?.includes('/blobs/') || !request.headers.authorization) return false;
        response.writeHead(code, { location: `http://127.0.0.1:${storage.port}/x?sig=1` }).end();
        return true;
      });
      const credentials = only(registry.host, basic('ann', 'tr0ub4dor&3 tulip'));
      expect(BYTES.equals(await readBlob(bench.source({ credentials }), image, BLOB))).toBe(true);
      const seen = bench.log.filter(({ fake }) => fake === 'storage');
      expect(seen.map(({ authorization }) => authorization)).toEqual([undefined]);
    },
  );

  it('within the origin keep the token', async () => {
    demandToken();
    registry.before((request, response) => {
      if (request.url !== '/v2/moved') return false;
      expect(request.headers.authorization).toBe('Bearer t0ken-1-of-the-fake');
      return sendBlob(request, response, BYTES);
    });
    registry.before((request, response) => {
      if (!request.url?.includes('/blobs/') || !request.headers.authorization) return false;
      response.writeHead(307, { location: '/v2/moved' }).end();
      return true;
    });
    expect(BYTES.equals(await readBlob(bench.source(), image, BLOB))).toBe(true);
  });

  it('of manifests keep the token within the origin', async () => {
    demandToken();
    registry.before((request, response) => {
      if (request.url !== '/v2/moved' || !request.headers.authorization) return false;
      return reply(response, 200, {});
    });
    registry.before((request, response) => {
      if (!request.url?.includes('/manifests/') || !request.headers.authorization) return false;
      response.writeHead(307, { location: '/v2/moved' }).end();
      return true;
    });
    expect(Buffer.from((await bench.source().fetchManifest(image)).bytes).toString()).toBe('{}');
  });

  it('do not give the token back once it was left behind', async () => {
    demandToken();
    const storage = await bench.server('storage');
    storage.before((_request, response) => {
      response.writeHead(307, { location: `${registry.url}/moved` }).end();
      return true;
    });
    registry.before((request, response) =>
      request.url === '/moved' ? sendBlob(request, response, BYTES) : false,
    );
    registry.before((request, response) => {
      if (!request.url?.includes('/blobs/') || !request.headers.authorization) return false;
      response.writeHead(307, { location: `${storage.url}/x` }).end();
      return true;
    });
    await readBlob(bench.source(), image, BLOB);
    const last = bench.log.at(-1);
    expect(last?.path).toBe('/moved');
    expect(last?.authorization).toBeUndefined();
  });

  it('ask the registry again when storage cuts the body', async () => {
    demandToken();
    const storage = await bench.server('storage');
    const cuts = [70_000, 30_000];
    storage.before((request, response) => {
      const cut = cuts.shift();
      return cut === undefined
        ? sendBlob(request, response, BYTES)
        : sendAndCut(request, response, BYTES, cut);
    });
    let visits = 0;
    registry.before((request, response) => {
      if (!request.url?.includes('/blobs/') || !request.headers.authorization) return false;
      visits += 1;
      response.writeHead(307, { location: `${storage.url}/signed-${visits}` }).end();
      return true;
    });
    expect(BYTES.equals(await readBlob(bench.source(), image, BLOB))).toBe(true);
    const seen = bench.log.filter(({ fake }) => fake === 'storage');
    expect(seen.map(({ path, range }) => [path, range])).toEqual([
      ['/signed-1', undefined],
      ['/signed-2', 'bytes=70000-'],
      ['/signed-3', 'bytes=100000-'],
    ]);
  });

  it('ask the registry again when storage refuses an old address', async () => {
    const storage = await bench.server('storage');
    const statuses = [403];
    storage.before((request, response) => {
      const status = statuses.shift();
      return status ? reply(response, status, {}) : sendBlob(request, response, BYTES);
    });
    redirect(`${storage.url}/x`);
    expect(BYTES.equals(await readBlob(bench.source(), image, BLOB))).toBe(true);
    expect(bench.slept).toEqual([500]);
  });

  it('end at storage whose own challenge nobody answers', async () => {
    demandToken();
    const storage = await bench.server('storage');
    storage.before((_request, response) => demand(response, `Bearer realm="${storage.url}/token"`));
    registry.before((request, response) => {
      if (!request.url?.includes('/blobs/') || !request.headers.authorization) return false;
      response.writeHead(307, { location: `${storage.url}/x` }).end();
      return true;
    });
    const error = await failureOf(readBlob(bench.source(), image, BLOB), 'REGISTRY_UNREACHABLE');
    expect(error.message).toContain('refuses what');
    const seen = bench.log.filter(({ fake }) => fake === 'storage');
    expect(seen.map(({ path }) => path)).toEqual(['/x', '/x', '/x']);
    expect(bench.log.filter(({ path }) => path.startsWith('/token'))).toHaveLength(1);
  });

  it('are followed as often as the limit says, and no more', async () => {
    let hops = LIMITS.redirects;
    registry.before((request, response) => {
      if (!request.url?.includes('/blobs/')) return false;
      hops -= 1;
      if (hops < 0) return sendBlob(request, response, BYTES);
      response.writeHead(307, { location: request.url }).end();
      return true;
    });
    expect(await readBlob(bench.source(), image, BLOB)).toHaveLength(BYTES.length);
    hops = LIMITS.redirects + 1;
    await failureOf(readBlob(bench.source(), image, BLOB), 'REGISTRY_REDIRECT_REFUSED');
  });

  it.each(['', 'http://', 'http://[x/'])('to nowhere (%j) are a fault', async (location) => {
    redirect(location);
    await failureOf(readBlob(bench.source(), image, BLOB), 'REGISTRY_PROTOCOL');
  });

  it.each(['ftp://example.com/x', 'file:///etc/passwd', 'http://user:word@example.com/x'])(
    'to %s are refused',
    async (location) => {
      redirect(location);
      const error = await failureOf(
        readBlob(bench.source(), image, BLOB),
        'REGISTRY_REDIRECT_REFUSED',
      );
      expect(story(error)).not.toContain('word');
    },
  );

  it.each([
    'http://169.254.169.254/metadata/identity/oauth2/token',
    'http://[::ffff:169.254.169.254]/x',
    'http://0xa9fea9fe/x',
    'http://2852039166/x',
    'http://[fe80::1]/x',
    'http://168.63.129.16/x',
    'http://metadata.google.internal/x',
    'http://0.0.0.0/x',
  ])('into the network of the cloud host (%s) are refused', async (location) => {
    redirect(location);
    await failureOf(readBlob(bench.source(), image, BLOB), 'REGISTRY_REDIRECT_REFUSED');
  });

  it('never show the query of a signed address', async () => {
    redirect('ftp://example.com/x?signature=abc');
    const error = await failureOf(
      readBlob(bench.source(), image, BLOB),
      'REGISTRY_REDIRECT_REFUSED',
    );
    expect(story(error)).not.toContain('abc');
  });
});

describe('addresses behind names', () => {
  it('a name that leads to the metadata service is refused when it is looked up', async () => {
    redirect('http://innocent.test/x');
    const lookup = names({ localhost: '127.0.0.1', 'innocent.test': '169.254.169.254' });
    await failureOf(readBlob(bench.source({ lookup }), image, BLOB), 'REGISTRY_REDIRECT_REFUSED');
  });

  it('a registry on this machine may lead to this machine', async () => {
    const storage = await bench.server('storage');
    storage.before((request, response) => sendBlob(request, response, BYTES));
    redirect(`http://storage.test:${storage.port}/x`);
    const lookup = names({ localhost: '127.0.0.1', 'storage.test': '127.0.0.1' });
    expect(BYTES.equals(await readBlob(bench.source({ lookup }), image, BLOB))).toBe(true);
  });

  it('a registry that is elsewhere may not lead to this machine or its network', async () => {
    const ca = createTestCa();
    bench.later({ close: async () => ca.remove() });
    const far = await bench.registry(ca.issue(['registry.test']));
    const proxy = await openFakeProxy(new Map([['registry.test:443', far.port]]));
    bench.later(proxy);
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
    for (const host of ['localhost', '127.0.0.1', '10.0.0.7', '[::1]', '[fd00::1]']) {
      far.before((request, response) => {
        if (!request.url?.includes('/blobs/')) return false;
        response.writeHead(307, { location: `https://${host}:${far.port}/x` }).end();
        return true;
      });
      const source = bench.source({ env, caFile: ca.caFile });
      const error = await failureOf(
        readBlob(source, 'registry.test/team/app:1', BLOB),
        'REGISTRY_REDIRECT_REFUSED',
      );
      expect(error.message).toContain('not a public address');
    }
    expect(new Set(proxy.tunnels)).toEqual(new Set(['registry.test:443']));
  });

  it('a registry with TLS may not lead to plain HTTP', async () => {
    const ca = createTestCa();
    bench.later({ close: async () => ca.remove() });
    const safe = await bench.registry(ca.issue(['localhost']));
    safe.before((request, response) => {
      if (!request.url?.includes('/blobs/')) return false;
      response.writeHead(307, { location: `${registry.url}/x` }).end();
      return true;
    });
    const work = readBlob(bench.source({ caFile: ca.caFile }), `${safe.host}/team/app:1`, BLOB);
    const error = await failureOf(work, 'REGISTRY_REDIRECT_REFUSED');
    expect(error.want).toContain('https://');
  });
});
