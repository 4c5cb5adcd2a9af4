import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { demandBasic, reply, sendAndCut } from '../../support/fake-registry.js';
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
} from '../../support/registry-bench.js';

const BODY = Buffer.from('{"schemaVersion":2}');
const BYTES = noise(1000);
const hosts = (bench: Bench) => [...new Set(bench.log.map(({ host }) => host))];

let bench: Bench;
beforeEach(() => {
  bench = createBench();
});
afterEach(() => bench.close());

describe('mirrors', () => {
  it('are asked instead of the registry', async () => {
    const mirror = await bench.registry();
    mirror.putManifest('1.0', BODY, MANIFEST_TYPE);
    const blob = layer(mirror.putBlob(BYTES), BYTES.length);
    const source = bench.source({ mirrors: [`registry.test:5000=${mirror.host}`] });
    const image = 'registry.test:5000/team/app:1.0';
    expect(Buffer.from((await source.fetchManifest(image)).bytes)).toEqual(BODY);
    expect(BYTES.equals(await readBlob(source, image, blob))).toBe(true);
  });

  it('may have a prefix; every name of Docker Hub is the same registry', async () => {
    const mirror = await bench.registry();
    mirror.before((request, response) =>
      request.url === '/v2/hub/library/busybox/manifests/latest' ? reply(response, 200, {}) : false,
    );
    const source = bench.source({ mirrors: [`index.docker.io=${mirror.host}/hub`] });
    await source.fetchManifest('busybox');
    await source.fetchManifest('docker.io/library/busybox');
  });

  it('follow each other while they fail or have not got it', async () => {
    const gone = await bench.server('gone');
    await gone.close();
    const empty = await bench.registry();
    const full = await bench.registry();
    full.putManifest('1.0', BODY, MANIFEST_TYPE);
    const blob = layer(full.putBlob(BYTES), BYTES.length);
    const mirrors = [gone, empty, full].map(({ host }) => `registry.test=${host}`);
    const source = bench.source({ mirrors });
    expect(Buffer.from((await source.fetchManifest('registry.test/team/app:1.0')).bytes)).toEqual(
      BODY,
    );
    expect(BYTES.equals(await readBlob(source, 'registry.test/team/app:1.0', blob))).toBe(true);
  });

  it('do not follow each other in the middle of a blob', async () => {
    const broken = await bench.registry();
    broken.before((request, response) =>
      request.url?.includes('/blobs/') ? sendAndCut(request, response, BYTES, 0) : false,
    );
    let isFirst = true;
    broken.before((request, response) => {
      if (!request.url?.includes('/blobs/') || !isFirst) return false;
      isFirst = false;
      return sendAndCut(request, response, BYTES, 500);
    });
    const whole = await bench.registry();
    const blob = layer(whole.putBlob(BYTES), BYTES.length);
    const mirrors = [broken, whole].map(({ host }) => `registry.test=${host}`);
    const work = readBlob(bench.source({ mirrors }), 'registry.test/team/app:1.0', blob);
    await failureOf(work, 'REGISTRY_UNREACHABLE');
    expect(hosts(bench)).toEqual([broken.host]);
  });

  it('do not lead back to the registry unless it is listed', async () => {
    const registry = await bench.registry();
    registry.putManifest('1.0', BODY, MANIFEST_TYPE);
    const mirror = await bench.registry();
    const image = `${registry.host}/team/app:1.0`;
    const only = [`${registry.host}=${mirror.host}`];
    await failureOf(bench.source({ mirrors: only }).fetchManifest(image), 'REGISTRY_NOT_FOUND');
    expect(hosts(bench)).toEqual([mirror.host]);
    const both = [...only, `${registry.host}=${registry.host}`];
    await bench.source({ mirrors: both }).fetchManifest(image);
    expect(hosts(bench)).toEqual([mirror.host, registry.host]);
  });

  it('that give wrong bytes are not passed over', async () => {
    const wrong = await bench.registry();
    wrong.before((request, response) =>
      request.url?.includes('/manifests/') ? reply(response, 200, {}) : false,
    );
    const right = await bench.registry();
    const digest = right.putManifest('1.0', BODY, MANIFEST_TYPE);
    const mirrors = [wrong, right].map(({ host }) => `registry.test=${host}`);
    await failureOf(
      bench.source({ mirrors }).fetchManifest(`registry.test/team/app@${digest}`),
      'DIGEST_MISMATCH',
    );
  });

  it('never get the credentials of the registry', async () => {
    const mirror = await bench.registry();
    demandBasic(mirror, 'ann', 'tr0ub4dor&3 tulip');
    const credentials = only('registry.test', basic('ann', 'tr0ub4dor&3 tulip'));
    const source = bench.source({ credentials, mirrors: [`registry.test=${mirror.host}`] });
    await failureOf(source.fetchManifest('registry.test/team/app:1.0'), 'REGISTRY_UNAUTHORIZED');
    expect(bench.log.map(({ authorization }) => authorization)).toEqual([undefined]);
  });
});

describe('options', () => {
  it.each([
    { mirrors: ['registry.test'] },
    { mirrors: ['registry.test=https://mirror.test'] },
    { mirrors: ['registry.test=mirror.test/UPPER'] },
    { mirrors: ['=mirror.test'] },
    { insecureRegistries: ['http://registry.test'] },
    { insecureRegistries: ['registry.test/path'] },
    { trustedRealms: ['https://auth.test/token'] },
    { trustedRealms: ['*'] },
  ])('%j is refused at once', (options) => {
    expect(() => bench.source(options)).toThrow(
      expect.objectContaining({ code: 'USAGE_CONFLICT' }),
    );
  });
});

describe('close', () => {
  it('ends downloads that are under way', async () => {
    const registry = await bench.registry();
    registry.before((request, response) => {
      if (!request.url?.includes('/blobs/')) return false;
      response.writeHead(200, { 'content-length': 1000 }).write('x');
      return true;
    });
    const source = bench.source();
    const blob = layer(`sha256:${'1'.repeat(64)}`, 1000);
    const stream = await source.openBlob(`${registry.host}/team/app:1`, blob);
    const reader = stream[Symbol.asyncIterator]();
    await reader.next();
    const rest = reader.next();
    await source.close();
    await failureOf(Promise.resolve(rest), 'REGISTRY_UNREACHABLE');
  });

  it('may be called although nothing was opened', async () => {
    await bench.source().close();
  });
});
