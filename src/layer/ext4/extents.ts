/**
 * Extents of a contiguous file: the 60 bytes in its inode and, beyond four extents, the leaf blocks behind its content
 * (layer hash specification, section 5.7). Everything follows from first block and block count.
 */
import { BLOCK_BYTES } from '../ports.js';

/** Blocks that one extent covers at most. */
const EXTENT_BLOCKS = 32768;
const INLINE_EXTENTS = 4;
const LEAF_EXTENTS = 340;
const MAGIC = 0xf30a;
const HEADER_BYTES = 12;
const ENTRY_BYTES = 12;
/** Logical blocks that the reference assigns to a leaf block. */
const LEAF_BLOCKS = LEAF_EXTENTS * EXTENT_BLOCKS;

/** Leaf blocks of a file of `blocks` blocks: they lie directly behind its content. 0 up to 512 MiB. */
export function countLeafBlocks(blocks: number): number {
  const extents = countExtents(blocks);
  return extents <= INLINE_EXTENTS ? 0 : Math.floor(extents / LEAF_EXTENTS) + 1;
}

/** True if the reference writes a wrong extent tree for a file of that size: the guest cannot read all of it. */
export function hasCorruptExtents(blocks: number): boolean {
  return countLeafBlocks(blocks) > 1;
}

/** Writes the extent root of a file of at least one block into 60 zero bytes of `view` at `at`. */
export function writeExtentRoot(view: DataView, at: number, start: number, blocks: number): void {
  const leaves = countLeafBlocks(blocks);
  if (leaves === 0) {
    const count = countExtents(blocks);
    writeHeader(view, at, { count, capacity: INLINE_EXTENTS, depth: 0 });
    writeExtents(view, at + HEADER_BYTES, count, { offset: 0, start, blocks });
    return;
  }
  writeHeader(view, at, { count: leaves, capacity: INLINE_EXTENTS, depth: 1 });
  for (let leaf = 0; leaf < leaves && leaf < INLINE_EXTENTS; leaf++) {
    const entry = at + HEADER_BYTES + leaf * ENTRY_BYTES;
    view.setUint32(entry, leaf * LEAF_BLOCKS, true);
    view.setUint32(entry + 4, start + blocks + leaf, true);
  }
}

/**
 * Leaf block number `leaf`. From the second on it is what the reference writes, which is wrong: too many entries, and
 * start blocks that are off by the leaf's own offset.
 */
export function printLeafBlock(leaf: number, start: number, blocks: number): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  const rest = (countExtents(blocks) - leaf * countLeafBlocks(blocks)) >>> 0;
  const count = Math.min(LEAF_EXTENTS, rest);
  const offset = leaf * LEAF_BLOCKS;
  writeHeader(view, 0, { count, capacity: LEAF_EXTENTS, depth: 0 });
  writeExtents(view, HEADER_BYTES, count, { offset, start: start + offset, blocks });
  return bytes;
}

function countExtents(blocks: number): number {
  return Math.ceil(blocks / EXTENT_BLOCKS);
}

function writeHeader(
  view: DataView,
  at: number,
  header: { count: number; capacity: number; depth: number },
): void {
  view.setUint16(at, MAGIC, true);
  view.setUint16(at + 2, header.count, true);
  view.setUint16(at + 4, header.capacity, true);
  view.setUint16(at + 6, header.depth, true);
}

/** Entries of a file's extents from logical block `offset` on; unsigned wrap-around is the reference's. */
function writeExtents(
  view: DataView,
  at: number,
  count: number,
  file: { offset: number; start: number; blocks: number },
): void {
  for (let i = 0; i < count; i++) {
    const entry = at + i * ENTRY_BYTES;
    const logical = (file.offset + i * EXTENT_BLOCKS) >>> 0;
    view.setUint32(entry, logical, true);
    view.setUint16(entry + 4, Math.min(EXTENT_BLOCKS, (file.blocks - logical) >>> 0), true);
    view.setUint32(entry + 8, file.start + logical, true);
  }
}
