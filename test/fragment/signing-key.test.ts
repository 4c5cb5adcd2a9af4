import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  chooseAlgorithm,
  normaliseSignature,
  openSigningKey,
} from '../../src/fragment/signing-key.js';
import { der, ecKey, pemOf } from '../support/certificates.js';
import { thrownBy } from '../support/failure.js';

const key = ecKey();
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = (form: object, pair = key) =>
  Buffer.from(pair.privateKey.export({ format: 'pem', ...form } as never) as unknown as string);

describe('openSigningKey', () => {
  it.each([
    ['PKCS#8', pem({ type: 'pkcs8' }), undefined, key],
    ['SEC1', pem({ type: 'sec1' }), undefined, key],
    ['PKCS#1', pem({ type: 'pkcs1' }, rsa), undefined, rsa],
    ['encrypted PKCS#8', pem({ type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'p' }), 'p', key],
    ['encrypted SEC1', pem({ type: 'sec1', cipher: 'aes-128-cbc', passphrase: 'p' }), 'p', key],
    [
      'a key behind a certificate',
      Buffer.concat([Buffer.from(pemOf([Buffer.from('x')])), pem({ type: 'pkcs8' })]),
      undefined,
      key,
    ],
    ['a passphrase that nobody needs', pem({ type: 'pkcs8' }), 'p', key],
  ] as const)('reads %s', (_what, bytes, passphrase, pair) => {
    const opened = openSigningKey(bytes, 'k', passphrase ? Buffer.from(passphrase) : undefined);
    expect(createPublicKey(opened).equals(pair.publicKey)).toBe(true);
  });

  it.each([
    ['no key', Buffer.from(pemOf([Buffer.from('x')])), undefined],
    ['a damaged key', Buffer.from(pemOf([Buffer.from('x')], 'PRIVATE KEY')), undefined],
    ['no passphrase', pem({ type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'p' }), undefined],
    ['a wrong passphrase', pem({ type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'p' }), 'hush'],
  ])('refuses %s without a word about the secret', (_what, bytes, passphrase) => {
    const error = thrownBy(() =>
      openSigningKey(bytes, 'k', passphrase === undefined ? undefined : Buffer.from(passphrase)),
    );
    expect(error.code).toBe('KEY_INVALID');
    const told = [error.message, error.where, error.want, error.got, ...error.hints].join(' ');
    expect(told).not.toContain('hush');
    expect(error.cause).toBeUndefined();
  });
});

describe('chooseAlgorithm', () => {
  it.each([
    ['P-256', 'ES256'],
    ['P-384', 'ES384'],
    ['P-521', 'ES512'],
  ])('of a key on %s', (curve, name) => {
    expect(chooseAlgorithm(undefined, ecKey(curve).publicKey).name).toBe(name);
    expect(chooseAlgorithm('ES384', ecKey(curve).publicKey).name).toBe('ES384');
  });

  it('of other keys', () => {
    expect(chooseAlgorithm(undefined, rsa.publicKey).name).toBe('PS384');
    const ed = generateKeyPairSync('ed25519');
    expect(chooseAlgorithm(undefined, ed.publicKey).name).toBe('EdDSA');
    const x = generateKeyPairSync('x25519');
    expect(thrownBy(() => chooseAlgorithm(undefined, x.publicKey)).code).toBe('KEY_INVALID');
    const odd = ecKey('secp256k1');
    expect(thrownBy(() => chooseAlgorithm(undefined, odd.publicKey)).code).toBe('KEY_INVALID');
    expect(thrownBy(() => chooseAlgorithm('RS256', rsa.publicKey)).code).toBe('USAGE_CONFLICT');
  });
});

describe('normaliseSignature', () => {
  const raw = Buffer.concat([Buffer.alloc(32, 0x81), Buffer.alloc(32, 1)]);
  it('turns DER into two numbers, and leaves everything else', () => {
    const r = der(2, Buffer.from([0]), raw.subarray(0, 32));
    const asDer = der(0x30, r, der(2, raw.subarray(32)));
    expect(normaliseSignature(asDer, key.publicKey)).toEqual(raw);
    expect(normaliseSignature(raw, key.publicKey)).toEqual(raw);
    expect(normaliseSignature(asDer, rsa.publicKey)).toEqual(asDer);
    const short = der(0x30, der(2, Buffer.from([1])), der(2, Buffer.from([2])));
    expect(normaliseSignature(short, key.publicKey).toString('hex')).toBe(
      `${'0'.repeat(63)}1${'0'.repeat(63)}2`,
    );
  });

  it('refuses numbers that are too large or negative', () => {
    for (const number of [der(2, Buffer.alloc(40, 1)), der(2, Buffer.from([0x80]))]) {
      const bad = der(0x30, number, der(2, Buffer.from([1])));
      expect(thrownBy(() => normaliseSignature(bad, key.publicKey)).code).toBe('SIGNATURE_INVALID');
    }
  });
});
