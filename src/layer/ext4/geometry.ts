/** How an image is divided into block groups (layer hash specification, sections 2, 6.2 and 6.4). Counts are blocks. */
import { BLOCK_BYTES } from '../ports.js';
import { INODE_BYTES } from './inode-table.js';

/** Blocks of one group: as many as a block has bits. */
export const GROUP_BLOCKS = 32768;
/** Group descriptors that one block holds. */
export const DESCRIPTORS_PER_BLOCK = 128;

const INODES_PER_BLOCK = BLOCK_BYTES / INODE_BYTES;
/** A block bitmap and an inode bitmap. */
const BITMAP_BLOCKS = 2;

/** Blocks that are set aside for group descriptors, given the largest disk. */
export function countDescriptorBlocks(maxDiskBytes: number): number {
  const groups = Math.ceil(maxDiskBytes / BLOCK_BYTES / GROUP_BLOCKS);
  return Math.ceil(groups / DESCRIPTORS_PER_BLOCK);
}

/** The layout of a finished image. */
export interface Geometry {
  readonly groups: number;
  readonly inodesPerGroup: number;
  /** First block of the inode table of all groups. */
  readonly tableStart: number;
  /** Blocks of the inode table of one group. */
  readonly tableBlocks: number;
  /** First of the bitmaps: two per group, block bitmap first. */
  readonly bitmapStart: number;
  /** Blocks up to the end of the bitmaps. */
  readonly usedBlocks: number;
  /** Blocks of the image. */
  readonly diskBlocks: number;
  /** Blocks of group descriptors in use. */
  readonly descriptorBlocks: number;
}

/** Layout of an image whose inode table begins at `tableStart` and holds `inodeCount` inodes: the fewest groups. */
export function buildGeometry(tableStart: number, inodeCount: number): Geometry {
  let groups = Number.POSITIVE_INFINITY;
  let inodesPerGroup = 0;
  for (let tried = INODES_PER_BLOCK; tried <= GROUP_BLOCKS; tried += INODES_PER_BLOCK) {
    const needed = countGroups(tableStart, inodeCount, tried);
    if (needed < groups) {
      groups = needed;
      inodesPerGroup = tried;
    }
  }
  const tableBlocks = inodesPerGroup / INODES_PER_BLOCK;
  const bitmapStart = tableStart + groups * tableBlocks;
  const usedBlocks = bitmapStart + groups * BITMAP_BLOCKS;
  return {
    groups,
    inodesPerGroup,
    tableStart,
    tableBlocks,
    bitmapStart,
    usedBlocks,
    diskBlocks: Math.max(usedBlocks, (groups - 1) * GROUP_BLOCKS + 1),
    descriptorBlocks: Math.floor((groups - 1) / DESCRIPTORS_PER_BLOCK) + 1,
  };
}

/** Groups that data and inodes need if every group has so many inodes. */
function countGroups(tableStart: number, inodeCount: number, inodesPerGroup: number): number {
  const dataPerGroup = GROUP_BLOCKS - inodesPerGroup / INODES_PER_BLOCK - BITMAP_BLOCKS;
  const forInodes = Math.floor((inodeCount - 1) / inodesPerGroup) * dataPerGroup + 1;
  const blocks = Math.max(tableStart, forInodes);
  return Math.floor((blocks + dataPerGroup - 1) / dataPerGroup);
}
