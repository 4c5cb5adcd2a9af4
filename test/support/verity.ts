/** The dm-verity tree as the specification words it, over an image in memory: slow, and obviously right. */
import { createHash } from 'node:crypto';

const BLOCK = 4096;

export function naiveBlockHash(block: Uint8Array): Buffer {
  return createHash('sha256').update(new Uint8Array(32)).update(block).digest();
}

export function naiveRootHash(image: Uint8Array): string {
  let level = image;
  do {
    const hashes: Buffer[] = [];
    for (let at = 0; at < level.length; at += BLOCK)
      hashes.push(naiveBlockHash(level.subarray(at, at + BLOCK)));
    const joined = Buffer.concat(hashes);
    const padded = Buffer.alloc(Math.ceil(joined.length / BLOCK) * BLOCK);
    joined.copy(padded);
    level = padded;
  } while (level.length > BLOCK);
  return naiveBlockHash(level).toString('hex');
}

/** `length` bytes that differ from block to block. */
export function patternBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0 || 1;
  for (let at = 0; at + 4 <= length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes.writeInt32LE(state | 0, at);
  }
  return bytes;
}
