import { describe, expect, it } from 'vitest';
import { parseKeyId, parseServiceHost, tokenResourceOf } from '../../src/keyrelease/hosts.js';
import {
  buildClientTokenRequest,
  buildIdentityEndpointRequest,
  buildImdsRequest,
  readAccessToken,
} from '../../src/keyrelease/identity-requests.js';
import { buildAttestationRequest } from '../../src/keyrelease/maa-request.js';
import {
  buildCreateRequest,
  buildGetKeyRequest,
  buildReleaseRequest,
} from '../../src/keyrelease/vault-requests.js';
import { VERSION } from '../support/release.js';

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
    'kv.vault.azure.net:65536',
    '\u212av.vault.azure.net',
    '',
  ])('refuses %j', (text) =>
    expect(() => parseServiceHost(text, 'key vault', ['127.0.0.1:8444'])).toThrow(
      refusal('SERVICE_HOST_REFUSED'),
    ),
  );

  it.each(['h:99999', 'h/x', 'u@h', 'h?x', 'h#x', 'h h', '[::1', 'h\\x'])(
    'refuses %j, even if it is listed',
    (host) => {
      expect(() => parseServiceHost(host, 'key vault', [host])).toThrow(
        refusal('SERVICE_HOST_REFUSED'),
      );
    },
  );

  it.each(['localhost:8443', '127.0.0.1', '[::1]:8443', 'vault'])('may be %s if listed', (host) =>
    expect(parseServiceHost(host, 'key vault', [host])).toBe(host),
  );

  it('have ports that a URL can have', () => {
    for (const port of [1, 9999, 10_000, 59_999, 64_999, 65_499, 65_529, 65_535]) {
      const host = `kv.vault.azure.net:${port}`;
      expect(parseServiceHost(host, 'key vault', [])).toBe(host);
    }
  });

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

describe('attestation requests', () => {
  it('leave out an endorsement that is empty', () => {
    const evidence = {
      report: Buffer.alloc(1184),
      certificateChain: 'PEM',
      runtimeData: Buffer.from('{}'),
      nonce: 2n ** 64n - 1n,
    };
    const plain = buildAttestationRequest(evidence);
    expect(plain).toMatch(/,"nonce":18446744073709551615}$/);
    expect(buildAttestationRequest({ ...evidence, uvmEndorsement: Buffer.of() })).toBe(plain);
    const endorsed = buildAttestationRequest({ ...evidence, uvmEndorsement: Buffer.of(1) });
    const inner = Buffer.from(JSON.parse(endorsed).report, 'base64url').toString();
    expect(Object.keys(JSON.parse(inner))).toEqual(['SnpReport', 'VcekCertChain', 'Endorsements']);
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
    expect(readAccessToken('{"access_token":"a"}', 'x')).toEqual({ token: 'a' });
    expect(readAccessToken('{"accessToken":"b"}', 'x')).toEqual({ token: 'b' });
    const odd = '{"access_token":"a","expires_in":{},"expires_on":[1],"token_type":{}}';
    expect(readAccessToken(odd, 'x')).toEqual({ token: 'a' });
    expect(() => readAccessToken('{"access_token":"","error":"swordfish"}', 'x')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('swordfish') }),
    );
  });
});
