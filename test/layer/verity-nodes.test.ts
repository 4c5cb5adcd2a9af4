import { describe, expect, it } from 'vitest';
import {
  NODE_LEAVES,
  VerityNodes,
  ZERO_BLOCK_HASH,
  ZERO_NODE_HASH,
} from '../../src/layer/verity-nodes.js';
import { naiveBlockHash, naiveRootHash, patternBytes } from '../support/verity.js';

const BLOCK = 4096;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** The leaf hashes of an image. */
function leavesOf(image: Uint8Array): Buffer {
  const hashes: Buffer[] = [];
  for (let at = 0; at < image.length; at += BLOCK)
    hashes.push(naiveBlockHash(image.subarray(at, at + BLOCK)));
  return Buffer.concat(hashes);
}

describe('constants', () => {
  it('are the hashes of zero blocks', () => {
    expect(hex(ZERO_BLOCK_HASH)).toBe(hex(naiveBlockHash(Buffer.alloc(BLOCK))));
    const node = Buffer.concat(Array.from({ length: NODE_LEAVES }, () => ZERO_BLOCK_HASH));
    expect(hex(ZERO_NODE_HASH)).toBe(hex(naiveBlockHash(node)));
  });

  it('give the third level that the specification names', () => {
    const nodes = new VerityNodes();
    nodes.setZeroLeaves(0, 128 * 128);
    expect(nodes.foldToRoot(128 * 128)).toBe(
      '3235b5f780a614ac5bbf401ef92e63f2df6f5510d9832872eee24e48c397bda4',
    );
  });
});

describe('foldToRoot', () => {
  it.each([1, 2, 127, 128, 129, 255, 256, 257, 16384, 16385])('of %i blocks', (count) => {
    const image = Buffer.alloc(count * BLOCK);
    for (let block = 0; block < count; block++) image.writeUInt32LE(block + 1, block * BLOCK);
    const nodes = new VerityNodes();
    nodes.setLeaves(0, leavesOf(image));
    expect(nodes.foldToRoot(count)).toBe(naiveRootHash(image));
  });

  it('takes leaves in any order', () => {
    const image = patternBytes(300 * BLOCK);
    const leaves = leavesOf(image);
    const nodes = new VerityNodes();
    for (const [from, to] of [
      [200, 300],
      [0, 100],
      [100, 200],
    ] as const)
      nodes.setLeaves(from, leaves.subarray(from * 32, to * 32));
    expect(nodes.foldToRoot(300)).toBe(naiveRootHash(image));
  });

  it.each([
    ['nothing', 0, 0],
    ['a missing leaf', 199, 200],
    ['a missing node', 128, 256],
    ['a leaf too many', 129, 128],
  ])('refuses %s', (_name, set, wanted) => {
    const nodes = new VerityNodes();
    nodes.setZeroLeaves(0, set);
    expect(() => nodes.foldToRoot(wanted)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });
});

describe('replaceLeaf', () => {
  it('replaces the last hash set, also in a full node', () => {
    const nodes = new VerityNodes();
    nodes.setZeroLeaves(0, 5);
    nodes.setReplaceableLeaf(5);
    nodes.setZeroLeaves(6, 200);
    const image = Buffer.alloc(206 * BLOCK);
    image.fill(1, 5 * BLOCK, 6 * BLOCK);
    nodes.replaceLeaf(5, naiveBlockHash(Buffer.alloc(BLOCK, 9)));
    nodes.replaceLeaf(5, naiveBlockHash(image.subarray(5 * BLOCK, 6 * BLOCK)));
    expect(nodes.foldToRoot(206)).toBe(naiveRootHash(image));
  });

  it('refuses a leaf that is not replaceable', () => {
    const nodes = new VerityNodes();
    nodes.setReplaceableLeaf(0);
    nodes.setZeroLeaves(1, 1);
    for (const leaf of [1, 2, 128])
      expect(() => nodes.replaceLeaf(leaf, ZERO_BLOCK_HASH)).toThrow(/cannot be replaced/);
  });
});
