import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeLedgers, parseLedgerKeys, parseTrustList } from '../../src/fragment/trust-list.js';
import {
  type ExpectedImport,
  type FragmentExpectation,
  verifyFragment,
} from '../../src/fragment/verify.js';
import { FEED, issuerOf, makeSigner, makeStatement } from '../support/statements.js';
import { vectorsDir } from '../support/vectors.js';

const signer = makeSigner();
const ISSUER = issuerOf(signer.chain);
const entry = (more: Partial<ExpectedImport> = {}): ExpectedImport => ({
  issuer: ISSUER,
  feed: FEED,
  minimumSvn: '1',
  ...more,
});
const expecting = (...imports: readonly ExpectedImport[]): FragmentExpectation => ({
  imports,
  frameworkVersion: '0.5.0',
  ledgers: new Map(),
});
const text = (...lines: readonly string[]) =>
  Buffer.from(['package fragment', ...lines, ''].join('\n'));
const FRAMEWORK = 'framework_version := "0.2.3"';

const reasons = (bytes: Buffer, expectation: FragmentExpectation) => {
  const verdict = verifyFragment(bytes, 'x', expectation);
  expect(verdict.kind).toBe(verdict.reasons.length === 0 ? 'allowed' : 'denied');
  return verdict.reasons.map(({ reason }) => reason);
};

/** A statement with this text and, if given, claims with an SVN. */
const fragment = (payload: Buffer, svn?: bigint) =>
  makeStatement({
    ...signer,
    payload,
    headers:
      svn === undefined
        ? new Map()
        : new Map([
            [
              15n,
              new Map<bigint | string, bigint | string>([
                [1n, ISSUER],
                [2n, FEED],
                ['svn', svn],
              ]),
            ],
          ]),
  });

describe('verifyFragment', () => {
  it('allows what an import names', () => {
    const verdict = verifyFragment(makeStatement(signer), 'x', expecting(entry()));
    expect(verdict).toMatchObject({
      kind: 'allowed',
      reasons: [],
      skipped: [],
      payload: { namespace: 'fragment', svn: '1', frameworkVersion: '0.2.3', lists: [] },
    });
  });

  it.each<[string, Buffer, readonly string[], ...ExpectedImport[]]>([
    ['another issuer', makeStatement(signer), ['issuer'], entry({ issuer: 'did:x509:0:x' })],
    ['no import at all', makeStatement(signer), ['issuer']],
    ['another feed', makeStatement(signer), ['feed'], entry({ feed: 'x' })],
    ['a low svn', makeStatement(signer), ['svn'], entry({ minimumSvn: '2' })],
    ['the better of two imports', makeStatement(signer), [], entry({ minimumSvn: '5' }), entry()],
    ['a version as minimum', makeStatement(signer), ['svn-type'], entry({ minimumSvn: '1.0.0' })],
    [
      'the issuer of another chain',
      makeStatement({ ...signer, headers: new Map([['iss', ISSUER.replace('Test', 'Best')]]) }),
      ['issuer-unresolved', 'issuer'],
      entry(),
    ],
    [
      'no feed',
      makeStatement({ ...signer, without: ['feed'] }),
      ['issuer-or-feed-missing', 'feed'],
      entry(),
    ],
    ['no svn', fragment(text(FRAMEWORK)), ['svn-missing'], entry()],
    ['an svn in the header', fragment(text(FRAMEWORK), 1n), [], entry()],
    ['a low svn in the header', fragment(text(FRAMEWORK), 1n), ['svn'], entry({ minimumSvn: '2' })],
    ['equal svns', fragment(text(FRAMEWORK, 'svn := "1"'), 1n), [], entry()],
    ['different svns', fragment(text(FRAMEWORK, 'svn := "1"'), 2n), ['svn-mismatch'], entry()],
    ['a numeric svn', fragment(text(FRAMEWORK, 'svn := 1')), [], entry()],
    [
      'a semantic version',
      fragment(text(FRAMEWORK, 'svn := "1.0.0"')),
      [],
      entry({ minimumSvn: '0.9.0' }),
    ],
    ['an svn that is a word', fragment(text(FRAMEWORK, 'svn := "one"')), ['svn-type'], entry()],
    ['no framework version', fragment(text('svn := "1"')), ['framework-version'], entry()],
    ['the old name of it', fragment(text('svn := "1"', 'framework_svn := "0.1.0"')), [], entry()],
    [
      'a future framework',
      fragment(text('svn := "1"', 'framework_version := "9.0.0"')),
      ['framework-version'],
      entry(),
    ],
    [
      'a reserved namespace',
      fragment(Buffer.from(`package policy\n${FRAMEWORK}\nsvn := "1"\n`)),
      ['payload'],
      entry(),
    ],
    [
      'a comment in the first line',
      fragment(Buffer.from(`package a # x\n${FRAMEWORK}\nsvn := "1"\n`)),
      ['payload'],
      entry(),
    ],
    [
      'a dotted namespace',
      fragment(Buffer.from(`package a.b\n${FRAMEWORK}\nsvn := "1"\n`)),
      ['payload'],
      entry(),
    ],
    ['a text that is no Rego', fragment(Buffer.from('package a\n}{\n')), ['payload'], entry()],
    ['bytes that are no text', fragment(Buffer.from([0xff])), ['payload'], entry()],
    [
      'a receipt that is missing',
      makeStatement(signer),
      ['receipt', 'receipt'],
      entry({ requiredReceipts: ['*', 'ledger.example'] }),
    ],
  ])('judges %s', (_what, bytes, expected, ...imports) => {
    expect(reasons(bytes, expecting(...imports))).toEqual(expected);
  });

  it('says what it did not look at', () => {
    const anything = { ...expecting(), imports: undefined };
    expect(verifyFragment(makeStatement(signer), 'x', anything)).toMatchObject({
      kind: 'allowed',
      skipped: ['import', 'receipts'],
    });
    expect(verifyFragment(Buffer.from('x'), 'x', anything)).toMatchObject({
      kind: 'denied',
      reasons: [{ reason: 'structure' }],
      skipped: ['issuer', 'payload', 'import', 'receipts'],
    });
  });

  it('gives a verdict for every payload', () => {
    const words = fc.constantFrom(
      'package a\n',
      'svn',
      ' := ',
      '"1"',
      '1',
      '[',
      ']',
      '{',
      '}',
      '\n',
      'framework_version',
    );
    const payload = fc.array(fc.oneof(words, fc.string({ maxLength: 3 })), { maxLength: 14 });
    fc.assert(
      fc.property(payload, fc.option(fc.bigInt({ min: -5n, max: 5n })), (parts, svn) => {
        const bytes = fragment(Buffer.from(parts.join('')), svn ?? undefined);
        const { kind, reasons: found } = verifyFragment(bytes, 'x', expecting(entry()));
        expect(kind === 'allowed').toBe(found.length === 0);
      }),
      { seed: 0xf7a6, numRuns: 200 },
    );
  });

  it('refuses a claim svn that is a text, and remarks on what the method forbids', () => {
    const svn = new Map<bigint | string, string>([
      [1n, ISSUER.replace('%20', '+')],
      [2n, FEED],
      ['svn', '1'],
    ]);
    const bytes = makeStatement({ ...signer, headers: new Map([[15n, svn]]) });
    const issuer = ISSUER.replace('%20', '+');
    const verdict = verifyFragment(bytes, 'x', expecting(entry({ issuer })));
    expect(verdict.reasons.map(({ reason }) => reason)).toEqual(['svn-claim']);
    expect(verdict.remarks).toHaveLength(1);
  });
});

const cose = vectorsDir('cose');
const aci = vectorsDir('aci');

describe.runIf(cose !== undefined && aci !== undefined)('real documents', () => {
  const read = (...path: readonly string[]) => readFileSync(join(...path));

  it('the published keys are those of the signed trust list', () => {
    const bytes = read(aci!, 'cose', 'aci-cc-ttl.ttl.cose');
    const verdict = verifyFragment(bytes, 'x', { ...expecting(), imports: undefined });
    const { statement } = verdict;
    const keys = parseTrustList(statement!.payload, 'x');
    const published = parseLedgerKeys(
      read(cose!, 'ledger-keys', 'aci-cc-ttl.ttl.json').toString(),
      'x',
      undefined,
    );
    for (const [ledger, set] of published) {
      for (const [id, key] of set) expect(keys.get(ledger)?.get(id)?.equals(key)).toBe(true);
    }
    const bare = parseLedgerKeys(
      read(cose!, 'ledger-keys', 'esrp_cp_ledger_pub_keys.json').toString(),
      'x',
      'esrp-cts-cp.confidential-ledger.azure.com',
    );
    const ledgers = mergeLedgers([
      { keys: bare, subject: undefined },
      { keys, subject: statement!.feed },
    ]);
    const judged = verifyFragment(bytes, 'x', { ...expecting(), imports: undefined, ledgers });
    expect(judged.receipts.length).toBeGreaterThan(0);
    for (const receipt of judged.receipts) {
      expect(receipt.problem).toBeUndefined();
      expect(receipt.offeredBy).toEqual([statement!.feed]);
    }
    const none = verifyFragment(bytes, 'x', { ...expecting(), imports: undefined });
    expect(none.receipts[0]?.problem).toBe('no keys of this ledger are known');
  });
});
