import { describe, expect, it } from 'vitest';
import { parseCertificate } from '../../src/core/x509.js';
import { type ChainRules, checkChain, findPath, isSelfSigned } from '../../src/core/x509-chain.js';
import {
  AUTHORITY,
  basicConstraints,
  type CertificatePlan,
  commonName,
  der,
  type Extension,
  ecKey,
  keyUsage,
  makeCertificate,
  makeChain,
  sequence,
  subjectAltName,
} from '../support/certificates.js';

const parse = (chain: readonly Buffer[]) => chain.map((bytes) => parseCertificate(bytes, 'x'));
const chainOf = (...plans: Parameters<typeof makeChain>) => parse(makeChain(...plans).chain);
const NOW = Date.UTC(2026, 0, 1) / 1000;
const RULES: ChainRules = { time: NOW, strict: true };

/** The reasons of both checks: of the chain as it stands, and of the search for a path. */
function reasons(chain: ReturnType<typeof parse>, rules = RULES) {
  const found = findPath(chain, rules.time ?? chain[0]!.notAfter);
  return {
    chain: checkChain(chain, rules).map(({ reason, index }) => `${reason} ${index}`),
    path:
      'path' in found ? 'found' : found.problems.map(({ reason, index }) => `${reason} ${index}`),
  };
}

const constraints = (tag: number, ...names: readonly Buffer[]): Extension => ({
  oid: '2.5.29.30',
  critical: true,
  value: sequence(der(tag, ...names.map((each) => sequence(each)))),
});
const dns = (text: string) => der(0x82, Buffer.from(text));
const GOOD = { chain: [], path: 'found' };

describe('a chain of three', () => {
  const chain = chainOf();
  const [leaf, intermediate, root] = chain;

  it('is good', () => {
    expect(reasons(chain)).toEqual(GOOD);
    expect(checkChain(chain, { time: undefined, anchors: [root!] })).toEqual([]);
    expect([isSelfSigned(root!), isSelfSigned(leaf!)]).toEqual([true, false]);
  });

  it('is refused under another anchor', () => {
    const [other] = parse([makeCertificate({ subject: commonName('Other'), key: ecKey() })]);
    expect(checkChain(chain, { time: NOW, anchors: [other!] })).toMatchObject([
      { reason: 'untrusted' },
    ]);
    expect(checkChain(chain, { time: NOW, anchors: [] })).toMatchObject([{ reason: 'untrusted' }]);
  });

  it('is refused reversed, with a gap, or with a stranger as root', () => {
    expect(reasons([root!, intermediate!, leaf!]).path).toEqual(['untrusted undefined']);
    expect(reasons([leaf!, root!])).toEqual({
      chain: ['not-issued-by 0'],
      path: ['untrusted undefined'],
    });
    const stranger = chainOf()[2]!;
    expect(reasons([leaf!, intermediate!, stranger])).toEqual({
      chain: ['signature 1'],
      path: ['signature 2'],
    });
  });

  it('has a path in any order and beside strangers, but stands only as it is', () => {
    const stranger = chainOf()[1]!;
    expect(reasons([leaf!, stranger, intermediate!, root!]).path).toBe('found');
    expect(reasons([leaf!, stranger, intermediate!, root!]).chain).toContain('signature 0');
    const found = findPath([leaf!, stranger, intermediate!, root!], NOW);
    expect('path' in found && found.path).toEqual(chain);
  });

  it('needs an issuer', () => {
    expect(findPath([leaf!], NOW)).toMatchObject({ problems: [{ reason: 'too-short' }] });
    expect(findPath([], NOW)).toMatchObject({ problems: [{ reason: 'too-short' }] });
    expect(checkChain([], RULES)).toMatchObject([{ reason: 'too-short' }]);
  });

  it('is its own anchor when leaf and anchor are one certificate', () => {
    expect(findPath([root!, root!], NOW)).toEqual({ path: [root] });
  });
});

describe('what a chain is refused for', () => {
  const unknown = { oid: '1.2.3.4', critical: true, value: Buffer.alloc(0) };
  const cases: readonly (readonly [
    string,
    Partial<CertificatePlan>,
    Partial<CertificatePlan>,
    object,
  ])[] = [
    [
      'a leaf that has expired',
      { notAfter: '20251231000000Z' },
      {},
      { chain: ['expired 0'], path: ['expired 0'] },
    ],
    [
      'an intermediate that is not valid yet',
      {},
      { notBefore: '20260102000000Z' },
      { chain: ['not-yet-valid 1'], path: ['not-yet-valid 1'] },
    ],
    [
      'an intermediate that is no authority',
      {},
      { extensions: [basicConstraints(false), keyUsage(0x04)] },
      { chain: ['not-an-authority 0', 'not-an-authority 1'], path: ['not-an-authority 1'] },
    ],
    [
      'an intermediate without basicConstraints',
      {},
      { extensions: [keyUsage(0x04)] },
      { chain: ['not-an-authority 0', 'not-an-authority 1'], path: ['not-an-authority 1'] },
    ],
    [
      'an intermediate that may not sign certificates',
      {},
      { extensions: [basicConstraints(true), keyUsage(0x80)] },
      { chain: ['not-an-authority 0', 'not-an-authority 1'], path: ['not-an-authority 1'] },
    ],
    [
      'an intermediate of version 1',
      {},
      { version: 0, extensions: [] },
      { chain: ['not-an-authority 1'], path: ['not-an-authority 1'] },
    ],
    [
      'an unknown critical extension of the leaf',
      { extensions: [unknown] },
      {},
      { chain: ['critical-extension 0'], path: ['critical-extension 0'] },
    ],
    [
      'an unknown critical extension of the intermediate',
      {},
      { extensions: [...AUTHORITY, unknown] },
      { chain: ['critical-extension 1'], path: ['critical-extension 1'] },
    ],
    [
      'an excluded name',
      { extensions: [subjectAltName([2, 'a.evil.example'])] },
      { extensions: [...AUTHORITY, constraints(0xa1, dns('evil.example'))] },
      { chain: ['name-constraint 1'], path: ['name-constraint 1'] },
    ],
    [
      'a name that is not permitted',
      { extensions: [subjectAltName([2, 'evilgood.example'])] },
      { extensions: [...AUTHORITY, constraints(0xa0, dns('good.example'))] },
      { chain: ['name-constraint 1'], path: ['name-constraint 1'] },
    ],
    [
      'constraints on names of an unknown kind',
      {},
      { extensions: [...AUTHORITY, constraints(0xa0, der(0xa4, commonName('x')))] },
      { chain: ['name-constraint 1'], path: ['name-constraint 1'] },
    ],
    [
      'a damaged extension',
      {},
      { extensions: [{ ...basicConstraints(true), value: Buffer.from([1]) }] },
      { chain: ['damaged 0', 'damaged 1'], path: ['damaged 1'] },
    ],
  ];

  it.each(cases)('%s', (_what, leaf, intermediate, expected) => {
    expect(reasons(chainOf(leaf, intermediate))).toEqual(expected);
  });

  it('a path that is too long', () => {
    const keys = [ecKey(), ecKey(), ecKey(), ecKey()];
    const names = ['Leaf', 'Low', 'High', 'Root'].map(commonName);
    const make = (limit: number) =>
      parse(
        names.map((subject, index) =>
          makeCertificate({
            subject,
            key: keys[index]!,
            ...(index < 3 ? { issuer: { subject: names[index + 1]!, key: keys[index + 1]! } } : {}),
            extensions:
              index === 0
                ? []
                : [basicConstraints(true, index === 2 ? limit : undefined), keyUsage(4)],
          }),
        ),
      );
    expect(reasons(make(1))).toEqual(GOOD);
    expect(reasons(make(0))).toEqual({ chain: ['path-length 2'], path: ['path-length 2'] });
  });

  it.each([
    ['a URI without host', [6, 'urn:x'], [6, 'good.example']],
    ['a URI with an address', [6, 'https://1.2.3.4/a'], [6, 'good.example']],
    ['a mailbox without host', [1, 'me@'], [1, 'good.example']],
  ] as const)('%s under constraints of its kind', (_what, name, constraint) => {
    const subtree = der(0x80 | constraint[0], Buffer.from(constraint[1]));
    for (const tag of [0xa0, 0xa1]) {
      const chain = chainOf(
        { extensions: [subjectAltName([name[0], name[1]])] },
        { extensions: [...AUTHORITY, constraints(tag, subtree)] },
      );
      expect(reasons(chain).path).toEqual(['name-constraint 1']);
    }
  });

  it('nothing about names without a fitting constraint', () => {
    const names = subjectAltName(
      [1, 'me@good.example'],
      [2, 'GOOD.example'],
      [6, 'https://u:p@x.good.example:443/a'],
      [7, Buffer.from([10, 1, 2, 3])],
    );
    const good = (tag: number, text: string | Buffer) =>
      der(0x80 | tag, Buffer.from(text as string));
    const subtrees = constraints(
      0xa0,
      good(1, 'good.example'),
      good(2, 'good.example'),
      good(6, '.good.example'),
      good(7, Buffer.from([10, 1, 0, 0, 255, 255, 0, 0])),
    );
    const chain = chainOf({ extensions: [names] }, { extensions: [...AUTHORITY, subtrees] });
    expect(reasons(chain)).toEqual(GOOD);
  });

  it('time only when a time is given', () => {
    const chain = chainOf({ notAfter: '20251231000000Z' });
    expect(checkChain(chain, { time: undefined })).toEqual([]);
    expect(findPath(chain, chain[0]!.notAfter)).toMatchObject({ path: expect.anything() });
  });

  it('strictly: an issuer without keyUsage', () => {
    const chain = chainOf({}, { extensions: [basicConstraints(true)] });
    expect(checkChain(chain, { time: NOW })).toEqual([]);
    expect(reasons(chain).chain).toEqual(['not-an-authority 1']);
  });
});

it('a search through certificates that sign each other ends', () => {
  const key = ecKey();
  const subject = commonName('Loop');
  const many = Array.from({ length: 98 }, (_each, serial) =>
    makeCertificate({
      subject,
      key,
      serial,
      extensions: [...AUTHORITY, subjectAltName([2, `n${serial}.example`])],
    }),
  );
  const leaf = makeCertificate({
    subject: commonName('Leaf'),
    key: ecKey(),
    issuer: { subject, key },
  });
  const stranger = makeCertificate({ subject, key: ecKey(), extensions: AUTHORITY });
  const chain = parse([leaf, ...many, stranger]);
  expect(() => findPath(chain, NOW)).toThrow('too many signature checks');
});
