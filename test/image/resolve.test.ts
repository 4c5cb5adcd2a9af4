import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.js';
import type { Notice } from '../../src/core/notice.js';
import { parseReference } from '../../src/core/reference.js';
import { parsePlatform } from '../../src/image/platform.js';
import { type ImageName, resolveImage } from '../../src/image/resolve.js';
import {
  type Blob,
  blobOf,
  failureOf,
  MemorySource,
  makeImage,
  makeIndex,
  TYPES,
} from '../support/images.js';

const amd64 = { platform: { os: 'linux', architecture: 'amd64' } };
const arm64 = { platform: { os: 'linux', architecture: 'arm64' } };
const image = makeImage({ config: { config: { User: 'app' } } });
const armImage = makeImage({ layers: ['arm'], config: { architecture: 'arm64' } });
const all = [...image.blobs, ...armImage.blobs];

function resolve(
  source: MemorySource,
  name: ImageName = { text: 'x:1' },
  platform = 'linux/amd64',
) {
  const notices: Notice[] = [];
  const options = {
    platform: parsePlatform(platform),
    notices: (notice: Notice) => notices.push(notice),
  };
  return resolveImage(name, source, options).then((resolved) => ({ ...resolved, notices }));
}

const nested = (inner: Blob, levels: number): { root: Blob; blobs: Blob[] } => {
  const blobs: Blob[] = [];
  let root = inner;
  for (let level = 0; level < levels; level += 1) {
    root = makeIndex([[root, {}]]);
    blobs.push(root);
  }
  return { root, blobs };
};

describe('resolveImage', () => {
  it('gives config and layers of a manifest', async () => {
    const resolved = await resolve(new MemorySource(image.manifest, all));
    expect(resolved).toEqual({
      reference: 'x:1',
      manifestDigest: image.manifest.digest,
      configDigest: image.config.digest,
      config: { os: 'linux', architecture: 'amd64', user: 'app' },
      layers: image.layers.map(({ mediaType, digest, size }) => ({
        blob: { mediaType, digest, size },
        diffId: digest,
      })),
      notices: [],
    });
  });

  it('takes the image of the platform from an index', async () => {
    const index = makeIndex([
      [armImage.manifest, arm64],
      [image.manifest, amd64],
    ]);
    const source = () => new MemorySource(index, all);
    const resolved = await resolve(source());
    expect(resolved.manifestDigest).toBe(image.manifest.digest);
    expect(resolved.indexDigest).toBe(index.digest);
    const other = await resolve(source(), { text: 'x:1' }, 'linux/arm64');
    expect(other.manifestDigest).toBe(armImage.manifest.digest);
  });

  it('lists the platforms that there are', async () => {
    const index = makeIndex([
      [armImage.manifest, arm64],
      [armImage.manifest, { platform: { ...arm64.platform, variant: 'v9' } }],
    ]);
    const error = await failureOf(() => resolve(new MemorySource(index, all)));
    expect(error).toMatchObject({
      code: 'IMAGE_PLATFORM_MISSING',
      want: 'linux/amd64',
      got: 'linux/arm64, linux/arm64/v9',
    });
  });

  it('does not take the only entry of an index for another platform', async () => {
    for (const more of [arm64, {}]) {
      const source = new MemorySource(makeIndex([[armImage.manifest, more]]), all);
      const error = await failureOf(() => resolve(source));
      expect(error).toMatchObject({ code: 'IMAGE_PLATFORM_MISSING', got: 'linux/arm64' });
    }
  });

  it('does not take a manifest for another platform', async () => {
    const error = await failureOf(() => resolve(new MemorySource(armImage.manifest, all)));
    expect(error).toMatchObject({ code: 'IMAGE_PLATFORM_MISSING', got: 'linux/arm64' });
  });

  it('refuses an entry whose config is for another platform', async () => {
    const source = new MemorySource(makeIndex([[armImage.manifest, amd64]]), all);
    const error = await failureOf(() => resolve(source));
    expect(error).toMatchObject({ code: 'IMAGE_INVALID', want: 'linux/amd64', got: 'linux/arm64' });
  });

  it('asks the configs where the index does not tell the platforms', async () => {
    const index = makeIndex([
      [armImage.manifest, {}],
      [image.manifest, {}],
    ]);
    const resolved = await resolve(new MemorySource(index, all));
    expect(resolved.manifestDigest).toBe(image.manifest.digest);
  });

  it('takes the best variant', async () => {
    const v2 = makeImage({ layers: ['v2'], config: { variant: 'v2' } });
    const index = makeIndex([
      [image.manifest, amd64],
      [v2.manifest, { platform: { ...amd64.platform, variant: 'v2' } }],
    ]);
    const source = () => new MemorySource(index, [...all, ...v2.blobs]);
    expect((await resolve(source())).manifestDigest).toBe(image.manifest.digest);
    const better = await resolve(source(), { text: 'x' }, 'linux/amd64/v3');
    expect(better.manifestDigest).toBe(v2.manifest.digest);
  });

  it('takes the first of several images for one platform and says so', async () => {
    const second = makeImage({ layers: ['other'] });
    const index = makeIndex([
      [image.manifest, amd64],
      [second.manifest, amd64],
    ]);
    const resolved = await resolve(new MemorySource(index, [...all, ...second.blobs]));
    expect(resolved.manifestDigest).toBe(image.manifest.digest);
    expect(resolved.notices.map(({ code }) => code)).toEqual(['index-ambiguous-platform']);
  });

  it('follows nested indexes down to the limit', async () => {
    const good = nested(image.manifest, LIMITS.indexDepth);
    const resolved = await resolve(new MemorySource(good.root, [...all, ...good.blobs]));
    expect(resolved.indexDigest).toBe(good.root.digest);
    const deep = nested(image.manifest, LIMITS.indexDepth + 1);
    const error = await failureOf(() =>
      resolve(new MemorySource(deep.root, [...all, ...deep.blobs])),
    );
    expect(error.code).toBe('LIMIT_EXCEEDED');
  });

  it('stops an index of indexes that would ask for ever more manifests', async () => {
    const leaf = makeIndex(Array(40).fill([armImage.manifest, {}]));
    const root = makeIndex(Array(40).fill([leaf, {}]));
    const source = new MemorySource(root, [...all, leaf]);
    const error = await failureOf(() => resolve(source));
    expect(error.code).toBe('LIMIT_EXCEEDED');
    expect(source.asked.length).toBeLessThan(2 * LIMITS.indexEntries);
  });
});

describe('what resolveImage verifies', () => {
  const wrong = (digest: string, bytes: Uint8Array) => {
    const source = new MemorySource(makeIndex([[image.manifest, amd64]]), all);
    source.replace(digest, bytes);
    return failureOf(() => resolve(source));
  };

  it('the digest of the reference', async () => {
    const source = () => new MemorySource(image.manifest, all);
    const good = parseReference(`x@${image.manifest.digest}`);
    expect((await resolve(source(), good)).manifestDigest).toBe(image.manifest.digest);
    const bad = parseReference(`x:1@${armImage.manifest.digest}`);
    expect(await failureOf(() => resolve(source(), bad))).toMatchObject({
      code: 'DIGEST_MISMATCH',
      want: armImage.manifest.digest,
      got: image.manifest.digest,
    });
  });

  it('the size of a manifest', async () => {
    const error = await wrong(image.manifest.digest, Buffer.from('{}'));
    expect(error).toMatchObject({ code: 'SIZE_MISMATCH', got: '2 bytes' });
  });

  it('the digest of a manifest', async () => {
    const bytes = Buffer.from(image.manifest.bytes);
    bytes[bytes.length - 2] = 0x20;
    expect((await wrong(image.manifest.digest, bytes)).code).toBe('DIGEST_MISMATCH');
  });

  it('the size of a config, at both sides', async () => {
    const short = await wrong(image.config.digest, image.config.bytes.subarray(1));
    expect(short).toMatchObject({ code: 'SIZE_MISMATCH', got: `${image.config.size - 1} bytes` });
    const long = Buffer.concat([image.config.bytes, Buffer.alloc(1000, 0x20)]);
    expect(await wrong(image.config.digest, long)).toMatchObject({
      code: 'SIZE_MISMATCH',
      got: 'more bytes',
    });
  });

  it('the digest of a config', async () => {
    const bytes = Buffer.from(image.config.bytes);
    bytes[bytes.length - 3] = 0x7a;
    expect((await wrong(image.config.digest, bytes)).code).toBe('DIGEST_MISMATCH');
  });

  it('that an entry is of the kind that its index says', async () => {
    const inner = makeIndex([[image.manifest, amd64]]);
    const lie = makeIndex([[{ ...inner, mediaType: TYPES.manifest }, amd64]]);
    const source = new MemorySource(lie, [...all, { ...inner, mediaType: 'application/json' }]);
    expect(await failureOf(() => resolve(source))).toMatchObject({
      code: 'IMAGE_INVALID',
      want: TYPES.manifest,
      got: 'an image index',
    });
  });

  it('that there are as many diff IDs as layers', async () => {
    const made = makeImage({ config: { rootfs: { type: 'layers', diff_ids: [] } } });
    const error = await failureOf(() => resolve(new MemorySource(made.manifest, made.blobs)));
    expect(error.code).toBe('IMAGE_INVALID');
  });

  it('that a manifest is no larger than the limit', async () => {
    const big = blobOf(Buffer.alloc(LIMITS.manifestBytes + 1, 0x20), TYPES.manifest);
    const error = await failureOf(() => resolve(new MemorySource(big, [])));
    expect(error.code).toBe('LIMIT_EXCEEDED');
  });
});
