/** What the rows of the area `fragment` say: each is shown here, and each test has its row. */
import { describe, expect, it } from 'vitest';
import { findCoseAlgorithm, signCose } from '../../src/core/cose-algorithms.js';
import { type DataValue, isMap } from '../../src/core/data.js';
import { makeDid } from '../../src/core/make-did-x509.js';
import { unpackStatement } from '../../src/core/signed-statement.js';
import { parseCertificate } from '../../src/core/x509.js';
import { dataFromJson, isCovered } from '../../src/fragment/coverage.js';
import { importAsData } from '../../src/fragment/import-statement.js';
import { parseFragment } from '../../src/fragment/payload.js';
import { selectFragments } from '../../src/fragment/select.js';
import { signFragment } from '../../src/fragment/sign.js';
import { verifyFragment } from '../../src/fragment/verify.js';
import { collectFragments } from '../../src/pipeline/aci/collect-fragments.js';
import { openPolicyFragments } from '../../src/pipeline/aci/policy-fragments.js';
import { feedOf } from '../../src/pipeline/acifragmentgen/usage.js';
import {
  AUTHORITY,
  commonName,
  der,
  ecKey,
  makeCertificate,
  makeChain,
  name,
  sequence,
} from '../support/certificates.js';
import { containerGroup } from '../support/container-groups.js';
import { readDivergences } from '../support/divergences.js';
import { thrownBy } from '../support/failure.js';
import { failureOf } from '../support/images.js';
import { FEED, issuerOf, makeSigner, makeStatement } from '../support/statements.js';

const reasonOf = (bytes: Buffer) => {
  const result = unpackStatement(bytes, 'x');
  return result.ok ? 'accepted' : result.reason;
};

const signer = makeSigner();
const TEXT = [
  'package a',
  'svn := "1"',
  'framework_version := "0.2.3"',
  'containers := [{"id": "a"}]',
  '',
].join('\n');
const OFFERED = { bytes: makeStatement({ ...signer, payload: Buffer.from(TEXT) }), what: 'x' };

async function covered(issuer: string, includes: readonly string[]) {
  const entry = importAsData({ feed: FEED, issuer, includes, minimumSvn: '1' });
  const selected = await selectFragments([entry], [OFFERED], {
    fetch: async () => undefined,
    notices: () => undefined,
    isPlatform: () => false,
    frameworkVersion: '0.5.0',
  });
  return selected.containers.length;
}

const unreachable = () => Promise.reject(new Error('nobody asked'));
/** Ports behind which there is nothing. */
const NOTHING = {
  store: {
    fetchManifest: unreachable,
    readBlob: unreachable,
    listReferrers: unreachable,
    uploadBlob: unreachable,
    uploadManifest: unreachable,
  },
  readFile: unreachable,
  isInRegistry: () => false,
  notices: () => undefined,
};

const SHOWN: Readonly<Record<string, () => unknown>> = {
  'fragment-cose-version-1-extensions': () => {
    const old = makeSigner({}, { version: 0, extensions: AUTHORITY });
    expect(reasonOf(makeStatement(old))).toBe('x5chain');
  },
  'fragment-cose-single-certificate': () => {
    const headers = new Map([[33n, signer.chain[0]!]]);
    const alone = makeStatement({ ...signer, headers });
    const expectation = { imports: undefined, frameworkVersion: '0.5.0', ledgers: new Map() };
    const { reasons } = verifyFragment(alone, 'x', expectation);
    expect(reasons.map(({ reason }) => reason)).toEqual(['issuer-unresolved']);
  },
  'fragment-cose-foreign-name-constraint': () => {
    const subtree = sequence(der(0xa0, sequence(der(0xa4, commonName('x')))));
    const extensions = [...AUTHORITY, { oid: '2.5.29.30', value: subtree }];
    expect(reasonOf(makeStatement(makeSigner({}, { extensions })))).toBe('chain');
  },
  'fragment-sign-foreign-key': async () => {
    const algorithm = findCoseAlgorithm('ES256')!;
    const plan = {
      payload: Buffer.from(TEXT),
      algorithm,
      chain: signer.chain.map((bytes) => parseCertificate(bytes, 'x')),
      issuer: issuerOf(signer.chain),
      feed: FEED,
      contentType: 'a/b',
      headers: 'text',
    } as const;
    const foreign = ecKey().privateKey;
    const call = () => signFragment(plan, (data) => signCose(algorithm, foreign, data));
    expect((await failureOf(call)).code).toBe('SIGNATURE_INVALID');
  },
  'fragment-issuer-colon': () => {
    const { chain } = makeChain({ subject: name(['2.5.4.3', 'a:b']) });
    const certificates = chain.map((bytes) => parseCertificate(bytes, 'x'));
    const make = (form: 'reference' | 'strict') =>
      makeDid(certificates, { index: 1, policy: 'CN', form });
    expect(thrownBy(() => make('reference')).code).toBe('DID_INVALID');
    expect(make('strict')).toContain('a%3Ab');
  },
  'fragment-feed-port': () => {
    const options = { algo: 'ES384', imageTarget: 'localhost:5000/app:1' };
    expect(feedOf(options)).toBe('localhost:5000/app');
  },
  'fragment-coverage-untrusted': async () => {
    expect(await covered(issuerOf(signer.chain), ['containers'])).toBe(1);
    expect(await covered(issuerOf(makeSigner().chain), ['containers'])).toBe(0);
  },
  'fragment-coverage-includes': async () => {
    expect(await covered(issuerOf(signer.chain), ['fragments'])).toBe(0);
  },
  'fragment-coverage-guest': async () => {
    const entry = importAsData({
      feed: FEED,
      issuer: issuerOf(signer.chain),
      includes: ['containers'],
      minimumSvn: '1',
    });
    const container = new Map<string, DataValue>([
      ['id', 'a'],
      ['layers', ['1']],
    ]);
    for (const [allowed, counts] of [
      ['{"id": "a"}', false],
      ['{"id": "a", "layers": ["2"]}', false],
      ['{"id": "a", "layers": ["1"]}', true],
    ] as const) {
      const payload = Buffer.from(TEXT.replace('{"id": "a"}', allowed));
      const file = { bytes: makeStatement({ ...signer, payload }), what: 'x' };
      const group = containerGroup();
      const sources = { imports: [entry], files: [file] };
      const opened = await openPolicyFragments([group], sources, NOTHING);
      const [like] = parseFragment(payload, 'x').containers.map(dataFromJson).filter(isMap);
      expect(isCovered(container, [like!])).toBe(true);
      expect(opened.isCovered(container, group)).toBe(counts);
    }
  },
  'fragment-feed-without-tag': async () => {
    const told: string[] = [];
    const entry = importAsData({ feed: 'a.example/f', issuer: 'i', includes: [], minimumSvn: '1' });
    const { payloads } = await collectFragments([], [entry], {
      ...NOTHING,
      notices: ({ message }) => told.push(message),
    });
    expect([payloads.length, told.length]).toEqual([0, 1]);
  },
};

describe('divergences of fragments', () => {
  const rows = readDivergences().filter(({ area }) => area === 'fragment');

  it('are all listed and shown', () => {
    expect(rows.map(({ id }) => id).sort()).toEqual(Object.keys(SHOWN).sort());
  });

  it.each(Object.entries(SHOWN))('%s', async (_id, show) => {
    await show();
  });
});

it('a root of version 1 without extensions is an authority', () => {
  const subject = commonName('Old Root');
  const [key, leaf] = [ecKey(), ecKey()];
  const root = makeCertificate({ subject, key, version: 0 });
  const issued = makeCertificate({
    subject: commonName('Leaf'),
    key: leaf,
    issuer: { subject, key },
  });
  expect(reasonOf(makeStatement({ chain: [issued, root], key: leaf.privateKey }))).toBe('accepted');
});
