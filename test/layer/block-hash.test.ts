import { describe, expect, it } from 'vitest';
import { createInlineHasher } from '../../src/layer/block-hash.js';
import { BATCH_BLOCKS, BLOCK_BYTES } from '../../src/layer/ports.js';
import { naiveBlockHash, patternBytes } from '../support/verity.js';

describe('createInlineHasher', () => {
  it('hashes the first blocks of a buffer', async () => {
    const hasher = createInlineHasher();
    const buffer = hasher.takeBuffer();
    expect(buffer.length).toBe(BATCH_BLOCKS * BLOCK_BYTES);
    buffer.set(patternBytes(2 * BLOCK_BYTES));
    const hashes = await hasher.hashBlocks(buffer, 2);
    expect(hashes.length).toBe(64);
    expect(Buffer.from(hashes.subarray(32))).toEqual(
      naiveBlockHash(buffer.subarray(BLOCK_BYTES, 2 * BLOCK_BYTES)),
    );
  });
});
