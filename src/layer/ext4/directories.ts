/** The directory blocks of an image, written when all entries are known (layer hash specification, section 6.1). */
import { BLOCK_BYTES } from '../ports.js';
import type { ImageCursor } from './image-cursor.js';
import { KIND, ROOT_INODE } from './inode-table.js';
import type { Ext4Tree } from './tree.js';

const ENTRY_BYTES = 8;
/** Every block ends in an unused entry of at least this size. */
const TAIL_BYTES = 12;

/** File type of a directory entry by the upper four bits of the mode. */
const FILE_TYPES: Readonly<Record<number, number>> = {
  [KIND.regular]: 1,
  [KIND.directory]: 2,
  [KIND.charDevice]: 3,
  [KIND.blockDevice]: 4,
  [KIND.fifo]: 5,
  [KIND.symlink]: 7,
};

/** Writes all directories depth first, children in order of inode numbers, and gives them their extents. */
export function writeDirectories(tree: Ext4Tree, image: ImageCursor): void {
  const writer = new DirectoryWriter(tree, image);
  const pending = [{ inode: ROOT_INODE, parent: ROOT_INODE }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const directory = next.inode;
    const children = sortChildren(tree.childrenOf(directory));
    writer.write(directory, next.parent, children);
    for (const [, inode] of children.reverse()) {
      if (tree.inodes.isDirectory(inode)) pending.push({ inode, parent: directory });
    }
    tree.releaseChildren(directory);
  }
}

type Child = readonly [name: string, inode: number];

/** Children by inode number, links to one inode by name. Mostly they are in that order already. */
function sortChildren(children: ReadonlyMap<string, number>): Child[] {
  return [...children].sort(([nameA, a], [nameB, b]) => {
    if (a !== b) return a - b;
    return nameA < nameB ? -1 : 1;
  });
}

class DirectoryWriter {
  readonly #tree: Ext4Tree;
  readonly #image: ImageCursor;
  readonly #block = Buffer.alloc(BLOCK_BYTES);
  #used = 0;
  #blocks = 0;

  constructor(tree: Ext4Tree, image: ImageCursor) {
    this.#tree = tree;
    this.#image = image;
  }

  write(directory: number, parent: number, children: readonly Child[]): void {
    const { inodes } = this.#tree;
    this.#blocks = 0;
    inodes.start[directory] = this.#image.block;
    this.#put('.', directory);
    this.#put('..', parent);
    for (const [name, inode] of children) this.#put(name, inode);
    this.#finishBlock();
    inodes.size[directory] = this.#blocks * BLOCK_BYTES;
    this.#tree.setExtents(directory);
  }

  #put(name: string, inode: number): void {
    const length = (ENTRY_BYTES + name.length + 3) & ~3;
    if (BLOCK_BYTES - this.#used < length + TAIL_BYTES) this.#finishBlock();
    const block = this.#block;
    const at = this.#used;
    block.writeUInt32LE(inode, at);
    block.writeUInt16LE(length, at + 4);
    block[at + 6] = name.length;
    block[at + 7] = FILE_TYPES[this.#tree.inodes.mode[inode]! & KIND.mask]!;
    block.write(name, at + ENTRY_BYTES, 'latin1');
    this.#used += length;
  }

  #finishBlock(): void {
    this.#block.writeUInt16LE(BLOCK_BYTES - this.#used, this.#used + 4);
    this.#image.append(this.#block);
    this.#blocks++;
    this.#block.fill(0);
    this.#used = 0;
  }
}
