/**
 * Inputs for the comparison of both verifiers: genuine evidence, and evidence and expectations changed in many ways. A
 * number of the seed gives the same cases each time.
 */
import { createHash } from 'node:crypto';
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
import {
  evidenceOf,
  expectationOf,
  openSnpVectors,
  rootsOf,
  uvmExpectationOf,
} from './snp-vectors.js';

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

/** Numbers below a bound; equal seeds give equal numbers (mulberry32). */
export type Dice = (bound: number) => number;

export function rollFrom(seed: number): Dice {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

const pick = <T>(list: readonly T[], dice: Dice): T => list[dice(list.length)] as T;

/** A copy with one to three changes: bits, bytes, words, lengths, moved pieces. */
export function mutate(bytes: Uint8Array, dice: Dice): Buffer {
  let copy = Buffer.from(bytes);
  for (let left = 1 + dice(3); left > 0; left -= 1) copy = pick(CHANGES, dice)(copy, dice);
  return copy;
}

type Change = (bytes: Buffer<ArrayBuffer>, dice: Dice) => Buffer<ArrayBuffer>;

const at = (bytes: Buffer, dice: Dice) => dice(Math.max(bytes.length, 1));
const edited = (bytes: Buffer<ArrayBuffer>, edit: (copy: Buffer) => void) => {
  if (bytes.length > 0) edit(bytes);
  return bytes;
};

const flipBit: Change = (bytes, dice) =>
  edited(bytes, (copy) => {
    const offset = at(copy, dice);
    copy[offset] = (copy[offset] ?? 0) ^ (1 << dice(8));
  });

const CHANGES: readonly Change[] = [
  flipBit,
  flipBit,
  flipBit,
  flipBit,
  (bytes, dice) => edited(bytes, (copy) => copy.fill(dice(256), at(copy, dice))),
  (bytes, dice) =>
    edited(bytes, (copy) => {
      copy[at(copy, dice)] = pick([0, 1, 0x7f, 0x80, 0xff], dice);
    }),
  (bytes, dice) =>
    edited(bytes, (copy) => {
      const offset = at(copy, dice);
      copy.fill(pick([0, 0xff], dice), offset, Math.min(copy.length, offset + 1 + dice(8)));
    }),
  (bytes, dice) => Buffer.from(bytes.subarray(0, at(bytes, dice))),
  (bytes, dice) => Buffer.concat([bytes, Buffer.alloc(1 + dice(3), dice(256))]),
  (bytes, dice) =>
    edited(bytes, (copy) => {
      copy.copy(copy, at(copy, dice), at(copy, dice), at(copy, dice));
    }),
];

/** A change of a report that keeps its length: mostly of fields that have a meaning. */
function mutateReport(bytes: Uint8Array, dice: Dice): Buffer {
  if (dice(20) === 0) return mutate(bytes, dice);
  const copy = Buffer.from(bytes);
  for (let left = dice(3); left >= 0; left -= 1) {
    const offset = dice(4) === 0 ? at(copy, dice) : pick(FIELD_OFFSETS, dice);
    if (offset >= copy.length) continue;
    if (dice(2) === 0) copy[offset] = (copy[offset] ?? 0) ^ (1 << dice(8));
    else copy[offset] = dice(3) === 0 ? dice(256) : pick([0, 1, 2, 3, 4, 5, 0xff], dice);
  }
  return copy;
}

/** Offsets of bytes on which checks depend. */
const FIELD_OFFSETS = [
  0, 4, 8, 9, 0xa, 0xb, 0xc, 0x10, 0x20, 0x30, 0x33, 0x34, 0x38, 0x3a, 0x3e, 0x3f, 0x40, 0x41, 0x48,
  0x4c, 0x50, 0x90, 0xc0, 0xe0, 0x110, 0x160, 0x180, 0x182, 0x186, 0x187, 0x188, 0x189, 0x18a,
  0x18b, 0x1a0, 0x1a8, 0x1e0, 0x1e6, 0x1e8, 0x1e9, 0x1ea, 0x1eb, 0x1ec, 0x1ed, 0x1f0, 0x1f8, 0x200,
  0x208, 0x29f, 0x2a0, 0x2cf, 0x2d0, 0x2e7, 0x2e8, 0x317, 0x318, 0x330, 0x49f,
];

const hexOf = (report: Buffer, offset: number, size: number) => {
  const field = report.subarray(offset, offset + size).toString('hex');
  return field.length === 2 * size ? field : '00'.repeat(size);
};

type Maker = (report: Buffer, dice: Dice) => unknown;

const hexList =
  (offset: number, size: number): Maker =>
  (report, dice) => {
    const right = hexOf(report, offset, size);
    return pick(
      [[right], [right.toUpperCase()], ['ab'.repeat(size), right], ['cd'.repeat(size)]],
      dice,
    );
  };
const hexValue =
  (offset: number, size: number): Maker =>
  (report, dice) =>
    pick([hexOf(report, offset, size), hexOf(report, offset, size), '00'.repeat(size)], dice);
const flag: Maker = (_report, dice) => dice(2) === 0;
const word =
  (offset: number): Maker =>
  (report, dice) =>
    pick([`0x${hexOf(report, offset, 1)}`, '0x0', '0x1', '0x3f', '0xffffffffffffffff'], dice);
const levels: Maker = (_report, dice) => {
  const parts = Object.fromEntries(
    ['fmc', 'bl', 'tee', 'snp', 'ucode'].filter(() => dice(3) === 0).map((part) => [part, dice(8)]),
  );
  return pick(
    [{ Milan: parts }, { Milan: parts, Genoa: parts, Turin: parts }, { Turin: parts }],
    dice,
  );
};

/** A value for each member of an expectation, right or wrong. */
const MEMBERS: Readonly<Record<string, Maker>> = {
  launchMeasurements: hexList(0x90, 48),
  reportData: hexValue(0x50, 64),
  vmpl: (_report, dice) => pick([0, 1, 2, 3, 'any'], dice),
  allowDebug: flag,
  allowMigrationAgent: flag,
  allowCxl: flag,
  allowVlek: flag,
  guestPolicies: (report, dice) =>
    pick(
      [['0x3001f'], [`0x${Buffer.from(report.subarray(8, 16)).reverse().toString('hex') || '0'}`]],
      dice,
    ),
  requireSmtDisabled: flag,
  requireTsme: flag,
  requireEcc: flag,
  requireAliasCheck: flag,
  allowUnknownPlatformBits: flag,
  minimumTcb: levels,
  minimumLaunchTcb: levels,
  requireCommitted: flag,
  minimumFirmware: (_report, dice) =>
    pick(['1.55', '1.9', '1.55.21', '1.55.22', '0.0', '255.255.255'], dice),
  minimumGuestSvn: (_report, dice) => dice(5),
  launchMitigations: word(0x1f8),
  currentMitigations: word(0x200),
  idKeyDigests: hexList(0xe0, 48),
  authorKeyDigests: hexList(0x110, 48),
  requireAuthorKey: flag,
  familyId: hexValue(0x10, 16),
  imageId: hexValue(0x20, 16),
  chipIds: hexList(0x1a0, 64),
  cspIds: (_report, dice) =>
    pick([['CN=cloud.example'], ['x', 'CN=cc-us-east-2.amazonaws.com'], ['y']], dice),
  requireCrl: flag,
};

/** Members with values of a wrong form. */
const BROKEN: readonly Json[] = [
  { vmpl: 4 },
  { vmpl: -1 },
  { vmpl: 'all' },
  { allowDebug: 'true' },
  { allowDebug: null },
  { hostData: [] },
  { hostData: 'ab'.repeat(32) },
  { hostData: ['ab'.repeat(31)] },
  { hostData: ['ag'.repeat(32)] },
  { reportData: 'ab'.repeat(32) },
  { guestPolicies: ['3001f'] },
  { guestPolicies: ['0x'] },
  { guestPolicies: ['0x00000000000000000'] },
  { minimumTcb: {} },
  { minimumTcb: { Milan: { bl: 256 } } },
  { minimumTcb: { milan: {} } },
  { minimumTcb: { Milan: { spl: 1 } } },
  { minimumFirmware: '1' },
  { minimumFirmware: '1.256' },
  { minimumFirmware: '01.2' },
  { minimumFirmware: '1.2.3.4' },
  { minimumGuestSvn: 4294967296 },
  { minimumGuestSvn: 1.5 },
  { launchMitigations: 63 },
  { skip: ['signature'] },
  { skip: ['chain', 'chain'] },
  { skip: 'chain' },
  { uvm: { issuer: 'did', feed: 'f' } },
  { uvm: { issuer: 'did', feed: 'f', minimumSvn: '1' } },
  { cspIds: [] },
  { cspIds: [1] },
  { unknown: true },
  { format: 'podseal.expectation/v2' },
];

/** An expectation about a report; `skip` are the checks that it turns off. */
function expectationFor(report: Buffer, skip: readonly string[], dice: Dice): Json {
  const names = Object.keys(MEMBERS).filter(() => dice(9) === 0);
  const made = Object.fromEntries(names.map((name) => [name, MEMBERS[name]?.(report, dice)]));
  const anyPolicy = dice(3) === 0;
  const all = [...skip, ...(anyPolicy ? ['host-data'] : [])];
  return {
    format: 'podseal.expectation/v1',
    ...(anyPolicy ? {} : { hostData: hexList(0xc0, 32)(report, dice) }),
    ...made,
    ...(all.length === 0 ? {} : { skip: all }),
    ...(dice(60) === 0 ? pick(BROKEN, dice) : {}),
  };
}

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

/** A certificate table of these blobs. */
export function makeTable(blobs: readonly (readonly [string, Uint8Array])[]): Buffer {
  let offset = (blobs.length + 1) * 24;
  const rows = blobs.map(([guid, bytes]) => {
    const row = Buffer.alloc(24);
    Buffer.from(guid.replaceAll('-', ''), 'hex').copy(row);
    row.writeUInt32LE(offset, 16);
    row.writeUInt32LE(bytes.length, 20);
    offset += bytes.length;
    return row;
  });
  return Buffer.concat([...rows, Buffer.alloc(24), ...blobs.map(([, bytes]) => bytes)]);
}

export const GUIDS = {
  vcek: '63da758d-e664-4564-adc5-f4b93be8accd',
  vlek: 'a8074bc2-a25a-483e-aae6-39c045a0b8a1',
  ask: '4ab7b379-bbac-4fe4-a02f-05aef327c782',
  ark: 'c0b406a4-a803-4952-9743-3fb6014cd0ae',
  crl: '92f81bc3-5811-4d3d-97ff-d19f88dc67ea',
} as const;

/** An HCL report around a report, which is signed for it by the caller if it should verify. */
export function makeHcl(report: Uint8Array, runtimeData: Uint8Array): Buffer {
  const header = Buffer.alloc(32);
  header.write('HCLA');
  header.writeUInt32LE(1, 4);
  header.writeUInt32LE(1236 + runtimeData.length, 8);
  header.writeUInt32LE(2, 12);
  const runtime = Buffer.alloc(20);
  [20 + runtimeData.length, 1, 2, 1, runtimeData.length].forEach((value, index) => {
    runtime.writeUInt32LE(value, 4 * index);
  });
  return Buffer.concat([header, report, runtime, runtimeData, Buffer.alloc(100)]);
}

/** A certificate as PEM. */
export function pem(certificate: Uint8Array): string {
  const lines =
    Buffer.from(certificate)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

/** A report that carries the hash of runtime data. */
export function makeBoundReport(pki: AmdPki, runtimeData: Uint8Array) {
  const { der, key } = pki.makeLeaf();
  const digest = createHash('sha256').update(runtimeData).digest();
  const report = makeReport(key, {
    line: pki.line,
    change: (bytes) => {
      bytes.fill(0, 0x50, 0x90);
      digest.copy(bytes, 0x50);
    },
  });
  return { leaf: der, report };
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

/** How many of a hundred cases each maker gives. */
const WEIGHTS: readonly (readonly [number, CaseMaker])[] = [
  [66, bareReport],
  [3, otherExpectation],
  [1, changedReport],
  [3, changedChain],
  [1, oddLeaf],
  [11, table],
  [11, hcl],
  [1, thim],
  [1, crl],
  [2, endorsement],
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
