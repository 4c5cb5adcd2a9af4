/**
 * All inodes of an image as columns of typed arrays, index = inode number, and their 256-byte form on disk (layer hash
 * specification, sections 5.1 and 6.3). About 60 bytes of memory per inode.
 */
import { writeExtentRoot } from './extents.js';
import { INODE_AREA_BYTES, XATTR_MAGIC } from './xattr.js';

/** Size of an inode on disk. */
export const INODE_BYTES = 256;
/** The root directory. */
export const ROOT_INODE = 2;
/** The first inode that is handed out; 3 to 10 are reserved. */
export const FIRST_INODE = 11;

/** Kinds of inode: the upper four bits of the mode. */
export const KIND = {
  fifo: 0x1000,
  charDevice: 0x2000,
  directory: 0x4000,
  blockDevice: 0x6000,
  regular: 0x8000,
  symlink: 0xa000,
  mask: 0xf000,
} as const;

/** A symbolic link up to this length lives in its inode. */
export const SHORT_LINK_BYTES = 59;

const FLAG_HUGE_FILE = 0x40000;
const FLAG_EXTENTS = 0x80000;
const EXTRA_SIZE = 24;
const BLOCK_AREA = 0x28;
const XATTR_AREA = 0x98;
const BLOCK_BYTES = 4096;
const INITIAL_CAPACITY = 1024;
const U32 = 0x1_0000_0000;

/** The columns. Inodes never go away; numbers grow by one. */
export class InodeTable {
  /** Highest inode number. */
  count = FIRST_INODE - 1;
  mode = new Uint16Array(INITIAL_CAPACITY);
  linkCount = new Uint16Array(INITIAL_CAPACITY);
  uid = new Uint32Array(INITIAL_CAPACITY);
  gid = new Uint32Array(INITIAL_CAPACITY);
  /** Times in halves (see times.ts); the creation time always equals mtime. */
  atimeLow = new Uint32Array(INITIAL_CAPACITY);
  atimeHigh = new Uint32Array(INITIAL_CAPACITY);
  ctimeLow = new Uint32Array(INITIAL_CAPACITY);
  ctimeHigh = new Uint32Array(INITIAL_CAPACITY);
  mtimeLow = new Uint32Array(INITIAL_CAPACITY);
  mtimeHigh = new Uint32Array(INITIAL_CAPACITY);
  /** Bytes of content. */
  size = new Float64Array(INITIAL_CAPACITY);
  /** First block of the content; device number on disk; slot of a short link's target. By `mode` and `hasExtents`. */
  start = new Uint32Array(INITIAL_CAPACITY);
  /** 1 if the inode has stored content: it can't be replaced any more. */
  hasExtents = new Uint8Array(INITIAL_CAPACITY);
  /** Blocks in use: content, extent leaves and external attributes. */
  blockCount = new Uint32Array(INITIAL_CAPACITY);
  /** External attribute block, or 0. */
  xattrBlock = new Uint32Array(INITIAL_CAPACITY);
  /** Slot of the in-inode attributes plus 1, or 0. */
  xattrSlot = new Uint32Array(INITIAL_CAPACITY);

  readonly #links = new SlotStore(SHORT_LINK_BYTES + 1);
  readonly #xattrs = new SlotStore(INODE_AREA_BYTES);

  /** Hands out the next number. */
  add(): number {
    this.count++;
    if (this.count >= this.mode.length) this.#grow(this.mode.length * 2);
    return this.count;
  }

  isDirectory(inode: number): boolean {
    return (this.mode[inode]! & KIND.mask) === KIND.directory;
  }

  /** Blocks of the content. */
  contentBlocks(inode: number): number {
    return Math.ceil(this.size[inode]! / BLOCK_BYTES);
  }

  /** Gives an inode the target of a short link: at most SHORT_LINK_BYTES latin-1 bytes. */
  setShortLink(inode: number, target: string): void {
    const slot = this.#links.take();
    this.#links.at(slot).write(target, 'latin1');
    this.start[inode] = slot;
    this.size[inode] = target.length;
  }

  /** Target of a short link. */
  shortLink(inode: number): string {
    return this.#links.at(this.start[inode]!).toString('latin1', 0, this.size[inode]!);
  }

  /** In-inode attributes, or undefined; a view. */
  inlineXattrs(inode: number): Buffer | undefined {
    const slot = this.xattrSlot[inode]!;
    return slot === 0 ? undefined : this.#xattrs.at(slot - 1);
  }

  /** Replaces the in-inode attributes. */
  setInlineXattrs(inode: number, area: Buffer | undefined): void {
    if (area === undefined) {
      this.xattrSlot[inode] = 0;
      return;
    }
    const used = this.xattrSlot[inode]!;
    const slot = used === 0 ? this.#xattrs.take() : used - 1;
    this.#xattrs.at(slot).set(area);
    this.xattrSlot[inode] = slot + 1;
  }

  /** Writes an inode into 256 zero bytes of `bytes` at `at`; `view` is the same memory. */
  print(inode: number, bytes: Buffer, view: DataView, at: number): void {
    const size = this.size[inode]!;
    const flags = this.hasExtents[inode] === 1 ? FLAG_HUGE_FILE | FLAG_EXTENTS : FLAG_HUGE_FILE;
    view.setUint16(at, this.mode[inode]!, true);
    view.setUint16(at + 0x02, this.uid[inode]! & 0xffff, true);
    view.setUint32(at + 0x04, size % U32, true);
    view.setUint32(at + 0x08, this.atimeLow[inode]!, true);
    view.setUint32(at + 0x0c, this.ctimeLow[inode]!, true);
    view.setUint32(at + 0x10, this.mtimeLow[inode]!, true);
    view.setUint16(at + 0x18, this.gid[inode]! & 0xffff, true);
    view.setUint16(at + 0x1a, this.linkCount[inode]!, true);
    view.setUint32(at + 0x1c, this.blockCount[inode]!, true);
    view.setUint32(at + 0x20, flags, true);
    this.#printBlockArea(inode, bytes, view, at + BLOCK_AREA);
    view.setUint32(at + 0x68, this.xattrBlock[inode]!, true);
    view.setUint32(at + 0x6c, Math.floor(size / U32), true);
    view.setUint16(at + 0x78, this.uid[inode]! >>> 16, true);
    view.setUint16(at + 0x7a, this.gid[inode]! >>> 16, true);
    view.setUint16(at + 0x80, EXTRA_SIZE, true);
    view.setUint32(at + 0x84, this.ctimeHigh[inode]!, true);
    view.setUint32(at + 0x88, this.mtimeHigh[inode]!, true);
    view.setUint32(at + 0x8c, this.atimeHigh[inode]!, true);
    view.setUint32(at + 0x90, this.mtimeLow[inode]!, true);
    view.setUint32(at + 0x94, this.mtimeHigh[inode]!, true);
    const xattrs = this.inlineXattrs(inode);
    if (xattrs === undefined) return;
    view.setUint32(at + XATTR_AREA, XATTR_MAGIC, true);
    bytes.set(xattrs, at + XATTR_AREA + 4);
  }

  /** The 60 bytes of i_block: extents, a short link's target or a device number. */
  #printBlockArea(inode: number, bytes: Buffer, view: DataView, at: number): void {
    const kind = this.mode[inode]! & KIND.mask;
    const start = this.start[inode]!;
    if (this.hasExtents[inode] === 1) {
      writeExtentRoot(view, at, start, this.contentBlocks(inode));
    } else if (kind === KIND.symlink) {
      bytes.write(this.shortLink(inode), at, 'latin1');
    } else if (kind === KIND.charDevice || kind === KIND.blockDevice) {
      view.setUint32(at + 4, start, true);
    }
  }

  #grow(capacity: number): void {
    this.mode = grown(this.mode, new Uint16Array(capacity));
    this.linkCount = grown(this.linkCount, new Uint16Array(capacity));
    this.uid = grown(this.uid, new Uint32Array(capacity));
    this.gid = grown(this.gid, new Uint32Array(capacity));
    this.atimeLow = grown(this.atimeLow, new Uint32Array(capacity));
    this.atimeHigh = grown(this.atimeHigh, new Uint32Array(capacity));
    this.ctimeLow = grown(this.ctimeLow, new Uint32Array(capacity));
    this.ctimeHigh = grown(this.ctimeHigh, new Uint32Array(capacity));
    this.mtimeLow = grown(this.mtimeLow, new Uint32Array(capacity));
    this.mtimeHigh = grown(this.mtimeHigh, new Uint32Array(capacity));
    this.size = grown(this.size, new Float64Array(capacity));
    this.start = grown(this.start, new Uint32Array(capacity));
    this.hasExtents = grown(this.hasExtents, new Uint8Array(capacity));
    this.blockCount = grown(this.blockCount, new Uint32Array(capacity));
    this.xattrBlock = grown(this.xattrBlock, new Uint32Array(capacity));
    this.xattrSlot = grown(this.xattrSlot, new Uint32Array(capacity));
  }
}

/** True if the number belongs to a file: 1 and 3 to 10 are reserved and empty. */
export function isInUse(inode: number): boolean {
  return inode === ROOT_INODE || inode >= FIRST_INODE;
}

interface Column<T> {
  readonly length: number;
  set(values: T): void;
}

function grown<T extends Column<T>>(column: T, larger: T): T {
  larger.set(column);
  return larger;
}

/** Zeroed pieces of equal size, kept in large chunks. */
class SlotStore {
  static readonly #PER_CHUNK = 1024;
  readonly #slotBytes: number;
  readonly #chunks: Buffer[] = [];
  #used = 0;

  constructor(slotBytes: number) {
    this.#slotBytes = slotBytes;
  }

  take(): number {
    const slot = this.#used++;
    if (slot % SlotStore.#PER_CHUNK === 0) {
      this.#chunks.push(Buffer.alloc(this.#slotBytes * SlotStore.#PER_CHUNK));
    }
    return slot;
  }

  at(slot: number): Buffer {
    const chunk = this.#chunks[Math.floor(slot / SlotStore.#PER_CHUNK)]!;
    const start = (slot % SlotStore.#PER_CHUNK) * this.#slotBytes;
    return chunk.subarray(start, start + this.#slotBytes);
  }
}
