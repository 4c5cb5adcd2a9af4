/**
 * A stored image -> its whole dm-verity hash tree as the kernel reads it: top block first, the hashes of the data last,
 * no superblock (spec layer-hash-ext4 section 8, layer-hash-tarfs section 7). The levels go through a store, so that
 * memory does not grow with the image; the image is read once more, which proves what was stored.
 */
import { HASH_BYTES } from '../core/block-hash.mjs';
import type { RootHash } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { BATCH_BLOCKS, BLOCK_BYTES, type BlockHasher } from './ports.js';

/** Hashes in one block of the tree. */
const FAN_OUT = BLOCK_BYTES / HASH_BYTES;
/** Batches under way at once: enough for the hasher's threads. */
const WIDTH = 4;

/** Port: bytes at a place in the image. `into` is filled from byte `at` on; a short read is thrown. */
export interface BlockReader {
  read(at: number, into: Uint8Array): Promise<void>;
}

/** Port: the file of the tree. */
export interface BlockStore extends BlockReader {
  write(at: number, bytes: Uint8Array): Promise<void>;
}

/** One level of a tree within its file; all numbers count blocks of 4096 bytes. */
export interface TreeLevel {
  readonly start: number;
  readonly blocks: number;
}

export interface HashTreeOptions {
  readonly image: BlockReader;
  readonly tree: BlockStore;
  /** Blocks of the image, at least one. */
  readonly dataBlocks: number;
  readonly hasher: BlockHasher;
  /** Throws when the work is to stop; called between batches. */
  readonly checkStop: () => void;
}

/** The levels of the tree over so many blocks, top first, which is also their order in the file. */
export function layOutHashTree(dataBlocks: number): readonly TreeLevel[] {
  if (!Number.isSafeInteger(dataBlocks) || dataBlocks < 1)
    throw new ToolError('INTERNAL', 'a hash tree needs at least one block of data');
  const sizes: number[] = [];
  let size = dataBlocks;
  do {
    size = Math.ceil(size / FAN_OUT);
    sizes.unshift(size);
  } while (size > 1);
  let start = 0;
  return sizes.map((blocks) => {
    const level = { start, blocks };
    start += blocks;
    return level;
  });
}

/** Writes the tree and gives the root hash of what the image holds. Throws what the ports throw. */
export async function writeHashTree(options: HashTreeOptions): Promise<RootHash> {
  const { image, tree, hasher } = options;
  let below = { from: image, start: 0, blocks: options.dataBlocks };
  for (const level of [...layOutHashTree(options.dataBlocks)].reverse()) {
    await hashLevel(below, level, options);
    below = { from: tree, ...level };
  }
  const top = hasher.takeBuffer();
  await tree.read(0, top.subarray(0, BLOCK_BYTES));
  return Buffer.from(await hasher.hashBlocks(top, 1)).toString('hex') as RootHash;
}

/** Hashes the blocks of one level into the next; batches are whole blocks of the target. */
async function hashLevel(
  below: { readonly from: BlockReader } & TreeLevel,
  level: TreeLevel,
  { tree, hasher, checkStop }: HashTreeOptions,
): Promise<void> {
  const batch = async (first: number) => {
    checkStop();
    const count = Math.min(BATCH_BLOCKS, below.blocks - first);
    const buffer = hasher.takeBuffer();
    const at = (below.start + first) * BLOCK_BYTES;
    await below.from.read(at, buffer.subarray(0, count * BLOCK_BYTES));
    const hashes = await hasher.hashBlocks(buffer, count);
    const padded = new Uint8Array(Math.ceil(hashes.length / BLOCK_BYTES) * BLOCK_BYTES);
    padded.set(hashes);
    await tree.write(level.start * BLOCK_BYTES + first * HASH_BYTES, padded);
  };
  const group = BATCH_BLOCKS * WIDTH;
  for (let first = 0; first < below.blocks; first += group) {
    const work: Promise<void>[] = [];
    for (let at = first; at < Math.min(first + group, below.blocks); at += BATCH_BLOCKS)
      work.push(batch(at));
    // All of them end before an error goes up: nobody writes to a file that is being removed.
    for (const result of await Promise.allSettled(work))
      if (result.status === 'rejected') throw result.reason;
  }
}
