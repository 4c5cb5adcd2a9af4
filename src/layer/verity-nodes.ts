/**
 * The hash tree of dm-verity above the block hashes (spec layer-hash-ext4 section 8, layer-hash-tarfs section 7):
 * 128 hashes to a node, the last node of a level padded with zeros, at least one level. Nodes are folded as soon as
 * they are full, so that an image costs 32 bytes per 512 KiB; only nodes with replaceable leaves stay whole.
 */
import { HASH_BYTES, hashBlocks } from '../core/block-hash.mjs';
import type { RootHash } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { BLOCK_BYTES } from './ports.js';

/** Hash of a block of zeros, and of a node of 128 such hashes (spec layer-hash-ext4 section 8). */
export const ZERO_BLOCK_HASH: Uint8Array = Buffer.from(
  '2e534ef0107d592d1706ac38ad58596b85ef3375d360a6d669f974792df5cb5a',
  'hex',
);
export const ZERO_NODE_HASH: Uint8Array = Buffer.from(
  'f66c183e247d6f5fff0f2e9250cd1a05a4bb083fbdad91767d9e396540ff8c13',
  'hex',
);

/** Hashes in one node. */
export const NODE_LEAVES: number = BLOCK_BYTES / HASH_BYTES;

const FIRST_CAPACITY_BYTES = 64 * 1024;

interface OpenNode {
  readonly hashes: Uint8Array;
  filled: number;
  replaceable: Set<number> | undefined;
}

/** Collects the leaf hashes of one image in any order, each once, and folds them to the root. */
export class VerityNodes {
  #folded = new Uint8Array(FIRST_CAPACITY_BYTES);
  #foldedCount = 0;
  readonly #open = new Map<number, OpenNode>();

  /** Sets the leaves from `first` on to the given hashes, 32 bytes each. */
  setLeaves(first: number, hashes: Uint8Array): void {
    const count = hashes.length / HASH_BYTES;
    for (let done = 0; done < count; ) {
      const leaf = first + done;
      const run = Math.min(count - done, NODE_LEAVES - (leaf % NODE_LEAVES));
      const part = hashes.subarray(done * HASH_BYTES, (done + run) * HASH_BYTES);
      this.#nodeOf(leaf).hashes.set(part, (leaf % NODE_LEAVES) * HASH_BYTES);
      this.#count(leaf, run);
      done += run;
    }
  }

  /** Sets `count` leaves from `first` on to the hash of a zero block; whole nodes cost one copy of 32 bytes. */
  setZeroLeaves(first: number, count: number): void {
    for (let done = 0; done < count; ) {
      const leaf = first + done;
      const at = leaf % NODE_LEAVES;
      const run = Math.min(count - done, NODE_LEAVES - at);
      if (run === NODE_LEAVES) this.#setFolded(leaf / NODE_LEAVES, ZERO_NODE_HASH);
      else {
        const { hashes } = this.#nodeOf(leaf);
        for (let index = at; index < at + run; index++)
          hashes.set(ZERO_BLOCK_HASH, index * HASH_BYTES);
        this.#count(leaf, run);
      }
      done += run;
    }
  }

  /** Sets one leaf to the hash of a zero block and keeps its node, so that replaceLeaf works until the end. */
  setReplaceableLeaf(leaf: number): void {
    const node = this.#nodeOf(leaf);
    node.replaceable ??= new Set();
    node.replaceable.add(leaf);
    this.setZeroLeaves(leaf, 1);
  }

  /** Replaces a leaf that setReplaceableLeaf set. Throws INTERNAL for any other. */
  replaceLeaf(leaf: number, hash: Uint8Array): void {
    const node = this.#open.get(Math.floor(leaf / NODE_LEAVES));
    if (!node?.replaceable?.has(leaf))
      throw new ToolError('INTERNAL', `block ${leaf} of the image cannot be replaced`);
    node.hashes.set(hash, (leaf % NODE_LEAVES) * HASH_BYTES);
  }

  /** Root hash over the first `leafCount` leaves, all of which must be set. To be called once, at the end. */
  foldToRoot(leafCount: number): RootHash {
    const nodeCount = Math.ceil(leafCount / NODE_LEAVES);
    for (const [index, node] of this.#open) {
      if (node.filled !== Math.min(NODE_LEAVES, leafCount - index * NODE_LEAVES))
        throw new ToolError('INTERNAL', `node ${index} of the hash tree is incomplete`);
      this.#fold(index, node);
    }
    if (nodeCount === 0 || this.#foldedCount !== nodeCount)
      throw new ToolError('INTERNAL', 'the hash tree is incomplete');
    let level = this.#folded.subarray(0, nodeCount * HASH_BYTES);
    while (level.length > HASH_BYTES) level = foldLevel(level);
    return Buffer.from(level).toString('hex') as RootHash;
  }

  #nodeOf(leaf: number): OpenNode {
    const index = Math.floor(leaf / NODE_LEAVES);
    let node = this.#open.get(index);
    if (node === undefined) {
      node = { hashes: new Uint8Array(BLOCK_BYTES), filled: 0, replaceable: undefined };
      this.#open.set(index, node);
    }
    return node;
  }

  #count(leaf: number, added: number): void {
    const index = Math.floor(leaf / NODE_LEAVES);
    const node = this.#nodeOf(leaf);
    node.filled += added;
    if (node.filled < NODE_LEAVES || node.replaceable !== undefined) return;
    this.#fold(index, node);
    this.#open.delete(index);
  }

  #fold(index: number, node: OpenNode): void {
    const hash = new Uint8Array(HASH_BYTES);
    hashBlocks(node.hashes, 1, hash);
    this.#setFolded(index, hash);
  }

  #setFolded(index: number, hash: Uint8Array): void {
    const end = (index + 1) * HASH_BYTES;
    if (end > this.#folded.length) {
      const grown = new Uint8Array(Math.max(end, this.#folded.length * 2));
      grown.set(this.#folded);
      this.#folded = grown;
    }
    this.#folded.set(hash, end - HASH_BYTES);
    this.#foldedCount += 1;
  }
}

/** The next level: one hash per 128 of `hashes`, the last group padded with zeros. */
function foldLevel(hashes: Uint8Array): Uint8Array<ArrayBuffer> {
  const count = Math.ceil(hashes.length / BLOCK_BYTES);
  const padded = new Uint8Array(count * BLOCK_BYTES);
  padded.set(hashes);
  const level = new Uint8Array(count * HASH_BYTES);
  hashBlocks(padded, count, level);
  return level;
}
