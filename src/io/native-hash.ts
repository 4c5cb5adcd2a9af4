/** Block hashing by the native addon, on the thread pool of Node: for a layer hasher in place of worker threads. */
import { BATCH_BLOCKS, BLOCK_BYTES } from '../core/block-hash.mjs';
import { ToolError } from '../core/error.js';
import type { BlockHasher } from '../layer/ports.js';
import type { NativeAddon } from './native.js';

/** A hasher over `addon`; it needs no closing. Its buffers are used again. */
export function createNativeHasher(addon: Pick<NativeAddon, 'hashBlocks'>): BlockHasher {
  const free: Uint8Array[] = [];
  return {
    takeBuffer: () => free.pop() ?? new Uint8Array(BATCH_BLOCKS * BLOCK_BYTES),
    async hashBlocks(buffer, count) {
      try {
        return await addon.hashBlocks(buffer, count);
      } catch (cause) {
        throw new ToolError('INTERNAL', 'a native hashing job failed', { cause });
      } finally {
        free.push(buffer);
      }
    },
  };
}
