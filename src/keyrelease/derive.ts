/** Keys derived from a released RSA key: HKDF-SHA256 over the private exponent, as the importkey tool does it. */
import { hkdfSync, type KeyObject } from 'node:crypto';

export const DEFAULT_LABEL = 'Symmetric Encryption Key';

/** 32 bytes from the private exponent (big-endian, no leading zeros), salt bytes and label. Wipe it after use. */
export function deriveSymmetricKey(rsa: KeyObject, salt: Uint8Array, label: string): Buffer {
  const exponent = Buffer.from(rsa.export({ format: 'jwk' }).d ?? '', 'base64url');
  const first = exponent.findIndex((byte) => byte !== 0);
  return Buffer.from(hkdfSync('sha256', exponent.subarray(Math.max(first, 0)), salt, label, 32));
}
