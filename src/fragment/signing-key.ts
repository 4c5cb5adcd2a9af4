/** Signing keys: PEM of PKCS#8 (encrypted too), SEC1 or PKCS#1, and the algorithm that suits a key. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { COSE_ALGORITHMS, type CoseAlgorithm, findCoseAlgorithm } from '../core/cose-algorithms.js';
import { DER_TAG, parseDer, readInteger, readParts } from '../core/der.js';
import { ToolError } from '../core/error.js';
import { parsePem } from '../core/pem.js';

/** Labels of PEM blocks that hold a private key. */
const KEY_LABELS: ReadonlySet<string> = new Set([
  'PRIVATE KEY',
  'ENCRYPTED PRIVATE KEY',
  'EC PRIVATE KEY',
  'RSA PRIVATE KEY',
]);

/**
 * The private key of a PEM file: its first key block. `what` names the file; nothing of its content, and no passphrase,
 * becomes part of a message. Throws KEY_INVALID, PEM_INVALID.
 */
export function openSigningKey(
  pem: Uint8Array,
  what: string,
  passphrase: Uint8Array | undefined,
): KeyObject {
  const block = parsePem(pem, what).find(({ label }) => KEY_LABELS.has(label));
  if (block === undefined) {
    throw new ToolError('KEY_INVALID', `${what} holds no private key in PEM form`);
  }
  const encrypted = block.hasHeaders || block.label === 'ENCRYPTED PRIVATE KEY';
  if (encrypted && passphrase === undefined) {
    throw new ToolError('KEY_INVALID', `the key in ${what} is encrypted`, {
      hints: ['give its passphrase with --passphrase-file or in PODSEAL_KEY_PASSPHRASE'],
    });
  }
  try {
    return createPrivateKey({
      key: Buffer.from(pem),
      format: 'pem',
      ...(encrypted && passphrase !== undefined ? { passphrase: Buffer.from(passphrase) } : {}),
    });
  } catch {
    // What OpenSSL says may quote the input, so that it is not passed on.
    throw new ToolError('KEY_INVALID', `the key in ${what} cannot be read`, {
      hints: encrypted ? ['is the passphrase right?'] : [],
    });
  }
}

/** Algorithms by kind of key, for users who name none. */
const DEFAULTS: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
  rsa: 'PS384',
  ed25519: 'EdDSA',
};

/** The algorithm with this name; without a name the one that suits the key. Throws USAGE_CONFLICT, KEY_INVALID. */
export function chooseAlgorithm(name: string | undefined, publicKey: KeyObject): CoseAlgorithm {
  if (name !== undefined) {
    const algorithm = findCoseAlgorithm(name);
    if (algorithm !== undefined) return algorithm;
    throw new ToolError('USAGE_CONFLICT', 'there is no such algorithm', {
      want: COSE_ALGORITHMS.map((each) => each.name).join(', '),
      got: name,
    });
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey;
  const kind = type === 'ec' ? (details?.namedCurve ?? '') : (type ?? '');
  const suited = Object.hasOwn(DEFAULTS, kind) ? DEFAULTS[kind] : undefined;
  const algorithm = suited === undefined ? undefined : findCoseAlgorithm(suited);
  if (algorithm !== undefined) return algorithm;
  throw new ToolError('KEY_INVALID', 'fragments cannot be signed with a key of this kind', {
    got: kind,
  });
}

/** Bytes of r and of s by curve. */
const COORDINATES: Readonly<Record<string, number>> = {
  prime256v1: 32,
  secp384r1: 48,
  secp521r1: 66,
};

/**
 * The signature in the form of COSE: programs such as openssl give ECDSA signatures in DER, which becomes r and s one
 * after the other. Anything else is given back as it is; whether it is right shows when it is verified.
 */
export function normaliseSignature(signature: Buffer, publicKey: KeyObject): Buffer {
  const size = COORDINATES[publicKey.asymmetricKeyDetails?.namedCurve ?? ''];
  if (publicKey.asymmetricKeyType !== 'ec' || size === undefined) return signature;
  if (signature.length === 2 * size || signature[0] !== DER_TAG.sequence) return signature;
  const [r, s, ...more] = readParts(parseDer(signature, 'the signature'), DER_TAG.sequence);
  if (r === undefined || s === undefined || more.length > 0) return signature;
  return Buffer.concat([r, s].map((number) => fixedSize(readInteger(number), size)));
}

function fixedSize(value: bigint, size: number): Buffer {
  const hex = value < 0n ? '' : value.toString(16);
  if (hex === '' || hex.length > 2 * size) {
    throw new ToolError('SIGNATURE_INVALID', 'the signature is not one of the key of its curve');
  }
  return Buffer.from(hex.padStart(2 * size, '0'), 'hex');
}
