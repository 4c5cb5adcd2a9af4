import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { rememberReads } from '../../src/core/remember.js';
import { parseCertificate } from '../../src/core/x509.js';
import {
  openReleaseAnswer,
  openReleaseAnswerAside,
  type ReleaseExpectation,
  type ReleaseOutcome,
} from '../../src/keyrelease/release-answer.js';
import { AUTHORITY, extendedKeyUsage, subjectAltName } from '../support/certificates.js';
import {
  makeJws,
  makeVault,
  NOW,
  releasePayload,
  rsaKey,
  VAULT,
  VERSION,
  wrapKey,
} from '../support/release.js';

const SECRET = randomBytes(32);
const wrapping = rsaKey();
const vault = makeVault();
const expectation: ReleaseExpectation = {
  host: VAULT,
  key: { name: 'key1', version: VERSION },
  wrappingKey: wrapping.privateKey,
  roots: vault.roots,
  now: NOW,
};
const headerOf = ({ chain }: ReturnType<typeof makeVault>) => ({
  alg: 'RS256',
  kid: 'x',
  x5c: chain.map((bytes) => bytes.toString('base64')),
  'x5t#S256': createHash('sha256').update(chain[0]!).digest('base64url'),
});
const payload = releasePayload(wrapKey(SECRET, wrapping.publicKey));

interface Change {
  readonly header?: object;
  readonly payload?: object;
  readonly from?: ReturnType<typeof makeVault>;
  readonly expectation?: Partial<ReleaseExpectation>;
}

/** A reader that has seen the certificates of good answers, as that of a side-car. */
const readCertificate = rememberReads(parseCertificate, 64);

/** Answers that are still being opened on another thread. */
const aside: Promise<void>[] = [];

afterEach(async () => {
  await Promise.all(aside.splice(0));
});

/** Opens an answer with fresh and with remembered certificates, and on another thread: all must come to the same. */
function open(change: Change = {}) {
  const from = change.from ?? vault;
  const header = { ...headerOf(from), ...change.header };
  const jws = makeJws(header, change.payload ?? payload, from.leafKey.privateKey);
  const body = JSON.stringify({ value: jws });
  const terms = { ...expectation, roots: from.roots, ...change.expectation };
  const outcome = openReleaseAnswer(body, terms);
  expect(openReleaseAnswer(body, { ...terms, readCertificate })).toEqual(outcome);
  const same = (other: ReleaseOutcome) => expect(other).toEqual(outcome);
  aside.push(openReleaseAnswerAside(body, { ...terms, readCertificate }).then(same));
  return outcome;
}
const reasonOf = (change: Change) => {
  const outcome = open(change);
  return outcome.released ? 'released' : outcome.reason;
};
const { request, response } = payload;
const withRequest = (more: object) => ({ ...payload, request: { ...request, ...more } });

const namedVault = (name: string) => makeVault({ extensions: [subjectAltName([2, name])] });
const forUse = (...oids: readonly string[]) => ({
  extensions: [...AUTHORITY, extendedKeyUsage(...oids)],
});

describe('a release answer', () => {
  it('gives the key', () => {
    const outcome = open();
    expect(outcome).toEqual({
      released: true,
      jwk: JSON.stringify({ k: SECRET.toString('base64url'), key_ops: ['wrapKey'], kty: 'oct' }),
    });
  });

  it('is taken for the current version, without a root in x5c, with a hex thumbprint', () => {
    const x5c = headerOf(vault).x5c.slice(0, 2);
    const hex = createHash('sha256').update(vault.chain[0]!).digest('hex').toUpperCase();
    const current = { key: { name: 'key1' } };
    const header = { x5c, 'x5t#S256': hex };
    expect(open({ header, expectation: current }).released).toBe(true);
    const shouted = withRequest({ kid: request.kid.replace(VAULT, VAULT.toUpperCase()) });
    expect(open({ payload: shouted, expectation: current }).released).toBe(true);
  });

  it('is taken by a wildcard for one label, and from an issuer for servers', () => {
    expect(open({ from: namedVault('*.vault.azure.net') }).released).toBe(true);
    const servers = forUse('1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1');
    expect(open({ from: makeVault({}, servers) }).released).toBe(true);
  });

  it.each<[string, Change]>([
    ['jws-algorithm', { header: { alg: 'none' } }],
    ['jws-algorithm', { header: { alg: 'HS256' } }],
    ['certificate-missing', { header: { x5c: [] } }],
    ['certificate-missing', { header: { x5c: undefined } }],
    ['certificate-missing', { header: { x5c: ['AAAA'] } }],
    ['jws-signature', { header: { x5c: headerOf(makeVault()).x5c } }],
    ['certificate-chain', { expectation: { roots: makeVault().roots } }],
    ['certificate-chain', { expectation: { roots: [] } }],
    ['certificate-chain', { expectation: { now: 5_000_000_000 } }],
    ['certificate-chain', { header: { x5c: headerOf(vault).x5c.slice(0, 1) } }],
    ['certificate-name', { expectation: { host: 'other.vault.azure.net' } }],
    ['certificate-name', { from: makeVault({ extensions: [subjectAltName([2, 'x.example'])] }) }],
    ['certificate-name', { from: makeVault({ extensions: [] }) }],
    [
      'certificate-name',
      {
        from: makeVault({
          extensions: [subjectAltName([2, VAULT]), extendedKeyUsage('1.3.6.1.5.5.7.3.2')],
        }),
      },
    ],
    ['certificate-name', { from: namedVault('kv*.vault.azure.net') }],
    ['certificate-name', { from: namedVault('*.azure.net') }],
    ['certificate-chain', { from: makeVault({}, forUse('1.3.6.1.5.5.7.3.2')) }],
    ['certificate-thumbprint', { header: { 'x5t#S256': 'AAAA' } }],
    ['certificate-thumbprint', { header: { 'x5t#S256': '' } }],
    ['certificate-thumbprint', { header: { 'x5t#S256': {} } }],
    ['jws-form', { header: { crit: ['x5c'] } }],
    ['wrong-key', { expectation: { key: { name: 'key2' } } }],
    ['wrong-key', { expectation: { key: { name: 'key1', version: 'f'.repeat(32) } } }],
    [
      'wrong-key',
      { payload: withRequest({ kid: `https://${VAULT}/keys/key1/${'f'.repeat(32)}` }) },
    ],
    [
      'wrong-key',
      {
        payload: withRequest({ kid: `https://${VAULT}/keys/key1/${'f'.repeat(32)}` }),
        expectation: { key: { name: 'key1' } },
      },
    ],
    [
      'wrong-key',
      { payload: releasePayload(SECRET, { kid: `https://evil/keys/key1/${VERSION}` }) },
    ],
    ['wrong-algorithm', { payload: withRequest({ enc: 'RSA1_5' }) }],
    ['wrong-algorithm', { payload: withRequest({ enc: 'RSA_AES_KEY_WRAP_256' }) }],
    ['wrong-algorithm', { expectation: { enc: 'RSA_AES_KEY_WRAP_256' } }],
    ['wrong-nonce', { expectation: { nonce: 'n' } }],
    ['wrong-nonce', { payload: withRequest({ nonce: 'm' }), expectation: { nonce: 'n' } }],
    ['wrapped-key-form', { payload: { request } }],
    ['wrapped-key-form', { payload: { request, response: { key: {} } } }],
    ['wrapped-key-form', { payload: releasePayload(SECRET, { key_hsm: '!' }) }],
    ['wrapped-key-form', { payload: releasePayload(SECRET, { key_hsm: 'e30' }) }],
    ['wrapped-key-form', { payload: releasePayload(SECRET, { key_ops: 'sign' }) }],
    ['wrapped-key-form', { payload: releasePayload(SECRET, { key_ops: [{}] }) }],
    ['unwrap-failed', { payload: releasePayload(randomBytes(100)) }],
    ['unwrap-failed', { expectation: { wrappingKey: rsaKey().privateKey } }],
    [
      'key-type',
      {
        payload: {
          request,
          response: releasePayload(wrapKey(SECRET, wrapping.publicKey), { kty: 'RSA-HSM' })
            .response,
        },
      },
    ],
    [
      'key-type',
      {
        payload: {
          request,
          response: releasePayload(wrapKey(SECRET, wrapping.publicKey), { kty: 'toString' })
            .response,
        },
      },
    ],
  ])('is refused: %s', (reason, change) => expect(reasonOf(change)).toBe(reason));

  it('is refused for each changed byte of a certificate that was good before', () => {
    expect(open().released).toBe(true);
    const { x5c } = headerOf(vault);
    for (const [index, der] of vault.chain.slice(0, 2).entries()) {
      for (let at = 0; at < der.length; at += 7) {
        const changed = Buffer.from(der);
        changed[at]! ^= 1;
        const header = { x5c: x5c.with(index, changed.toString('base64')) };
        expect(open({ header }).released, `${index}:${at}`).toBe(false);
      }
    }
    expect(open().released).toBe(true);
  });

  it.each<[string, Change, string]>([
    ['expires', { expectation: { now: 5_000_000_000 } }, 'certificate-chain'],
    ['is not valid yet', { expectation: { now: 1 } }, 'certificate-chain'],
    ['is not trusted any more', { expectation: { roots: [] } }, 'certificate-chain'],
    [
      'comes with fewer others',
      { header: { x5c: headerOf(vault).x5c.slice(0, 1) } },
      'certificate-chain',
    ],
  ])('is refused when the certificate of a good one %s', (_, change, reason) => {
    expect(open().released).toBe(true);
    expect(reasonOf(change)).toBe(reason);
    expect(open().released).toBe(true);
  });

  it('is checked against the nonce that was sent', () => {
    const change = { payload: withRequest({ nonce: 'n' }), expectation: { nonce: 'n' } };
    expect(open(change).released).toBe(true);
    expect(response).toBeDefined();
  });

  it.each(['', '{}', '[]', '{"value":7}', '{"value":"a.b"}', '{"value":"a.b.c","value":"a.b.c"}'])(
    'refuses the body %j',
    (body) => expect(openReleaseAnswer(body, expectation).released).toBe(false),
  );

  it('never throws and never releases a changed answer', () => {
    const jws = makeJws(headerOf(vault), payload, vault.leafKey.privateKey);
    fc.assert(
      fc.property(fc.nat(jws.length - 1), fc.constantFrom(...'ABab01-_.='), (at, character) => {
        const changed = jws.slice(0, at) + character + jws.slice(at + 1);
        const outcome = openReleaseAnswer(JSON.stringify({ value: changed }), expectation);
        if (changed !== jws) expect(outcome.released).toBe(false);
      }),
      { seed: 20261122, numRuns: 300 },
    );
  });
});
