/**
 * The dm-verity tree as an image sink: bytes are gathered into blocks, blocks into batches for the hasher, and the
 * hashes that come back into the tree (verity-nodes). Runs of zeros never become blocks.
 */
import { HASH_BYTES, hashBlocks } from '../core/block-hash.mjs';
import type { RootHash } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { BATCH_BLOCKS, BLOCK_BYTES, type BlockHasher, type ImageSink } from './ports.js';
import { VerityNodes } from './verity-nodes.js';

const BATCH_BYTES = BATCH_BLOCKS * BLOCK_BYTES;
/** `drained` waits until at most so many batches of this sink are under way: enough to keep the hasher busy. */
const CALM_BATCHES = 2;
/** Beyond this the caller hashes its batch itself: a writer that appends much at once must not pile up memory. */
const MOST_BATCHES = 8;

/** An image sink that gives the root hash of what was appended. */
export interface MerkleSink extends ImageSink {
  /** Root hash of the image, whose length must be a positive multiple of 4096 (INTERNAL). Call it once, last. */
  finish(): Promise<RootHash>;
}

/** A sink that hashes blocks with `hasher`. A failure of the hasher is thrown by `drained` and `finish`. */
export function createMerkleSink(hasher: BlockHasher): MerkleSink {
  return new HashingSink(hasher);
}

/** Blocks of a batch from number `block` on are the blocks of the image from number `leaf` on. */
interface Run {
  readonly block: number;
  readonly leaf: number;
}

interface Batch {
  readonly buffer: Uint8Array;
  readonly runs: Run[];
  usedBytes: number;
}

class HashingSink implements MerkleSink {
  readonly #hasher: BlockHasher;
  readonly #nodes = new VerityNodes();
  #lengthBytes = 0;
  #batch: Batch | undefined;
  #underWay = 0;
  #failure: { readonly error: unknown } | undefined;
  #waiting: (() => void)[] = [];

  constructor(hasher: BlockHasher) {
    this.#hasher = hasher;
  }

  get length(): number {
    return this.#lengthBytes;
  }

  append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const batch = this.#openBatch();
      const size = Math.min(bytes.length - done, BATCH_BYTES - batch.usedBytes);
      const whole = done === 0 && size === bytes.length;
      batch.buffer.set(whole ? bytes : bytes.subarray(done, done + size), batch.usedBytes);
      this.#advance(batch, size);
      done += size;
    }
  }

  appendZeros(count: number): void {
    const partial = this.#lengthBytes % BLOCK_BYTES;
    const head = partial === 0 ? 0 : Math.min(count, BLOCK_BYTES - partial);
    this.#fillZeros(head);
    const blocks = Math.floor((count - head) / BLOCK_BYTES);
    if (blocks > 0) {
      this.#nodes.setZeroLeaves(this.#lengthBytes / BLOCK_BYTES, blocks);
      this.#lengthBytes += blocks * BLOCK_BYTES;
    }
    this.#fillZeros(count - head - blocks * BLOCK_BYTES);
  }

  appendPatchable(): number {
    if (this.#lengthBytes % BLOCK_BYTES !== 0)
      throw new ToolError('INTERNAL', 'a replaceable block is not aligned');
    const leaf = this.#lengthBytes / BLOCK_BYTES;
    this.#nodes.setReplaceableLeaf(leaf);
    this.#lengthBytes += BLOCK_BYTES;
    return leaf;
  }

  patchBlock(index: number, block: Uint8Array): void {
    const hash = new Uint8Array(HASH_BYTES);
    hashBlocks(block, 1, hash);
    this.#nodes.replaceLeaf(index, hash);
  }

  async drained(): Promise<void> {
    await this.#calm(CALM_BATCHES);
  }

  async finish(): Promise<RootHash> {
    if (this.#lengthBytes % BLOCK_BYTES !== 0)
      throw new ToolError('INTERNAL', 'the image does not end at a block boundary');
    if (this.#batch !== undefined) this.#dispatch(this.#batch);
    await this.#calm(0);
    return this.#nodes.foldToRoot(this.#lengthBytes / BLOCK_BYTES);
  }

  /** The batch to write to, with a run that begins where the image now ends. */
  #openBatch(): Batch {
    this.#batch ??= { buffer: this.#hasher.takeBuffer(), runs: [], usedBytes: 0 };
    const batch = this.#batch;
    if (batch.usedBytes % BLOCK_BYTES !== 0) return batch;
    const block = batch.usedBytes / BLOCK_BYTES;
    const leaf = this.#lengthBytes / BLOCK_BYTES;
    const last = batch.runs.at(-1);
    if (last === undefined || last.leaf - last.block !== leaf - block)
      batch.runs.push({ block, leaf });
    return batch;
  }

  #advance(batch: Batch, size: number): void {
    batch.usedBytes += size;
    this.#lengthBytes += size;
    if (batch.usedBytes === BATCH_BYTES) this.#dispatch(batch);
  }

  /** At most a block of zeros as ordinary bytes, never beyond the end of a block. */
  #fillZeros(count: number): void {
    if (count === 0) return;
    const batch = this.#openBatch();
    batch.buffer.fill(0, batch.usedBytes, batch.usedBytes + count);
    this.#advance(batch, count);
  }

  #dispatch(batch: Batch): void {
    this.#batch = undefined;
    const count = batch.usedBytes / BLOCK_BYTES;
    if (this.#underWay >= MOST_BATCHES) {
      const hashes = new Uint8Array(count * HASH_BYTES);
      hashBlocks(batch.buffer, count, hashes);
      this.#place(batch.runs, hashes);
      this.#batch = { buffer: batch.buffer, runs: [], usedBytes: 0 };
      return;
    }
    this.#underWay += 1;
    this.#hasher
      .hashBlocks(batch.buffer, count)
      .then((hashes) => this.#place(batch.runs, hashes))
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#underWay -= 1;
        for (const wake of this.#waiting.splice(0)) wake();
      });
  }

  #place(runs: readonly Run[], hashes: Uint8Array): void {
    for (const [index, run] of runs.entries()) {
      const end = runs[index + 1]?.block ?? hashes.length / HASH_BYTES;
      this.#nodes.setLeaves(run.leaf, hashes.subarray(run.block * HASH_BYTES, end * HASH_BYTES));
    }
  }

  /** Resolves when at most `most` batches are under way; rejects if hashing failed. */
  async #calm(most: number): Promise<void> {
    while (this.#underWay > most && this.#failure === undefined)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
