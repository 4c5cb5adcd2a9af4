/**
 * Members -> tree, in archive order (spec layer-hash-tarfs sections 4.3 to 4.5): overwriting, whiteouts, hard links that
 * share nodes, and everything that the platform leaves out.
 */
import { cleanPath } from './clean-path.js';
import type { LayerNoticeCode, LayerNotices } from './layer-notices.js';
import { LongLinks } from './long-links.js';
import { FIELDS, numberField, octalField, typeflag } from './tar-header.js';
import {
  HARD_LINK,
  headerLink,
  memberLink,
  memberName,
  SYMBOLIC_LINK,
  type TarMember,
} from './tar-member.js';
import {
  FLAG_OPAQUE,
  type NodeFields,
  Tree,
  TYPE_BLOCK,
  TYPE_CHARACTER,
  TYPE_DIRECTORY,
  TYPE_FIFO,
  TYPE_REGULAR,
  TYPE_SYMLINK,
} from './tree.js';

/** Index writer of the platform: `fork` stores long link targets, `original` leaves such links out. */
export type TarfsVariant = 'fork' | 'original';
/** Parser of the platform: 0.4.38 (the host) ignores PAX uid and gid. */
export type TarCrate = '0.4.40' | '0.4.38';

export interface TreeBuilder {
  readonly tree: Tree;
  readonly longLinks: LongLinks;
  apply(member: TarMember): void;
}

const OPAQUE_MARKER = '.wh..wh..opq';
const WHITEOUT_PREFIX = '.wh.';
const PERMISSIONS = 0o777;
const SPECIAL_BITS = 0o7000;
const TWO_32 = 2 ** 32;
const GLOBAL_PAX_FLAG = 0x67;

/** Size and place of what a member stores. */
interface Stored {
  readonly size: number;
  readonly offsetLow: number;
  readonly offsetHigh: number;
  /** Target that has to go into the string area. */
  readonly longLink?: string;
}
const NOTHING: Stored = { size: 0, offsetLow: 0, offsetHigh: 0 };

/** What a type byte means. `stored` is a notice code where the member is left out. */
interface MemberType {
  readonly bits: number;
  readonly stored: (member: TarMember, variant: TarfsVariant) => Stored | LayerNoticeCode;
}

const REGULAR: MemberType = { bits: TYPE_REGULAR, stored: storedFile };
const TYPES = new Map<number, MemberType>([
  [0x00, REGULAR],
  [0x30, REGULAR],
  [SYMBOLIC_LINK, { bits: TYPE_SYMLINK, stored: storedLink }],
  [0x33, { bits: TYPE_CHARACTER, stored: storedDevice }],
  [0x34, { bits: TYPE_BLOCK, stored: storedDevice }],
  [0x35, { bits: TYPE_DIRECTORY, stored: () => NOTHING }],
  [0x36, { bits: TYPE_FIFO, stored: () => NOTHING }],
]);

function storedFile(member: TarMember): Stored {
  return placed(member.size, member.dataOffset);
}

function storedDevice(member: TarMember): Stored | LayerNoticeCode {
  if (member.kind === 'old') return 'skipped-unreadable-members';
  const major = octalField(member.header, FIELDS.deviceMajor);
  const minor = octalField(member.header, FIELDS.deviceMinor);
  if (major === undefined || minor === undefined) return 'skipped-unreadable-members';
  return { size: 0, offsetLow: minor, offsetHigh: major };
}

/** A target that equals the header's is read from the header itself; any other is a long link. */
function storedLink(member: TarMember, variant: TarfsVariant): Stored | LayerNoticeCode {
  const link = memberLink(member);
  if (link === undefined) return 'skipped-unreadable-members';
  if (link === headerLink(member))
    return placed(link.length, member.headerOffset + FIELDS.linkname.at);
  if (variant === 'original') return 'skipped-long-links';
  return { ...placed(link.length, 0), longLink: link };
}

function placed(size: number, offset: number): Stored {
  return { size, offsetLow: offset % TWO_32, offsetHigh: Math.floor(offset / TWO_32) };
}

export function createTreeBuilder(
  variant: TarfsVariant,
  tarCrate: TarCrate,
  notices: LayerNotices,
): TreeBuilder {
  return new Builder(variant, tarCrate, notices);
}

class Builder implements TreeBuilder {
  readonly tree = new Tree();
  readonly longLinks = new LongLinks();
  readonly #variant: TarfsVariant;
  readonly #tarCrate: TarCrate;
  readonly #notices: LayerNotices;

  constructor(variant: TarfsVariant, tarCrate: TarCrate, notices: LayerNotices) {
    this.#variant = variant;
    this.#tarCrate = tarCrate;
    this.#notices = notices;
  }

  apply(member: TarMember): void {
    if (member.pax !== undefined) this.#reportPax(member);
    const mode = octalField(member.header, FIELDS.mode);
    const flag = typeflag(member.header);
    if (mode === undefined) this.#report('skipped-unreadable-members', member);
    else if (flag === HARD_LINK) this.#applyHardLink(member);
    else this.#applyFile(member, mode);
  }

  #applyFile(member: TarMember, mode: number): void {
    const flag = typeflag(member.header);
    const type = TYPES.get(flag);
    if (type === undefined) {
      if (flag !== GLOBAL_PAX_FLAG) this.#report('skipped-types', member);
      return;
    }
    const stored = type.stored(member, this.#variant);
    if (typeof stored === 'string') {
      this.#report(stored, member);
      return;
    }
    const { longLink } = stored;
    const name = memberName(member);
    const longLinkIndex = longLink === undefined ? undefined : this.longLinks.add(longLink, name);
    const path = cleanPath(name);
    if (path === undefined) {
      this.#report('skipped-names', member);
      return;
    }
    if (this.#applyWhiteout(path)) return;
    const node = this.tree.walk(path, path.length);
    this.#reportReplaced(node, type.bits, path);
    this.#reportMember(member, mode);
    if (type.bits === TYPE_REGULAR && name.endsWith('/'))
      this.#report('old-style-directories', member);
    const fields = { mode: type.bits | (mode & PERMISSIONS), ...stored, ...this.#owner(member) };
    this.tree.overwrite(node, fields);
    this.longLinks.place(node, longLinkIndex);
  }

  /** True if the last part of the path is a whiteout or an opaque marker. */
  #applyWhiteout(path: readonly string[]): boolean {
    const name = path.at(-1);
    if (name === undefined || !name.startsWith(WHITEOUT_PREFIX)) return false;
    const parent = this.tree.walk(path, path.length - 1);
    if (name === OPAQUE_MARKER) {
      this.tree.setOpaque(parent);
      return true;
    }
    this.tree.whiteOut(this.tree.child(parent, name.slice(WHITEOUT_PREFIX.length)));
    return true;
  }

  #applyHardLink(member: TarMember): void {
    const link = memberLink(member);
    const target = link === undefined ? undefined : cleanPath(link);
    const node = target === undefined ? undefined : this.tree.walk(target, target.length);
    if (node === undefined || this.tree.type(node) !== TYPE_REGULAR) {
      this.#report('skipped-links', member);
      return;
    }
    const path = cleanPath(memberName(member));
    if (path === undefined) {
      this.#report('skipped-names', member);
      return;
    }
    const name = path.pop();
    if (name === undefined) {
      this.#notices.add('late-root-directory', () => './');
      this.tree.replaceRoot(node);
      return;
    }
    this.tree.link(this.tree.walk(path, path.length), name, node);
  }

  /** Owner and time; what cannot be read is 0. */
  #owner(member: TarMember): Pick<NodeFields, 'mtime' | 'uid' | 'gid'> {
    const { header, pax } = member;
    const uid = (numberField(header, FIELDS.uid) ?? 0) % TWO_32;
    const gid = (numberField(header, FIELDS.gid) ?? 0) % TWO_32;
    const mtime = numberField(header, FIELDS.mtime) ?? 0;
    if (pax?.uid === undefined && pax?.gid === undefined) return { mtime, uid, gid };
    const paxUid = low32(pax.uid) ?? uid;
    const paxGid = low32(pax.gid) ?? gid;
    if (paxUid !== uid || paxGid !== gid) this.#report('pax-owner-ids', member);
    return this.#tarCrate === '0.4.38' ? { mtime, uid, gid } : { mtime, uid: paxUid, gid: paxGid };
  }

  /** Before a node is overwritten: what gets lost by it. */
  #reportReplaced(node: number, bits: number, path: readonly string[]): void {
    if (bits !== TYPE_DIRECTORY && path.length > 0) return;
    const name = () => `${path.join('/')}/`;
    if (this.tree.hasChildren(node))
      this.#notices.add(path.length === 0 ? 'late-root-directory' : 'repeated-directories', name);
    if ((this.tree.flags[node]! & FLAG_OPAQUE) !== 0)
      this.#notices.add('lost-opaque-markers', name);
  }

  #reportMember(member: TarMember, mode: number): void {
    if ((mode & SPECIAL_BITS) !== 0) this.#report('lost-special-bits', member);
    if (member.pax?.xattrs === true) this.#report('lost-extended-attributes', member);
  }

  #reportPax(member: TarMember): void {
    const { pax, size } = member;
    if (pax?.damaged === true) this.#report('malformed-pax-records', member);
    if (pax?.repeated === true) this.#report('repeated-pax-records', member);
    if (pax?.size !== undefined && pax.size !== BigInt(size))
      this.#report('ignored-pax-sizes', member);
  }

  #report(code: LayerNoticeCode, member: TarMember): void {
    this.#notices.add(code, () => memberName(member));
  }
}

function low32(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(BigInt.asUintN(32, value));
}
