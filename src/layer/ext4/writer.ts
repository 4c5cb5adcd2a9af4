/**
 * Layer tar -> ext4 image, in one pass onto an append-only sink: tar entries become operations on the tree (layer hash
 * specification, section 4). The image is that of hcsshim's converter with whiteouts and a largest disk of 128 GiB.
 */
import { LIMITS } from '../../core/limits.js';
import { BLOCK_BYTES, type LayerWriter, type LayerWriterOptions } from '../ports.js';
import { closeImage } from './close.js';
import { countDescriptorBlocks } from './geometry.js';
import { ImageCursor } from './image-cursor.js';
import { KIND } from './inode-table.js';
import { LayerReport } from './layer-report.js';
import { buildBareSpec, isDevice, NO_XATTRS, type NodeSpec } from './node-spec.js';
import type { Ext4Limits } from './refusal.js';
import { type TarEntry, TYPE } from './tar-header.js';
import { XATTR_RECORD_PREFIX } from './tar-pax.js';
import { type TarHandler, TarReader } from './tar-reader.js';
import { encodeTimeHigh, encodeTimeLow } from './times.js';
import { Ext4Tree } from './tree.js';
import type { Xattrs } from './xattr.js';

/** Largest disk that the metadata area is laid out for; it decides where file data begin. */
export const MAX_DISK_BYTES = 128 * 1024 ** 3;

/** What a mode keeps of the tar: its upper bits follow from the typeflag. */
const PERMISSIONS = 0xfff;
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/** Kind of inode by typeflag; every other typeflag makes a regular file. */
const KINDS: ReadonlyMap<number, number> = new Map([
  [TYPE.symlink, KIND.symlink],
  [TYPE.charDevice, KIND.charDevice],
  [TYPE.blockDevice, KIND.blockDevice],
  [TYPE.directory, KIND.directory],
  [TYPE.fifo, KIND.fifo],
]);

/** Records that carry something the guest should have, but that the reference does not read. */
const IGNORED_RECORDS = ['LIBARCHIVE.xattr.', 'RHT.security.selinux', 'SCHILY.acl.'] as const;

/** What a user cannot choose: for comparison with tools that lay out a smaller disk, and for tests. */
export interface Ext4Layout {
  readonly maxDiskBytes?: number;
  readonly limits?: Ext4Limits;
}

/**
 * Makes the writer. Refused are all tars that the reference refuses, and those of which it gives no usable or no single
 * image (fixtures/divergences.json).
 */
export function createExt4Writer(
  options: LayerWriterOptions,
  layout: Ext4Layout = {},
): LayerWriter {
  return new Ext4Writer(options, layout);
}

class Ext4Writer implements LayerWriter, TarHandler {
  readonly #options: LayerWriterOptions;
  readonly #reader: TarReader;
  readonly #image: ImageCursor;
  readonly #tree: Ext4Tree;
  readonly #report = new LayerReport();
  readonly #reservedBlocks: number;
  readonly #spec: NodeSpec = buildBareSpec(0);
  /** The regular file whose content is coming, or 0. */
  #file = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    options: LayerWriterOptions,
    { maxDiskBytes = MAX_DISK_BYTES, limits = LIMITS }: Ext4Layout,
  ) {
    this.#options = options;
    this.#reader = new TarReader(this, limits);
    const { refuse } = this.#reader;
    this.#image = new ImageCursor(options.sink, maxDiskBytes / BLOCK_BYTES, refuse);
    this.#reservedBlocks = countDescriptorBlocks(maxDiskBytes);
    for (let i = 0; i <= this.#reservedBlocks; i++) this.#image.appendPatchable();
    this.#tree = new Ext4Tree({
      image: this.#image,
      refuse,
      position: this.#reader,
      report: this.#report,
      limits,
    });
  }

  write(chunk: Uint8Array): void {
    this.#guard(() => this.#reader.write(chunk));
  }

  end(): void {
    this.#guard(() => {
      this.#reader.end();
      closeImage(this.#tree, this.#image, this.#reservedBlocks, this.#reader.refuse);
      this.#report.send(this.#options.notices);
    });
  }

  /** After a failure the image is worthless: every later call fails in the same way. */
  #guard(step: () => void): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      step();
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  openEntry(entry: TarEntry): boolean {
    if (entry.records.size > 0) this.#checkRecords(entry);
    const { name, type } = entry;
    const start = name.lastIndexOf('/') + 1;
    if (name.startsWith(WHITEOUT, start)) {
      this.#applyWhiteout(name, start);
      return false;
    }
    const place = this.#tree.enter(name);
    if (type === TYPE.hardLink) {
      this.#tree.link(entry.linkname, place);
      return false;
    }
    const inode = this.#tree.create(place, this.#readSpec(entry));
    this.#file = this.#spec.size > 0 ? inode : 0;
    if (type === TYPE.paxGlobal) this.#report.add('pax-global-header', () => name);
    if (type === TYPE.gnuDumpDirectory) this.#report.add('gnu-dump-directory', () => name);
    return true;
  }

  writeContent(bytes: Uint8Array): void {
    this.#image.content(bytes);
  }

  writeHole(count: number): void {
    this.#image.hole(count);
  }

  closeEntry(): void {
    if (this.#file !== 0) this.#tree.finishFile(this.#file);
    this.#file = 0;
  }

  dropExtension(): void {
    this.#report.add('pax-header-dropped', () => this.#reader.name ?? '');
  }

  /** A whiteout becomes a character device 0:0, an opaque marker an attribute of the directory it stands in. */
  #applyWhiteout(name: string, start: number): void {
    const directory = name.slice(0, start);
    this.#tree.makeParents(name);
    if (name.slice(start) === OPAQUE) {
      this.#tree.markOpaque(directory);
      return;
    }
    const place = this.#tree.find(directory + name.slice(start + WHITEOUT.length));
    this.#tree.create(place, buildBareSpec(KIND.charDevice));
  }

  /** Attributes of an entry; the object is reused. */
  #readSpec(entry: TarEntry): NodeSpec {
    const spec = this.#spec;
    const kind = KINDS.get(entry.type) ?? KIND.regular;
    spec.mode = (entry.mode & PERMISSIONS) | kind;
    spec.uid = entry.uid;
    spec.gid = entry.gid;
    spec.mtimeLow = encodeTimeLow(entry.mtimeSeconds, entry.mtimeNanoseconds);
    spec.mtimeHigh = encodeTimeHigh(entry.mtimeSeconds, entry.mtimeNanoseconds);
    spec.atimeLow = encodeTimeLow(entry.atimeSeconds, entry.atimeNanoseconds);
    spec.atimeHigh = encodeTimeHigh(entry.atimeSeconds, entry.atimeNanoseconds);
    spec.ctimeLow = encodeTimeLow(entry.ctimeSeconds, entry.ctimeNanoseconds);
    spec.ctimeHigh = encodeTimeHigh(entry.ctimeSeconds, entry.ctimeNanoseconds);
    spec.size = kind === KIND.regular ? entry.size : 0;
    spec.linkname = kind === KIND.symlink ? entry.linkname : '';
    spec.device = isDevice(kind) ? encodeDevice(entry.devmajor, entry.devminor) : 0;
    spec.xattrs = readXattrs(entry.records);
    return spec;
  }

  #checkRecords({ name, records }: TarEntry): void {
    for (const key of records.keys()) {
      if (!IGNORED_RECORDS.some((prefix) => key.startsWith(prefix))) continue;
      this.#report.add('pax-records-ignored', () => `${name}: ${key}`);
    }
  }
}

/** Device number as ext4 stores it; all u32. */
function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & 0xffffff00) << 12)) >>> 0;
}

function readXattrs(records: ReadonlyMap<string, string>): Xattrs {
  if (records.size === 0) return NO_XATTRS;
  const xattrs = new Map<string, string>();
  for (const [key, value] of records) {
    if (key.startsWith(XATTR_RECORD_PREFIX)) {
      xattrs.set(key.slice(XATTR_RECORD_PREFIX.length), value);
    }
  }
  return xattrs;
}
