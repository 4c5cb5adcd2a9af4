/**
 * The tree of a layer under construction: paths, inodes and what creating, linking and marking opaque do to them and
 * to the image (layer hash specification, sections 4.1, 4.3, 5.2 to 5.9). Names are latin-1 views of bytes.
 */
import { countLeafBlocks, hasCorruptExtents, printLeafBlock } from './extents.js';
import { FIRST_INODE, InodeTable, KIND, ROOT_INODE, SHORT_LINK_BYTES } from './inode-table.js';
import type { Matter } from './layer-report.js';
import { buildBareSpec, hasStoredContent, isDevice, kindOf, type NodeSpec } from './node-spec.js';
import { joinPath, MAX_NAME_BYTES, ownCopy, splitPath } from './path.js';
import { buildLimitError, printName } from './refusal.js';
import { reencodeTimeHigh, reencodeTimeLow } from './times.js';
import { type TreeContext, XattrStore } from './xattr-store.js';

/** Where a name is or will be. For the root directory `dir` and `old` are the root and `name` is empty. */
export interface Place {
  readonly dir: number;
  /** Inode that has the name now, or 0. */
  readonly old: number;
  /** Keeps no longer string alive. */
  readonly name: string;
}

const MAX_LINKS = 65000;
const MAX_FILE_BYTES = 128 * 1024 ** 3;
/** Kernels read links of less than a block. */
const UNREADABLE_LINK_BYTES = 4096;
const OPAQUE_XATTR = 'trusted.overlay.opaque';
const PERMISSIONS_OF_LINKS = 0x1ff;
const NO_CHILDREN: ReadonlyMap<string, number> = new Map();

/** The tree. Methods throw refusals; after one it must not be used any more. */
export class Ext4Tree {
  readonly inodes = new InodeTable();
  readonly #context: TreeContext;
  readonly #children = new Map<number, Map<string, number>>();
  readonly #xattrs: XattrStore;
  /** Parent of the last entry: a path that led to a directory once always does. */
  #lastPath: string | undefined;
  #lastDirectory = ROOT_INODE;

  /** Makes the root directory and lost+found. */
  constructor(context: TreeContext) {
    this.#context = context;
    this.#xattrs = new XattrStore(this.inodes, context);
    this.inodes.mode[ROOT_INODE] = KIND.directory | 0o755;
    this.inodes.linkCount[ROOT_INODE] = 2;
    this.create(this.lookup(['lost+found']), buildBareSpec(KIND.directory | 0o700));
  }

  /** Children of a directory: name -> inode. */
  childrenOf(directory: number): ReadonlyMap<string, number> {
    return this.#children.get(directory) ?? NO_CHILDREN;
  }

  /** Forgets the children of a directory that has been written. */
  releaseChildren(directory: number): void {
    this.#children.delete(directory);
  }

  /** Makes the missing parents of an entry's name and finds its place. */
  enter(name: string): Place {
    const { parent, last } = splitPath(name);
    if (last === undefined) {
      const parts = joinPath(parent);
      this.#makeDirectories(parts.slice(0, -1));
      return this.lookup(parts);
    }
    const isKnown = parent === this.#lastPath;
    const dir = isKnown ? this.#lastDirectory : this.#makeDirectories(joinPath(parent));
    if (last.length > MAX_NAME_BYTES) throw this.#context.refuse('invalid-name');
    if (!isKnown) {
      if (!this.inodes.isDirectory(dir)) throw this.#context.refuse('path-not-found');
      this.#lastPath = ownCopy(parent);
      this.#lastDirectory = dir;
    }
    const owned = ownCopy(last);
    return { dir, old: this.childrenOf(dir).get(owned) ?? 0, name: owned };
  }

  /** Makes the missing parents of a name. */
  makeParents(name: string): void {
    this.#makeDirectories(joinPath(name).slice(0, -1));
  }

  /** Finds the place of a name whose parents exist. */
  find(name: string): Place {
    return this.lookup(joinPath(name));
  }

  /** Finds the place of a path. Symbolic links are not followed. */
  lookup(parts: readonly string[]): Place {
    const name = parts.at(-1);
    if (name === undefined) return { dir: ROOT_INODE, old: ROOT_INODE, name: '' };
    if (name.length > MAX_NAME_BYTES) throw this.#context.refuse('invalid-name');
    let dir = ROOT_INODE;
    for (let i = 0; i < parts.length - 1; i++) dir = this.childrenOf(dir).get(parts[i]!) ?? 0;
    if (!this.inodes.isDirectory(dir))
      throw this.#context.refuse('path-not-found', printName(parts.join('/')));
    const owned = ownCopy(name);
    return { dir, old: this.childrenOf(dir).get(owned) ?? 0, name: owned };
  }

  /**
   * Makes or replaces an inode. A regular file with content is then to be completed with finishFile, after its bytes
   * went to the image.
   */
  create(place: Place, spec: NodeSpec): number {
    const { dir, old, name } = place;
    const isDirectory = kindOf(spec.mode) === KIND.directory;
    const reuse = this.#findReusable(place, isDirectory);
    const inode = this.#makeInode(spec, reuse);
    if (inode === old) return inode;
    const { linkCount } = this.inodes;
    if (old !== 0) linkCount[old]!--;
    this.#setChild(dir, name, inode);
    linkCount[inode]!++;
    if (isDirectory) linkCount[dir]!++;
    return inode;
  }

  /** The content of a regular file is in the image: fills its last block and writes its extents. */
  finishFile(inode: number): void {
    this.#context.image.finishContent(this.inodes.size[inode]!);
    this.setExtents(inode);
  }

  /** Gives a hard link at `place` to the inode named `target`. */
  link(target: string, place: Place): void {
    const { inodes } = this;
    const { refuse } = this.#context;
    const { dir, old, name } = place;
    if (old !== 0 && (inodes.isDirectory(old) || inodes.linkCount[old]! < 2))
      throw refuse('orphan');
    const found = this.find(target).old;
    if (found === 0) throw refuse('file-not-found', printName(target));
    if (inodes.isDirectory(found)) throw refuse('link-to-dir', printName(target));
    if (old !== found && inodes.linkCount[found]! >= MAX_LINKS) throw refuse('link-limit');
    if (old !== 0) inodes.linkCount[old]!--;
    inodes.linkCount[found]!++;
    this.#setChild(dir, name, found);
  }

  /** Marks what is at a path, which exists, as opaque for overlay file systems: sets an attribute and makes it anew. */
  markOpaque(path: string): void {
    const place = this.find(path);
    const spec = this.#readSpec(place.old);
    this.create(place, spec);
    if (spec.size > 0) throw this.#context.refuse('short-content');
  }

  /** Turns `size` bytes from block `start` on, which end where the image ends, into an inode's extents. */
  setExtents(inode: number): void {
    const { image } = this.#context;
    const { inodes } = this;
    const blocks = inodes.contentBlocks(inode);
    const leaves = countLeafBlocks(blocks);
    inodes.hasExtents[inode] = 1;
    inodes.blockCount[inode]! += blocks + leaves;
    for (let i = 0; i < leaves; i++) image.append(printLeafBlock(i, inodes.start[inode]!, blocks));
    if (hasCorruptExtents(blocks)) this.#report('ext4-corrupt-extents');
  }

  /** Notes something about the entry at hand. */
  #report(matter: Matter): void {
    this.#context.report.add(matter, () => this.#context.position.name ?? '');
  }

  /** Walks a path and makes what is missing. The result may be something else than a directory. */
  #makeDirectories(parts: readonly string[]): number {
    let inode = ROOT_INODE;
    for (let i = 0; i < parts.length; i++) {
      const child = this.childrenOf(inode).get(parts[i]!);
      inode = child ?? this.#makeImplied(inode, parts, i);
    }
    return inode;
  }

  /** A directory that the tar does not have takes its parent's attributes. */
  #makeImplied(dir: number, parts: readonly string[], index: number): number {
    const { refuse, report } = this.#context;
    const name = ownCopy(parts[index]!);
    if (name.length > MAX_NAME_BYTES) throw refuse('invalid-name');
    if (!this.inodes.isDirectory(dir)) throw refuse('path-not-found');
    report.add('implied-parent-directories', () => parts.slice(0, index + 1).join('/'));
    return this.create({ dir, old: 0, name }, this.#copyAttributes(dir));
  }

  /** The inode that a creation keeps, or 0 for a new one. */
  #findReusable({ dir, old }: Place, isDirectory: boolean): number {
    const { inodes } = this;
    const { refuse } = this.#context;
    if (old === 0) {
      if (isDirectory && inodes.linkCount[dir]! >= MAX_LINKS) throw refuse('link-limit');
      return 0;
    }
    if (inodes.isDirectory(old)) {
      if (!isDirectory) throw refuse('dir-by-file');
      return old;
    }
    if (isDirectory) throw refuse('file-by-dir');
    return inodes.linkCount[old]! < 2 ? old : 0;
  }

  #makeInode(spec: NodeSpec, reuse: number): number {
    const { inodes } = this;
    if (reuse !== 0 && inodes.hasExtents[reuse] === 1) throw this.#context.refuse('overwrite-data');
    const kind = kindOf(spec.mode);
    if (kind === KIND.regular && spec.size > MAX_FILE_BYTES) {
      throw this.#context.refuse('too-big', `${spec.size} bytes`);
    }
    const inode = reuse === 0 ? this.#addInode(kind) : reuse;
    inodes.mode[inode] = kind === KIND.symlink ? spec.mode | PERMISSIONS_OF_LINKS : spec.mode;
    inodes.uid[inode] = spec.uid;
    inodes.gid[inode] = spec.gid;
    inodes.atimeLow[inode] = spec.atimeLow;
    inodes.atimeHigh[inode] = spec.atimeHigh;
    inodes.ctimeLow[inode] = spec.ctimeLow;
    inodes.ctimeHigh[inode] = spec.ctimeHigh;
    inodes.mtimeLow[inode] = spec.mtimeLow;
    inodes.mtimeHigh[inode] = spec.mtimeHigh;
    inodes.start[inode] = spec.device;
    inodes.size[inode] = 0;
    this.#xattrs.set(inode, spec.xattrs, hasStoredContent(spec));
    this.#startContent(inode, spec);
    return inode;
  }

  #addInode(kind: number): number {
    const { position, limits } = this.#context;
    if (this.inodes.count - FIRST_INODE >= limits.tarEntries) {
      const what = 'layer has too many files and implied directories';
      throw buildLimitError(position, what, limits.tarEntries);
    }
    const inode = this.inodes.add();
    this.inodes.linkCount[inode] = kind === KIND.directory ? 1 : 0;
    return inode;
  }

  #startContent(inode: number, spec: NodeSpec): void {
    const { image } = this.#context;
    const kind = kindOf(spec.mode);
    if (kind === KIND.regular && spec.size > 0) {
      this.inodes.size[inode] = spec.size;
      this.inodes.start[inode] = image.startContent(spec.size);
    } else if (kind === KIND.symlink && spec.linkname.length <= SHORT_LINK_BYTES) {
      this.inodes.setShortLink(inode, spec.linkname);
    } else if (kind === KIND.symlink) {
      if (spec.linkname.length >= UNREADABLE_LINK_BYTES) this.#report('symlink-too-long');
      this.inodes.size[inode] = spec.linkname.length;
      this.inodes.start[inode] = image.startContent(spec.linkname.length);
      image.content(Buffer.from(spec.linkname, 'latin1'));
      this.finishFile(inode);
    }
  }

  /** All attributes of an inode, for making it anew with an opaque mark. */
  #readSpec(inode: number): NodeSpec {
    const { inodes } = this;
    const kind = inodes.mode[inode]! & KIND.mask;
    const isStored = inodes.hasExtents[inode] === 1;
    if (kind === KIND.symlink && isStored) throw this.#context.refuse('stat-link');
    const xattrs = this.#xattrs.read(inode);
    xattrs.set(OPAQUE_XATTR, 'y');
    return {
      ...this.#copyAttributes(inode),
      size: isStored ? inodes.size[inode]! : 0,
      linkname: kind === KIND.symlink ? inodes.shortLink(inode) : '',
      device: isDevice(kind) ? inodes.start[inode]! : 0,
      xattrs,
    };
  }

  /** Mode, owner and times of an inode; times change by being decoded and encoded again. */
  #copyAttributes(inode: number): NodeSpec {
    const { inodes } = this;
    const [atime, atimeExtra] = [inodes.atimeLow[inode]!, inodes.atimeHigh[inode]!];
    const [ctime, ctimeExtra] = [inodes.ctimeLow[inode]!, inodes.ctimeHigh[inode]!];
    const [mtime, mtimeExtra] = [inodes.mtimeLow[inode]!, inodes.mtimeHigh[inode]!];
    return {
      ...buildBareSpec(inodes.mode[inode]!),
      uid: inodes.uid[inode]!,
      gid: inodes.gid[inode]!,
      atimeLow: reencodeTimeLow(atime, atimeExtra),
      atimeHigh: reencodeTimeHigh(atime, atimeExtra),
      ctimeLow: reencodeTimeLow(ctime, ctimeExtra),
      ctimeHigh: reencodeTimeHigh(ctime, ctimeExtra),
      mtimeLow: reencodeTimeLow(mtime, mtimeExtra),
      mtimeHigh: reencodeTimeHigh(mtime, mtimeExtra),
    };
  }

  #setChild(dir: number, name: string, inode: number): void {
    const children = this.#children.get(dir);
    if (children !== undefined) children.set(name, inode);
    else this.#children.set(dir, new Map([[name, inode]]));
  }
}
