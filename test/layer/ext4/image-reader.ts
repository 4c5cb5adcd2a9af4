/**
 * Reads an ext4 image as a kernel would, and checks that it agrees with itself: every block and inode is accounted for
 * once in the bitmaps, descriptors and superblock. Written from the format, without the writer's code.
 */
import { expect } from 'vitest';

const BLOCK = 4096;
const GROUP = 32768;

export interface ReadInode {
  readonly number: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly size: number;
  /** Low and extra words of each time. */
  readonly times: Readonly<Record<'atime' | 'ctime' | 'mtime' | 'crtime', string>>;
  readonly content: Buffer;
  readonly device: readonly [major: number, minor: number];
  /** Latin-1 text. */
  readonly xattrs: ReadonlyMap<string, string>;
}

/** The inode of every path; the root is ''. Names are latin-1. */
export type ReadTree = ReadonlyMap<string, ReadInode>;

/** Reads and checks an image. */
export function readImage(image: Buffer): ReadTree {
  return new ImageReader(image).read();
}

const XATTR_PREFIXES: Readonly<Record<number, string>> = {
  0: '',
  1: 'user.',
  2: 'system.posix_acl_access',
  3: 'system.posix_acl_default',
  4: 'trusted.',
  6: 'security.',
  7: 'system.',
  8: 'system.richacl',
};
const FILE_TYPES = [0, 5, 3, 0, 2, 0, 4, 0, 1, 0, 7];

class ImageReader {
  readonly #image: Buffer;
  readonly #usedBlocks = new Set<number>();
  readonly #inodes = new Map<number, ReadInode>();
  readonly #names = new Map<number, number>();
  readonly #tree = new Map<string, ReadInode>();
  readonly #inodesPerGroup: number;
  readonly #groups: number;

  constructor(image: Buffer) {
    this.#image = image;
    this.#inodesPerGroup = image.readUInt32LE(1024 + 0x28);
    this.#groups = image.readUInt32LE(1024) / this.#inodesPerGroup;
  }

  read(): ReadTree {
    expect(this.#image.readUInt16LE(1024 + 0x38)).toBe(0xef53);
    expect(this.#image.readUInt32LE(1024 + 4) * BLOCK).toBe(this.#image.length);
    this.#useMetadata();
    this.#readDirectory('', 2, 2);
    this.#checkLinks();
    this.#checkBitmaps();
    return this.#tree;
  }

  #use(block: number): void {
    expect(this.#usedBlocks.has(block)).toBe(false);
    expect(block).toBeLessThan(this.#image.length / BLOCK);
    this.#usedBlocks.add(block);
  }

  #descriptor(group: number): number {
    return BLOCK + group * 32;
  }

  #useMetadata(): void {
    for (let block = 0; block <= Math.ceil(this.#groups / 128); block++) this.#use(block);
    for (let group = 0; group < this.#groups; group++) {
      const at = this.#descriptor(group);
      this.#use(this.#image.readUInt32LE(at));
      this.#use(this.#image.readUInt32LE(at + 4));
      const table = this.#image.readUInt32LE(at + 8);
      for (let i = 0; i < this.#inodesPerGroup / 16; i++) this.#use(table + i);
    }
  }

  #inode(number: number): ReadInode {
    const known = this.#inodes.get(number);
    if (known !== undefined) return known;
    const inode = this.#readInode(number);
    this.#inodes.set(number, inode);
    return inode;
  }

  #readInode(number: number): ReadInode {
    const image = this.#image;
    const group = Math.floor((number - 1) / this.#inodesPerGroup);
    const table = image.readUInt32LE(this.#descriptor(group) + 8);
    const at = table * BLOCK + ((number - 1) % this.#inodesPerGroup) * 256;
    const u16 = (offset: number): number => image.readUInt16LE(at + offset);
    const u32 = (offset: number): number => image.readUInt32LE(at + offset);
    const time = (low: number, extra: number): string => `${u32(low)}:${u32(extra)}`;
    expect(u16(0x80)).toBe(24);
    const size = u32(4) + u32(0x6c) * 2 ** 32;
    const hasExtents = (u32(0x20) & 0x80000) !== 0;
    const blocksBefore = this.#usedBlocks.size;
    const content = hasExtents
      ? this.#readExtents(at + 0x28).subarray(0, size)
      : image.subarray(at + 0x28, at + 0x28 + (u16(0) >> 12 === 10 ? size : 0));
    const xattrs = this.#readXattrs(at, u32(0x68));
    expect(u32(0x1c)).toBe(this.#usedBlocks.size - blocksBefore);
    const device = u32(0x2c);
    return {
      number,
      mode: u16(0),
      uid: u16(2) + u16(0x78) * 65536,
      gid: u16(0x18) + u16(0x7a) * 65536,
      links: u16(0x1a),
      size,
      times: {
        atime: time(8, 0x8c),
        ctime: time(0x0c, 0x84),
        mtime: time(0x10, 0x88),
        crtime: time(0x90, 0x94),
      },
      content,
      device: [(device >>> 8) & 0xfff, (device & 0xff) | ((device >>> 12) & 0xfff00)],
      xattrs,
    };
  }

  #readExtents(at: number): Buffer {
    const image = this.#image;
    expect(image.readUInt16LE(at)).toBe(0xf30a);
    const count = image.readUInt16LE(at + 2);
    expect(count).toBeLessThanOrEqual(image.readUInt16LE(at + 4));
    const depth = image.readUInt16LE(at + 6);
    const parts: Buffer[] = [];
    let logical = 0;
    for (let entry = at + 12; entry < at + 12 + count * 12; entry += 12) {
      expect(image.readUInt32LE(entry)).toBe(logical);
      let part: Buffer;
      if (depth > 0) {
        const leaf = image.readUInt32LE(entry + 4);
        this.#use(leaf);
        part = this.#readExtents(leaf * BLOCK);
      } else {
        const start = image.readUInt32LE(entry + 8);
        const length = image.readUInt16LE(entry + 4);
        for (let i = 0; i < length; i++) this.#use(start + i);
        part = image.subarray(start * BLOCK, (start + length) * BLOCK);
      }
      parts.push(part);
      logical += part.length / BLOCK;
    }
    return Buffer.concat(parts);
  }

  #readXattrs(inode: number, block: number): Map<string, string> {
    const xattrs = new Map<string, string>();
    if (this.#image.readUInt32LE(inode + 0x98) === 0xea020000) {
      const area = this.#image.subarray(inode + 0x9c, inode + 256);
      this.#readXattrList(area, area, 0, xattrs);
    }
    if (block !== 0) {
      this.#use(block);
      const bytes = this.#image.subarray(block * BLOCK, (block + 1) * BLOCK);
      expect(bytes.readUInt32LE(0)).toBe(0xea020000);
      expect([bytes.readUInt32LE(4), bytes.readUInt32LE(8)]).toEqual([1, 1]);
      this.#readXattrList(bytes.subarray(32), bytes, 0, xattrs);
    }
    return xattrs;
  }

  #readXattrList(list: Buffer, values: Buffer, from: number, xattrs: Map<string, string>): void {
    for (let at = from; list.readUInt32LE(at) !== 0; ) {
      const nameLength = list[at]!;
      const name =
        XATTR_PREFIXES[list[at + 1]!] + list.toString('latin1', at + 16, at + 16 + nameLength);
      const offset = list.readUInt16LE(at + 2);
      const size = list.readUInt32LE(at + 8);
      expect(xattrs.has(name)).toBe(false);
      xattrs.set(name, values.toString('latin1', offset, offset + size));
      at += 16 + Math.ceil(nameLength / 4) * 4;
    }
  }

  #readDirectory(path: string, number: number, parent: number): void {
    const inode = this.#inode(number);
    this.#tree.set(path, inode);
    this.#countName(number);
    expect(inode.mode >> 12).toBe(4);
    const children: [string, number][] = [];
    for (let at = 0; at < inode.content.length; ) {
      const child = inode.content.readUInt32LE(at);
      const length = inode.content.readUInt16LE(at + 4);
      expect(Math.floor(at / BLOCK)).toBe(Math.floor((at + length - 1) / BLOCK));
      const name = inode.content.toString('latin1', at + 8, at + 8 + inode.content[at + 6]!);
      if (child !== 0) {
        children.push([name, child]);
        expect(inode.content[at + 7]).toBe(FILE_TYPES[this.#inode(child).mode >> 12]);
      }
      at += length;
    }
    expect(children.slice(0, 2)).toEqual([
      ['.', number],
      ['..', parent],
    ]);
    for (const [name, child] of children.slice(2)) this.#readChild(path, name, child, number);
    this.#countName(parent);
  }

  #readChild(path: string, name: string, child: number, parent: number): void {
    const childPath = path === '' ? name : `${path}/${name}`;
    expect(this.#tree.has(childPath)).toBe(false);
    const inode = this.#inode(child);
    if (inode.mode >> 12 === 4) {
      this.#readDirectory(childPath, child, parent);
    } else {
      this.#tree.set(childPath, inode);
      this.#countName(child);
    }
  }

  #countName(number: number): void {
    this.#names.set(number, (this.#names.get(number) ?? 0) + 1);
  }

  /** `.` counts once for a directory, `..` once for its parent; the root is its own parent. */
  #checkLinks(): void {
    for (const [number, inode] of this.#inodes) {
      const isDirectory = inode.mode >> 12 === 4;
      const names = this.#names.get(number)! + (isDirectory && number !== 2 ? 1 : 0);
      expect([number, inode.links]).toEqual([number, names]);
    }
  }

  #checkBitmaps(): void {
    const image = this.#image;
    const total = image.length / BLOCK;
    const free = { blocks: 0, inodes: 0 };
    for (let group = 0; group < this.#groups; group++) {
      const at = this.#descriptor(group);
      const isBlockSet = this.#bitmap(image.readUInt32LE(at));
      const isInodeSet = this.#bitmap(image.readUInt32LE(at + 4));
      const groupFree = { blocks: 0, inodes: 0, directories: 0 };
      for (let i = 0; i < GROUP; i++) {
        const block = group * GROUP + i;
        const isUsed = block >= total || this.#usedBlocks.has(block);
        if (isBlockSet(i) !== isUsed) expect([block, isBlockSet(i)]).toEqual([block, isUsed]);
        if (!isUsed) groupFree.blocks++;
      }
      for (let i = 0; i < this.#inodesPerGroup; i++) {
        const number = group * this.#inodesPerGroup + i + 1;
        const isUsed = number < 11 || this.#inodes.has(number);
        if (isInodeSet(i) !== isUsed) expect([number, isInodeSet(i)]).toEqual([number, isUsed]);
        if (!isUsed) groupFree.inodes++;
        if ((this.#inodes.get(number)?.mode ?? 0) >> 12 === 4) groupFree.directories++;
      }
      expect(image.readUInt16LE(at + 12)).toBe(groupFree.blocks);
      expect(image.readUInt16LE(at + 14)).toBe(groupFree.inodes);
      expect(image.readUInt16LE(at + 16)).toBe(groupFree.directories);
      free.blocks += groupFree.blocks;
      free.inodes += groupFree.inodes;
    }
    expect(image.readUInt32LE(1024 + 0x0c)).toBe(free.blocks);
    expect(image.readUInt32LE(1024 + 0x10)).toBe(free.inodes);
  }

  #bitmap(block: number): (bit: number) => boolean {
    const bytes = this.#image.subarray(block * BLOCK, (block + 1) * BLOCK);
    return (bit) => (bytes[bit >> 3]! & (1 << (bit & 7))) !== 0;
  }
}
