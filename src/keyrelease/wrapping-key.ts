/**
 * The ephemeral key of one release: its public half goes to the key vault inside the attested runtime data, so that the
 * vault wraps the released key for nobody but this guest.
 */
import { createHash, type KeyObject } from 'node:crypto';
import { sha256Hex } from '../core/digest.js';

/** The JWK set of a public RSA key, exact bytes: no blanks, members sorted, `kid` the thumbprint of RFC 7638. */
export function buildWrappingKeySet(publicKey: KeyObject): string {
  const { n, e } = publicKey.export({ format: 'jwk' });
  const thumbprint = createHash('sha256')
    .update(JSON.stringify({ e, kty: 'RSA', n }))
    .digest('base64url');
  return JSON.stringify({ keys: [{ e, key_ops: ['encrypt'], kid: thumbprint, kty: 'RSA', n }] });
}

/** REPORT_DATA that binds runtime data: 128 hex digits, SHA-256 in bytes 0 to 31, zeros in 32 to 63. */
export function reportDataFor(runtimeData: Uint8Array): string {
  return sha256Hex(runtimeData) + '0'.repeat(64);
}
