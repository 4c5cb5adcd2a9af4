// @ts-check
// A thread that hashes blocks. Each message hands over memory: a batch of blocks, then room for their hashes. It is
// handed back in the answer.
import { parentPort } from 'node:worker_threads';
import { BATCH_BLOCKS, BLOCK_BYTES, HASH_BYTES, hashBlocks } from '../core/block-hash.mjs';

/** @param {{ memory: ArrayBuffer, count: number }} job */
function work({ memory, count }) {
  const blocks = new Uint8Array(memory, 0, count * BLOCK_BYTES);
  hashBlocks(blocks, count, new Uint8Array(memory, BATCH_BLOCKS * BLOCK_BYTES, count * HASH_BYTES));
  parentPort?.postMessage(memory, [memory]);
}

parentPort?.on('message', work);
