import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.js';
import { LIMITS } from '../../src/core/limits.js';
import { parseJws } from '../../src/keyrelease/jws.js';
import { type TokenExpectation, verifyMaaToken } from '../../src/keyrelease/maa-token.js';
import { redactToken } from '../../src/keyrelease/redact.js';
import { readTokenClaims } from '../../src/keyrelease/token-file.js';
import { makeJws, makeVault, NOW, rsaKey } from '../support/release.js';

const ISSUER = 'https://a.attest.azure.net';
const key = rsaKey();
const jwk = { ...key.publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig' };
const jwks = { keys: [jwk] } as unknown as JsonObject;
const RUNTIME = { keys: [{ kid: 'w' }] };
const CLAIMS = {
  iss: ISSUER,
  nbf: NOW - 10,
  exp: NOW + 1000,
  'x-ms-attestation-type': 'sevsnpvm',
  'x-ms-compliance-status': 'azure-compliant-uvm',
  'x-ms-sevsnpvm-is-debuggable': false,
  'x-ms-sevsnpvm-hostdata': 'a'.repeat(64),
  'x-ms-runtime': RUNTIME,
};
const expectation: TokenExpectation = { issuer: ISSUER, jwks, now: NOW, skew: 300 };
const HEADER = { alg: 'RS256', kid: 'k1', jku: 'https://evil.example/certs' };
const tokenOf = (claims: object, header: object = HEADER) =>
  makeJws(header, claims, key.privateKey);
const reasonOf = (token: string, change: Partial<TokenExpectation> = {}) => {
  const verdict = verifyMaaToken(token, { ...expectation, ...change });
  return verdict.accepted ? 'accepted' : verdict.reason;
};
/** The same bytes by another text: the last character of a signature of 256 bytes holds two bits only. */
function otherSpelling(token: string): string {
  const next: Readonly<Record<string, string>> = { A: 'B', Q: 'R', g: 'h', w: 'x' };
  return token.slice(0, -1) + next[token.at(-1)!]!;
}

describe('a token', () => {
  it('is accepted with all that is expected of it', () => {
    const more = {
      hostData: 'a'.repeat(64),
      compliance: 'azure-compliant-uvm',
      runtimeData: RUNTIME,
    };
    expect(reasonOf(tokenOf(CLAIMS), more)).toBe('accepted');
  });

  it('is verified by a certificate alone', () => {
    const { chain, leafKey } = makeVault();
    const x5c = [chain[0]!.toString('base64')];
    const keys = { keys: [{ kty: 'RSA', kid: 'k1', x5c }] } as unknown as JsonObject;
    const token = makeJws(HEADER, CLAIMS, leafKey.privateKey);
    expect(reasonOf(token, { jwks: keys })).toBe('accepted');
    expect(reasonOf(tokenOf(CLAIMS), { jwks: keys })).toBe('token-signature');
  });

  it('of a key that was published before is refused once the key is gone or another', () => {
    const token = tokenOf(CLAIMS);
    expect(reasonOf(token)).toBe('accepted');
    const other = { ...rsaKey().publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig' };
    const setOf = (...keys: object[]) => ({ jwks: { keys } as unknown as JsonObject });
    expect(reasonOf(token, setOf(other))).toBe('token-signature');
    expect(reasonOf(token, setOf())).toBe('token-key-unknown');
    expect(reasonOf(token, setOf(jwk, other))).toBe('token-key-unknown');
    expect(reasonOf(token, setOf({ ...jwk, kid: 'k2' }))).toBe('token-key-unknown');
    expect(reasonOf(token, setOf(jwk))).toBe('accepted');
  });

  it.each<[string, string, Partial<TokenExpectation>]>([
    ['token-form', 'a.b', {}],
    ['token-form', `${tokenOf(CLAIMS)}=`, {}],
    ['token-form', otherSpelling(tokenOf(CLAIMS)), {}],
    ['token-form', tokenOf(CLAIMS, { ...HEADER, crit: ['exp'] }), {}],
    ['token-form', tokenOf(CLAIMS, { ...HEADER, crit: [] }), {}],
    ['token-algorithm', tokenOf(CLAIMS, { ...HEADER, alg: 'none' }), {}],
    ['token-algorithm', tokenOf(CLAIMS, { ...HEADER, alg: 'PS256' }), {}],
    ['token-key-unknown', tokenOf(CLAIMS, { alg: 'RS256' }), {}],
    ['token-key-unknown', tokenOf(CLAIMS, { ...HEADER, kid: 'k2' }), {}],
    ['token-key-unknown', tokenOf(CLAIMS), { jwks: { keys: [jwk, jwk] } as unknown as JsonObject }],
    ['token-key-unknown', tokenOf(CLAIMS), { jwks: {} }],
    ['token-signature', makeJws(HEADER, CLAIMS, rsaKey().privateKey), {}],
    ['token-issuer', tokenOf({ ...CLAIMS, iss: `${ISSUER}.evil` }), {}],
    ['token-issuer', tokenOf({ ...CLAIMS, iss: `${ISSUER}/` }), {}],
    ['token-time', tokenOf({ ...CLAIMS, exp: undefined }), {}],
    ['token-time', tokenOf({ ...CLAIMS, exp: String(NOW + 1000) }), {}],
    ['token-time', tokenOf({ ...CLAIMS, exp: NOW - 301 }), {}],
    ['token-time', tokenOf({ ...CLAIMS, nbf: NOW + 301 }), {}],
    ['token-time', tokenOf({ ...CLAIMS, exp: NOW - 400 }), { skew: 10_000 }],
    ['token-attestation-type', tokenOf({ ...CLAIMS, 'x-ms-attestation-type': 'sgx' }), {}],
    ['token-compliance', tokenOf({ ...CLAIMS, 'x-ms-compliance-status': undefined }), {}],
    ['token-compliance', tokenOf(CLAIMS), { compliance: 'azure-signed-katacc-uvm' }],
    ['token-debuggable', tokenOf({ ...CLAIMS, 'x-ms-sevsnpvm-is-debuggable': true }), {}],
    ['token-debuggable', tokenOf({ ...CLAIMS, 'x-ms-sevsnpvm-is-debuggable': 'false' }), {}],
    ['token-debuggable', tokenOf({ ...CLAIMS, 'x-ms-sevsnpvm-is-debuggable': undefined }), {}],
    ['token-hostdata', tokenOf(CLAIMS), { hostData: 'b'.repeat(64) }],
    ['token-runtime-data', tokenOf(CLAIMS), { runtimeData: {} }],
    ['token-runtime-data', tokenOf({ ...CLAIMS, 'x-ms-runtime': undefined }), { runtimeData: {} }],
  ])('is refused: %s', (reason, token, change) => expect(reasonOf(token, change)).toBe(reason));

  it('is tolerated at the limit of the clocks', () => {
    expect(reasonOf(tokenOf({ ...CLAIMS, exp: NOW - 299 }))).toBe('accepted');
    // RFC 7519 section 4.1.4: on or after exp it must not be accepted.
    expect(reasonOf(tokenOf({ ...CLAIMS, exp: NOW - 300 }))).toBe('token-time');
    expect(reasonOf(tokenOf({ ...CLAIMS, nbf: NOW + 300 }))).toBe('accepted');
  });

  it('is no HMAC under the public key', () => {
    const [header, claims] = tokenOf(CLAIMS, { ...HEADER, alg: 'HS256' }).split('.');
    const pem = key.publicKey.export({ type: 'spki', format: 'pem' });
    const mac = createHmac('sha256', pem).update(`${header}.${claims}`).digest('base64url');
    expect(reasonOf(`${header}.${claims}.${mac}`)).toBe('token-algorithm');
  });
});

describe('a JWS', () => {
  it('has at most so many characters', () => {
    const long = 'a'.repeat(LIMITS.jwsChars);
    expect(parseJws(long)).toEqual({ problem: 'want 3 parts, got 1' });
    expect(parseJws(`${long}a`)).toEqual({ problem: expect.stringContaining('longer') });
  });

  it('has no duplicate members', () => {
    const payload = Buffer.from('{"iss":"a","iss":"b"}').toString('base64url');
    expect(parseJws(`e30.${payload}.`)).toEqual({ problem: expect.stringContaining('duplicates') });
  });
});

describe('a token in a file', () => {
  it('is read bare or in an object, and its signature checked', () => {
    const token = tokenOf(CLAIMS);
    const keys = JSON.stringify(jwks);
    expect(readTokenClaims(` ${token}\n`, 'f', keys)).toMatchObject({ iss: ISSUER });
    expect(readTokenClaims(JSON.stringify({ token }), 'f')).toMatchObject({ iss: ISSUER });
    const refused = expect.objectContaining({ code: 'TOKEN_INVALID' });
    const other = makeJws(HEADER, CLAIMS, rsaKey().privateKey);
    expect(() => readTokenClaims(other, 'f', keys)).toThrow(refused);
    expect(() => readTokenClaims('{}', 'f')).toThrow(refused);
    expect(() => readTokenClaims(tokenOf(CLAIMS, { alg: 'none', kid: 'k1' }), 'f', keys)).toThrow(
      refused,
    );
    expect(() => readTokenClaims(tokenOf(CLAIMS, { alg: 'RS256' }), 'f', keys)).toThrow(refused);
  });
});

describe('a redacted token', () => {
  const payload = (claims: string) => `h.${Buffer.from(claims).toString('base64url')}.secret`;
  it.each([
    ['a.b', '<redacted invalid token: not a JWT>'],
    ['a.!.c', '<redacted invalid token: failed to decode payload>'],
    ['a.AAAAA.c', '<redacted invalid token: failed to decode payload>'],
    ['..', '<redacted invalid token: failed to unmarshal payload>'],
    [payload('{'), '<redacted invalid token: failed to unmarshal payload>'],
    [payload('[]'), '<redacted invalid token: failed to unmarshal payload>'],
    [payload('"x"'), '<redacted invalid token: failed to unmarshal payload>'],
    [payload('null'), '<redacted invalid token: invalid issuer>'],
    [payload('{}'), '<redacted invalid token: invalid issuer>'],
    [payload('{"iss":"https://sts.example"}'), '<redacted token with issuer https://sts.example>'],
  ])('%s', (token, shown) => expect(redactToken(token)).toBe(shown));

  it('never holds the signature', () => {
    const token = payload('{"iss":"https://a.attest.azure.net"}');
    expect(redactToken(token)).toBe(token.replace('secret', '***'));
  });
});
