/**
 * Evidence and expectation -> verdict (spec snp-attestation section 5). Pure: certificates, time and trusted roots are
 * given. Every check is judged that can be, so that one look shows all that is wrong; the reason is the first failure.
 */
import { ToolError } from '../core/error.js';
import type { ReadBytes } from '../core/remember.js';
import type { LeafKind } from './amd-extensions.js';
import type { AmdCertificate } from './certificate.js';
import { readChain } from './certificate-sources.js';
import { parseCertificateTable, type TableEntry } from './certificate-table.js';
import {
  CHAIN_CHECKS,
  type ChainTerms,
  judgeChain,
  leafKindOf,
  type ProvenLeaf,
} from './check-chain.js';
import { type CheckName, type Ledger, openLedger } from './checks.js';
import type { Evidence } from './evidence.js';
import type { Expectation } from './expectation.js';
import { signingKey } from './flags.js';
import { checkRuntimeData, type HclReport, parseHcl } from './hcl.js';
import { judgeFormat, judgeGuest, judgePlatform } from './judge-report.js';
import type { Candidate } from './near-miss.js';
import { AMD_ROOTS, type TrustedRoot } from './products.js';
import { isDenial, type SnpReport } from './report.js';
import type { JudgedSignature } from './report-signature.js';
import { judgeUvm, UVM_CHECKS } from './uvm.js';
import { buildVerdict, type Verdict } from './verdict.js';

/** What a verification needs beside evidence and expectation. */
export interface VerifyContext {
  /** Seconds since 1970 at which certificates must be valid. */
  readonly time: number;
  /** AMD's roots unless given; others are for tests. */
  readonly roots?: readonly TrustedRoot[];
  /** Texts that HOST_DATA may be the digest of, to explain a mismatch; the expected one first. */
  readonly candidates?: readonly Candidate[];
  /** Reads certificates of the chain; one that keeps what it has read suits many verifications. */
  readonly readCertificate?: ReadBytes<AmdCertificate>;
  /** What was found of the report's signature on another thread. */
  readonly judgedSignature?: JudgedSignature;
}

/** Judges evidence against an expectation. Never throws for bad evidence: that is a denial. */
export function verifyEvidence(
  evidence: Evidence,
  expectation: Expectation,
  context: VerifyContext,
): Verdict {
  const ledger = openLedger();
  const hcl = judgeHcl(ledger, evidence);
  const table = judgeTable(ledger, evidence);
  const report = judgeFormat(ledger, hcl?.report ?? evidence.report ?? new Uint8Array());
  const found = report && judgeLeaf(ledger, report, { evidence, expectation, context, table });
  if (report !== undefined) {
    const { judgedSignature } = context;
    judgePlatform(ledger, report, found?.proven, {
      expectation,
      ...(judgedSignature && { judgedSignature }),
    });
    judgeGuest(ledger, report, expectation, context.candidates ?? []);
  }
  judgeRuntimeData(ledger, hcl);
  judgeUvm(ledger, evidence.uvmEndorsement, { expectation, ...(report && { report }) });
  return buildVerdict(ledger.records(), { ...found, ...(report && { report }) });
}

/** Judges certificates alone: the kind of the leaf is what its own name says. */
export function verifyCertificates(
  evidence: Evidence,
  expectation: Expectation,
  context: VerifyContext,
): Verdict {
  const ledger = openLedger();
  const table = judgeTable(ledger, evidence);
  const found = judgeCertificates(ledger, undefined, { evidence, expectation, context, table });
  const isTable = evidence.certificates?.kind === 'table';
  const checks = isTable ? (['certificate-table', ...CHAIN_CHECKS] as const) : CHAIN_CHECKS;
  return buildVerdict(ledger.records(checks), found);
}

/**
 * Judges an endorsement of the utility VM alone, against the launch measurements of the expectation. Throws
 * EXPECTATION_INVALID for an expectation without `uvm`.
 */
export function verifyEndorsement(evidence: Evidence, expectation: Expectation): Verdict {
  if (expectation.uvm === undefined) {
    throw new ToolError('EXPECTATION_INVALID', 'the expectation does not name uvm');
  }
  const ledger = openLedger();
  judgeUvm(ledger, evidence.uvmEndorsement, { expectation });
  return buildVerdict(ledger.records(UVM_CHECKS), {});
}

/** Judges whether a certificate table is sound and holds a leaf, if it holds anything. */
export function verifyCertificateTable(evidence: Evidence): Verdict {
  const ledger = openLedger();
  judgeTable(ledger, evidence);
  return buildVerdict(ledger.records(['certificate-table']), {});
}

/** Judges whether an HCL report is sound and carries the hash of its runtime data. */
export function verifyHcl(evidence: Evidence): Verdict {
  const ledger = openLedger();
  const hcl = judgeHcl(ledger, evidence);
  judgeRuntimeData(ledger, hcl);
  return buildVerdict(ledger.records(['hcl', 'runtime-data']), {});
}

interface LeafInput {
  readonly evidence: Evidence;
  readonly expectation: Expectation;
  readonly context: VerifyContext;
  readonly table: readonly TableEntry[] | undefined;
}

/** What the certificates show. */
interface FoundLeaf {
  readonly proven?: ProvenLeaf;
  readonly leaf?: LeafKind;
  readonly product?: ProvenLeaf['product']['line'];
}

function judgeHcl(ledger: Ledger, { hclReport }: Evidence): HclReport | undefined {
  const hcl = hclReport && parseHcl(hclReport);
  ledger.judge('hcl', [], () => (hcl === undefined ? 'not-asked' : isDenial(hcl) ? hcl : 'pass'));
  return isDenial(hcl) ? undefined : hcl;
}

/** Nothing is asked of a bare report; an HCL report must carry the hash of its runtime data. */
function judgeRuntimeData(ledger: Ledger, hcl: HclReport | undefined): void {
  const needs = hcl === undefined ? (['hcl'] as const) : (['length', 'version'] as const);
  ledger.judge('runtime-data', needs, () => {
    return hcl === undefined ? 'not-asked' : (checkRuntimeData(hcl) ?? 'pass');
  });
}

function judgeTable(ledger: Ledger, evidence: Evidence): readonly TableEntry[] | undefined {
  const { certificates: source } = evidence;
  const table = source?.kind === 'table' ? parseCertificateTable(source.table) : undefined;
  ledger.judge('certificate-table', [], () => {
    return table === undefined ? 'not-asked' : isDenial(table) ? table : 'pass';
  });
  return isDenial(table) ? undefined : table;
}

const SKIPPED_WITH_CHAIN: readonly CheckName[] = CHAIN_CHECKS;

/** Judges the certificates of a report, unless the expectation turns them off. */
function judgeLeaf(ledger: Ledger, report: SnpReport, input: LeafInput): FoundLeaf {
  if (input.expectation.skip?.includes('chain')) {
    for (const check of SKIPPED_WITH_CHAIN) ledger.judge(check, [], () => 'skipped');
    return {};
  }
  return judgeCertificates(ledger, signingKey(report.keyInfo), input);
}

function judgeCertificates(
  ledger: Ledger,
  reported: LeafKind | undefined,
  { evidence, expectation, context, table }: LeafInput,
): FoundLeaf {
  const chain = readChain(evidence.certificates, table, reported, context.readCertificate);
  const crl = evidence.crl ?? table?.find(({ role }) => role === 'crl')?.bytes;
  const terms: ChainTerms = {
    ...(reported && { signingKey: reported }),
    expectation,
    time: context.time,
    roots: context.roots ?? AMD_ROOTS,
    ...(crl && { crl }),
  };
  const proven = judgeChain(ledger, chain, terms);
  const leaf = isDenial(chain) ? undefined : leafKindOf(chain.leaf);
  return {
    ...(proven === undefined ? {} : { proven, product: proven.product.line }),
    ...(leaf === undefined ? {} : { leaf }),
  };
}
