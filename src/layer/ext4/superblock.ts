/** The superblock of an image (layer hash specification, section 6.7). Integers are little-endian. */
import { BLOCK_BYTES } from '../ports.js';
import { type Geometry, GROUP_BLOCKS } from './geometry.js';
import { FIRST_INODE, INODE_BYTES } from './inode-table.js';

const SUPERBLOCK_OFFSET = 1024;
const LOG_BLOCK_SIZE = 2;
const EXTRA_INODE_BYTES = 24;

/** Fields that are the same in every image: [offset, bytes, value]. What is not listed here or below is zero. */
const CONSTANTS: readonly (readonly [number, 1 | 2 | 4, number])[] = [
  [0x18, 4, LOG_BLOCK_SIZE],
  [0x1c, 4, LOG_BLOCK_SIZE], // cluster size
  [0x20, 4, GROUP_BLOCKS],
  [0x24, 4, GROUP_BLOCKS], // clusters per group
  [0x38, 2, 0xef53], // magic
  [0x3a, 2, 1], // state: clean
  [0x3c, 2, 1], // on errors: continue
  [0x4c, 4, 1], // revision
  [0x54, 4, FIRST_INODE],
  [0x58, 2, INODE_BYTES],
  [0x5c, 4, 0x208], // compatible: ext_attr, sparse_super2
  [0x60, 4, 0x242], // incompatible: filetype, extents, flex_bg
  [0x64, 4, 0x104a], // read-only compatible: large_file, huge_file, extra_isize, readonly
  [0x15c, 2, EXTRA_INODE_BYTES],
  [0x15e, 2, EXTRA_INODE_BYTES],
  [0x174, 1, 31], // all groups' tables lie together
  [0x268, 4, FIRST_INODE], // lost+found
];

/** Block 0 of the image. */
export function printSuperblock(
  geometry: Geometry,
  free: { readonly blocks: number; readonly inodes: number },
): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const fields = [
    ...CONSTANTS,
    [0x00, 4, geometry.groups * geometry.inodesPerGroup],
    [0x04, 4, geometry.diskBlocks],
    [0x0c, 4, free.blocks],
    [0x10, 4, free.inodes],
    [0x28, 4, geometry.inodesPerGroup],
  ] as const;
  for (const [offset, bytes, value] of fields) {
    block.writeUIntLE(value, SUPERBLOCK_OFFSET + offset, bytes);
  }
  return block;
}
