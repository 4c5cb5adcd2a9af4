/** What an inode is to be made from (layer hash specification, section 4.2). */
import { KIND, SHORT_LINK_BYTES } from './inode-table.js';
import type { Xattrs } from './xattr.js';

/** Attributes of an inode to be made. */
export interface NodeSpec {
  /** Kind and permission bits, 16 bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Encoded times, see times.ts. */
  atimeLow: number;
  atimeHigh: number;
  ctimeLow: number;
  ctimeHigh: number;
  mtimeLow: number;
  mtimeHigh: number;
  /** Bytes of content; 0 but for regular files. */
  size: number;
  /** Target; empty but for symbolic links. */
  linkname: string;
  /** Device number as on disk; 0 but for devices. */
  device: number;
  xattrs: Xattrs;
}

/** No extended attributes. */
export const NO_XATTRS: Xattrs = new Map();

/** Attributes that are all zero but the mode. */
export function buildBareSpec(mode: number): NodeSpec {
  return {
    mode,
    uid: 0,
    gid: 0,
    atimeLow: 0,
    atimeHigh: 0,
    ctimeLow: 0,
    ctimeHigh: 0,
    mtimeLow: 0,
    mtimeHigh: 0,
    size: 0,
    linkname: '',
    device: 0,
    xattrs: NO_XATTRS,
  };
}

/** The kind in a mode (see KIND). */
export function kindOf(mode: number): number {
  return mode & KIND.mask;
}

/** True for the kinds that have a device number. */
export function isDevice(kind: number): boolean {
  return kind === KIND.charDevice || kind === KIND.blockDevice;
}

/** Whether an inode made from `spec` has stored content, so that it can't be replaced any more. */
export function hasStoredContent(spec: NodeSpec): boolean {
  return spec.size > 0 || spec.linkname.length > SHORT_LINK_BYTES;
}
