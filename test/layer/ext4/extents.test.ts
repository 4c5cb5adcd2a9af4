import { describe, expect, it } from 'vitest';
import {
  countLeafBlocks,
  hasCorruptExtents,
  printLeafBlock,
  writeExtentRoot,
} from '../../../src/layer/ext4/extents.js';

const MIB_BLOCKS = 256;
const EXTENT = 32768;

function root(start: number, blocks: number): number[] {
  const bytes = Buffer.alloc(64);
  writeExtentRoot(new DataView(bytes.buffer, bytes.byteOffset), 4, start, blocks);
  expect(bytes.readUInt32LE(0)).toBe(0);
  return Array.from({ length: 15 }, (_, i) => bytes.readUInt32LE(4 + 4 * i));
}

const headerWord = (count: number): number => 0xf30a + count * 0x10000;

describe('extents', () => {
  it.each([
    [1, 0],
    [4 * EXTENT, 0],
    [4 * EXTENT + 1, 1],
    [339 * EXTENT, 1],
    [339 * EXTENT + 1, 2],
    [679 * EXTENT, 2],
    [679 * EXTENT + 1, 3],
    [128 * 1024 * MIB_BLOCKS, 4],
  ])('of %d blocks need %d leaf blocks', (blocks, leaves) => {
    expect(countLeafBlocks(blocks)).toBe(leaves);
    expect(hasCorruptExtents(blocks)).toBe(leaves > 1);
  });

  it('up to four lie in the inode', () => {
    expect(root(9, 1)).toEqual([headerWord(1), 4, 0, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(root(100, 3 * EXTENT + 5)).toEqual([
      headerWord(4),
      4,
      0,
      ...[0, EXTENT, 100],
      ...[EXTENT, EXTENT, 100 + EXTENT],
      ...[2 * EXTENT, EXTENT, 100 + 2 * EXTENT],
      ...[3 * EXTENT, 5, 100 + 3 * EXTENT],
    ]);
  });

  it('above that the inode names the leaf blocks behind the content', () => {
    const blocks = 5 * EXTENT;
    expect(root(100, blocks).slice(0, 6)).toEqual([
      headerWord(1),
      0x1_0000 + 4,
      0,
      0,
      100 + blocks,
      0,
    ]);
    const leaf = Buffer.from(printLeafBlock(0, 100, blocks));
    expect(leaf.length).toBe(4096);
    expect(leaf.readUInt32LE(0)).toBe(headerWord(5));
    expect(leaf.readUInt32LE(4)).toBe(340);
    const last = 12 + 4 * 12;
    expect([leaf.readUInt32LE(last), leaf.readUInt16LE(last + 4)]).toEqual([4 * EXTENT, EXTENT]);
    expect(leaf.readUInt32LE(last + 8)).toBe(100 + 4 * EXTENT);
    expect(leaf.subarray(12 + 5 * 12).every((byte) => byte === 0)).toBe(true);
  });

  it('of a second leaf block are as wrong as in the reference', () => {
    const blocks = 340 * EXTENT + 1;
    const leaf = Buffer.from(printLeafBlock(1, 100, blocks));
    expect(leaf.readUInt32LE(0)).toBe(headerWord(339));
    const offset = 340 * EXTENT;
    expect([leaf.readUInt32LE(12), leaf.readUInt16LE(16)]).toEqual([offset, 1]);
    expect(leaf.readUInt32LE(20)).toBe(100 + 2 * offset);
    expect([leaf.readUInt32LE(24), leaf.readUInt16LE(28)]).toEqual([offset + EXTENT, EXTENT]);
  });
});
