/** Blocks of a remote file in memory: reads are of whole blocks, writes go through at once (azmount: 512 KiB, 32 blocks). */
import type { RemoteFile } from './blob-client.js';

const BLOCK_BYTES = 512 * 1024;
const BLOCKS = 32;

/** The file with a cache in front; of equal reads at once only one is sent. */
export function withBlockCache(
  file: RemoteFile,
  blockBytes: number = BLOCK_BYTES,
  blocks: number = BLOCKS,
): RemoteFile {
  /** In the order of their use, the latest last. */
  const cached = new Map<number, Buffer>();
  const fetching = new Map<number, Promise<Buffer>>();
  /** Writes begun or ended so far: a block that was fetched meanwhile may be the old one. */
  let writes = 0;
  let writing = 0;

  const keep = (index: number, block: Buffer) => {
    cached.delete(index);
    cached.set(index, block);
    const [oldest] = cached.keys();
    if (cached.size > blocks && oldest !== undefined) cached.delete(oldest);
  };
  const fetchBlock = async (index: number) => {
    const before = writes;
    const offset = index * blockBytes;
    const block = await file.read(offset, Math.min(blockBytes, file.size - offset));
    if (writes === before && writing === 0) keep(index, block);
    return block;
  };
  const blockAt = async (index: number): Promise<Buffer> => {
    const found = cached.get(index);
    if (found !== undefined) {
      keep(index, found);
      return found;
    }
    const pending = fetching.get(index);
    if (pending !== undefined && writing === 0) return await pending;
    const fetched = fetchBlock(index);
    fetching.set(index, fetched);
    try {
      return await fetched;
    } finally {
      if (fetching.get(index) === fetched) fetching.delete(index);
    }
  };

  return {
    size: file.size,
    read: async (offset, length) => {
      const first = Math.floor(offset / blockBytes);
      const last = Math.floor((offset + length - 1) / blockBytes);
      const wanted = Array.from({ length: last - first + 1 }, (_, i) => blockAt(first + i));
      const start = offset - first * blockBytes;
      return Buffer.concat(await Promise.all(wanted)).subarray(start, start + length);
    },
    write: async (offset, bytes) => {
      writes += 1;
      writing += 1;
      fetching.clear();
      try {
        await file.write(offset, bytes);
        patch(cached, blockBytes, offset, bytes);
      } catch (error) {
        // Nobody knows what is there now.
        dropTouched(cached, blockBytes, offset, bytes.length);
        throw error;
      } finally {
        writes += 1;
        writing -= 1;
        fetching.clear();
      }
    },
  };
}

function patch(
  cached: Map<number, Buffer>,
  blockBytes: number,
  offset: number,
  bytes: Uint8Array,
): void {
  for (const index of touched(blockBytes, offset, bytes.length)) {
    const block = cached.get(index);
    if (block === undefined) continue;
    const shift = index * blockBytes - offset;
    const copy = Buffer.from(block);
    copy.set(
      bytes.subarray(Math.max(shift, 0), Math.min(shift + block.length, bytes.length)),
      Math.max(-shift, 0),
    );
    cached.set(index, copy);
  }
}

function dropTouched(
  cached: Map<number, Buffer>,
  blockBytes: number,
  offset: number,
  length: number,
): void {
  for (const index of touched(blockBytes, offset, length)) cached.delete(index);
}

function touched(blockBytes: number, offset: number, length: number): readonly number[] {
  const first = Math.floor(offset / blockBytes);
  const last = Math.floor((offset + length - 1) / blockBytes);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
