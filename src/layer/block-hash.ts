/** Block hashing on the calling thread: for tests, tiny inputs, and where no threads can be had. */
import { HASH_BYTES, hashBlocks } from '../core/block-hash.mjs';
import { BATCH_BLOCKS, BLOCK_BYTES, type BlockHasher } from './ports.js';

/** A hasher that works at once, on the calling thread. */
export function createInlineHasher(): BlockHasher {
  return {
    takeBuffer: () => new Uint8Array(BATCH_BLOCKS * BLOCK_BYTES),
    hashBlocks: async (buffer, count) => {
      const hashes = new Uint8Array(count * HASH_BYTES);
      hashBlocks(buffer, count, hashes);
      return hashes;
    },
  };
}
