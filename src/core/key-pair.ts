/**
 * Fresh key pairs that can be used without care. A pair as Node 20 makes it shares a lock with the job that made it: an
 * export of one of its halves as JWK holds that lock while it allocates, and where that starts a garbage collection which
 * finds the job, the process waits for itself for ever. So pairs are taken from the job as DER and read again.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

export interface KeyPair {
  readonly publicKey: KeyObject;
  /** Secret. */
  readonly privateKey: KeyObject;
}

const generate = promisify(generateKeyPair);

const publicKeyEncoding = { type: 'spki', format: 'der' } as const;
const privateKeyEncoding = { type: 'pkcs8', format: 'der' } as const;

/** An RSA pair; the exponent is 65537. Made on another thread. */
export async function makeRsaPair(modulusLength: number): Promise<KeyPair> {
  const shape = { modulusLength, publicExponent: 65537 };
  return readPair(await generate('rsa', { ...shape, publicKeyEncoding, privateKeyEncoding }));
}

/** A pair on a curve, by the name that OpenSSL has for it, e.g. `P-384`. */
export async function makeEcPair(namedCurve: string): Promise<KeyPair> {
  return readPair(await generate('ec', { namedCurve, publicKeyEncoding, privateKeyEncoding }));
}

/** Wipes the encoded private key. */
function readPair(encoded: { readonly publicKey: Buffer; readonly privateKey: Buffer }): KeyPair {
  const privateKey = createPrivateKey({ key: encoded.privateKey, format: 'der', type: 'pkcs8' });
  encoded.privateKey.fill(0);
  const publicKey = createPublicKey({ key: encoded.publicKey, format: 'der', type: 'spki' });
  return { publicKey, privateKey };
}
