import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.js';
import { reply } from '../../support/fake-registry.js';
import {
  type Bench,
  createBench,
  failureOf,
  layer,
  MANIFEST_TYPE,
  story,
} from '../../support/registry-bench.js';

const TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
/** Blanks, key order and an escaped letter: any parse and print again would change it. */
const ODD_JSON = Buffer.from('{ "schemaVersion":2,\n\t"b": 1.0, "a":"\\u0041" }\n');

let bench: Bench;
beforeEach(() => {
  bench = createBench();
});
afterEach(() => bench.close());

describe('fetchManifest', () => {
  it.each(TYPES)('gives the stored bytes of %s', async (type) => {
    const registry = await bench.registry();
    registry.putManifest('1.0', ODD_JSON, type);
    const stored = await bench.source().fetchManifest(`${registry.host}/team/app:1.0`);
    expect(Buffer.from(stored.bytes)).toEqual(ODD_JSON);
    expect(stored.mediaType).toBe(type);
  });

  it('asks for all four types', async () => {
    const registry = await bench.registry();
    let accept = '';
    registry.before((request) => {
      if (request.url?.includes('/manifests/')) accept = request.headers.accept ?? '';
      return false;
    });
    registry.putManifest('1.0', ODD_JSON, MANIFEST_TYPE);
    await bench.source().fetchManifest(`${registry.host}/team/app:1.0`);
    expect(accept.split(', ').sort()).toEqual([...TYPES].sort());
  });

  it.each([
    ['application/vnd.oci.image.index.v1+json; charset=utf-8', TYPES[0]],
    ['Application/VND.oci.image.manifest.v1+JSON;charset="utf-8"', TYPES[1]],
    ['application/json', undefined],
    ['application/json; charset=utf-8', undefined],
    ['text/plain; charset=utf-16', undefined],
    ['application/octet-stream', undefined],
  ])('keeps the bytes and reads the type of %s', async (sent, expected) => {
    const registry = await bench.registry();
    registry.putManifest('1.0', ODD_JSON, sent);
    const stored = await bench.source().fetchManifest(`${registry.host}/team/app:1.0`);
    expect(Buffer.from(stored.bytes)).toEqual(ODD_JSON);
    expect(stored.mediaType).toBe(expected);
  });

  it('asks by digest where the reference or a descriptor has one', async () => {
    const registry = await bench.registry();
    const digest = registry.putManifest('1.0', ODD_JSON, MANIFEST_TYPE);
    const source = bench.source();
    await source.fetchManifest(`${registry.host}/team/app:1.0@${digest}`);
    await source.fetchManifest(`${registry.host}/team/app:1.0`, layer(digest, ODD_JSON.length));
    const asked = bench.log.filter(({ path }) => path.includes('/manifests/'));
    expect(asked.map(({ path }) => path)).toEqual(
      Array(2).fill(`/v2/team/app/manifests/${digest}`),
    );
  });

  it('refuses other bytes than those of the digest asked for', async () => {
    const registry = await bench.registry();
    const digest = registry.putManifest(undefined, ODD_JSON, MANIFEST_TYPE);
    registry.before((request, response) => {
      if (!request.url?.includes('/manifests/')) return false;
      return reply(response, 200, { other: true });
    });
    const work = bench.source().fetchManifest(`${registry.host}/team/app@${digest}`);
    const error = await failureOf(work, 'DIGEST_MISMATCH');
    expect(error.want).toBe(digest);
  });

  it('refuses bytes that do not match docker-content-digest', async () => {
    const registry = await bench.registry();
    registry.before((request, response) => {
      if (!request.url?.includes('/manifests/')) return false;
      return reply(response, 200, {}, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` });
    });
    const work = bench.source().fetchManifest(`${registry.host}/team/app:1.0`);
    const error = await failureOf(work, 'DIGEST_MISMATCH');
    expect(error.want).toBe(`sha256:${'0'.repeat(64)}`);
  });

  it.each([
    [0, 'is taken'],
    [1, 'is refused'],
  ])('a manifest of the limit and %i bytes %s', async (more) => {
    const registry = await bench.registry();
    const bytes = Buffer.alloc(LIMITS.manifestBytes + more, ' ');
    registry.putManifest('big', bytes, MANIFEST_TYPE);
    const work = bench.source().fetchManifest(`${registry.host}/team/app:big`);
    if (more === 0) expect((await work).bytes.length).toBe(bytes.length);
    else await failureOf(work, 'LIMIT_EXCEEDED');
  });

  it('ends with a body that never ends', async () => {
    const registry = await bench.registry();
    registry.before((request, response) => {
      if (!request.url?.includes('/manifests/')) return false;
      response.writeHead(200, { 'content-type': MANIFEST_TYPE });
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65536, ' ')));
      };
      response.on('drain', more);
      more();
      return true;
    });
    await failureOf(
      bench.source().fetchManifest(`${registry.host}/team/app:1.0`),
      'LIMIT_EXCEEDED',
    );
  });

  it('refuses a web page', async () => {
    const registry = await bench.registry();
    registry.before((request, response) => {
      if (!request.url?.includes('/manifests/')) return false;
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      response.end('<html>Please log in to the network</html>');
      return true;
    });
    const error = await failureOf(
      bench.source().fetchManifest(`${registry.host}/team/app:1.0`),
      'REGISTRY_PROTOCOL',
    );
    expect(error.message).toMatch(/web page/);
  });

  it('refuses compressed transfer, which was not asked for', async () => {
    const registry = await bench.registry();
    registry.before((request, response) => {
      if (!request.url?.includes('/manifests/')) return false;
      expect(request.headers['accept-encoding']).toBe('identity');
      return reply(response, 200, {}, { 'content-encoding': 'gzip' });
    });
    await failureOf(
      bench.source().fetchManifest(`${registry.host}/team/app:1.0`),
      'REGISTRY_PROTOCOL',
    );
  });

  it('says what a missing image may be', async () => {
    const registry = await bench.registry();
    registry.before((request, response) =>
      request.url?.includes('/manifests/')
        ? reply(response, 404, {
            errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }],
          })
        : false,
    );
    const error = await failureOf(
      bench.source().fetchManifest(`${registry.host}/team/app:none`),
      'REGISTRY_NOT_FOUND',
    );
    expect(story(error)).toContain(`${registry.host}/team/app:none does not exist`);
    expect(error.got).toBe('404 MANIFEST_UNKNOWN: manifest unknown');
    expect(story(error)).toMatch(/private image looks the same/);
  });

  it.each([
    [403, 'REGISTRY_UNAUTHORIZED'],
    [405, 'REGISTRY_PROTOCOL'],
    [206, 'REGISTRY_PROTOCOL'],
    [204, 'REGISTRY_PROTOCOL'],
  ] as const)('an answer with status %i is %s', async (status, code) => {
    const registry = await bench.registry();
    registry.before((request, response) => {
      if (!request.url?.includes('/manifests/')) return false;
      response.writeHead(status).end();
      return true;
    });
    await failureOf(bench.source().fetchManifest(`${registry.host}/team/app:1.0`), code);
    expect(bench.slept).toEqual([]);
  });
});
