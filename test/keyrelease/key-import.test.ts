import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  buildImportRequest,
  buildOctJwk,
  buildPrivateJwk,
  printImportPolicy,
  readImportConfig,
} from '../../src/keyrelease/import-key.js';
import { rsaKey } from '../support/release.js';

const refusal = (code: string) => expect.objectContaining({ code });

describe('key import', () => {
  const base = {
    key: { kid: 'k', kty: 'RSA-HSM', authority: { endpoint: 'a' }, akv: { endpoint: 'v' } },
    claims: [[{ claim: 'c', equals: 'd' }]],
  };
  const akv = (version: string | undefined) => ({ endpoint: 'v', api_version: version });
  const read = (value: unknown) => readImportConfig(JSON.stringify(value), 'c.json');

  it.each([undefined, '', 'api-version=7.4'])('asks for version 7.4 where it is %j', (version) =>
    expect(read({ ...base, key: { ...base.key, akv: akv(version) } }).apiVersion).toBe(
      'api-version=7.4',
    ),
  );

  it('writes the policy as the importkey tool does', () => {
    const claims = [[{ claim: 'a&b', equals: '<\u2028>"\u00e9' }]];
    expect(printImportPolicy(read({ ...base, claims }))).toContain(
      String.raw`{"claim":"a\u0026b","equals":"\u003c\u2028\u003e\"é"}`,
    );
  });

  it('takes RSA and EC keys, members sorted', () => {
    const config = read(base);
    const rsa = rsaKey().privateKey;
    const body = buildImportRequest(config, buildPrivateJwk(rsa, 'RSA-HSM', []), '{}').body!;
    expect(Object.keys(JSON.parse(body).key)).toEqual([
      'd',
      'dp',
      'dq',
      'e',
      'kty',
      'n',
      'p',
      'q',
      'qi',
    ]);
    const { privateKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(buildPrivateJwk(ec, 'EC-HSM', ['sign'])).toMatchObject({
      crv: 'P-256',
      key_ops: ['sign'],
    });
    expect(() => buildPrivateJwk(ec, 'RSA-HSM', [])).toThrow(refusal('KEY_CONFIG_INVALID'));
  });

  it.each([1, 64])('takes symmetric keys of %d bytes', (length) =>
    expect(buildOctJwk(randomBytes(length), [])).toMatchObject({ key_size: length * 8 }),
  );
  it.each([0, 65])('refuses symmetric keys of %d bytes', (length) =>
    expect(() => buildOctJwk(randomBytes(length), [])).toThrow(refusal('KEY_CONFIG_INVALID')),
  );

  it.each([
    [{}, 'key is missing'],
    [{ ...base, key: { ...base.key, kty: 'DSA' } }, 'key.kty'],
    [{ ...base, key: { ...base.key, akv: {} } }, 'key.akv.endpoint is missing'],
    [{ ...base, claims: [{}] }, 'claims[0]'],
    [{ ...base, claims: undefined }, 'claims is missing'],
    [{ ...base, claims: [[{ claim: 'c', equals: 'd', less: 1 }]] }, 'claims[0][0].less'],
    [{ ...base, key: { ...base.key, akv: akv('7.4') } }, 'key.akv.api_version'],
    [{ ...base, key: { ...base.key, akv: akv('api-version=7.4&x=1') } }, 'key.akv.api_version'],
  ])('refuses %j', (value, problem) =>
    expect(() => read(value)).toThrow(
      expect.objectContaining({
        code: 'KEY_CONFIG_INVALID',
        message: expect.stringContaining(problem),
      }),
    ),
  );
});
