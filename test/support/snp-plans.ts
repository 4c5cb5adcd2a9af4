import type { Evidence } from '../../src/attest/evidence.js';
import type { Expectation } from '../../src/attest/expectation.js';
import type { ProductLine } from '../../src/attest/products.js';
import type { Verdict } from '../../src/attest/verdict.js';
import { verifyEvidence } from '../../src/attest/verify.js';
import {
  AMD_ARC,
  type AmdPki,
  type CrlPlan,
  createAmdPki,
  type LeafPlan,
  makeReport,
  type PlainExtension,
  type ReportPlan,
  signReport,
  TEST_TIME,
} from './amd-pki.js';
import { ecKey, oid, sequence } from './certificates.js';

export const PKIS: Readonly<Record<ProductLine, AmdPki>> = {
  Milan: createAmdPki('Milan'),
  Genoa: createAmdPki('Genoa'),
  Turin: createAmdPki('Turin'),
};
export const ROOTS = Object.values(PKIS).flatMap(({ roots }) => roots);
export const ANY_POLICY: Expectation = { skip: ['host-data'] };
export const HOST_DATA = makeReport(ecKey('P-384')).subarray(0xc0, 0xe0).toString('hex');

export interface Plan extends ReportPlan {
  readonly leaf?: LeafPlan;
  readonly expectation?: Expectation;
  readonly evidence?: (evidence: Evidence, pki: AmdPki) => Evidence;
}

/** The verdict over a report and certificates that are good but for what the plan changes. */
export function judge({ leaf = {}, expectation = ANY_POLICY, evidence, ...plan }: Plan): Verdict {
  const { line = 'Milan', kind = 'VCEK' } = plan;
  const pki = PKIS[line];
  const made = pki.makeLeaf({ kind, ...leaf });
  const whole = pki.evidence(makeReport(made.key, plan), made.der, kind);
  const changed = evidence?.(whole, pki) ?? whole;
  return verifyEvidence(changed, expectation, { time: TEST_TIME, roots: ROOTS });
}

export const put = (offset: number, ...bytes: readonly number[]): Plan => ({
  change: (report) => Buffer.from(bytes).copy(report, offset),
});

export const ORDER = BigInt(
  '0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
);

export function amd(suffix: string, content: Buffer): PlainExtension {
  return { oid: `${AMD_ARC}.${suffix}`, value: content };
}

export function value(suffix: string, content: Buffer): NonNullable<LeafPlan['change']> {
  return (list) =>
    list.map((one) => (one.oid === `${AMD_ARC}.${suffix}` ? amd(suffix, content) : one));
}

export function spl(suffix: string, content: Buffer) {
  return value(suffix, content);
}

export function without(suffix: string): LeafPlan {
  return { change: (list) => list.filter((one) => one.oid !== `${AMD_ARC}.${suffix}`) };
}

/** Sets one byte of all four TCBs. */
export function tcbByte(index: number, level: number): Plan {
  return {
    change: (report) => {
      for (const offset of [0x038, 0x180, 0x1e0, 0x1f0]) report[offset + index] = level;
    },
  };
}

export const expecting = (expectation: Expectation): Plan => ({
  expectation: { ...ANY_POLICY, ...expectation },
});
export const resigned = (change: (report: Buffer) => void): Plan => ({
  evidence: (evidence) => {
    const report = Buffer.from(evidence.report ?? []);
    change(report);
    return { ...evidence, report };
  },
});
export const chainOf = (
  change: (chain: readonly Uint8Array[], leaf: Uint8Array, pki: AmdPki) => Evidence['certificates'],
): Plan => ({
  evidence: (evidence, pki) => {
    const source = evidence.certificates;
    if (source?.kind !== 'chain') return evidence;
    const certificates = change(source.chain, source.leaf, pki);
    const { certificates: _old, ...rest } = evidence;
    return certificates === undefined ? rest : { ...rest, certificates };
  },
});
export const chain = (leaf: Uint8Array, ...rest: readonly Uint8Array[]) =>
  ({ kind: 'chain', leaf, chain: rest }) as const;
export const PKCS1 = sequence(oid('1.2.840.113549.1.1.12'), Buffer.of(5, 0));
export const DEBUG = put(0x00a, 0x0b);
export const crl = (plan: CrlPlan, expectation: Expectation = {}): Plan => ({
  ...expecting({ requireCrl: true, ...expectation }),
  evidence: (evidence, pki) => ({ ...evidence, crl: pki.makeCrl(plan) }),
});

/** A report cannot be signed by a key of another curve: its signature is replaced by one that is in range. */
export function unsigned(evidence: Evidence): Evidence {
  const report = Buffer.from(evidence.report ?? []);
  return { ...evidence, report: signReport(report, ecKey('P-384')) };
}
