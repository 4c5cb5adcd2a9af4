import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveSymmetricKey } from '../../src/keyrelease/derive.js';
import {
  unwrapAesKwp,
  unwrapReleasedKey,
  unwrapReleasedKeyAside,
  type WrapAlgorithm,
} from '../../src/keyrelease/key-unwrap.js';
import { buildReleasedJwk } from '../../src/keyrelease/released-key.js';
import { rsaKey, wrapKey } from '../support/release.js';

describe('unwrapping', () => {
  const key = rsaKey();
  /** What both ways of unwrapping give. */
  const unwrap = async (enc: WrapAlgorithm, wrapped: Uint8Array) => {
    const released = unwrapReleasedKey(enc, wrapped, key.privateKey);
    expect(await unwrapReleasedKeyAside(enc, wrapped, key.privateKey)).toEqual(released);
    return released;
  };

  it.each(['CKM_RSA_AES_KEY_WRAP', 'RSA_AES_KEY_WRAP_256', 'RSA_AES_KEY_WRAP_384'] as const)(
    'gives back what %s wrapped, and nothing for a changed text',
    async (enc) => {
      const secret = randomBytes(48);
      const wrapped = wrapKey(secret, key.publicKey, enc);
      expect(await unwrap(enc, wrapped)).toEqual(secret);
      const place = fc.nat(wrapped.length - 1);
      await fc.assert(
        fc.asyncProperty(place, fc.integer({ min: 1, max: 255 }), async (at, flip) => {
          const changed = Buffer.from(wrapped);
          changed[at]! ^= flip;
          expect(await unwrap(enc, changed)).toBeUndefined();
        }),
        { seed: 1, numRuns: 60 },
      );
      for (const length of [0, 1, 255, 256, 257, 263, wrapped.length - 8])
        expect(await unwrap(enc, wrapped.subarray(0, length))).toBeUndefined();
    },
  );

  it('takes a modulus that does not fill its last byte', async () => {
    const odd = rsaKey(2050);
    const secret = randomBytes(32);
    const enc = 'RSA_AES_KEY_WRAP_256';
    const wrapped = wrapKey(secret, odd.publicKey, enc);
    expect(unwrapReleasedKey(enc, wrapped, odd.privateKey)).toEqual(secret);
    expect(await unwrapReleasedKeyAside(enc, wrapped, odd.privateKey)).toEqual(secret);
  });

  it('takes keys of RSA and EC, and none that is not of the named type', () => {
    const rsa = key.privateKey.export({ type: 'pkcs8', format: 'der' });
    const jwk = buildReleasedJwk('RSA-HSM', rsa, ['decrypt']);
    expect(createPrivateKey({ key: JSON.parse(jwk!), format: 'jwk' }).asymmetricKeyType).toBe(
      'rsa',
    );
    expect(buildReleasedJwk('EC-HSM', rsa, [])).toBeUndefined();
    const ec = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey;
    const der = ec.export({ type: 'pkcs8', format: 'der' });
    expect(buildReleasedJwk('EC', der, [])).toBeUndefined();
    expect(buildReleasedJwk('oct', Buffer.alloc(0), [])).toBeUndefined();
  });

  it('never throws', () => {
    const bytes = (max: number) => fc.uint8Array({ maxLength: max });
    fc.assert(
      fc.property(bytes(40), bytes(80), (kek, wrapped) => {
        unwrapAesKwp(kek, wrapped);
      }),
      { seed: 2, numRuns: 2000 },
    );
  });
});

describe('derived keys', () => {
  it('do not depend on leading zeros being there', () => {
    const key = rsaKey().privateKey;
    const salt = randomBytes(16);
    expect(deriveSymmetricKey(key, salt, 'l')).toHaveLength(32);
    expect(deriveSymmetricKey(key, salt, 'l')).toEqual(deriveSymmetricKey(key, salt, 'l'));
    expect(deriveSymmetricKey(key, salt, 'm')).not.toEqual(deriveSymmetricKey(key, salt, 'l'));
  });
});
