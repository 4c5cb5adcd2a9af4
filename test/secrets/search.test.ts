/** The search for secrets in the output of the run finds what is there, in whatever form, and nothing else. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { ROOT, temporaryFolder } from '../support/cli.js';
import { judgeRun } from '../support/secrets/judge.js';
import { isDistinct, needlesOf } from '../support/secrets/needles.js';
import {
  keepSecret,
  keepToken,
  RECORD_VARIABLE,
  recordFile,
  recordOutput,
} from '../support/secrets/record.js';
import { openSearch } from '../support/secrets/search.js';

const search = (secret: Buffer, text: string | Buffer) =>
  openSearch(needlesOf(secret, 0))(Buffer.from(text as string));
const base64 = (text: string | Buffer) => Buffer.from(text as string).toString('base64');

/** Passwords with what each of the encodings changes. */
const TEXTS = [
  'tr0ub4dor&3 "tulip"',
  'päss/wörd+100%',
  "it's a 'quoted' one",
  'line\nbreak\tand <tag>',
];

/** How a text ends up in an output. */
const PLANTS: Readonly<Record<string, (secret: string) => string | Buffer>> = {
  plain: (secret) => `the password is ${secret}, sorry`,
  'at the end': (secret) => `password=${secret}`,
  hex: (secret) => `x${Buffer.from(secret).toString('hex')}y`,
  'upper-case hex': (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
  base64: (secret) => `Basic ${base64(secret)}`,
  'base64 behind a user': (secret) => `Basic ${base64(`ann:${secret}`)}`,
  'base64 behind two more bytes': (secret) => base64(`me:${secret}:tail`),
  'base64 behind one more byte': (secret) => base64(`:${secret}`),
  base64url: (secret) => Buffer.from(`a.${secret}.b`).toString('base64url'),
  'base64 in a URL': (secret) => `?x=${encodeURIComponent(base64(`${secret}?`))}`,
  'a URL': (secret) => `https://ann:${encodeURIComponent(secret)}@host/`,
  'a URL in lower case': (secret) =>
    encodeURIComponent(secret).replace(/%../g, (code) => code.toLowerCase()),
  'a form': (secret) => `client_secret=${new URLSearchParams({ s: secret }).toString().slice(2)}`,
  JSON: (secret) => JSON.stringify({ error: { password: secret } }),
  'JSON in JSON': (secret) => JSON.stringify({ log: JSON.stringify({ secret }) }),
  'ASCII JSON': (secret) =>
    JSON.stringify(secret).replace(
      /[\u0080-\uffff]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  'an inspected buffer': (secret) => inspect(Buffer.from(secret)),
  'a buffer as JSON': (secret) => JSON.stringify(Buffer.from(secret)),
  'the heap of a core': (secret) =>
    Buffer.concat([randomBytes(99), Buffer.from(secret, 'utf16le')]),
};

describe('a secret text', () => {
  it.each(Object.entries(PLANTS))('is found as %s', (_, plant) => {
    for (const secret of TEXTS) {
      expect(search(Buffer.from(secret), plant(secret)), secret).not.toEqual([]);
    }
  });

  it('is found at any place of any output', () => {
    const secret = Buffer.from(TEXTS[0]!);
    const bytes = fc.uint8Array({ maxLength: 64 });
    fc.assert(
      fc.property(bytes, bytes, (before, after) => {
        const text = Buffer.concat([before, secret, after]);
        expect(search(secret, text)).toContainEqual({
          needle: expect.objectContaining({ form: 'raw' }),
          at: before.length,
        });
        const cut = Buffer.concat([before, secret.subarray(1), after]);
        if (!cut.includes(secret)) expect(search(secret, cut)).toEqual([]);
      }),
      { seed: 20261122, numRuns: 100 },
    );
  });

  it('is not found where it is not', () => {
    for (const secret of TEXTS) {
      for (const other of TEXTS.filter((one) => one !== secret)) {
        for (const plant of Object.values(PLANTS)) {
          expect(search(Buffer.from(secret), plant(other))).toEqual([]);
        }
      }
    }
    expect(search(Buffer.from(TEXTS[0]!), randomBytes(1 << 20))).toEqual([]);
    expect(search(Buffer.from(TEXTS[0]!), '')).toEqual([]);
  });

  it('must be one that is not met by chance', () => {
    for (const plain of ['short', 'aaaaaaaaaaaaaaaa', 'abcdefghijkl', '\0'.repeat(32)]) {
      expect(isDistinct(Buffer.from(plain)), plain).toBe(false);
      expect(() => keepSecret(plain, 'plain')).toThrow('too plain');
    }
    for (const secret of TEXTS) expect(isDistinct(Buffer.from(secret)), secret).toBe(true);
  });
});

describe('a private key', () => {
  const keys = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ];
  const privateMember = ({ privateKey }: (typeof keys)[number]) =>
    privateKey.export({ format: 'jwk' }).d!;
  /** The member as bytes and as it stands in a JWK, as setup.ts keeps both. */
  const searchKey = (d: string, text: string | Buffer) => [
    ...search(Buffer.from(d, 'base64url'), text),
    ...search(Buffer.from(d), text),
  ];

  it('is found in PEM, DER, JWK and their encodings, and its public half is none', () => {
    for (const pair of keys) {
      const d = privateMember(pair);
      const { privateKey, publicKey } = pair;
      const pem = privateKey.export({ format: 'pem', type: 'pkcs8' });
      const der = privateKey.export({ format: 'der', type: 'pkcs8' });
      const jwk = JSON.stringify(privateKey.export({ format: 'jwk' }));
      for (const text of [pem, JSON.stringify({ pem }), der, base64(der), jwk, base64(jwk)]) {
        expect(searchKey(d, text)).not.toEqual([]);
      }
      const open = JSON.stringify(publicKey.export({ format: 'jwk' }));
      for (const text of [publicKey.export({ format: 'pem', type: 'spki' }), open, base64(open)]) {
        expect(searchKey(d, text)).toEqual([]);
      }
    }
  });

  it('is found by a part of it', () => {
    const d = privateMember(keys[0]!);
    expect(searchKey(d, d.slice(80, 180))).not.toEqual([]);
  });
});

describe('a run', () => {
  it('is judged by what was kept of it', () => {
    const folder = temporaryFolder();
    vi.stubEnv(RECORD_VARIABLE, folder);
    const password = keepSecret(randomBytes(12).toString('base64url'), 'a password');
    const signature = randomBytes(256).toString('base64url');
    const token = `${base64('{"alg":"RS256"}')}.${base64('{"iss":"https://a.example"}')}.${signature}`;
    keepToken(token, 'a token');
    recordOutput('podseal key import', 'all is well', token.slice(0, token.lastIndexOf('.')));
    expect(judgeRun(folder)).toMatchObject({ secrets: 2, outputs: 1, leaks: [] });

    recordOutput('podseal key doctor --vault v', 'fine', `hint: ${password}`);
    recordOutput(`podseal key release --password ${password}`, '');
    recordOutput('podseal sidecar', JSON.stringify({ authorization: token.slice(-300) }));
    const { outputs, leaks } = judgeRun(folder);
    expect(outputs).toBe(4);
    expect(leaks).toEqual([
      'a password as raw, written by podseal key doctor --vault v',
      'a password as raw, written by an argument of podseal key release',
      expect.stringMatching(/^a token as base64(url)?, written by podseal sidecar$/),
    ]);
    expect(leaks.join()).not.toContain(password);
  });

  it.each([
    ['a private key in PEM', '-----BEGIN RSA PRIVATE KEY-----\nMII'],
    ['a private member of a JWK', '{"kty":"EC","d":"jpsQnnGQmL-YBIffH1136cspYG6"}'],
    ['a private member of a JWK', JSON.stringify({ k: '{"k": "jpsQnnGQmL-YBIffH1136cspYG6"}' })],
    ['a bearer token', 'Authorization: Bearer jpsQnnGQmL-YBIffH1136cspYG6'],
    ['a signed token', 'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UifQ.jpsQnnGQmL-YBIffH1136cspYG6'],
  ])('shows %s of nobody either: %#', (label, text) => {
    const folder = temporaryFolder();
    vi.stubEnv(RECORD_VARIABLE, folder);
    recordOutput('podseal sidecar', '{"d":"short","target":"<secret, 22 characters>"}');
    expect(judgeRun(folder).leaks).toEqual([]);
    recordOutput('podseal sidecar', text);
    expect(judgeRun(folder).leaks).toEqual([`${label}, written by podseal sidecar`]);
  });

  it('keeps the log files that the program wrote, and does without those that are not there', () => {
    const folder = temporaryFolder();
    vi.stubEnv(RECORD_VARIABLE, folder);
    recordFile('podseal sidecar', join(ROOT, 'package.json'));
    recordFile('podseal sidecar', '/nonexistent');
    expect(judgeRun(folder)).toMatchObject({ outputs: 1, leaks: [] });
  });
});
