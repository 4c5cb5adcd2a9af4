/** A key vault's answers made for tests: an RSA certificate under a throw-away root, and keys wrapped as the vault does. */
import {
  constants,
  createCipheriv,
  generateKeyPairSync,
  type KeyObject,
  publicEncrypt,
  randomBytes,
  sign,
} from 'node:crypto';
import { type Certificate, parseCertificate } from '../../src/core/x509.js';
import { WRAP_ALGORITHMS, type WrapAlgorithm } from '../../src/keyrelease/key-unwrap.js';
import { type CertificatePlan, commonName, makeChain, subjectAltName } from './certificates.js';

export const VAULT = 'kv-test.vault.azure.net';
export const VERSION = '0123456789abcdef0123456789abcdef';
export const NOW = 1_800_000_000;

export const rsaKey = (bits = 2048) => generateKeyPairSync('rsa', { modulusLength: bits });

/** A vault's signing certificate; `plan` changes the leaf, `issuer` its issuer. */
export function makeVault(
  plan: Partial<CertificatePlan> = {},
  issuer: Partial<CertificatePlan> = {},
) {
  const leaf = { subject: commonName(VAULT), key: rsaKey() };
  const extensions = [subjectAltName([2, VAULT])];
  const { chain, leafKey } = makeChain({ ...leaf, extensions, ...plan }, issuer);
  const roots: readonly Certificate[] = [parseCertificate(chain[2]!, 'root')];
  return { chain, leafKey, roots };
}

/** AES key wrap with padding under a fresh key, which goes under `publicKey`. */
export function wrapKey(
  plaintext: Uint8Array,
  publicKey: KeyObject,
  enc: WrapAlgorithm = 'CKM_RSA_AES_KEY_WRAP',
  kek: Buffer = randomBytes(32),
): Buffer {
  const oaepHash = WRAP_ALGORITHMS[enc];
  const rsaPart = publicEncrypt(
    { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash },
    kek,
  );
  const cipher = createCipheriv(
    'id-aes256-wrap-pad',
    kek.subarray(0, 32),
    Buffer.from('a65959a6', 'hex'),
  );
  return Buffer.concat([rsaPart, cipher.update(plaintext), cipher.final()]);
}

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A compact JWS. */
export function makeJws(header: object, payload: object, key: KeyObject): string {
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
}

/** The payload of a release answer. */
export function releasePayload(ciphertext: Buffer, change: Readonly<Record<string, unknown>> = {}) {
  const enc = 'CKM_RSA_AES_KEY_WRAP';
  const kid = `https://${VAULT}/keys/key1/${VERSION}`;
  const header = { kid: 'TransportKey', alg: 'dir', enc };
  const wrapped = { schema_version: '1.0', header, ciphertext: ciphertext.toString('base64url') };
  const key = { kid, kty: 'oct-HSM', key_ops: ['wrapKey'], key_hsm: part(wrapped), ...change };
  return {
    request: { 'api-version': '7.4', enc, kid },
    response: { key: { key, attributes: {} } },
  };
}
