import { describe, expect, it } from 'vitest';
import { type CertificateStore, chainPath, crlPath, vcekPaths } from '../../src/attest/kds.js';
import type { ProductLine } from '../../src/attest/products.js';
import { isDenial, parseReport } from '../../src/attest/report.js';
import { verifyEvidence } from '../../src/attest/verify.js';
import { bundleEvidence } from '../../src/pipeline/attest/bundle.js';
import { collectEvidence, type EvidenceInputs } from '../../src/pipeline/attest/collect.js';
import { type AmdPki, createAmdPki, makeReport, TEST_TIME } from '../support/amd-pki.js';
import { GUIDS, makeTable, pem } from '../support/evidence-files.js';
import { failureOf } from '../support/images.js';

const PKIS = {
  Milan: createAmdPki('Milan'),
  Genoa: createAmdPki('Genoa'),
  Turin: createAmdPki('Turin'),
};
const ROOTS = Object.values(PKIS).flatMap(({ roots }) => roots);

/** A store of these files that remembers what it was asked for. */
function storeOf(files: Readonly<Record<string, Uint8Array | string>>) {
  const asked: string[] = [];
  const store: CertificateStore = {
    name: 'store',
    async read(path) {
      asked.push(path);
      const found = files[path];
      return found === undefined ? undefined : Buffer.from(found);
    },
  };
  return { store, asked };
}

const named = (bytes: Uint8Array) => ({ name: 'file', bytes });
const inputs = (report: Buffer, rest: Partial<EvidenceInputs> = {}): EvidenceInputs => ({
  report: named(report),
  isHcl: false,
  chain: [],
  wantsCrl: false,
  ...rest,
});

const chainPem = (pki: AmdPki) => pem(pki.ask) + pem(pki.ark);

function pathOf(report: Buffer, line: ProductLine, spelling = 0): string {
  const parsed = parseReport(report);
  if (isDenial(parsed)) throw new Error(parsed.message);
  return vcekPaths(parsed, line)[spelling] ?? '';
}

async function reasonOf(all: EvidenceInputs) {
  const evidence = await collectEvidence(all);
  return verifyEvidence(evidence, { skip: ['host-data'] }, { time: TEST_TIME, roots: ROOTS })
    .reason;
}

describe('certificates from a store', () => {
  it.each(['Milan', 'Genoa', 'Turin'] as const)(
    'are found for %s by the processor',
    async (line) => {
      const pki = PKIS[line];
      const { der, key } = pki.makeLeaf();
      const report = makeReport(key, { line });
      const { store, asked } = storeOf({
        [pathOf(report, line)]: der,
        [chainPath('VCEK', line)]: chainPem(pki),
      });
      expect(await reasonOf(inputs(report, { store }))).toBeNull();
      expect(asked).toEqual([pathOf(report, line), chainPath('VCEK', line)]);
    },
  );

  it('are found for a report of version 2, which does not name its processor', async () => {
    const pki = PKIS.Genoa;
    const { der, key } = pki.makeLeaf();
    const report = makeReport(key, { line: 'Genoa', version: 2 });
    const { store } = storeOf({
      [pathOf(report, 'Genoa', 1)]: der,
      [chainPath('VCEK', 'Milan')]: chainPem(PKIS.Milan),
      [chainPath('VCEK', 'Genoa')]: chainPem(pki),
    });
    expect(await reasonOf(inputs(report, { store }))).toBeNull();
  });

  it('complete a leaf that is at hand, a VLEK too', async () => {
    const pki = PKIS.Milan;
    const { der, key } = pki.makeLeaf({ kind: 'VLEK' });
    const report = makeReport(key, { kind: 'VLEK' });
    const { store } = storeOf({ [chainPath('VLEK', 'Milan')]: pem(pki.asvk) + pem(pki.ark) });
    expect(await reasonOf(inputs(report, { store, leaf: named(der) }))).toBeNull();
    const error = await failureOf(() => collectEvidence(inputs(report, { store })));
    expect([error.code, error.message]).toEqual([
      'USAGE_CONFLICT',
      expect.stringContaining('VLEK'),
    ]);
  });

  it('come with the revocation list when it is wanted', async () => {
    const pki = PKIS.Milan;
    const { der, key } = pki.makeLeaf();
    const report = makeReport(key);
    const { store } = storeOf({
      [pathOf(report, 'Milan')]: der,
      [chainPath('VCEK', 'Milan')]: chainPem(pki),
      [crlPath('VCEK', 'Milan')]: pki.makeCrl({ serials: [1] }),
    });
    expect(await reasonOf(inputs(report, { store }))).toBeNull();
    expect(await reasonOf(inputs(report, { store, wantsCrl: true }))).toBe('E_REVOKED');
  });

  it('are not asked for when they are at hand', async () => {
    const pki = PKIS.Milan;
    const { der, key } = pki.makeLeaf();
    const report = makeReport(key);
    const files = { leaf: named(der), chain: [named(Buffer.from(chainPem(pki)))] };
    const { store, asked } = storeOf({ [crlPath('VCEK', 'Milan')]: pki.makeCrl({ serials: [1] }) });
    expect(await reasonOf(inputs(report, { ...files, store }))).toBeNull();
    expect(asked).toEqual([]);
    expect(await reasonOf(inputs(report, { ...files, store, wantsCrl: true }))).toBe('E_REVOKED');
    expect(asked).toEqual([crlPath('VCEK', 'Milan')]);
  });

  it('may be missing', async () => {
    const { der, key } = PKIS.Milan.makeLeaf();
    const report = makeReport(key);
    const empty = await failureOf(() => collectEvidence(inputs(report, storeOf({}))));
    expect(empty.code).toBe('COLLATERAL_INVALID');
    expect(empty.want).toBe(pathOf(report, 'Milan'));
    const leafOnly = storeOf({ [pathOf(report, 'Milan')]: der });
    const error = await failureOf(() => collectEvidence(inputs(report, leafOnly)));
    expect([error.code, error.want]).toEqual(['COLLATERAL_INVALID', 'vcek/v1/Milan/cert_chain']);
    const foreign = storeOf({
      [pathOf(report, 'Milan')]: der,
      [chainPath('VCEK', 'Milan')]: chainPem(PKIS.Genoa),
    });
    expect((await failureOf(() => collectEvidence(inputs(report, foreign)))).code).toBe(
      'COLLATERAL_INVALID',
    );
  });
});

describe('a bundle', () => {
  it('has a plain chain, whatever the certificates came in', async () => {
    const pki = PKIS.Milan;
    const { der, key } = pki.makeLeaf();
    const report = makeReport(key);
    const chain = { kind: 'chain', leaf: der, chain: [pki.ask, pki.ark] };
    const crl = pki.makeCrl();
    const table = makeTable([
      [GUIDS.vcek, der],
      [GUIDS.ask, pki.ask],
      [GUIDS.ark, pki.ark],
      [GUIDS.crl, crl],
    ]);
    const thim = JSON.stringify({ vcekCert: pem(der), certificateChain: chainPem(pki) });
    const bundle = async (rest: Partial<EvidenceInputs>) =>
      bundleEvidence(await collectEvidence(inputs(report, rest)), TEST_TIME, () => undefined);
    expect(await bundle({ thim: named(Buffer.from(thim)) })).toEqual({
      report,
      certificates: chain,
    });
    expect(await bundle({ table: named(table) })).toEqual({
      report,
      certificates: chain,
      crl,
    });
  });

  it('says what will be denied', async () => {
    const { der, key } = PKIS.Milan.makeLeaf();
    const notices: string[] = [];
    const evidence = PKIS.Milan.evidence(makeReport(key), der);
    bundleEvidence(evidence, TEST_TIME, ({ message }) => notices.push(message));
    expect(notices).toEqual([
      'this evidence will be denied: chain-anchor: the root certificate is not one of the trusted ones (E_CHAIN_ANCHOR)',
    ]);
  });
});
