/** Vectors of up to 43 GiB: streamed into the hash tree, never held in memory. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Notice } from '../../../src/core/notice.js';
import { createInlineHasher } from '../../../src/layer/block-hash.js';
import { createExt4Writer } from '../../../src/layer/ext4/writer.js';
import { createMerkleSink } from '../../../src/layer/merkle.js';
import { readDivergences } from '../../support/divergences.js';
import { GIB, ruleOf } from './convert.js';
import { generateTar, readTar, VECTORS, type Vector } from './vector-index.js';

const TIMEOUT_MS = 180_000;
/** The larger ones are hashed for one disk size only. */
const BOTH_SIZES_MAX = 70_000_000;

async function hashTar(chunks: Iterable<Uint8Array>, maxDiskBytes = 128 * GIB) {
  const sink = createMerkleSink(createInlineHasher());
  const notices: Notice[] = [];
  const writer = createExt4Writer(
    { sink, notices: (notice) => notices.push(notice) },
    { maxDiskBytes },
  );
  for (const chunk of chunks) {
    writer.write(chunk);
    await sink.drained();
  }
  writer.end();
  return { rootHash: await sink.finish(), size: sink.length, notices };
}

function* watched(vector: Vector): Generator<Buffer> {
  const hash = createHash('sha256');
  for (const chunk of generateTar(vector)) {
    hash.update(chunk);
    yield chunk;
  }
  expect(hash.digest('hex')).toBe(vector.tar_sha256);
}

const large = VECTORS.filter(({ size_class }) => size_class === 'large');

describe('large vectors', () => {
  it.each(large.filter(({ error }) => error === undefined))(
    '$name: gives the root hash of the reference',
    async (vector) => {
      const { rootHash, size, notices } = await hashTar(watched(vector));
      expect(size).toBe(vector.ext4_size);
      expect(rootHash).toBe(vector.root_hash);
      expect(notices).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it.each(large.filter(({ error, tar_size }) => error === undefined && tar_size < BOTH_SIZES_MAX))(
    '$name: gives the root hash for a disk of 16 GiB',
    async (vector) => {
      const { rootHash, size } = await hashTar(generateTar(vector), 16 * GIB);
      expect(size).toBe(vector.ext4_size_16gib);
      expect(rootHash).toBe(vector.root_hash_16gib);
    },
    TIMEOUT_MS,
  );

  it.each(large.filter(({ error }) => error !== undefined))(
    '$name: is refused with its class',
    async (vector) => {
      const error = await hashTar(watched(vector)).catch((reason) => reason);
      expect(error.code).toBe('LAYER_INVALID');
      expect(ruleOf(error)).toBe(vector.error);
    },
    TIMEOUT_MS,
  );
});

describe('huge vectors', () => {
  it.each(VECTORS.filter(({ size_class }) => size_class === 'huge'))(
    '$name: gives the root hash of the reference',
    async (vector) => {
      const { rootHash, size, notices } = await hashTar([readTar(vector)]);
      expect(size).toBe(vector.ext4_size);
      expect(rootHash).toBe(vector.root_hash);
      const codes = notices.map(({ code }) => code);
      const isCorrupt = vector.name === 'huge-sparse-43gib';
      expect(codes).toEqual(isCorrupt ? ['ext4-corrupt-extents'] : []);
      if (!isCorrupt) return;
      const row = readDivergences().find(({ id }) => id === 'ext4-corrupt-extents');
      expect(row?.ours).toBe(`root hash and notice ${codes.join(', ')}`);
    },
    TIMEOUT_MS,
  );

  it('does not fit a disk of 16 GiB', async () => {
    const vector = VECTORS.find(({ name }) => name === 'huge-sparse-17gib')!;
    const error = await hashTar([readTar(vector)], 16 * GIB).catch((reason) => reason);
    expect(ruleOf(error)).toBe('disk-limit');
  });
});
