import { afterEach, describe, expect, it } from 'vitest';
import { type HashPool, openHashPool } from '../../src/io/hash-pool.js';
import { createMerkleSink } from '../../src/layer/merkle.js';
import { BATCH_BLOCKS, BLOCK_BYTES } from '../../src/layer/ports.js';
import { naiveBlockHash, naiveRootHash, patternBytes } from '../support/verity.js';

const BATCH_BYTES = BATCH_BLOCKS * BLOCK_BYTES;

let pool: HashPool;
afterEach(() => pool.close());

/** Hands over `count` blocks of a pattern and gives the wanted hash of the last of them. */
function submit(count: number, seed: number) {
  const buffer = pool.takeBuffer();
  buffer.set(patternBytes(count * BLOCK_BYTES, seed));
  const last = naiveBlockHash(buffer.slice((count - 1) * BLOCK_BYTES, count * BLOCK_BYTES));
  return { hashes: pool.hashBlocks(buffer, count), last: last.toString('hex') };
}

describe('openHashPool', () => {
  it.each([1, 2, 3])('gives every batch its own hashes, with %i threads', async (threads) => {
    pool = openHashPool(threads);
    const jobs = Array.from({ length: 40 }, (_, index) => submit(BATCH_BLOCKS - index, index + 1));
    for (const [index, { hashes, last }] of jobs.entries()) {
      const got = Buffer.from(await hashes);
      expect(got.length).toBe((BATCH_BLOCKS - index) * 32);
      expect(got.subarray(-32).toString('hex')).toBe(last);
    }
  });

  it('gives the root hash that one thread gives', async () => {
    pool = openHashPool(2);
    const image = patternBytes(20 * BATCH_BYTES + 5 * BLOCK_BYTES);
    const sinks = [createMerkleSink(pool), createMerkleSink(pool)];
    for (let at = 0; at < image.length; at += 300_000)
      for (const sink of sinks) {
        sink.append(image.subarray(at, at + 300_000));
        await sink.drained();
      }
    const want = naiveRootHash(image);
    for (const sink of sinks) expect(await sink.finish()).toBe(want);
  });

  it('uses its memory again', async () => {
    pool = openHashPool(1);
    const marked = pool.takeBuffer().fill(7);
    await pool.hashBlocks(marked, 1);
    for (let round = 0; round < 10; round++) {
      const buffer = pool.takeBuffer();
      expect(buffer.length).toBe(BATCH_BYTES);
      expect(buffer.at(-1)).toBe(7);
      await pool.hashBlocks(buffer, BATCH_BLOCKS - 1);
    }
  });

  it('rejects what is under way, and what comes, when it is closed', async () => {
    pool = openHashPool(1);
    const jobs = Array.from({ length: 12 }, (_, index) => submit(BATCH_BLOCKS, index + 1));
    const results = Promise.allSettled(jobs.map(({ hashes }) => hashes));
    await pool.close();
    const states = (await results).map(({ status }) => status);
    expect(states.at(-1)).toBe('rejected');
    await expect(pool.hashBlocks(pool.takeBuffer(), 1)).rejects.toMatchObject({
      code: 'INTERNAL',
      message: 'the hash pool is closed',
    });
    await pool.close();
  });

  it('rejects everything once a thread fails', async () => {
    pool = openHashPool(1);
    await Promise.all(Array.from({ length: 4 }, (_, seed) => submit(BATCH_BLOCKS, seed).hashes));
    const foreign = new Uint8Array(10);
    const failed = { code: 'INTERNAL', message: 'a hashing thread failed' };
    const behind = [pool.hashBlocks(foreign, 1), submit(1, 1).hashes, submit(1, 2).hashes];
    for (const job of await Promise.allSettled(behind))
      expect(job).toMatchObject({ status: 'rejected', reason: failed });
    await expect(submit(1, 3).hashes).rejects.toMatchObject(failed);
  });

  it('keeps the program alive only while there is work', async () => {
    const ports = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort');
    const before = ports().length;
    pool = openHashPool(1);
    const jobs = Array.from({ length: 8 }, (_, index) => submit(BATCH_BLOCKS, index + 1));
    expect(ports().length).toBe(before + 1);
    await Promise.all(jobs.map(({ hashes }) => hashes));
    expect(ports().length).toBe(before);
  });
});
