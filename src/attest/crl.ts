/** Revocation list of AMD's roots: DER -> what it says (RFC 5280 section 5; spec snp-attestation section 4.5). */
import {
  contextTag,
  DER_TAG,
  type DerElement,
  parseDer,
  readInteger,
  readParts,
  readSmallInteger,
  readTime,
} from '../core/der.js';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import { readExtensionList, readExtensions, readWholeOctets } from './certificate.js';

/** One list. Byte fields are views of the input. */
export interface RevocationList {
  readonly tbs: Buffer;
  readonly signatureAlgorithm: DerElement;
  readonly signature: Buffer;
  /** DER of the name. */
  readonly issuer: Buffer;
  /** Seconds since 1970. */
  readonly thisUpdate: number;
  /** Absent: the list does not say until when it holds. */
  readonly nextUpdate: number | undefined;
  readonly serials: readonly bigint[];
  readonly hasCriticalExtension: boolean;
}

const TIME_TAGS: readonly number[] = [DER_TAG.utcTime, DER_TAG.generalizedTime];

/** Reads exactly one list of version 2 (or 1 without a version). Throws DER_INVALID, CERTIFICATE_INVALID, LIMIT_EXCEEDED. */
export function parseCrl(bytes: Uint8Array, what: string): RevocationList {
  if (bytes.length > LIMITS.crlBytes) {
    throw new ToolError('LIMIT_EXCEEDED', `${what} is too large`, {
      want: `at most ${LIMITS.crlBytes} bytes`,
    });
  }
  const [tbs, outer, signature, ...more] = readParts(parseDer(bytes, what), DER_TAG.sequence);
  if (!(tbs && outer && signature) || more.length > 0) throw damaged(what);
  const parts = [...readParts(tbs, DER_TAG.sequence)];
  const hasVersion = parts[0]?.tag === DER_TAG.integer;
  if (hasVersion && readSmallInteger(parts.shift() as DerElement, 1) !== 1) throw damaged(what);
  const [algorithm, issuer, thisUpdate, ...rest] = parts;
  if (!(algorithm && issuer && thisUpdate)) throw damaged(what);
  if (!algorithm.bytes.equals(outer.bytes)) throw damaged(what);
  readParts(issuer, DER_TAG.sequence);
  const nextUpdate = rest[0] && TIME_TAGS.includes(rest[0].tag) ? rest.shift() : undefined;
  const revoked = rest[0]?.tag === DER_TAG.sequence ? rest.shift() : undefined;
  const wrapper = rest.shift();
  if (rest.length > 0 || (wrapper !== undefined && !hasVersion)) throw damaged(what);
  const extensions =
    wrapper === undefined ? [] : readExtensions(wrapper, what, contextTag(0, 'constructed'));
  return {
    tbs: tbs.bytes,
    signatureAlgorithm: algorithm,
    signature: readWholeOctets(signature),
    issuer: issuer.bytes,
    thisUpdate: readTime(thisUpdate),
    nextUpdate: nextUpdate && readTime(nextUpdate),
    serials: revoked === undefined ? [] : readRevoked(revoked, what),
    hasCriticalExtension: extensions.some(({ critical }) => critical),
  };
}

function readRevoked(list: DerElement, what: string): readonly bigint[] {
  return readParts(list, DER_TAG.sequence).map((entry) => {
    const [serial, date, extensions, ...more] = readParts(entry, DER_TAG.sequence);
    if (serial === undefined || date === undefined || more.length > 0) throw damaged(what);
    readTime(date);
    const list = extensions === undefined ? [] : readExtensionList(extensions, what);
    if (list.some(({ critical }) => critical)) throw damaged(what);
    return readInteger(serial);
  });
}

function damaged(what: string): ToolError {
  return new ToolError('CERTIFICATE_INVALID', `${what} is not a valid revocation list`);
}
