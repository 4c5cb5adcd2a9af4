/**
 * Completes an image: directories, inode table, bitmaps and zero fill at its end, then group descriptors and
 * superblock in the blocks kept free at its start (layer hash specification, section 6).
 */
import { BLOCK_BYTES } from '../ports.js';
import { writeDirectories } from './directories.js';
import { buildGeometry, DESCRIPTORS_PER_BLOCK, type Geometry, GROUP_BLOCKS } from './geometry.js';
import type { ImageCursor } from './image-cursor.js';
import { INODE_BYTES, type InodeTable, isInUse } from './inode-table.js';
import type { Refuse } from './refusal.js';
import { printSuperblock } from './superblock.js';
import type { Ext4Tree } from './tree.js';

const INODES_PER_WRITE = 4096;
const DESCRIPTOR_BYTES = 32;

interface GroupCounts {
  readonly usedBlocks: number;
  readonly usedInodes: number;
  readonly directories: number;
}

/** Writes everything behind the content, then the first blocks; `reservedBlocks` is the space for descriptors. */
export function closeImage(
  tree: Ext4Tree,
  image: ImageCursor,
  reservedBlocks: number,
  refuse: Refuse,
): void {
  writeDirectories(tree, image);
  const geometry = buildGeometry(image.block, tree.inodes.count);
  writeInodeTable(tree.inodes, geometry, image);
  if (geometry.descriptorBlocks > reservedBlocks) {
    throw refuse('disk-limit', `${geometry.groups} block groups`);
  }
  const groups: GroupCounts[] = [];
  for (let group = 0; group < geometry.groups; group++) {
    groups.push(writeBitmaps(tree.inodes, geometry, group, { image, reservedBlocks }));
  }
  image.appendZeros(geometry.diskBlocks - geometry.usedBlocks);
  patchDescriptors(geometry, groups, image);
  image.patch(0, printSuperblock(geometry, countFree(geometry, groups)));
}

function writeInodeTable(inodes: InodeTable, geometry: Geometry, image: ImageCursor): void {
  const bytes = Buffer.alloc(INODES_PER_WRITE * INODE_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let first = 1; first <= inodes.count; first += INODES_PER_WRITE) {
    const end = Math.min(first + INODES_PER_WRITE, inodes.count + 1);
    bytes.fill(0);
    for (let inode = first; inode < end; inode++) {
      if (isInUse(inode)) inodes.print(inode, bytes, view, (inode - first) * INODE_BYTES);
    }
    const size = Math.ceil(((end - first) * INODE_BYTES) / BLOCK_BYTES) * BLOCK_BYTES;
    image.append(bytes.subarray(0, size));
  }
  image.appendZeros(geometry.bitmapStart - image.block);
}

/** Appends the two bitmaps of a group and counts what they hold. */
function writeBitmaps(
  inodes: InodeTable,
  geometry: Geometry,
  group: number,
  target: { readonly image: ImageCursor; readonly reservedBlocks: number },
): GroupCounts {
  const blocks = printBlockBitmap(geometry, group, target.reservedBlocks);
  target.image.append(blocks.bitmap);
  const bitmap = Buffer.alloc(BLOCK_BYTES);
  const first = group * geometry.inodesPerGroup + 1;
  let usedInodes = 0;
  let directories = 0;
  for (let i = 0; i < geometry.inodesPerGroup && first + i <= inodes.count; i++) {
    const inode = first + i;
    setBits(bitmap, i, i + 1);
    usedInodes++;
    if (isInUse(inode) && inodes.isDirectory(inode)) directories++;
  }
  target.image.append(bitmap);
  return { usedBlocks: blocks.used, usedInodes, directories };
}

/** Blocks in use; descriptor blocks that are reserved but empty count as free, what lies behind the disk as used. */
function printBlockBitmap(
  geometry: Geometry,
  group: number,
  reservedBlocks: number,
): { bitmap: Buffer; used: number } {
  const { usedBlocks, diskBlocks, groups, descriptorBlocks } = geometry;
  const bitmap = Buffer.alloc(BLOCK_BYTES);
  let used = Math.min(GROUP_BLOCKS, Math.max(0, usedBlocks - group * GROUP_BLOCKS));
  setBits(bitmap, 0, used);
  if (group === 0) {
    clearBits(bitmap, 1 + descriptorBlocks, 1 + reservedBlocks);
    used -= reservedBlocks - descriptorBlocks;
  }
  const rest = diskBlocks % GROUP_BLOCKS;
  if (group === groups - 1 && rest !== 0) {
    setBits(bitmap, rest, GROUP_BLOCKS);
    used += GROUP_BLOCKS - rest;
  }
  return { bitmap, used };
}

/** Sets bits from..to-1; bit j is bit j % 8 of byte j / 8. */
function setBits(bitmap: Buffer, from: number, to: number): void {
  let bit = from;
  for (; bit < to && bit % 8 !== 0; bit++) bitmap[bit >>> 3]! |= 1 << (bit & 7);
  if (to - bit >= 8) {
    bitmap.fill(0xff, bit >>> 3, to >>> 3);
    bit = to & ~7;
  }
  for (; bit < to; bit++) bitmap[bit >>> 3]! |= 1 << (bit & 7);
}

function clearBits(bitmap: Buffer, from: number, to: number): void {
  for (let bit = from; bit < to; bit++) bitmap[bit >>> 3]! &= ~(1 << (bit & 7));
}

function patchDescriptors(
  geometry: Geometry,
  groups: readonly GroupCounts[],
  image: ImageCursor,
): void {
  for (let index = 0; index < geometry.descriptorBlocks; index++) {
    const block = Buffer.alloc(BLOCK_BYTES);
    const first = index * DESCRIPTORS_PER_BLOCK;
    groups.slice(first, first + DESCRIPTORS_PER_BLOCK).forEach((counts, i) => {
      const group = first + i;
      const at = i * DESCRIPTOR_BYTES;
      block.writeUInt32LE(geometry.bitmapStart + 2 * group, at);
      block.writeUInt32LE(geometry.bitmapStart + 2 * group + 1, at + 4);
      block.writeUInt32LE(geometry.tableStart + group * geometry.tableBlocks, at + 8);
      block.writeUInt16LE(GROUP_BLOCKS - counts.usedBlocks, at + 12);
      block.writeUInt16LE(geometry.inodesPerGroup - counts.usedInodes, at + 14);
      block.writeUInt16LE(counts.directories, at + 16);
    });
    image.patch(1 + index, block);
  }
}

function countFree(
  geometry: Geometry,
  groups: readonly GroupCounts[],
): { blocks: number; inodes: number } {
  let blocks = geometry.groups * GROUP_BLOCKS;
  let inodes = geometry.groups * geometry.inodesPerGroup;
  for (const counts of groups) {
    blocks -= counts.usedBlocks;
    inodes -= counts.usedInodes;
  }
  return { blocks, inodes };
}
