/** One member of a layer tar as its reader hands it over, and what it is called (spec layer-hash-tarfs section 3.5). */
import type { PaxRecords } from './pax.js';
import { FIELDS, type HeaderKind, headerName, textField } from './tar-header.js';

/** One member with the extension members before it. Texts are byte strings, one byte per character. */
export interface TarMember {
  /** 0 for the first member; extension members are not counted. */
  readonly index: number;
  /** Byte offset of the header block in the tar. */
  readonly headerOffset: number;
  /** Byte offset of the data in the tar. */
  readonly dataOffset: number;
  /** Bytes of data stored in the tar. */
  readonly size: number;
  /** The header block: valid only during the visitor's call. */
  readonly header: Buffer;
  readonly kind: HeaderKind;
  readonly longName: string | undefined;
  readonly longLink: string | undefined;
  readonly pax: PaxRecords | undefined;
}

/** Type bytes that are looked at in several places. */
export const HARD_LINK = 0x31;
export const SYMBOLIC_LINK = 0x32;
export const GNU_SPARSE = 0x53;

/** Effective name: long name, else PAX path, else the header's (section 3.5). */
export function memberName(member: TarMember): string {
  return member.longName ?? member.pax?.path ?? headerName(member.header, member.kind);
}

/** Link target in the header alone; empty when absent. */
export function headerLink(member: TarMember): string {
  return textField(member.header, FIELDS.linkname);
}

/** Effective link target: long link, else PAX linkpath, else the header's; undefined when all are absent. */
export function memberLink(member: TarMember): string | undefined {
  const extended = member.longLink ?? member.pax?.linkpath;
  if (extended !== undefined) return extended;
  const link = headerLink(member);
  return link === '' ? undefined : link;
}
