/**
 * Inputs for the comparison of both verifiers: genuine evidence, and evidence and expectations changed in many ways. A
 * number of the seed gives the same cases each time.
 */
import type { CertificateSource, Evidence } from '../../src/attest/evidence.js';
import { evidenceAsJson } from '../../src/attest/evidence.js';
import {
  AMD_ARC,
  type AmdPki,
  createAmdPki,
  leafExtensions,
  makeReport,
  POLICY_TEXT,
} from './amd-pki.js';
import { ecKey, integer } from './certificates.js';
import { GUIDS, makeBoundReport, makeHcl, makeTable, pem } from './evidence-files.js';
import { type Dice, mutate, mutateReport, pick, rollFrom } from './mutate.js';
import {
  evidenceOf,
  expectationOf,
  openSnpVectors,
  rootsOf,
  uvmExpectationOf,
} from './snp-vectors.js';
import { expectationFor, hexOf } from './verdict-expectations.js';

/** A request of the guest verifier's program. */
export interface VerdictCase {
  readonly kind: 'report' | 'chain' | 'uvm' | 'certificate-table' | 'hcl';
  readonly evidence: Json;
  readonly expectation: Json;
  readonly time: string;
  readonly anchors?: Json;
  readonly candidates?: readonly Json[];
}

export type Json = Readonly<Record<string, unknown>>;

/** A report with its certificates. */
interface Base {
  readonly evidence: Evidence;
  readonly report: Buffer;
  readonly expectation: Json;
  readonly time: string;
  readonly anchors?: Json;
}

const NOW = '2026-01-01T00:00:00Z';
const anchorsOf = (roots: AmdPki['roots']) =>
  Object.fromEntries(roots.map(({ line, certificateSha256 }) => [line, certificateSha256]));

/** Leaves with something odd in their extensions, under a good chain. */
function oddLeaves(pki: AmdPki): readonly Buffer[] {
  const plain = leafExtensions(pki.line, 'VCEK');
  const values = [
    integer(255),
    Buffer.of(2, 1, 0xdb),
    Buffer.of(2, 2, 0, 1),
    Buffer.of(2, 2, 1, 0),
    Buffer.of(5),
    Buffer.alloc(0),
    Buffer.concat([integer(1), Buffer.of(0)]),
    Buffer.from('1605547572696e', 'hex'),
    Buffer.concat([Buffer.of(4, 64), Buffer.alloc(64, 7)]),
    Buffer.alloc(8),
  ];
  const lists = plain.flatMap((extension, index) => [
    plain.filter((_one, place) => place !== index),
    [...plain, extension],
    [...plain, { oid: `${AMD_ARC}.${index === 0 ? '5' : '3.9'}`, value: integer(0) }],
    ...values.map((value) =>
      plain.map((one, place) => (place === index ? { ...one, value } : one)),
    ),
    plain.map((one, place) => (place === index ? { ...one, critical: true } : one)),
  ]);
  const key = ecKey('P-384');
  return [
    ...lists.map((list) => pki.makeLeaf({ key, change: () => list }).der),
    pki.makeLeaf({ key: ecKey('P-256') }).der,
    pki.makeLeaf({ commonName: 'SEV-VCEK-TEST' }).der,
    pki.makeLeaf({ commonName: 'SEV-VLEK' }).der,
    pki.makeLeaf({ issuerName: `ARK-${pki.line}` }).der,
    pki.makeLeaf({ notAfter: '20250101000000Z' }).der,
    pki.makeLeaf({
      change: (list) => [...list, { oid: '2.5.29.99', critical: true, value: integer(1) }],
    }).der,
  ];
}

/** All that the cases are made from. */
interface Pool {
  readonly bases: readonly Base[];
  readonly leaves: readonly { readonly pki: AmdPki; readonly leaf: Buffer }[];
  readonly tables: readonly Buffer[];
  readonly hcl: readonly Buffer[];
  readonly thim: readonly string[];
  readonly crls: readonly Buffer[];
  readonly uvm: readonly { readonly bytes: Buffer; readonly expectation: Json }[];
  readonly milan: AmdPki;
}

function syntheticBases(pkis: readonly AmdPki[]): readonly Base[] {
  return pkis.flatMap((pki) =>
    (['VCEK', 'VLEK'] as const).flatMap((kind) => {
      const { der, key } = pki.makeLeaf({ kind });
      return [2, 3, 5].map((version) => {
        const report = makeReport(key, { line: pki.line, version, kind });
        return {
          evidence: pki.evidence(report, der, kind),
          report,
          expectation: expectationWith({ hostData: [hexOf(report, 0xc0, 32)] }),
          time: NOW,
          anchors: anchorsOf(pki.roots),
        };
      });
    }),
  );
}

const expectationWith = (members: Json): Json => ({ format: 'podseal.expectation/v1', ...members });

function vectorBases(): readonly Base[] {
  const vectors = openSnpVectors();
  return (vectors?.cases ?? []).flatMap((one) => {
    if (vectors === undefined || one.report === null) return [];
    const roots = rootsOf(vectors, one);
    return [
      {
        evidence: evidenceOf(vectors, one),
        report: vectors.read(one.report),
        expectation: expectationOf(one),
        time: one.verify_time,
        ...(roots && { anchors: anchorsOf(roots) }),
      },
    ];
  });
}

function openPool(): Pool {
  const pkis = (['Milan', 'Genoa', 'Turin'] as const).map(createAmdPki);
  const [milan] = pkis as [AmdPki, ...AmdPki[]];
  const vectors = openSnpVectors();
  const bases = [...vectorBases(), ...syntheticBases(pkis)];
  const read = (cases: readonly { readonly file: string }[] | undefined) =>
    (cases ?? []).map(({ file }) => vectors?.read(file) ?? Buffer.alloc(0));
  const { leaf, report } = makeBoundReport(milan, Buffer.from('{"keys": []}'));
  const blobs = [
    [GUIDS.vcek, leaf],
    [GUIDS.ask, milan.ask],
    [GUIDS.ark, milan.ark],
  ] as const;
  return {
    bases,
    milan,
    leaves: pkis.flatMap((pki) => oddLeaves(pki).map((der) => ({ pki, leaf: der }))),
    tables: [
      ...read(vectors?.certtable_cases),
      makeTable(blobs),
      makeTable([...blobs, [GUIDS.crl, milan.makeCrl()]]),
      makeTable([[GUIDS.ask, milan.ask]]),
      makeTable([]),
    ],
    hcl: [...read(vectors?.hcl_cases), makeHcl(report, Buffer.from('{"keys": []}'))],
    thim: [
      JSON.stringify({
        vcekCert: pem(leaf),
        certificateChain: pem(milan.ask) + pem(milan.ark),
        tcbm: '00',
      }),
    ],
    crls: [
      milan.makeCrl(),
      milan.makeCrl({ serials: [1] }),
      milan.makeCrl({ serials: [7, 2] }),
      milan.makeCrl({ nextUpdate: null }),
      milan.makeCrl({ nextUpdate: '20250601000000Z' }),
      milan.makeCrl({ thisUpdate: '20260601000000Z' }),
      milan.makeCrl({ issuer: 'ARK-Genoa' }),
      milan.makeCrl({ critical: true }),
    ],
    uvm: (vectors?.uvm_cases ?? []).map((one) => ({
      bytes: vectors?.read(one.file) ?? Buffer.alloc(0),
      expectation: uvmExpectationOf(one),
    })),
  };
}

type CaseMaker = (pool: Pool, dice: Dice) => VerdictCase;

const withAnchors = ({ anchors }: Base) => (anchors === undefined ? {} : { anchors });

/** Without certificates: what is judged is the report alone. */
const bareReport: CaseMaker = ({ bases }, dice) => {
  const { report, time } = pick(bases, dice);
  const changed = mutateReport(report, dice);
  return {
    kind: 'report',
    evidence: evidenceAsJson({ report: changed }),
    expectation: expectationFor(dice(3) === 0 ? report : changed, ['chain'], dice),
    time,
    ...(dice(40) === 0 ? { candidates: candidatesFor(dice) } : {}),
  };
};

/** A genuine report under a changed expectation. */
const otherExpectation: CaseMaker = ({ bases }, dice) => {
  const base = pick(bases, dice);
  const skip = dice(6) === 0 ? ['chain-time'] : [];
  return {
    kind: 'report',
    evidence: evidenceAsJson(base.evidence),
    expectation: expectationFor(base.report, skip, dice),
    time: pick([base.time, base.time, '2019-01-01T00:00:00Z', '2046-01-01T00:00:00Z'], dice),
    ...withAnchors(base),
  };
};

const changedReport: CaseMaker = ({ bases }, dice) => {
  const base = pick(bases, dice);
  const report = mutateReport(base.report, dice);
  return {
    kind: 'report',
    evidence: evidenceAsJson({ ...base.evidence, report }),
    expectation: base.expectation,
    time: base.time,
    ...withAnchors(base),
  };
};

function changedSource(
  source: CertificateSource | undefined,
  dice: Dice,
): CertificateSource | undefined {
  if (source?.kind !== 'chain') return source;
  const { leaf, chain } = source;
  const options: readonly CertificateSource[] = [
    { ...source, leaf: mutate(leaf, dice) },
    { ...source, chain: chain.map((one) => (dice(2) === 0 ? mutate(one, dice) : one)) },
    { ...source, chain: [...chain].reverse() },
    { ...source, chain: chain.slice(dice(2)) },
    { ...source, chain: [...chain, leaf] },
    { ...source, leaf: chain[0] ?? leaf },
  ];
  return dice(3) > 0 ? options[0] : pick(options, dice);
}

const changedChain: CaseMaker = ({ bases }, dice) => {
  const base = pick(bases, dice);
  const certificates = changedSource(base.evidence.certificates, dice);
  return {
    kind: dice(4) === 0 ? 'chain' : 'report',
    evidence: evidenceAsJson({ ...base.evidence, ...(certificates && { certificates }) }),
    expectation: base.expectation,
    time: base.time,
    ...withAnchors(base),
  };
};

const oddLeaf: CaseMaker = ({ leaves }, dice) => {
  const { pki, leaf } = pick(leaves, dice);
  return {
    kind: 'chain',
    evidence: evidenceAsJson({
      certificates: { kind: 'chain', leaf, chain: [pki.ask, pki.ark] },
    }),
    expectation: expectationWith({ skip: ['host-data'] }),
    time: NOW,
    anchors: anchorsOf(pki.roots),
  };
};

const table: CaseMaker = ({ tables, milan, bases }, dice) => {
  const bytes = pick(tables, dice);
  const changed = mutate(dice(2) === 0 ? bytes : bytes.subarray(0), dice);
  if (dice(8) > 0) {
    const front = mutate(bytes.subarray(0, 144), dice);
    const spoilt = dice(2) === 0 ? changed : Buffer.concat([front, bytes.subarray(144)]);
    return part('certificate-table', { certificates: { kind: 'table', table: spoilt } });
  }
  return {
    kind: dice(2) === 0 ? 'chain' : 'report',
    evidence: evidenceAsJson({
      report: pick(bases, dice).report,
      certificates: { kind: 'table', table: dice(2) === 0 ? bytes : changed },
    }),
    expectation: expectationWith({ skip: ['host-data'], requireCrl: dice(2) === 0 }),
    time: NOW,
    anchors: anchorsOf(milan.roots),
  };
};

const hcl: CaseMaker = ({ hcl: all }, dice) => {
  const bytes = pick(all, dice);
  const hclReport = dice(10) === 0 ? bytes : mutate(bytes, dice);
  if (dice(4) > 0) return part('hcl', { hclReport });
  return {
    ...part('report', { hclReport }),
    expectation: expectationFor(hclReport.subarray(32), ['chain'], dice),
  };
};

const thim: CaseMaker = ({ thim: all, milan, bases }, dice) => {
  const text = mutate(Buffer.from(pick(all, dice)), dice).toString('latin1');
  return {
    kind: 'report',
    evidence: evidenceAsJson({
      report: pick(bases, dice).report,
      certificates: { kind: 'thim', text: dice(5) === 0 ? pick(all, dice) : text },
    }),
    expectation: expectationWith({ skip: ['host-data'] }),
    time: NOW,
    anchors: anchorsOf(milan.roots),
  };
};

const crl: CaseMaker = ({ crls, bases, milan }, dice) => {
  const bytes = pick(crls, dice);
  const base = bases[bases.length - 18 + dice(6)] as Base;
  return {
    kind: 'report',
    evidence: evidenceAsJson({
      ...base.evidence,
      crl: dice(3) === 0 ? bytes : mutate(bytes, dice),
    }),
    expectation: base.expectation,
    time: NOW,
    anchors: anchorsOf(milan.roots),
  };
};

const endorsement: CaseMaker = (pool, dice) => {
  if (pool.uvm.length === 0) return bareReport(pool, dice);
  const { bytes, expectation } = pick(pool.uvm, dice);
  const uvmEndorsement = dice(12) === 0 ? bytes : mutate(bytes, dice);
  if (dice(3) > 0) return { ...part('uvm', { uvmEndorsement }), expectation };
  const { report } = pick(pool.bases, dice);
  const { uvm } = expectation;
  return {
    ...part('report', { report, uvmEndorsement }),
    expectation: expectationWith({ skip: ['chain', 'host-data'], uvm }),
  };
};

function part(kind: VerdictCase['kind'], evidence: Evidence): VerdictCase {
  return {
    kind,
    evidence: evidenceAsJson(evidence),
    expectation: expectationWith({ skip: ['host-data'] }),
    time: NOW,
  };
}

/** Texts of which HOST_DATA may be the digest. */
function candidatesFor(dice: Dice): readonly Json[] {
  const text = (value: string) => Buffer.from(value).toString('base64');
  const policies = ['', 'package policy', 'package policy\n', POLICY_TEXT, `\ufeff${POLICY_TEXT}`];
  const toml = `algorithm = "sha384"\nversion = "0.1.0"\n[data]\n"policy.rego" = "${dice(3)}"\n`;
  return [
    { name: 'first', kind: 'policy', text: text(pick(policies, dice)) },
    { name: 'second', kind: 'policy', text: text(pick(policies, dice)) },
    {
      name: 'third',
      kind: 'initdata',
      text: text(toml),
      algorithm: 'sha384',
      policy: text(POLICY_TEXT),
    },
  ];
}

/** How many of a thousand cases each maker gives: few where signatures are verified, which takes longest. */
const WEIGHTS: readonly (readonly [number, CaseMaker])[] = [
  [735, bareReport],
  [20, otherExpectation],
  [8, changedReport],
  [20, changedChain],
  [6, oddLeaf],
  [80, table],
  [110, hcl],
  [6, thim],
  [5, crl],
  [10, endorsement],
];

/** Every genuine case once, then `count` changed ones. */
export function* verdictCases(seed: number, count: number): Generator<VerdictCase> {
  const pool = openPool();
  const dice = rollFrom(seed);
  for (const base of pool.bases) {
    const { expectation, time } = base;
    yield {
      kind: 'report',
      evidence: evidenceAsJson(base.evidence),
      expectation,
      time,
      ...withAnchors(base),
    };
  }
  for (const { bytes, expectation } of pool.uvm) {
    yield { ...part('uvm', { uvmEndorsement: bytes }), expectation };
  }
  for (const bytes of pool.tables) {
    yield part('certificate-table', { certificates: { kind: 'table', table: bytes } });
  }
  for (const bytes of pool.hcl) yield part('hcl', { hclReport: bytes });
  const makers = WEIGHTS.flatMap(([weight, maker]) => Array<CaseMaker>(weight).fill(maker));
  for (let made = 0; made < count; made += 1) yield pick(makers, dice)(pool, dice);
}
