import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DidRules, resolveDid } from '../../src/core/did-x509.js';
import { LIMITS } from '../../src/core/limits.js';
import { makeDid } from '../../src/core/make-did-x509.js';
import { parseCertificate, parseCertificates } from '../../src/core/x509.js';
import {
  type CertificatePlan,
  extendedKeyUsage,
  keyUsage,
  makeChain,
  name,
  sha256Base64url,
  subjectAltName,
} from '../support/certificates.js';
import { thrownBy } from '../support/failure.js';
import { vectorsDir } from '../support/vectors.js';

const folder = vectorsDir('cose');
const readVectors = <T>(file: string): T =>
  JSON.parse(readFileSync(join(folder!, file), 'utf8')) as T;

interface MethodCase {
  readonly id: string;
  readonly input: { readonly did: string; readonly chain: readonly string[] };
  readonly output: { readonly document?: unknown; readonly error?: string };
}

interface MakeCase {
  readonly chain: string;
  readonly fingerprint_algorithm: string;
  readonly fingerprint_index: number;
  readonly policy: string;
  readonly did?: string;
}

const methodCases = folder ? readVectors<readonly MethodCase[]>('did-x509/test-vectors.json') : [];
const makeCases = folder ? readVectors<readonly MakeCase[]>('make-did.json') : [];

describe.runIf(folder !== undefined)('vectors', () => {
  const recorded = folder
    ? readVectors<Record<string, { didx509go_ok: boolean }>>('did-x509/guest-library-results.json')
    : {};

  it.each(methodCases.map((each) => [each.id, each] as const))('%s', (id, { input, output }) => {
    const chain = input.chain.map((text) => parseCertificate(Buffer.from(text, 'base64url'), id));
    const result = resolveDid(input.did, chain, 'specification');
    expect(result.ok).toBe(output.error === undefined);
    if (result.ok) expect(result.document).toEqual(output.document);
    expect(resolveDid(input.did, chain, 'guest').ok).toBe(recorded[id]!.didx509go_ok);
  });

  it.each(makeCases.map((each) => [`${each.policy} at ${each.fingerprint_index}`, each] as const))(
    'made of %s',
    (_title, { chain: file, policy, did, ...rest }) => {
      const chain = parseCertificates(readFileSync(join(folder!, file)), file);
      // The reference pins by SHA-256 only; so does makeDid, which therefore has no such argument.
      if (rest.fingerprint_algorithm !== 'sha256') return expect(did).toBeUndefined();
      const make = () =>
        makeDid(chain, { index: rest.fingerprint_index, policy, form: 'reference' });
      if (did === undefined) expect(thrownBy(make).code).toBe('DID_INVALID');
      else expect(make()).toBe(did);
    },
  );
});

const chainOf = (leaf: Partial<CertificatePlan> = {}) =>
  makeChain(leaf).chain.map((bytes) => parseCertificate(bytes, 'x'));
const pinned = (chain: ReturnType<typeof chainOf>, rest: string, index = 1) =>
  `did:x509:0:sha256:${sha256Base64url(chain[index]!.der)}::${rest}`;
const BOTH: readonly DidRules[] = ['specification', 'guest'];
const verdicts = (chain: ReturnType<typeof chainOf>, did: string) =>
  BOTH.map((rules) => resolveDid(did, chain, rules).ok);

describe('resolveDid', () => {
  const rich = chainOf({
    subject: name(
      ['2.5.4.6', 'AQ'],
      ['2.5.4.8', 'West'],
      ['2.5.4.10', 'Example, Inc.'],
      ['2.5.4.5', '42'],
      ['2.5.4.3', 'Leaf ~ 1'],
    ),
    extensions: [
      extendedKeyUsage('1.3.6.1.5.5.7.3.3', '1.3.6.1.4.1.311.76.59.1.9'),
      subjectAltName([1, 'me@a.example'], [2, 'a.example'], [6, 'https://a.example/x']),
    ],
  });

  it.each<[string, readonly boolean[]]>([
    ['subject:CN:Leaf%20%7E%201', [true, true]],
    ['subject:CN:Leaf%20~%201', [false, true]],
    ['subject:CN:Leaf+%7E+1', [false, true]],
    ['subject:cn:Leaf%20%7E%201', [false, true]],
    ['subject:C:AQ:O:Example%2C%20Inc.', [true, true]],
    ['subject:C:AQ:O:Example', [false, false]],
    ['subject:C:AQ:C:AQ', [false, false]],
    ['subject:C', [false, false]],
    ['subject:', [false, false]],
    ['subject', [false, false]],
    ['subject:DC:x', [false, false]],
    ['subject:ST:West', [true, false]],
    ['subject:S:West', [false, true]],
    ['subject:2.5.4.5:42', [true, true]],
    ['subject:SERIALNUMBER:42', [false, true]],
    ['subject:CN:%zz', [false, false]],
    ['san:dns:a.example', [true, true]],
    ['san:email:me%40a.example', [true, true]],
    ['san:uri:https%3A%2F%2Fa.example%2Fx', [true, true]],
    ['san:dns:b.example', [false, false]],
    ['san:ipaddress:1.2.3.4', [false, false]],
    ['san:dns', [false, false]],
    ['san:dns:a:b', [false, false]],
    ['eku:1.3.6.1.4.1.311.76.59.1.9', [true, true]],
    ['eku:1.3.6.1.5.5.7.3.3', [true, true]],
    ['eku:1.3.6.1.5.5.7.3.4', [false, false]],
    ['eku:1.3:4', [false, false]],
    ['eku:', [false, false]],
    ['eku:1.3.6.1.4.1.311.76.59.1.9::san:dns:a.example', [true, true]],
    ['eku:1.3.6.1.4.1.311.76.59.1.9::san:dns:b.example', [false, false]],
    ['fulcio-issuer:a.example', [false, false]],
    ['other:x', [false, false]],
    ['', [false, false]],
    ['subject:C:AQ#key', [true, false]],
    ['subject:C:AQ?x', [false, false]],
    ['subject:C:AQ/x', [false, false]],
  ])('decides %s', (rest, expected) => {
    expect(verdicts(rich, pinned(rich, rest))).toEqual(expected);
  });

  it('pins issuers only, with each hash', () => {
    expect(verdicts(rich, pinned(rich, 'subject:C:AQ', 2))).toEqual([true, true]);
    expect(verdicts(rich, pinned(rich, 'subject:C:AQ', 0))).toEqual([false, false]);
    expect(verdicts(rich, pinned(chainOf(), 'subject:C:AQ'))).toEqual([false, false]);
    const did = pinned(rich, 'subject:C:AQ');
    for (const wrong of [
      did.replace('x509', 'x508'),
      did.replace(':0:', ':1:'),
      did.replace('sha256', 'md5'),
      did.replace('sha256', 'sha512'),
      did.replace('::', ':x::'),
      'did:web:example.com',
      '',
      `${did}${'a'.repeat(LIMITS.didChars)}`,
    ]) {
      expect(verdicts(rich, wrong)).toEqual([false, false]);
    }
  });

  it('refuses a chain of one, which crashes the guest', () => {
    const did = pinned(rich, 'subject:C:AQ', 0);
    for (const chain of [[], [rich[0]!]]) expect(verdicts(chain, did)).toEqual([false, false]);
  });

  it('looks at the key usage of the leaf', () => {
    const withUsage = (octet: number) => chainOf({ extensions: [keyUsage(octet)] });
    const resolve = (octet: number) => {
      const chain = withUsage(octet);
      return resolveDid(pinned(chain, 'subject:CN:Test%20Leaf'), chain, 'specification');
    };
    expect(resolve(0x80)).toMatchObject({
      ok: true,
      document: { authentication: expect.anything() },
    });
    expect(resolve(0x80)).not.toHaveProperty('document.keyAgreement');
    expect(resolve(0x08)).toMatchObject({
      ok: true,
      document: { keyAgreement: expect.anything() },
    });
    expect(resolve(0x08)).not.toHaveProperty('document.authentication');
    expect(resolve(0x20).ok).toBe(false);
  });

  it('sees addresses as the guest prints them', () => {
    const addresses: readonly (readonly [string, string])[] = [
      ['0a000001', '10.0.0.1'],
      ['20010db8000000000000000000000001', '2001%3Adb8%3A%3A1'],
      ['00000000000000000000ffff0a000001', '10.0.0.1'],
      ['00010000000200000000000000000000', '1%3A0%3A2%3A%3A'],
      ['00010002000300040005000600070008', '1%3A2%3A3%3A4%3A5%3A6%3A7%3A8'],
      ['00000000000000000000000000000000', '%3A%3A'],
    ];
    for (const [hex, text] of addresses) {
      const chain = chainOf({ extensions: [subjectAltName([7, Buffer.from(hex, 'hex')])] });
      expect(verdicts(chain, pinned(chain, `san:ipaddress:${text}`))).toEqual([false, true]);
    }
  });

  it('knows what only one side refuses', () => {
    const cases: readonly (readonly [Partial<CertificatePlan>, string, readonly boolean[]])[] = [
      [
        { extensions: [extendedKeyUsage('1.3.6.1.5.5.7.3.3')] },
        'eku:1.3.6.1.5.5.7.3.3',
        [true, false],
      ],
      [
        { extensions: [subjectAltName([7, Buffer.from([1, 2, 3, 4])])] },
        'subject:CN:Test%20Leaf',
        [false, true],
      ],
      [{ subject: name(['2.5.4.11', 'a'], ['2.5.4.11', 'b']) }, 'subject:OU:a', [false, true]],
      [{ subject: name(['2.5.4.3', 'a'], ['2.5.4.3', 'b']) }, 'subject:CN:a', [false, false]],
      [{ subject: name(['2.5.4.3', 'a'], ['2.5.4.3', 'b']) }, 'subject:CN:b', [false, true]],
    ];
    for (const [leaf, rest, expected] of cases) {
      const chain = chainOf(leaf);
      expect(verdicts(chain, pinned(chain, rest))).toEqual(expected);
    }
  });

  it('gives a verdict for every text', () => {
    const words = fc.constantFrom(
      ':',
      '::',
      '%',
      '%41',
      'subject',
      'CN',
      'eku',
      '1.2',
      'san',
      'dns',
      '#',
      '+',
      'é',
    );
    const text = fc.array(fc.oneof(words, fc.string({ maxLength: 3 })), { maxLength: 12 });
    fc.assert(
      fc.property(text, (parts) => {
        for (const rules of BOTH) {
          expect(resolveDid(pinned(rich, parts.join('')), rich, rules).ok).toBeTypeOf('boolean');
        }
      }),
      { seed: 0xd1d, numRuns: 500 },
    );
  });
});

describe('makeDid', () => {
  it('encodes every value, so that both sides resolve it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), (text) => {
        const chain = chainOf({ subject: name(['2.5.4.3', text]) });
        const did = makeDid(chain, { index: 1, policy: 'CN', form: 'strict' });
        expect(verdicts(chain, did)).toEqual([true, true]);
      }),
      { seed: 0xd1d, numRuns: 60 },
    );
    const chain = chainOf({ subject: name(['2.5.4.6', 'AQ'], ['2.5.4.10', 'Example, Inc.']) });
    const plan = { index: 2, policy: 'subject:C:AQ:O:Example, Inc.', form: 'strict' } as const;
    expect(makeDid(chain, plan)).toBe(pinned(chain, 'subject:C:AQ:O:Example%2C%20Inc.', 2));
  });

  it('keeps the bytes of the reference where they resolve', () => {
    const chain = chainOf({ subject: name(['2.5.4.3', 'A & ~B=$@ (é)']) });
    const did = makeDid(chain, { index: 1, policy: 'CN', form: 'reference' });
    expect(did).toBe(pinned(chain, 'subject:CN:A%20&%20~B=$@%20%28%C3%A9%29'));
    const both = makeDid(chain, {
      index: 1,
      policy: 'subject:CN:A & ~B=$@ (é)::subject:CN:A%20%26%20~B%3D%24%40%20%28%C3%A9%29',
      form: 'reference',
    });
    expect(both).toContain('::subject:CN:A%20&%20~B=$@%20%28%C3%A9%29::subject:CN:A%20%26');
    const colon = chainOf({ subject: name(['2.5.4.3', 'a:b']) });
    const plan = { index: 1, policy: 'CN' } as const;
    expect(thrownBy(() => makeDid(colon, { ...plan, form: 'reference' })).code).toBe('DID_INVALID');
    expect(makeDid(colon, { ...plan, form: 'strict' })).toBe(pinned(colon, 'subject:CN:a%3Ab'));
  });

  it.each([
    ['an index of the leaf', 0, 'CN', 'not in the chain'],
    ['an index beyond the chain', 3, 'CN', 'not in the chain'],
    ['a broken index', 1.5, 'CN', 'not in the chain'],
    ['no usage', 1, 'EKU', 'no extended key usage'],
    ['another name', 1, 'subject:CN:x', 'does not resolve'],
    ['an unknown predicate', 1, 'x:y', 'does not resolve'],
  ])('refuses %s', (_what, index, policy, problem) => {
    const error = thrownBy(() => makeDid(chainOf(), { index, policy, form: 'strict' }));
    expect(error.code).toBe('DID_INVALID');
    expect(error.message).toContain(problem);
  });

  it('refuses a leaf without a common name', () => {
    const chain = chainOf({ subject: name(['2.5.4.6', 'AQ']) });
    const error = thrownBy(() => makeDid(chain, { index: 1, policy: 'CN', form: 'strict' }));
    expect(error.message).toContain('no common name');
  });
});
