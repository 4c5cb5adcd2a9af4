import { describe, expect, it } from 'vitest';
import * as core from '../../src/core/block-hash.mjs';
import { BLOCK_BYTES } from '../../src/layer/ports.js';
import { naiveBlockHash, patternBytes } from '../support/verity.js';

describe('hashBlocks', () => {
  it('hashes each block behind 32 zero bytes', () => {
    const blocks = patternBytes(3 * BLOCK_BYTES);
    const hashes = new Uint8Array(3 * 32);
    core.hashBlocks(blocks, 3, hashes);
    const want = [0, 1, 2].map((index) =>
      naiveBlockHash(blocks.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES)),
    );
    expect(Buffer.from(hashes)).toEqual(Buffer.concat(want));
  });

  it('writes into the middle of a larger array and leaves the rest alone', () => {
    const target = new Uint8Array(96).fill(7);
    core.hashBlocks(new Uint8Array(BLOCK_BYTES), 1, target.subarray(32, 64));
    expect(target.subarray(0, 32).every((byte) => byte === 7)).toBe(true);
    expect(target.subarray(64).every((byte) => byte === 7)).toBe(true);
    expect(Buffer.from(target.subarray(32, 64))).toEqual(naiveBlockHash(Buffer.alloc(BLOCK_BYTES)));
  });
});
