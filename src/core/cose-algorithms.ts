/** Signature algorithms of COSE (RFC 9053, RFC 8230) as the guest's checker takes them, on keys of node:crypto. */
import { constants, type KeyObject, type SignKeyObjectInput, sign, verify } from 'node:crypto';
import { ToolError } from './error.js';

export type CoseAlgorithmName = 'ES256' | 'ES384' | 'ES512' | 'PS256' | 'PS384' | 'PS512' | 'EdDSA';

/** One row: the identifier on the wire, the hash, and the family of keys. */
export interface CoseAlgorithm {
  readonly name: CoseAlgorithmName;
  readonly id: bigint;
  readonly hash: 'sha256' | 'sha384' | 'sha512' | undefined;
  readonly family: 'ec' | 'rsa' | 'ed25519';
}

const row = (
  name: CoseAlgorithmName,
  id: bigint,
  hash: CoseAlgorithm['hash'],
  family: CoseAlgorithm['family'],
): CoseAlgorithm => ({ name, id, hash, family });

/** All algorithms, in the order in which they are listed to users. The curve of a key is not tied to the algorithm. */
export const COSE_ALGORITHMS: readonly CoseAlgorithm[] = [
  row('PS256', -37n, 'sha256', 'rsa'),
  row('PS384', -38n, 'sha384', 'rsa'),
  row('PS512', -39n, 'sha512', 'rsa'),
  row('ES256', -7n, 'sha256', 'ec'),
  row('ES384', -35n, 'sha384', 'ec'),
  row('ES512', -36n, 'sha512', 'ec'),
  row('EdDSA', -8n, undefined, 'ed25519'),
];

/** NIST curves by OpenSSL's name; other curves are refused. */
const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

const MINIMUM_RSA_BITS = 2048;

/** The row with this identifier or name; undefined for any other. */
export function findCoseAlgorithm(key: bigint | string): CoseAlgorithm | undefined {
  return COSE_ALGORITHMS.find(({ id, name }) => (typeof key === 'bigint' ? id : name) === key);
}

/** What is wrong with using the key (public or private) under the algorithm; undefined if nothing is. */
export function checkKeyFits(algorithm: CoseAlgorithm, key: KeyObject): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type !== algorithm.family) {
    return `${algorithm.name} needs a key of the family ${algorithm.family}, not ${type ?? 'none'}`;
  }
  if (type === 'ec' && !CURVES.has(details?.namedCurve ?? '')) {
    return `the curve ${details?.namedCurve ?? 'unknown'} is not accepted`;
  }
  if (type === 'rsa' && (details?.modulusLength ?? 0) < MINIMUM_RSA_BITS) {
    return `an RSA key must have at least ${MINIMUM_RSA_BITS} bits`;
  }
  return undefined;
}

/** True if `signature` is that of `data` by the public key. A key that does not fit gives false. */
export function verifyCose(
  algorithm: CoseAlgorithm,
  key: KeyObject,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (checkKeyFits(algorithm, key) !== undefined) return false;
  try {
    return verify(algorithm.hash, data, optionsOf(algorithm, key), signature);
  } catch {
    // OpenSSL throws for signatures of an impossible length.
    return false;
  }
}

/**
 * The signature of `data`: r and s of the curve's size one after the other, RSASSA-PSS with a salt as long as the hash,
 * or Ed25519. Throws KEY_INVALID for a key that does not fit.
 */
export function signCose(algorithm: CoseAlgorithm, key: KeyObject, data: Uint8Array): Buffer {
  const problem = checkKeyFits(algorithm, key);
  if (problem !== undefined) throw new ToolError('KEY_INVALID', `the key cannot sign: ${problem}`);
  return sign(algorithm.hash, data, optionsOf(algorithm, key));
}

function optionsOf(algorithm: CoseAlgorithm, key: KeyObject): SignKeyObjectInput {
  if (algorithm.family === 'ec') return { key, dsaEncoding: 'ieee-p1363' };
  if (algorithm.family === 'ed25519') return { key };
  return {
    key,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  };
}
