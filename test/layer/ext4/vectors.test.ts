/** Every vector that fits in memory, whole and in pieces: image, leaf hashes and root hash. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convert, cut, cutSeeds, factsOf, GIB, refusal, ruleOf } from './convert.js';
import { readTar, VECTORS } from './vector-index.js';

const small = VECTORS.filter(({ size_class }) => size_class === 'small');
const accepted = small.filter(({ error }) => error === undefined);
const refused = small.filter(({ error }) => error !== undefined);
const BYTE_BY_BYTE_MAX = 100_000;

describe('small vectors', () => {
  it('are all there', () => {
    expect(VECTORS.length).toBe(87);
    expect(small.length).toBe(73);
    for (const vector of small) {
      const tar = readTar(vector);
      expect(tar.length).toBe(vector.tar_size);
      expect(createHash('sha256').update(tar).digest('hex')).toBe(vector.tar_sha256);
    }
  });

  it.each(accepted)('$name: gives the image of the reference', (vector) => {
    const facts = factsOf(convert([readTar(vector)]).image);
    expect(facts.leafPrefixes).toBe(vector.leaf_prefixes ?? facts.leafPrefixes);
    expect(facts.size).toBe(vector.ext4_size);
    expect(facts.sha256).toBe(vector.ext4_sha256);
    expect(facts.rootHash).toBe(vector.root_hash);
  });

  it.each(accepted)('$name: gives the image for a disk of 16 GiB', (vector) => {
    const facts = factsOf(convert([readTar(vector)], { maxDiskBytes: 16 * GIB }).image);
    expect(facts.size).toBe(vector.ext4_size_16gib);
    expect(facts.rootHash).toBe(vector.root_hash_16gib);
  });

  it.each(refused)('$name: is refused with its class', (vector) => {
    const error = refusal(readTar(vector));
    expect(error.code).toBe('LAYER_INVALID');
    expect(ruleOf(error)).toBe(vector.error);
  });
});

describe('small vectors in pieces', () => {
  it.each(accepted)('$name: gives the same image', (vector) => {
    const tar = readTar(vector);
    const sha256 = (chunks: Uint8Array[]): string =>
      createHash('sha256').update(convert(chunks).image).digest('hex');
    if (tar.length <= BYTE_BY_BYTE_MAX) {
      const bytes = Array.from(tar, (_, i) => tar.subarray(i, i + 1));
      expect(sha256(bytes)).toBe(vector.ext4_sha256);
    }
    fc.assert(
      fc.property(cutSeeds, ({ mean, seed }) => {
        const pieces = cut(tar, Math.max(mean, tar.length / 20_000), seed);
        expect(sha256(pieces)).toBe(vector.ext4_sha256);
      }),
      { seed: 0xc0de, numRuns: 4 },
    );
  });

  it.each(refused)('$name: is refused in the same words', (vector) => {
    const tar = readTar(vector);
    const { message } = refusal(tar);
    fc.assert(
      fc.property(cutSeeds, ({ mean, seed }) => {
        expect(() => convert(cut(tar, mean, seed))).toThrow(message);
      }),
      { seed: 0xc0de, numRuns: 5 },
    );
  });
});
