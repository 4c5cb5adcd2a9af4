/** The key of an encrypted image from a released one (secure key release, sections 11 and 12): 32 bytes. */
import { createPrivateKey, type JsonWebKey } from 'node:crypto';
import { decodeBase64Url } from '../core/base64.js';
import { ToolError } from '../core/error.js';
import { parseJson } from '../core/json.js';
import { isJsonObject } from '../core/json-equal.js';
import { deriveSymmetricKey } from './derive.js';
import type { EncryptedFilesystem } from './encfs-config.js';

const KEY_BYTES = 32;

/**
 * An oct key as it is, an RSA key through HKDF. `jwk` is the released key as JSON text. Throws KEY_CONFIG_INVALID for
 * another kind of key than the configuration names, and for one that does not fit. Wipe the result after use.
 */
export function filesystemKey(
  jwk: string,
  { key, derivation }: Pick<EncryptedFilesystem, 'key' | 'derivation'>,
): Buffer {
  const value = parseJson(jwk, 'released key');
  const kty = isJsonObject(value) ? value.kty : undefined;
  if (key.type !== undefined && kty !== key.type) {
    throw unfit(key.kid, `a key of type ${key.type}, as kty says`, String(kty).slice(0, 20), [
      'kty of the configuration must be that of the key in the vault (oct-HSM, RSA-HSM)',
    ]);
  }
  if (kty === 'RSA') {
    const rsa = createPrivateKey({ key: value as JsonWebKey, format: 'jwk' });
    return deriveSymmetricKey(rsa, derivation.salt, derivation.label);
  }
  if (kty !== 'oct') throw unfit(key.kid, 'an oct or RSA key', String(kty).slice(0, 20));
  const { k } = value as { readonly k?: unknown };
  const bytes = typeof k === 'string' ? decodeBase64Url(k) : undefined;
  if (bytes?.length === KEY_BYTES) return bytes;
  throw unfit(key.kid, `${KEY_BYTES} bytes`, `${bytes?.length ?? 'no'} bytes`);
}

function unfit(kid: string, want: string, got: string, hints: readonly string[] = []): ToolError {
  return new ToolError('KEY_CONFIG_INVALID', `the key ${kid} does not fit an encrypted image`, {
    want,
    got,
    hints,
  });
}
