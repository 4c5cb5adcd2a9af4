import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createInlineHasher } from '../../src/layer/block-hash.js';
import { type BlockStore, layOutHashTree, writeHashTree } from '../../src/layer/hash-tree.js';
import { naiveBlockHash, naiveRootHash, patternBytes } from '../support/verity.js';

const BLOCK = 4096;

function memoryStore(content: Buffer = Buffer.alloc(0)): BlockStore & { bytes(): Buffer } {
  let bytes = content;
  return {
    bytes: () => bytes,
    async read(at, into) {
      if (at + into.length > bytes.length) throw new Error('it ends early');
      into.set(bytes.subarray(at, at + into.length));
    },
    async write(at, part) {
      if (at + part.length > bytes.length)
        bytes = Buffer.concat([bytes, Buffer.alloc(at + part.length - bytes.length)]);
      bytes.set(part, at);
    },
  };
}

const write = (image: Buffer, tree: BlockStore, checkStop = () => {}) =>
  writeHashTree({
    image: memoryStore(image),
    tree,
    dataBlocks: image.length / BLOCK,
    hasher: createInlineHasher(),
    checkStop,
  });

describe('layOutHashTree', () => {
  it.each([
    [1, [[0, 1]]],
    [128, [[0, 1]]],
    [
      129,
      [
        [0, 1],
        [1, 2],
      ],
    ],
    [
      16384,
      [
        [0, 1],
        [1, 128],
      ],
    ],
    [
      16385,
      [
        [0, 1],
        [1, 2],
        [3, 129],
      ],
    ],
  ])('%i blocks', (blocks, levels) => {
    expect(layOutHashTree(blocks).map(({ start, blocks }) => [start, blocks])).toEqual(levels);
  });

  it.each([0, -1, 1.5])('refuses %d blocks', (blocks) => {
    expect(() => layOutHashTree(blocks)).toThrow('at least one block');
  });
});

describe('writeHashTree', () => {
  it('gives the root hash of the image, whatever its size', async () => {
    const sizes = fc.oneof(fc.integer({ min: 1, max: 700 }), fc.constantFrom(128, 129, 256, 257));
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), async (blocks, seed) => {
        const image = patternBytes(blocks * BLOCK, seed);
        expect(await write(image, memoryStore())).toBe(naiveRootHash(image));
      }),
      { seed: 0xc0de, numRuns: 25 },
    );
  });

  it('puts the levels in the order that the kernel reads: top first, zeros behind each', async () => {
    const image = patternBytes(130 * BLOCK);
    const tree = memoryStore();
    await write(image, tree);
    const bytes = tree.bytes();
    expect(bytes.length).toBe(3 * BLOCK);
    expect(bytes.subarray(BLOCK, BLOCK + 32)).toEqual(naiveBlockHash(image.subarray(0, BLOCK)));
    expect(bytes.subarray(0, 32)).toEqual(naiveBlockHash(bytes.subarray(BLOCK, 2 * BLOCK)));
    expect(bytes.subarray(64, BLOCK)).toEqual(Buffer.alloc(BLOCK - 64));
    expect(bytes.subarray(2 * BLOCK + 64)).toEqual(Buffer.alloc(BLOCK - 64));
  });

  it('passes on what the ports throw, and stops when told', async () => {
    const image = patternBytes(3 * BLOCK);
    const short = { ...memoryStore(image.subarray(0, BLOCK)) };
    const options = { dataBlocks: 3, hasher: createInlineHasher(), tree: memoryStore() };
    await expect(writeHashTree({ ...options, image: short, checkStop: () => {} })).rejects.toThrow(
      'it ends early',
    );
    const stop = () => {
      throw new Error('stopped');
    };
    await expect(write(image, memoryStore(), stop)).rejects.toThrow('stopped');
  });
});
