import { constants, generateKeyPairSync, privateDecrypt, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { wrapForKey } from '../../../src/pipeline/sidecar/key-provider.js';
import { thrownBy } from '../../support/failure.js';
import { rsaKey } from '../../support/release.js';

const INFO = { publicKeyPath: 'p.pem', vault: 'v', attestationService: 'a' };
const wrap = (bytes: Buffer, pem: string | Buffer) => wrapForKey('k', bytes, INFO, String(pem));

describe('a wrapped key', () => {
  it.each([2048, 3072])('is for a key of %d bits, by RSA-OAEP with SHA-256', (bits) => {
    const { publicKey, privateKey: key } = rsaKey(bits);
    // OAEP leaves the modulus without two hashes and two bytes.
    const longest = bits / 8 - 66;
    const secret = randomBytes(longest);
    const given = Buffer.from(secret);
    const annotation = wrap(given, publicKey.export({ type: 'spki', format: 'pem' }));
    expect(annotation).toMatchObject({ kid: 'k', wrapType: 'rsa_3072', vault: 'v' });
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    const opened = privateDecrypt({ key, padding, oaepHash: 'sha256' }, annotation.wrappedData);
    expect(opened).toEqual(secret);
    expect(given).toEqual(Buffer.alloc(longest));
    const pem = publicKey.export({ type: 'spki', format: 'pem' });
    expect(thrownBy(() => wrap(randomBytes(longest + 1), pem)).code).toBe('KEY_CONFIG_INVALID');
  });

  it('is for RSA keys in PEM alone', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (const pem of ['', 'no PEM', publicKey.export({ type: 'spki', format: 'pem' })]) {
      const error = thrownBy(() => wrap(Buffer.of(1), pem));
      expect(error.code).toBe('KEY_CONFIG_INVALID');
      expect(error.message).toBe('invalid public key in p.pem');
    }
  });
});
