/** SHA-256 values under their names: a blob digest, a diff ID and a root hash are never mixed up. */
import { createHash } from 'node:crypto';
import { ToolError } from './error.js';

declare const brand: unique symbol;

/** 64 lower-case hex digits. */
export type Sha256Hex = string & { readonly [brand]: 'sha256' };
/** `sha256:` + 64 lower-case hex digits: SHA-256 of a stored blob, as a descriptor names it (OCI image spec). */
export type Digest = string & { readonly [brand]: 'digest' };
/** `sha256:` + 64 lower-case hex digits: SHA-256 of an uncompressed layer tar (OCI image config, rootfs.diff_ids). */
export type DiffId = string & { readonly [brand]: 'diff-id' };
/** 64 lower-case hex digits: dm-verity root hash of a layer's file system image. */
export type RootHash = string & { readonly [brand]: 'root-hash' };

const HEX64 = /^[0-9a-f]{64}$/;
const SHA256_DIGEST = /^sha256:[0-9a-f]{64}$/;

/** True for 64 lower-case hex digits. */
export function isSha256Hex(text: string): text is Sha256Hex {
  return HEX64.test(text);
}

/** Parses `sha256:<64 lower-case hex>`; `what` names the object in the error. Throws IMAGE_INVALID. */
export function parseDigest(text: unknown, what: string): Digest {
  if (typeof text === 'string' && SHA256_DIGEST.test(text)) return text as Digest;
  throw new ToolError('IMAGE_INVALID', `${what} has an invalid digest`, {
    want: 'sha256: and 64 lower-case hex digits',
    got: typeof text === 'string' ? text.slice(0, 200) : typeof text,
  });
}

/** Parses a diff ID; as parseDigest. */
export function parseDiffId(text: unknown, what: string): DiffId {
  return parseDigest(text, what) as string as DiffId;
}

/** Parses a root hash: 64 lower-case hex digits. Throws IMAGE_FACTS_INVALID. */
export function parseRootHash(text: unknown, what: string): RootHash {
  if (typeof text === 'string' && HEX64.test(text)) return text as string as RootHash;
  throw new ToolError('IMAGE_FACTS_INVALID', `${what} is not a root hash`, {
    want: '64 lower-case hex digits',
  });
}

/** SHA-256 as 64 lower-case hex digits. */
export function sha256Hex(bytes: Uint8Array | string): Sha256Hex {
  return createHash('sha256').update(bytes).digest('hex') as Sha256Hex;
}

/** SHA-256 as a blob digest. */
export function sha256Digest(bytes: Uint8Array | string): Digest {
  return `sha256:${sha256Hex(bytes)}` as Digest;
}
