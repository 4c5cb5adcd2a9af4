/**
 * Extended attributes of the inodes of a tree: in the inode, or in an external block that is patched when a later
 * entry replaces the inode (layer hash specification, sections 5.4 and 5.6.3).
 */
import type { ImageCursor } from './image-cursor.js';
import type { InodeTable } from './inode-table.js';
import type { LayerReport, Matter } from './layer-report.js';
import { buildLimitError, type EntryPosition, type Ext4Limits, type Refuse } from './refusal.js';
import {
  placeXattrs,
  printInodeXattrs,
  printXattrBlock,
  readInodeXattrs,
  readXattrBlock,
  type Xattrs,
} from './xattr.js';

/** What is around the tree and its parts. */
export interface TreeContext {
  readonly image: ImageCursor;
  readonly refuse: Refuse;
  readonly position: EntryPosition;
  readonly report: LayerReport;
  readonly limits: Ext4Limits;
}

/** Writes and reads attributes. */
export class XattrStore {
  readonly #inodes: InodeTable;
  readonly #context: TreeContext;
  /** Contents of the external blocks that may still be replaced. */
  readonly #blocks = new Map<number, Buffer>();

  constructor(inodes: InodeTable, context: TreeContext) {
    this.#inodes = inodes;
    this.#context = context;
  }

  /**
   * Gives an inode attributes. Those that it had stay unless given anew, but only if they were stored in the inode.
   * `isFinal`: the inode can't be replaced any more. Throws rules `xattr-fit` and `xattr-name`.
   */
  set(inode: number, given: Xattrs, isFinal: boolean): void {
    const area = this.#inodes.inlineXattrs(inode);
    const hasBlock = this.#inodes.xattrBlock[inode] !== 0;
    if (given.size === 0 && area === undefined && !hasBlock) return;
    const xattrs = new Map<string, string>();
    if (area !== undefined) readInodeXattrs(area, xattrs);
    for (const [name, value] of given) xattrs.set(name, value);
    const placed = placeXattrs(xattrs, this.#context.refuse);
    if (!placed.isStable) this.#report('xattr-order-unstable');
    if (!placed.isFindable) this.#report('xattr-order-unsorted');
    const inline = placed.inode.length === 0 ? undefined : printInodeXattrs(placed.inode);
    this.#inodes.setInlineXattrs(inode, inline);
    if (placed.block.length > 0 || hasBlock) {
      this.#writeBlock(inode, printXattrBlock(placed.block), isFinal);
    }
  }

  /** Reads all attributes of an inode that may still be replaced; those in the inode win. */
  read(inode: number): Map<string, string> {
    const xattrs = new Map<string, string>();
    const block = this.#blocks.get(inode);
    if (block !== undefined) readXattrBlock(block, xattrs);
    const area = this.#inodes.inlineXattrs(inode);
    if (area !== undefined) readInodeXattrs(area, xattrs);
    return xattrs;
  }

  #report(matter: Matter): void {
    this.#context.report.add(matter, () => this.#context.position.name ?? '');
  }

  #writeBlock(inode: number, block: Buffer, isFinal: boolean): void {
    const { image } = this.#context;
    const { xattrBlock, blockCount } = this.#inodes;
    if (xattrBlock[inode] === 0) {
      xattrBlock[inode] = isFinal ? image.append(block) : image.appendPatchable();
      blockCount[inode]!++;
      if (isFinal) return;
    }
    image.patch(xattrBlock[inode]!, block);
    if (isFinal) this.#blocks.delete(inode);
    else this.#keep(inode, block);
  }

  #keep(inode: number, block: Buffer): void {
    this.#blocks.set(inode, block);
    const { position, limits } = this.#context;
    if (this.#blocks.size <= limits.openXattrBlocks) return;
    const what = 'layer has too many directories and empty files with large extended attributes';
    throw buildLimitError(position, what, limits.openXattrBlocks);
  }
}
