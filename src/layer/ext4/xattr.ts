/**
 * Extended attributes: which go into the inode and which into an external block, and the bytes of both (layer hash
 * specification, section 5.6). Names and values are latin-1 views of the bytes; integers on disk are little-endian.
 */
import { printName, type Refuse } from './refusal.js';
import { sortLikeReference } from './xattr-sort.js';

/** Full name -> value. */
export type Xattrs = ReadonlyMap<string, string>;

/** Bytes of the in-inode area behind its magic number. */
export const INODE_AREA_BYTES = 100;
/** Magic number in front of both areas. */
export const XATTR_MAGIC = 0xea020000;

const BLOCK_BYTES = 4096;
const BLOCK_HEADER_BYTES = 32;
const INODE_ROOM = 96;
const BLOCK_ROOM = 4060;
const ENTRY_BYTES = 16;
const MAX_STORED_NAME = 255;

/** Name prefixes with their index on disk; the first that matches counts. */
const PREFIXES = [
  { prefix: 'system.posix_acl_access', index: 2 },
  { prefix: 'system.posix_acl_default', index: 3 },
  { prefix: 'system.richacl', index: 8 },
  { prefix: 'system.', index: 7 },
  { prefix: 'user.', index: 1 },
  { prefix: 'trusted.', index: 4 },
  { prefix: 'security.', index: 6 },
] as const;

interface StoredXattr {
  readonly index: number;
  /** Name behind the prefix. */
  readonly name: string;
  readonly value: string;
}

/** Where the attributes of one inode go, each list in its order on disk. */
export interface XattrPlacement {
  readonly inode: readonly StoredXattr[];
  readonly block: readonly StoredXattr[];
  /** False if the order of the block depends on the Go release that built the reference. */
  readonly isStable: boolean;
  /** False if a kernel, which expects the block in its own order, does not find all attributes in it. */
  readonly isFindable: boolean;
}

/** Places attributes first fit in order of their full names. Throws rules `xattr-fit` and `xattr-name`. */
export function placeXattrs(xattrs: Xattrs, refuse: Refuse): XattrPlacement {
  const inode: StoredXattr[] = [];
  const block: StoredXattr[] = [];
  let inodeRoom = INODE_ROOM;
  let blockRoom = BLOCK_ROOM;
  for (const fullName of [...xattrs.keys()].sort(compareBytes)) {
    const stored = splitName(fullName, xattrs.get(fullName)!);
    if (stored.name.length > MAX_STORED_NAME) throw refuse('xattr-name', printName(fullName));
    const need = ENTRY_BYTES + ceil4(stored.name.length) + ceil4(stored.value.length);
    if (need <= inodeRoom) {
      inode.push(stored);
      inodeRoom -= need;
    } else if (need <= blockRoom) {
      block.push(stored);
      blockRoom -= need;
    } else {
      throw refuse('xattr-fit', `${printName(fullName)} with ${stored.value.length} bytes`);
    }
  }
  const isStable = sortLikeReference(block, isBefore);
  const isFindable = block.every(
    (xattr, i) => i === 0 || compareLikeKernel(block[i - 1]!, xattr) < 0,
  );
  return { inode, block, isStable, isFindable };
}

/** Bytes of the in-inode area (without magic). */
export function printInodeXattrs(list: readonly StoredXattr[]): Buffer {
  const area = Buffer.alloc(INODE_AREA_BYTES);
  putXattrs(list, area, 0);
  return area;
}

/** The external block; its list may be empty. */
export function printXattrBlock(list: readonly StoredXattr[]): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.writeUInt32LE(XATTR_MAGIC, 0);
  block.writeUInt32LE(1, 4);
  block.writeUInt32LE(1, 8);
  putXattrs(list, block.subarray(BLOCK_HEADER_BYTES), BLOCK_HEADER_BYTES);
  return block;
}

/** Reads the in-inode area into `xattrs`; stops, as the reference does, at an attribute with an empty stored name. */
export function readInodeXattrs(area: Buffer, xattrs: Map<string, string>): void {
  getXattrs(area, 0, xattrs);
}

/** Reads an external block into `xattrs`; as readInodeXattrs. */
export function readXattrBlock(block: Buffer, xattrs: Map<string, string>): void {
  getXattrs(block.subarray(BLOCK_HEADER_BYTES), BLOCK_HEADER_BYTES, xattrs);
}

function splitName(fullName: string, value: string): StoredXattr {
  for (const { prefix, index } of PREFIXES) {
    if (fullName.startsWith(prefix)) return { index, name: fullName.slice(prefix.length), value };
  }
  return { index: 0, name: fullName, value };
}

/** The reference's comparison of block attributes: not an order, see xattr-sort.ts. */
function isBefore(a: StoredXattr, b: StoredXattr): boolean {
  return a.index < b.index || a.name.length < b.name.length || a.name < b.name;
}

/** The order in which a kernel searches a block. */
function compareLikeKernel(a: StoredXattr, b: StoredXattr): number {
  return a.index - b.index || a.name.length - b.name.length || compareBytes(a.name, b.name);
}

/** Entries grow from the start of the area, values from its end. */
function putXattrs(list: readonly StoredXattr[], area: Buffer, delta: number): void {
  let entry = 0;
  let value = area.length;
  for (const xattr of list) {
    value -= ceil4(xattr.value.length);
    area.write(xattr.value, value, 'latin1');
    area.write(xattr.name, entry + ENTRY_BYTES, 'latin1');
    area[entry] = xattr.name.length;
    area[entry + 1] = xattr.index;
    area.writeUInt16LE(value + delta, entry + 2);
    area.writeUInt32LE(xattr.value.length, entry + 8);
    area.writeUInt32LE(hashXattr(xattr), entry + 12);
    entry += ENTRY_BYTES + ceil4(xattr.name.length);
  }
}

function getXattrs(area: Buffer, delta: number, xattrs: Map<string, string>): void {
  let entry = 0;
  while (entry < area.length && area[entry] !== 0) {
    const nameLength = area[entry]!;
    const start = area.readUInt16LE(entry + 2) - delta;
    const length = area.readUInt32LE(entry + 8);
    const nameStart = entry + ENTRY_BYTES;
    const name = area.toString('latin1', nameStart, nameStart + nameLength);
    const prefix = PREFIXES.find(({ index }) => index === area[entry + 1])?.prefix ?? '';
    xattrs.set(prefix + name, area.toString('latin1', start, start + length));
    entry = nameStart + ceil4(nameLength);
  }
}

/** ext4's hash of name and value: rotations of a u32. */
function hashXattr({ name, value }: StoredXattr): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) {
    hash = (hash << 5) ^ (hash >>> 27) ^ name.charCodeAt(i);
  }
  for (let i = 0; i < value.length; i += 4) {
    let word = 0;
    for (let j = 0; j < 4 && i + j < value.length; j++) word |= value.charCodeAt(i + j) << (8 * j);
    hash = (hash << 16) ^ (hash >>> 16) ^ word;
  }
  return hash >>> 0;
}

function ceil4(n: number): number {
  return (n + 3) & ~3;
}

function compareBytes(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
