import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FakeProxy, openFakeProxy } from '../../support/fake-proxy.js';
import { demandBasic, type FakeRegistry } from '../../support/fake-registry.js';
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
import { createTestCa, type TestCa } from '../../support/test-ca.js';

const BODY = Buffer.from('{"schemaVersion":2}');
const BYTES = noise(100_000);
/** Short enough for a test; only servers that never answer wait for them. */
const SHORT = { connectMs: 300, headersMs: 300, bodyMs: 300, wholeMs: 600 };

let ca: TestCa;
let bench: Bench;
beforeAll(() => {
  ca = createTestCa();
});
afterAll(() => ca.remove());
beforeEach(() => {
  bench = createBench();
});
afterEach(() => bench.close());

async function secureRegistry(...hosts: string[]): Promise<FakeRegistry> {
  const registry = await bench.registry(ca.issue(hosts));
  registry.putManifest('1.0', BODY, MANIFEST_TYPE);
  registry.putBlob(BYTES);
  return registry;
}

describe('TLS', () => {
  it('trusts a CA of --ca-file', async () => {
    const registry = await secureRegistry('localhost');
    const source = bench.source({ caFile: ca.caFile });
    const stored = await source.fetchManifest(`${registry.host}/team/app:1.0`);
    expect(Buffer.from(stored.bytes)).toEqual(BODY);
  });

  it('does not fall back to plain HTTP when a certificate is not trusted', async () => {
    const registry = await secureRegistry('localhost');
    const work = bench.source().fetchManifest(`${registry.host}/team/app:1.0`);
    const error = await failureOf(work, 'REGISTRY_UNREACHABLE');
    expect(story(error)).toContain('--ca-file');
    expect(bench.log).toEqual([]);
  });

  it('refuses a certificate for another name', async () => {
    const registry = await secureRegistry('other.test');
    const source = bench.source({ caFile: ca.caFile });
    const error = await failureOf(
      source.fetchManifest(`${registry.host}/team/app:1.0`),
      'REGISTRY_UNREACHABLE',
    );
    expect(error.got).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('refuses a CA file without certificates, or one that is not there', async () => {
    const empty = join(ca.folder, 'empty.pem');
    writeFileSync(empty, 'nothing\n');
    const broken = join(ca.folder, 'broken.pem');
    writeFileSync(broken, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    const image = 'localhost:1/team/app:1.0';
    for (const caFile of [empty, broken]) {
      await failureOf(bench.source({ caFile }).fetchManifest(image), 'USAGE_CONFLICT');
    }
    const missing = { caFile: join(ca.folder, 'none.pem') };
    await failureOf(bench.source(missing).fetchManifest(image), 'FILE_NOT_FOUND');
  });
});

describe('plain HTTP', () => {
  const lookup = (
    _name: string,
    _options: unknown,
    done: (e: null, a: [{ address: string; family: number }]) => void,
  ) => done(null, [{ address: '127.0.0.1', family: 4 }]);

  it.each(['registry.test', undefined])(
    'is spoken with hosts that are listed: %s',
    async (listed) => {
      const registry = await bench.registry();
      registry.putManifest('1.0', BODY, MANIFEST_TYPE);
      const host = `registry.test:${registry.port}`;
      const source = bench.source({ lookup, insecureRegistries: [listed ?? host] });
      const stored = await source.fetchManifest(`${host}/team/app:1.0`);
      expect(Buffer.from(stored.bytes)).toEqual(BODY);
    },
  );

  it('is not spoken with other hosts', async () => {
    const registry = await bench.registry();
    const source = bench.source({ lookup, insecureRegistries: ['other.test'] });
    await failureOf(
      source.fetchManifest(`registry.test:${registry.port}/team/app:1.0`),
      'REGISTRY_UNREACHABLE',
    );
    expect(bench.log).toEqual([]);
  });

  it('is not spoken with a listed host that has TLS', async () => {
    const registry = await secureRegistry('registry.test');
    const host = `registry.test:${registry.port}`;
    const source = bench.source({ lookup, insecureRegistries: [host], caFile: ca.caFile });
    await source.fetchManifest(`${host}/team/app:1.0`);
    expect(bench.log.map(({ path }) => path)).toEqual(['/v2/', '/v2/team/app/manifests/1.0']);
  });
});

describe('proxies', () => {
  const PASSWORD = 'tr0ub4dor&3 tulip';
  let registry: FakeRegistry;
  let proxy: FakeProxy;
  beforeEach(async () => {
    registry = await secureRegistry('registry.test', '127.0.0.1', 'localhost');
    const targets = [
      ['registry.test:443', registry.port],
      [`registry.test:${registry.port}`, registry.port],
    ] as const;
    proxy = await openFakeProxy(new Map(targets));
    bench.later(proxy);
  });
  const through = (env: Record<string, string>, options = {}) =>
    bench.source({ env, caFile: ca.caFile, ...options });
  const url = (userinfo = '') => `http://${userinfo}127.0.0.1:${proxy.port}`;

  it.each(['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'])(
    'tunnels manifests, tokens and blobs through that of %s',
    async (variable) => {
      demandBasic(registry, 'ann', PASSWORD);
      const credentials = only('registry.test', basic('ann', PASSWORD));
      const source = through({ [variable]: url() }, { credentials });
      const stored = await source.fetchManifest('registry.test/team/app:1.0');
      expect(Buffer.from(stored.bytes)).toEqual(BODY);
      const blob = layer(registry.putBlob(BYTES), BYTES.length);
      const bytes = await readBlob(source, 'registry.test/team/app:1.0', blob);
      expect(BYTES.equals(bytes)).toBe(true);
      expect(new Set(proxy.tunnels)).toEqual(new Set(['registry.test:443']));
      expect(proxy.plain).toEqual([]);
    },
  );

  it('tunnels plain HTTP as well', async () => {
    const plain = await bench.registry();
    plain.putManifest('1.0', BODY, MANIFEST_TYPE);
    const tunnels = await openFakeProxy(
      new Map([
        ['plain.test:443', plain.port],
        ['plain.test:80', plain.port],
      ]),
    );
    bench.later(tunnels);
    const env = { HTTP_PROXY: `http://127.0.0.1:${tunnels.port}` };
    const source = bench.source({ env, insecureRegistries: ['plain.test'] });
    const stored = await source.fetchManifest('plain.test/team/app:1.0');
    expect(Buffer.from(stored.bytes)).toEqual(BODY);
    expect(tunnels.tunnels).toEqual(['plain.test:443', 'plain.test:80']);
    expect(tunnels.plain).toEqual([]);
  });

  it('may itself be spoken to over TLS', async () => {
    const secure = await openFakeProxy(
      new Map([['registry.test:443', registry.port]]),
      ca.issue(['localhost']),
    );
    bench.later(secure);
    const env = { HTTPS_PROXY: `https://localhost:${secure.port}` };
    await through(env).fetchManifest('registry.test/team/app:1.0');
    expect(secure.tunnels).toEqual(['registry.test:443']);
    const distrusted = bench.source({ env });
    await failureOf(distrusted.fetchManifest('registry.test/team/app:1.0'), 'REGISTRY_UNREACHABLE');
  });

  it('proves itself to a proxy with the user of its URL, and to nobody else', async () => {
    const source = through({ HTTPS_PROXY: url('paul:pr%40xy@') });
    await source.fetchManifest('registry.test/team/app:1.0');
    const expected = `Basic ${Buffer.from('paul:pr@xy').toString('base64')}`;
    expect(new Set(proxy.authorizations)).toEqual(new Set([expected]));
    expect(bench.log.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it('takes the lower-case variable before the upper-case one', async () => {
    await through({ https_proxy: url(), HTTPS_PROXY: 'http://127.0.0.1:9' }).fetchManifest(
      'registry.test/team/app:1.0',
    );
    expect(proxy.tunnels).toHaveLength(1);
  });

  it.each(['registry.test', '.test', '*', 'example.com, registry.test:443'])(
    'is not used for hosts in NO_PROXY=%s',
    async (exceptions) => {
      const asked: string[] = [];
      const lookup: NonNullable<Parameters<typeof bench.source>[0]>['lookup'] = (
        name,
        _o,
        done,
      ) => {
        asked.push(name);
        done(Object.assign(new Error('none'), { code: 'ENOTFOUND' }), []);
      };
      const source = through({ HTTPS_PROXY: url(), NO_PROXY: exceptions }, { lookup });
      await failureOf(source.fetchManifest('registry.test/team/app:1.0'), 'REGISTRY_UNREACHABLE');
      expect(asked).toEqual(['registry.test']);
      expect(proxy.tunnels).toEqual([]);
    },
  );

  it('is never used for this machine', async () => {
    const source = through({ HTTPS_PROXY: url(), HTTP_PROXY: url() });
    await source.fetchManifest(`${registry.host}/team/app:1.0`);
    await source.fetchManifest(`127.0.0.1:${registry.port}/team/app:1.0`);
    expect(proxy.tunnels).toEqual([]);
  });

  it('that refuses a tunnel is named without its password', async () => {
    const source = through({ HTTPS_PROXY: url('paul:s3cret-of-paul@') });
    const error = await failureOf(
      source.fetchManifest('elsewhere.test/team/app:1.0'),
      'REGISTRY_UNREACHABLE',
    );
    expect(story(error)).toContain(`(proxy http://127.0.0.1:${proxy.port})`);
    expect(story(error)).not.toContain('s3cret');
  });

  it('that is no HTTP proxy is an error of the variable', async () => {
    const source = through({ HTTPS_PROXY: 'socks5://paul:s3cret-of-paul@127.0.0.1:9' });
    const error = await failureOf(
      source.fetchManifest('registry.test/team/app:1.0'),
      'USAGE_CONFLICT',
    );
    expect(story(error)).toContain('HTTPS_PROXY');
    expect(story(error)).not.toContain('s3cret');
  });

  it('is that of the given environment only', async () => {
    process.env.HTTPS_PROXY = url();
    process.env.HTTP_PROXY = url();
    try {
      await through({}).fetchManifest(`127.0.0.1:${registry.port}/team/app:1.0`);
    } finally {
      delete process.env.HTTPS_PROXY;
      delete process.env.HTTP_PROXY;
    }
    expect([...proxy.tunnels, ...proxy.plain]).toEqual([]);
  });
});

describe('failures of the network', () => {
  it('nobody listens', async () => {
    const server = await bench.server('gone');
    await server.close();
    const error = await failureOf(
      bench.source().fetchManifest(`${server.host}/team/app:1.0`),
      'REGISTRY_UNREACHABLE',
    );
    expect(error.got).toBe('ECONNREFUSED');
    expect(bench.slept).toEqual([]);
  });

  it('the name does not exist', async () => {
    const lookup: NonNullable<Parameters<typeof bench.source>[0]>['lookup'] = (_n, _o, done) =>
      done(Object.assign(new Error('none'), { code: 'ENOTFOUND' }), []);
    const error = await failureOf(
      bench.source({ lookup }).fetchManifest('registry.test/team/app:1.0'),
      'REGISTRY_UNREACHABLE',
    );
    expect(error.got).toBe('ENOTFOUND');
  });

  it('a registry stalls before it answers', async () => {
    const registry = await bench.registry();
    registry.before((request) => request.url?.includes('/manifests/') === true);
    await failureOf(
      bench.source({ timeouts: SHORT }).fetchManifest(`${registry.host}/team/app:1.0`),
      'REGISTRY_TIMEOUT',
    );
  });

  it('a registry stalls in the middle of a blob', async () => {
    const registry = await bench.registry();
    registry.before((request, response) => {
      if (!request.url?.includes('/blobs/')) return false;
      response.writeHead(200, { 'content-length': BYTES.length });
      response.write(BYTES.subarray(0, 1000));
      return true;
    });
    const blob = layer(`sha256:${'1'.repeat(64)}`, BYTES.length);
    const source = bench.source({ timeouts: SHORT });
    await failureOf(readBlob(source, `${registry.host}/team/app:1`, blob), 'REGISTRY_TIMEOUT');
  });

  it('a registry sends a manifest drop by drop', async () => {
    const registry = await bench.registry();
    const drops = new Set<NodeJS.Timeout>();
    registry.before((request, response) => {
      if (!request.url?.includes('/manifests/')) return false;
      response.writeHead(200, { 'content-type': MANIFEST_TYPE });
      drops.add(setInterval(() => response.write(' '), 50));
      return true;
    });
    const work = bench.source({ timeouts: SHORT }).fetchManifest(`${registry.host}/team/app:1.0`);
    await failureOf(work, 'REGISTRY_TIMEOUT');
    for (const drop of drops) clearInterval(drop);
  });

  it('a registry does not speak HTTP', async () => {
    const registry = await bench.registry();
    registry.before((request, response) => {
      if (!request.url?.includes('/manifests/')) return false;
      response.socket?.end('SSH-2.0-OpenSSH_9.2\r\n');
      return true;
    });
    await failureOf(
      bench.source().fetchManifest(`${registry.host}/team/app:1.0`),
      'REGISTRY_PROTOCOL',
    );
  });

  it('a registry sends endless headers', async () => {
    const registry = await bench.registry();
    registry.before((request, response) => {
      if (!request.url?.includes('/manifests/')) return false;
      response.setHeader('x-long', 'x'.repeat(200_000));
      response.writeHead(200).end();
      return true;
    });
    await failureOf(
      bench.source().fetchManifest(`${registry.host}/team/app:1.0`),
      'REGISTRY_PROTOCOL',
    );
  });

  it('--offline is set', async () => {
    const registry = await bench.registry();
    const digest = registry.putManifest('1.0', BODY, MANIFEST_TYPE);
    const source = bench.source({ offline: true });
    const image = `${registry.host}/team/app:1.0`;
    await failureOf(source.fetchManifest(image), 'REGISTRY_OFFLINE');
    await failureOf(readBlob(source, image, layer(digest, 1)), 'REGISTRY_OFFLINE');
    expect(bench.log).toEqual([]);
  });
});
