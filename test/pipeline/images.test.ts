import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { DiffId, Digest } from '../../src/core/digest.js';
import type { Notice } from '../../src/core/notice.js';
import { mergeImageFacts, parseImageFacts } from '../../src/image/facts.js';
import { DEFAULT_PLATFORM } from '../../src/image/platform.js';
import { createInlineHasher } from '../../src/layer/block-hash.js';
import type { LayerCache, LayerCacheValues } from '../../src/layer/ports.js';
import { createImageReader, obtainPolicyImage } from '../../src/pipeline/images.js';
import {
  blobOf,
  type MadeImage,
  MemorySource,
  makeImage,
  sha256,
  TYPES,
} from '../support/images.js';
import { tarOf } from '../support/plain-tar.js';

/** An image whose one layer is worth a warning: its file stands below a folder that has no entry of its own. */
function imageWithNotice(): MadeImage {
  const tar = tarOf([{ name: 'implied/file', content: Buffer.from('x') }]);
  const layer = blobOf(gzipSync(tar), TYPES.layer);
  const config = { rootfs: { type: 'layers', diff_ids: [sha256(tar)] } };
  const manifest = {
    layers: [{ mediaType: TYPES.layer, digest: layer.digest, size: layer.bytes.length }],
  };
  const image = makeImage({ config, manifest });
  return { ...image, layers: [layer], blobs: [image.manifest, image.config, layer] };
}

function memoryCache(): LayerCache & { readonly entries: Map<string, unknown> } {
  const entries = new Map<string, unknown>();
  return {
    entries,
    async get<W extends keyof LayerCacheValues>(digest: Digest, what: W) {
      return entries.get(`${what} ${digest}`) as LayerCacheValues[W] | undefined;
    },
    async put(digest, what, value) {
      entries.set(`${what} ${digest}`, value);
    },
  };
}

function bench(image: MadeImage, cache = memoryCache()) {
  const notices: Notice[] = [];
  let opened = 0;
  const memory = new MemorySource(image.manifest, image.blobs);
  const reader = createImageReader({
    source: {
      fetchManifest: (reference, descriptor) => memory.fetchManifest(reference, descriptor),
      openBlob: (reference, descriptor) => {
        if (image.layers.some(({ digest }) => digest === descriptor.digest)) opened += 1;
        return memory.openBlob(reference, descriptor);
      },
    },
    locations: false,
    hasher: async () => createInlineHasher(),
    cache,
    platform: DEFAULT_PLATFORM,
    notices: (notice) => notices.push(notice),
    signal: new AbortController().signal,
    onProgress: () => undefined,
    parallel: 2,
  });
  return { reader, cache, notices, opened: () => opened };
}

const NEEDS = { formats: ['tarfs'], userFiles: true } as const;

describe('image reader', () => {
  it('hashes a blob once, whoever asks, and warns again when the hash comes from the cache', async () => {
    const image = imageWithNotice();
    const first = bench(image);
    const [a, b] = await Promise.all([
      first.reader.read('app:1', NEEDS),
      first.reader.read('app:1', NEEDS),
    ]);
    expect(b.layers).toEqual(a.layers);
    expect(first.opened()).toBe(1);
    expect(first.notices.length).toBeGreaterThan(0);
    const second = bench(image, first.cache);
    expect((await second.reader.read('app:1', NEEDS)).layers).toEqual(a.layers);
    expect(second.opened()).toBe(0);
    expect(new Set(second.notices.map(({ message, where }) => `${message} ${where}`))).toEqual(
      new Set(first.notices.map(({ message, where }) => `${message} ${where}`)),
    );
  });

  it('hashes again what the cache has for another diff ID', async () => {
    const image = imageWithNotice();
    const { reader, cache } = bench(image);
    await reader.read('app:1', NEEDS);
    for (const [key, value] of cache.entries) {
      cache.entries.set(key, {
        ...(value as object),
        diffId: `sha256:${'0'.repeat(64)}` as DiffId,
      });
    }
    const again = bench(image, cache);
    await again.reader.read('app:1', NEEDS);
    expect(again.opened()).toBe(1);
  });

  it('checks the digest that a reference pins', async () => {
    const { reader } = bench(imageWithNotice());
    await expect(reader.read(`oci:latest@sha256:${'0'.repeat(64)}`, NEEDS)).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
  });
});

describe('policy images', () => {
  const facts = (layer: object) =>
    mergeImageFacts([
      parseImageFacts(
        JSON.stringify({
          format: 'podseal.image-facts/v1',
          images: [
            { references: ['busybox'], platform: 'linux/amd64', config: {}, layers: [layer] },
          ],
        }),
        'facts.json',
      ),
    ]);
  const ports = {
    reader: {
      read: () => Promise.reject(new Error('asked')),
      resolve: () => Promise.reject(new Error('asked')),
    },
    platform: DEFAULT_PLATFORM,
  };
  const needs = { formats: ['tarfs'], diffIds: true, userFiles: false } as const;
  const diffId = `sha256:${'1'.repeat(64)}`;

  it('come from facts by any spelling of the reference', async () => {
    const known = facts({ diffId, rootHashes: { tarfs: 'a'.repeat(64) } });
    const image = await obtainPolicyImage('docker.io/library/busybox:latest', needs, known, ports);
    expect(image.layers[0]?.rootHashes.tarfs).toBe('a'.repeat(64));
    expect(image.identity.from).toBe('facts');
  });

  it('are refused where the facts lack the root hash', async () => {
    const known = facts({ diffId, rootHashes: { ext4: 'a'.repeat(64) } });
    await expect(obtainPolicyImage('busybox', needs, known, ports)).rejects.toMatchObject({
      code: 'IMAGE_FACTS_INVALID',
    });
  });
});
