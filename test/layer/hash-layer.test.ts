import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type DiffId, sha256Digest } from '../../src/core/digest.js';
import type { ToolError } from '../../src/core/error.js';
import type { Notice } from '../../src/core/notice.js';
import { createInlineHasher } from '../../src/layer/block-hash.js';
import { type HashLayerOptions, hashLayer } from '../../src/layer/hash-layer.js';
import { tarHeader, tarOf } from '../support/plain-tar.js';
import { chunked, nextTurn, streamOf, watched } from '../support/streams.js';
import { vectorsDir } from '../support/vectors.js';
import { patternBytes } from '../support/verity.js';
import { ZSTD_LEVEL_1, zstdSampleContent } from '../support/zstd-samples.js';

const tar = tarOf([
  { name: 'etc/' },
  { name: 'etc/passwd', content: Buffer.from('root:x:0:0::/root:/bin/sh\n') },
  { name: 'bin/' },
  { name: 'bin/tool', content: patternBytes(300_000), mode: 0o755 },
]);
const blob = gzipSync(tar);
const diffIdOf = (bytes: Uint8Array) => sha256Digest(bytes) as string as DiffId;
const expected = { digest: sha256Digest(blob), size: blob.length, diffId: diffIdOf(tar) };

function hash(
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
  changes: Partial<HashLayerOptions> = {},
) {
  const stream = bytes instanceof Uint8Array ? chunked(bytes, 10_000) : bytes;
  return hashLayer(stream, {
    formats: ['ext4', 'tarfs'],
    userFiles: true,
    hasher: createInlineHasher(),
    notices: () => {},
    what: 'layer 2 of app:1',
    ...changes,
  });
}

const failure = (promise: Promise<unknown>): Promise<ToolError> =>
  promise.then(
    () => expect.unreachable('it was hashed'),
    (error) => error,
  );

describe('hashLayer', () => {
  it('gives the names, sizes and facts of a layer', async () => {
    const layer = await hash(blob, { expect: expected });
    expect(layer).toMatchObject({
      encoding: 'gzip',
      digest: expected.digest,
      diffId: expected.diffId,
      compressedSize: blob.length,
      uncompressedSize: tar.length,
      userFiles: [{ file: 'passwd', kind: 'text', text: 'root:x:0:0::/root:/bin/sh\n' }],
    });
    expect(Object.keys(layer.rootHashes)).toEqual(['ext4', 'tarfs']);
  });

  it('gives the same root hashes for any encoding and any chunks', async () => {
    const { rootHashes } = await hash(blob);
    for (const [bytes, size] of [
      [tar, 1 << 20],
      [tar, 333],
      [blob, 7],
      [blob, 1 << 20],
    ] as const)
      expect((await hash(chunked(bytes, size))).rootHashes).toEqual(rootHashes);
    expect(await hash(tar)).toMatchObject({
      encoding: 'none',
      digest: sha256Digest(tar),
      diffId: expected.diffId,
      compressedSize: tar.length,
    });
  });

  it('reads zstd layers', async () => {
    const error = await failure(hash(ZSTD_LEVEL_1));
    expect(error.code).toBe('LAYER_INVALID');
    const { encoding, diffId } = await hash(ZSTD_LEVEL_1, { formats: [], userFiles: false });
    expect([encoding, diffId]).toEqual(['zstd', diffIdOf(zstdSampleContent())]);
  });

  it('does only what is asked for', async () => {
    const layer = await hash(blob, { formats: ['tarfs'], userFiles: false });
    expect(Object.keys(layer.rootHashes)).toEqual(['tarfs']);
    expect(layer.userFiles).toEqual([]);
  });

  it('counts bytes behind the end of the archive into the diff id', async () => {
    const longer = Buffer.concat([tar, Buffer.alloc(9000), Buffer.from('tail')]);
    const [plain, padded] = [await hash(tar), await hash(gzipSync(longer))];
    expect(padded.diffId).toBe(diffIdOf(longer));
    expect(padded.rootHashes.ext4).toBe(plain.rootHashes.ext4);
    expect(padded.rootHashes.tarfs).not.toBe(plain.rootHashes.tarfs);
  });

  it('reports progress in compressed bytes', async () => {
    const seen: number[] = [];
    await hash(blob, { onProgress: (bytes) => seen.push(bytes) });
    expect(seen.at(-1)).toBe(blob.length);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });
});

describe('several gzip members', () => {
  const cut = 2048;
  const members = Buffer.concat([gzipSync(tar.subarray(0, cut)), gzipSync(tar.subarray(cut))]);

  it('reach ext4 all, tarfs the first alone, with a warning', async () => {
    const notices: Notice[] = [];
    const layer = await hash(members, { notices: (notice) => notices.push(notice) });
    expect(layer.diffId).toBe(expected.diffId);
    expect(layer.rootHashes.ext4).toBe((await hash(tar)).rootHashes.ext4);
    const first = await hash(tar.subarray(0, cut), { formats: ['tarfs'] });
    expect(layer.rootHashes.tarfs).toBe(first.rootHashes.tarfs);
    const told = notices.find(({ code }) => code === 'tarfs-first-member-only');
    expect(told?.where).toBeUndefined();
    expect(told?.message).toContain(first.diffId);
    expect(told?.message).toContain(expected.diffId);
  });

  it('need no warning where the guest reads all, or the others are empty', async () => {
    const codes: string[] = [];
    const notices = ({ code }: Notice) => codes.push(code);
    await hash(members, { notices, formats: ['ext4'] });
    await hash(Buffer.concat([blob, gzipSync(Buffer.alloc(0))]), { notices });
    expect(codes).not.toContain('tarfs-first-member-only');
  });
});

describe('expectations', () => {
  it('a wrong digest', async () => {
    const digest = sha256Digest('other');
    const error = await failure(hash(blob, { expect: { ...expected, digest } }));
    expect(error).toMatchObject({
      code: 'DIGEST_MISMATCH',
      exit: 5,
      message: 'layer 2 of app:1 does not match its digest',
      want: digest,
      got: `${expected.digest} (${blob.length} bytes)`,
    });
  });

  it('a wrong diff id', async () => {
    const diffId = diffIdOf(Buffer.from('other'));
    const error = await failure(hash(blob, { expect: { ...expected, diffId } }));
    expect(error).toMatchObject({ code: 'DIGEST_MISMATCH', want: diffId, got: expected.diffId });
    const plain = await failure(hash(tar, { expect: { diffId } }));
    expect(plain).toMatchObject({ code: 'DIGEST_MISMATCH', want: diffId, got: expected.diffId });
  });

  it('a blob that is too long fails as soon as that is known', async () => {
    const { stream, state } = watched(chunked(Buffer.concat([blob, patternBytes(1 << 20)]), 1000));
    const error = await failure(hash(stream, { expect: expected }));
    expect(error).toMatchObject({ code: 'SIZE_MISMATCH', exit: 5 });
    expect(state.chunkCount).toBe(Math.floor(blob.length / 1000) + 1);
    expect(state.isReleased).toBe(true);
  });

  it.each([
    ['gzip', blob],
    ['plain', tar],
  ])('a %s blob that ends early is a wrong size, not a damaged layer', async (_name, bytes) => {
    const cut = bytes.subarray(0, bytes.length - 2000);
    const expect_ = { digest: sha256Digest(bytes), size: bytes.length };
    const error = await failure(hash(cut, { expect: expect_ }));
    expect(error).toMatchObject({
      code: 'SIZE_MISMATCH',
      want: `${bytes.length} bytes`,
      got: `${cut.length} bytes`,
    });
    const alone = await failure(hash(bytes.subarray(0, 1500)));
    expect(alone.code).toMatch(/^LAYER_(CORRUPT|INVALID)$/);
  });

  it('damage on the way is a wrong digest, whatever it does to the content', async () => {
    for (const bytes of [blob, tar]) {
      for (const at of [0, 3, 100, 600, 150, 1024 + 130, bytes.length - 6]) {
        const damaged = Buffer.from(bytes);
        damaged[at] = damaged[at]! ^ 0x41;
        const want = { digest: sha256Digest(bytes), size: bytes.length };
        const { stream } = watched(chunked(damaged, 512));
        const error = await failure(hash(stream, { expect: want }));
        expect(error, `byte ${at}`).toMatchObject({ code: 'DIGEST_MISMATCH', exit: 5 });
      }
    }
  });

  it('a bad layer that is the expected one is a bad layer, and named', async () => {
    const bad = Buffer.from(blob);
    bad[bad.length - 6] = bad[bad.length - 6]! ^ 1;
    const want = { digest: sha256Digest(bad), size: bad.length };
    expect(await failure(hash(bad, { expect: want }))).toMatchObject({
      code: 'LAYER_CORRUPT',
      message: 'layer 2 of app:1: gzip data does not match its CRC-32',
      where: expect.stringContaining('of the compressed data'),
    });
    const noTar = gzipSync(patternBytes(5000));
    const error = await failure(hash(noTar, { expect: { digest: sha256Digest(noTar) } }));
    expect(error.code).toBe('LAYER_INVALID');
    expect(error.message).toMatch(/^layer 2 of app:1: /);
  });

  it('a source that fails is reported as it is', async () => {
    const failing = async function* () {
      yield blob.subarray(0, 1000);
      throw new Error('line cut');
    };
    expect((await failure(hash(failing(), { expect: expected }))).message).toBe('line cut');
  });
});

describe('limits', () => {
  const zeros = gzipSync(tarOf([{ name: 'zeros', content: Buffer.alloc(4 << 20) }]));
  const limits = { layerFreeBytes: 1 << 20, layerRatio: 200, layerBytes: 1 << 30 };

  it('a layer that expands beyond the ratio', async () => {
    const { stream, state } = watched(chunked(zeros, 100));
    const error = await failure(hash(stream, { limits, expect: { size: zeros.length } }));
    expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED', exit: 3 });
    expect(error.want).toBe(`at most ${1 << 20} bytes for ${zeros.length} compressed bytes`);
    expect(state.isReleased).toBe(true);
    expect((await failure(hash(zeros, { limits }))).code).toBe('LIMIT_EXCEEDED');
  });

  it('holds to the byte', async () => {
    const size = gunzipSync(zeros).length;
    const fits = { ...limits, layerFreeBytes: size };
    expect((await hash(zeros, { limits: fits })).uncompressedSize).toBe(size);
    const short = { ...limits, layerFreeBytes: size - 1 };
    expect((await failure(hash(zeros, { limits: short }))).code).toBe('LIMIT_EXCEEDED');
    const ratio = Math.ceil(size / zeros.length);
    const expect_ = { size: zeros.length };
    const wide = { ...limits, layerRatio: ratio };
    expect((await hash(zeros, { limits: wide, expect: expect_ })).uncompressedSize).toBe(size);
    const narrow = { ...limits, layerRatio: ratio - 1 };
    expect((await failure(hash(zeros, { limits: narrow, expect: expect_ }))).code).toBe(
      'LIMIT_EXCEEDED',
    );
  });

  it('a layer beyond the size of any layer', async () => {
    const size = gunzipSync(blob).length;
    const all = { layerFreeBytes: size, layerRatio: 200, layerBytes: size };
    expect((await hash(blob, { limits: all })).uncompressedSize).toBe(size);
    expect((await failure(hash(blob, { limits: { ...all, layerBytes: size - 1 } }))).code).toBe(
      'LIMIT_EXCEEDED',
    );
  });

  it('a blob without an expected size that never ends', async () => {
    const endless = async function* () {
      for (;;) yield tarHeader('empty', 0);
    };
    const error = await failure(hash(endless(), { limits: { ...limits, layerBytes: 1 << 20 } }));
    expect(error).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringMatching(/^layer 2 of app:1(:| is) /),
    });
    expect(error.message.match(/layer 2/g)).toHaveLength(1);
  });
});

describe('abort', () => {
  it('before the start opens nothing', async () => {
    const { stream, state } = watched(chunked(blob, 100));
    const error = await failure(hash(stream, { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ code: 'INTERRUPTED', exit: 130 });
    expect(state.chunkCount).toBe(0);
  });

  it('in the middle stops reading', async () => {
    const controller = new AbortController();
    const { stream, state } = watched(chunked(blob, 1000));
    const onProgress = (bytes: number) => {
      if (bytes >= 20_000) controller.abort();
    };
    const error = await failure(hash(stream, { signal: controller.signal, onProgress }));
    expect(error.code).toBe('INTERRUPTED');
    await nextTurn();
    expect(state.isReleased).toBe(true);
    expect(state.chunkCount).toBeLessThan(30);
  });

  it('does not wait for a source that stalls', async () => {
    const controller = new AbortController();
    const stalled: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
    };
    const work = failure(hash(stalled, { signal: controller.signal }));
    await nextTurn();
    controller.abort();
    expect((await work).code).toBe('INTERRUPTED');
  });

  it('leaves a finished layer alone', async () => {
    const controller = new AbortController();
    const layer = await hash(blob, { signal: controller.signal });
    controller.abort();
    expect(layer.diffId).toBe(expected.diffId);
  });
});

describe('failures of the hasher', () => {
  it('reach the caller', async () => {
    const hasher = {
      takeBuffer: createInlineHasher().takeBuffer,
      hashBlocks: () => Promise.reject(new Error('no threads')),
    };
    const error = await failure(hash(streamOf(tar, patternBytes(100)), { hasher }));
    expect(error.message).toBe('no threads');
  });
});

const tarfs = vectorsDir('tarfs');
describe.runIf(tarfs !== undefined)('tarfs vectors', () => {
  interface Vector {
    readonly name: string;
    readonly file?: string;
    readonly root_hash?: string;
    readonly tar_sha256: string;
    readonly sha256_of_all_members_decompressed?: string;
  }
  const text = tarfs && readFileSync(join(tarfs, 'vectors.json'), 'utf8');
  const vectors: Vector[] = text ? JSON.parse(text).vectors : [];

  it.each(
    vectors.filter(({ file, root_hash }) => file && root_hash).map((v) => [v.name, v] as const),
  )('%s', async (_name, vector) => {
    const bytes = readFileSync(join(tarfs!, vector.file!));
    const layer = await hash(chunked(bytes, 65_536), { formats: ['tarfs'], userFiles: false });
    const diff = vector.sha256_of_all_members_decompressed ?? vector.tar_sha256;
    expect(layer.diffId).toBe(`sha256:${diff}`);
    expect(layer.digest).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
    expect(layer.rootHashes.tarfs).toBe(vector.root_hash);
  });
});

const ext4 = vectorsDir('ext4');
describe.runIf(ext4 !== undefined)('ext4 vectors', () => {
  interface Vector {
    readonly name: string;
    readonly file?: string;
    readonly root_hash?: string;
    readonly tar_sha256: string;
    readonly error?: string;
  }
  const text = ext4 && readFileSync(join(ext4, 'vectors.json'), 'utf8');
  const vectors: Vector[] = text ? JSON.parse(text).vectors : [];

  it.each(vectors.filter(({ file }) => file).map((v) => [v.name, v] as const))(
    '%s',
    async (_name, vector) => {
      const bytes = readFileSync(join(ext4!, vector.file!));
      const work = hash(chunked(bytes, 65_536), { formats: ['ext4'], userFiles: false });
      if (vector.error !== undefined)
        expect((await failure(work)).code).toMatch(/^(LAYER_INVALID|LIMIT_EXCEEDED)$/);
      else {
        const layer = await work;
        expect(layer.diffId).toBe(`sha256:${vector.tar_sha256}`);
        expect(layer.rootHashes.ext4).toBe(vector.root_hash);
      }
    },
  );
});
