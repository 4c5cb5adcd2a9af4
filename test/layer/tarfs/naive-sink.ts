/** The simplest image sink and the simplest dm-verity tree, to compare the real ones with. */
import { createHash } from 'node:crypto';
import type { ImageSink } from '../../../src/layer/ports.js';

const BLOCK_BYTES = 4096;
const SALT = Buffer.alloc(32);

export interface NaiveSink extends ImageSink {
  image(): Buffer;
}

/** Keeps everything in memory. */
export function createNaiveSink(): NaiveSink {
  let data = Buffer.alloc(64 * 1024);
  let length = 0;
  const reserve = (count: number) => {
    if (length + count <= data.length) return;
    const larger = Buffer.alloc(Math.max(data.length * 2, length + count));
    data.copy(larger, 0, 0, length);
    data = larger;
  };
  const unused = (): never => {
    throw new Error('tarfs does not patch blocks');
  };
  return {
    get length() {
      return length;
    },
    append(bytes) {
      reserve(bytes.length);
      data.set(bytes, length);
      length += bytes.length;
    },
    appendZeros(count) {
      reserve(count);
      data.fill(0, length, length + count);
      length += count;
    },
    appendPatchable: unused,
    patchBlock: unused,
    drained: () => Promise.resolve(),
    image: () => data.subarray(0, length),
  };
}

/** Root hash by the definition: spec layer-hash-tarfs section 7. */
export function naiveRootHash(image: Buffer): string {
  let level = hashBlocks(image);
  do level = hashBlocks(level);
  while (level.length > SALT.length);
  return level.toString('hex');
}

function hashBlocks(bytes: Buffer): Buffer {
  const hashes: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = Buffer.alloc(BLOCK_BYTES);
    bytes.copy(block, 0, at, at + BLOCK_BYTES);
    hashes.push(createHash('sha256').update(SALT).update(block).digest());
  }
  return Buffer.concat(hashes);
}
