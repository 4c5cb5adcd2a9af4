import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  buildCertificateRequest,
  completeCertificateSource,
  parseTcb,
} from '../../src/keyrelease/collateral.js';
import { deriveSymmetricKey } from '../../src/keyrelease/derive.js';
import { parseKeyId, parseServiceHost, tokenResourceOf } from '../../src/keyrelease/hosts.js';
import {
  buildClientTokenRequest,
  buildIdentityEndpointRequest,
  buildImdsRequest,
  readAccessToken,
} from '../../src/keyrelease/identity-requests.js';
import {
  buildImportRequest,
  buildOctJwk,
  buildPrivateJwk,
  readImportConfig,
} from '../../src/keyrelease/import-key.js';
import {
  printAnnotation,
  printUnwrapOutput,
  printWrapOutput,
  readAnnotation,
  readKeyInfo,
  readUnwrapInput,
  readWrapInput,
} from '../../src/keyrelease/key-provider.js';
import { unwrapAesKwp, unwrapReleasedKey } from '../../src/keyrelease/key-unwrap.js';
import { buildReleasedJwk } from '../../src/keyrelease/released-key.js';
import { readSidecarArgs } from '../../src/keyrelease/sidecar-args.js';
import {
  buildCreateRequest,
  buildGetKeyRequest,
  buildReleaseRequest,
} from '../../src/keyrelease/vault-requests.js';
import { rsaKey, VERSION, wrapKey } from '../support/release.js';

const refusal = (code: string) => expect.objectContaining({ code });

describe('hosts', () => {
  it.each([
    ['kv.vault.azure.net', 'key vault'],
    ['https://KV.vault.azure.net/', 'key vault'],
    ['hsm.managedhsm.azure.net', 'key vault'],
    ['kv.vault.azure.cn', 'key vault'],
    ['sharedeus2.eus2.attest.azure.net', 'attestation service'],
  ] as const)('%s', (text, kind) =>
    expect(parseServiceHost(text, kind, [])).toBe(text.toLowerCase().replace(/^https:|\//g, '')),
  );

  it.each([
    'evil.example',
    'vault.azure.net',
    '.vault.azure.net',
    'kv.vault.azure.net.evil.example',
    'evil.example/.vault.azure.net',
    'evil.example#.vault.azure.net',
    'evil.example?.vault.azure.net',
    'u@kv.vault.azure.net',
    'kv.vault.azure.net/path',
    'http://kv.vault.azure.net',
    'kv vault.azure.net',
    '10.0.0.1',
    '[::1]',
    '127.0.0.1:8443',
    'kv.vault.azure.net:0',
    '',
  ])('refuses %j', (text) =>
    expect(() => parseServiceHost(text, 'key vault', ['127.0.0.1:8444'])).toThrow(
      refusal('SERVICE_HOST_REFUSED'),
    ),
  );

  it('allows what the user listed, exactly', () => {
    expect(parseServiceHost('127.0.0.1:8443', 'key vault', ['127.0.0.1:8443'])).toBe(
      '127.0.0.1:8443',
    );
  });

  it('decides the audience by the domain, not by words in the name', () => {
    expect(tokenResourceOf('managedhsm.vault.azure.net')).toBe('https://vault.azure.net');
    expect(tokenResourceOf('x.managedhsm.azure.net')).toBe('https://managedhsm.azure.net');
    expect(tokenResourceOf('kv.vault.azure.cn')).toBe('https://vault.azure.cn');
    expect(tokenResourceOf('127.0.0.1:1')).toBe('https://vault.azure.net');
  });
});

describe('key ids', () => {
  it('are a name, or a name and a version', () => {
    expect(parseKeyId('key-1')).toEqual({ name: 'key-1' });
    expect(parseKeyId(`k/${VERSION}`)).toEqual({ name: 'k', version: VERSION });
    expect(parseKeyId('a'.repeat(127)).name).toHaveLength(127);
  });
  it.each(['', '../x', 'a/b', `a/${VERSION}/c`, 'a?b', 'a#b', 'a b', 'a'.repeat(128), 'a\n'])(
    'refuse %j',
    (text) => expect(() => parseKeyId(text)).toThrow(refusal('KEY_ID_INVALID')),
  );
});

describe('vault requests', () => {
  it('name the key, and what was asked for', () => {
    const request = buildReleaseRequest(
      'h',
      { name: 'k', version: VERSION },
      { target: 't', nonce: 'n', enc: 'RSA_AES_KEY_WRAP_256' },
    );
    expect(request.url).toBe(`https://h/keys/k/${VERSION}/release?api-version=7.4`);
    expect(request.body).toBe('{"target":"t","nonce":"n","enc":"RSA_AES_KEY_WRAP_256"}');
    expect(buildGetKeyRequest('h', { name: 'k' })).toMatchObject({
      method: 'GET',
      url: 'https://h/keys/k?api-version=7.4',
    });
  });

  it('create an exportable key under the policy', () => {
    const options = {
      kty: 'RSA-HSM',
      keySize: 3072,
      keyOps: ['wrapKey'],
      policyText: '{}\n',
    } as const;
    const { url, body } = buildCreateRequest('h', 'k', { ...options, immutable: true });
    expect(url).toBe('https://h/keys/k/create?api-version=7.4');
    expect(JSON.parse(body!)).toEqual({
      kty: 'RSA-HSM',
      key_size: 3072,
      key_ops: ['wrapKey'],
      attributes: { exportable: true },
      release_policy: {
        contentType: 'application/json; charset=utf-8',
        data: Buffer.from('{}').toString('base64url'),
        immutable: true,
      },
    });
    const plain = buildCreateRequest('h', 'k', { ...options, immutable: false });
    expect(plain.body).not.toContain('immutable');
  });
});

describe('identity requests', () => {
  it('escape what goes into a URL', () => {
    const { url, headers } = buildImdsRequest('https://vault.azure.net', 'a&b');
    expect(url).toBe(
      'http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net&client_id=a%26b',
    );
    expect(headers).toEqual({ Metadata: 'true' });
    expect(buildIdentityEndpointRequest('http://h/t', 's', 'r').headers).toEqual({
      'X-IDENTITY-HEADER': 's',
    });
  });

  it('keep proofs in the body', () => {
    const who = { authority: 'https://login.example/', tenant: 't/1', clientId: 'c' };
    const federated = buildClientTokenRequest({ ...who, proof: { assertion: 'jwt' } }, 'https://r');
    expect(federated.url).toBe('https://login.example/t%2F1/oauth2/v2.0/token');
    expect(Object.fromEntries(new URLSearchParams(federated.body))).toMatchObject({
      client_assertion: 'jwt',
      scope: 'https://r/.default',
      grant_type: 'client_credentials',
    });
    const secret = buildClientTokenRequest({ ...who, proof: { secret: 's' } }, 'r');
    expect(new URLSearchParams(secret.body).get('client_secret')).toBe('s');
  });

  it('read the token of any kind of answer, and quote none', () => {
    expect(readAccessToken('{"access_token":"a"}', 'x')).toBe('a');
    expect(readAccessToken('{"accessToken":"b"}', 'x')).toBe('b');
    expect(() => readAccessToken('{"access_token":"","error":"swordfish"}', 'x')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('swordfish') }),
    );
  });
});

describe('key import', () => {
  const base = {
    key: { kid: 'k', kty: 'RSA-HSM', authority: { endpoint: 'a' }, akv: { endpoint: 'v' } },
    claims: [[{ claim: 'c', equals: 'd' }]],
  };
  const read = (value: unknown) => readImportConfig(JSON.stringify(value), 'c.json');

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
  ])('refuses %j', (value, problem) =>
    expect(() => read(value)).toThrow(
      expect.objectContaining({
        code: 'KEY_CONFIG_INVALID',
        message: expect.stringContaining(problem),
      }),
    ),
  );
});

describe('unwrapping', () => {
  const key = rsaKey();
  it.each(['CKM_RSA_AES_KEY_WRAP', 'RSA_AES_KEY_WRAP_256', 'RSA_AES_KEY_WRAP_384'] as const)(
    'gives back what %s wrapped, and nothing for a changed text',
    (enc) => {
      const secret = randomBytes(48);
      const wrapped = wrapKey(secret, key.publicKey, enc);
      expect(unwrapReleasedKey(enc, wrapped, key.privateKey)).toEqual(secret);
      fc.assert(
        fc.property(fc.nat(wrapped.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
          const changed = Buffer.from(wrapped);
          changed[at]! ^= flip;
          expect(unwrapReleasedKey(enc, changed, key.privateKey)).toBeUndefined();
        }),
        { seed: 1, numRuns: 60 },
      );
      for (const length of [0, 1, 255, 256, 257, 263, wrapped.length - 8])
        expect(unwrapReleasedKey(enc, wrapped.subarray(0, length), key.privateKey)).toBeUndefined();
    },
  );

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

describe('certificate sources', () => {
  it.each(['', 'g', '12345678901234567', '0x12', '-1'])('refuse the TCB %j', (text) =>
    expect(() => parseTcb(text)).toThrow(refusal('CERTIFICATE_SOURCE_INVALID')),
  );
  it('write every digit of the TCB', () => {
    const source = completeCertificateSource('AzCache', {});
    const { url } = buildCertificateRequest(source, 'ab'.repeat(64), 0x07n);
    expect(url).toContain('/0000000000000007?');
  });
});

describe('SkrSideCarArgs', () => {
  const of = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
  it('may be empty, and ignore what they do not know', () => {
    expect(readSidecarArgs('')).toEqual({});
    expect(
      readSidecarArgs(
        of({ other: 1, identity: { client_id: 'c' }, maaconfig: { user_agent: 'u' } }),
      ),
    ).toEqual({
      clientId: 'c',
      userAgent: 'u',
    });
  });
  it.each([
    '!',
    'e30',
    Buffer.from('[]').toString('base64'),
    Buffer.from('{').toString('base64'),
    of({ certcache: { endpoint_type: 'Mine' } }),
    of({ certcache: { endpoint_type: 'AMD', endpoint: 'https://x' } }),
    of({ certcache: { endpoint_type: 'AMD', endpoint: 'x@y/z' } }),
    of({ identity: { client_id: 7 } }),
  ])('refuse %s', (text) =>
    expect(() => readSidecarArgs(text)).toThrow(refusal('SIDECAR_ARGS_INVALID')),
  );
});

describe('the key provider', () => {
  const b64 = (text: string) => Buffer.from(text).toString('base64');
  const annotation = {
    kid: 'k',
    wrappedData: Buffer.from('w'),
    wrapType: 'rsa_3072',
    vault: 'v',
    attestationService: 'a',
  };
  const wrap = (change: object = {}, agent = 'skr:key1') => ({
    op: 'keywrap',
    keywrapparams: {
      ec: { Parameters: { 'attestation-agent': [b64(agent)] } },
      optsdata: b64('secret'),
    },
    ...change,
  });
  const unwrap = (agent = 'skr', text = printAnnotation(annotation)) => ({
    op: 'keyunwrap',
    keyunwrapparams: {
      dc: { Parameters: { 'attestation-agent': [b64(agent)] } },
      annotation: b64(text),
    },
  });

  it('reads both inputs, whatever the case of their members', () => {
    expect(readWrapInput(JSON.stringify(wrap()))).toEqual({
      keyName: 'key1',
      plaintext: Buffer.from('secret'),
    });
    const upper = JSON.stringify(wrap()).replace('"keywrapparams"', '"KeyWrapParams"');
    expect(readWrapInput(upper).keyName).toBe('key1');
    expect(readUnwrapInput(JSON.stringify(unwrap('SKR')))).toEqual(annotation);
    expect(readAnnotation(printAnnotation(annotation))).toEqual(annotation);
  });

  it.each<[unknown, string]>([
    [wrap({ op: 'keyunwrap' }), 'Ill-formed key provider input: '],
    [wrap({ keywrapparams: {} }), 'attestation-agent must be specified in '],
    [wrap({}, 'skr'), 'Key id is not provided in the request'],
    [wrap({}, 'other:key1'), 'Unexpected attestation agent '],
    [
      wrap({ keywrapparams: { ...wrap().keywrapparams, optsdata: '!' } }),
      'Optsdata is not base64 encoding: ',
    ],
    [[], 'Ill-formed key provider input: '],
  ])('refuses to wrap %j', (value, begin) =>
    expect(() => readWrapInput(JSON.stringify(value))).toThrow(
      expect.objectContaining({
        code: 'KEY_PROVIDER_INPUT',
        message: expect.stringMatching(`^${begin}`),
      }),
    ),
  );

  it.each(['skr:../../etc/shadow', 'skr:a/b', `skr:a/${VERSION}`, 'skr:'])(
    'refuses the key of %j',
    (agent) => expect(() => readWrapInput(JSON.stringify(wrap({}, agent)))).toThrow(),
  );

  it.each<[unknown, string]>([
    [unwrap('other'), 'Unexpected attestation agent '],
    [unwrap('skr', '{'), 'Ill-formed annotation packet: '],
    [unwrap('skr', '{"kid":"k"}'), 'Ill-formed annotation packet: '],
    [
      { ...unwrap(), keyunwrapparams: { ...unwrap().keyunwrapparams, annotation: '!' } },
      'Annotation is not a base64 encoding: ',
    ],
  ])('refuses to unwrap %j', (value, begin) =>
    expect(() => readUnwrapInput(JSON.stringify(value))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(`^${begin}`) }),
    ),
  );

  it('prints its outputs', () => {
    expect(JSON.parse(printUnwrapOutput(Buffer.from('x')))).toEqual({
      keywrapresults: { annotation: null },
      keyunwrapresults: { optsdata: b64('x') },
    });
    const { keywrapresults } = JSON.parse(printWrapOutput(annotation));
    expect(readAnnotation(Buffer.from(keywrapresults.annotation, 'base64').toString())).toEqual(
      annotation,
    );
  });

  it('reads key information files', () => {
    const text = '{"public_key_path":"p","kms_endpoint":"v","attester_endpoint":"a"}';
    expect(readKeyInfo(text, 'f')).toEqual({
      publicKeyPath: 'p',
      vault: 'v',
      attestationService: 'a',
    });
    expect(() => readKeyInfo('{}', 'f')).toThrow(refusal('KEY_CONFIG_INVALID'));
  });
});
