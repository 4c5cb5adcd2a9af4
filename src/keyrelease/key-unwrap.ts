/**
 * CKM_RSA_AES_KEY_WRAP and its SHA-256/384 forms: an AES key under RSA-OAEP, and the released key under that AES key by
 * AES key wrap with padding (RFC 5649). Everything comes from the network: any deviation is refused, none crashes.
 */
import {
  constants,
  createDecipheriv,
  type KeyObject,
  privateDecrypt,
  webcrypto,
} from 'node:crypto';

/** Hash of OAEP and of its mask generation, by the name of the mechanism. */
export const WRAP_ALGORITHMS = {
  CKM_RSA_AES_KEY_WRAP: 'sha1',
  RSA_AES_KEY_WRAP_256: 'sha256',
  RSA_AES_KEY_WRAP_384: 'sha384',
} as const;
export type WrapAlgorithm = keyof typeof WRAP_ALGORITHMS;

/** True for the name of a mechanism that is known. */
export function isWrapAlgorithm(name: unknown): name is WrapAlgorithm {
  return typeof name === 'string' && Object.hasOwn(WRAP_ALGORITHMS, name);
}

/** First four bytes of the alternative initial value (RFC 5649 section 3). */
const AIV_PREFIX = Buffer.from('a65959a6', 'hex');
const CIPHERS: Readonly<Record<number, string>> = {
  16: 'id-aes128-wrap-pad',
  24: 'id-aes192-wrap-pad',
  32: 'id-aes256-wrap-pad',
};

/** AES key unwrap with padding: the key, or undefined for a wrong key, length, initial value or padding. */
export function unwrapAesKwp(kek: Uint8Array, wrapped: Uint8Array): Buffer | undefined {
  const cipher = CIPHERS[kek.length];
  if (cipher === undefined || wrapped.length < 16 || wrapped.length % 8 !== 0) return undefined;
  try {
    const decipher = createDecipheriv(cipher, kek, AIV_PREFIX);
    return Buffer.concat([decipher.update(wrapped), decipher.final()]);
  } catch {
    return undefined;
  }
}

/**
 * The released key from its ciphertext: RSA part of the modulus length of `key`, then the AES part. Undefined for
 * whatever does not fit; the reason is not told apart, which would help to forge.
 */
export function unwrapReleasedKey(
  algorithm: WrapAlgorithm,
  ciphertext: Uint8Array,
  key: KeyObject,
): Buffer | undefined {
  const parts = splitCiphertext(ciphertext, key);
  if (parts === undefined) return undefined;
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  try {
    const oaepHash = WRAP_ALGORITHMS[algorithm];
    return finishUnwrap(privateDecrypt({ key, padding, oaepHash }, parts.rsa), parts.aes);
  } catch {
    return undefined;
  }
}

/** As unwrapReleasedKey; the costly part runs on another thread while this one serves others. */
export async function unwrapReleasedKeyAside(
  algorithm: WrapAlgorithm,
  ciphertext: Uint8Array,
  key: KeyObject,
): Promise<Buffer | undefined> {
  const parts = splitCiphertext(ciphertext, key);
  if (parts === undefined) return undefined;
  try {
    const opened = await openKey(key, HASHES[WRAP_ALGORITHMS[algorithm]]);
    const kek = await webcrypto.subtle.decrypt({ name: 'RSA-OAEP' }, opened, parts.rsa);
    return finishUnwrap(Buffer.from(kek), parts.aes);
  } catch {
    return undefined;
  }
}

/** Names of the hashes in Web Cryptography. */
const HASHES = { sha1: 'SHA-1', sha256: 'SHA-256', sha384: 'SHA-384' } as const;
type HashName = (typeof HASHES)[keyof typeof HASHES];

/** Private keys as Web Cryptography has them, for one hash each: a key serves all releases of one attestation. */
const openedKeys = new WeakMap<KeyObject, Map<HashName, Promise<webcrypto.CryptoKey>>>();

function openKey(key: KeyObject, hash: HashName): Promise<webcrypto.CryptoKey> {
  const known = openedKeys.get(key) ?? new Map<HashName, Promise<webcrypto.CryptoKey>>();
  openedKeys.set(key, known);
  const opened = known.get(hash) ?? importKey(key, hash);
  known.set(hash, opened);
  return opened;
}

async function importKey(key: KeyObject, hash: HashName): Promise<webcrypto.CryptoKey> {
  const der = key.export({ type: 'pkcs8', format: 'der' });
  const algorithm = { name: 'RSA-OAEP', hash };
  try {
    return await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['decrypt']);
  } finally {
    der.fill(0);
  }
}

/** The part under RSA and the part under AES; undefined where the text is too short or the key none of RSA. */
function splitCiphertext(ciphertext: Uint8Array, key: KeyObject) {
  const rsaBytes = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  if (key.asymmetricKeyType !== 'rsa' || ciphertext.length <= rsaBytes) return undefined;
  return { rsa: ciphertext.subarray(0, rsaBytes), aes: ciphertext.subarray(rsaBytes) };
}

/** The released key; the AES key is wiped. */
function finishUnwrap(kek: Buffer, wrapped: Uint8Array): Buffer | undefined {
  const released = unwrapAesKwp(kek, wrapped);
  kek.fill(0);
  return released;
}
