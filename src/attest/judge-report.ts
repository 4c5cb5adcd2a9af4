/** The checks of a report in their order: its bytes (steps A to F), its certificate (O to U), its content (V to AF). */
import type { ProvenLeaf } from './check-chain.js';
import {
  checkReserved,
  checkSignatureAlgorithm,
  checkSignatureRange,
  checkSigningKey,
  checkVersion,
} from './check-format.js';
import {
  checkAuthorKey,
  checkDebug,
  checkFamilyId,
  checkFirmware,
  checkGuestPolicy,
  checkGuestSvn,
  checkHostData,
  checkIdKey,
  checkImageId,
  checkLaunchMeasurement,
  checkMigrationAgent,
  checkMitigations,
  checkPlatform,
  checkReportData,
  checkVmpl,
} from './check-guest.js';
import {
  checkChip,
  checkCsp,
  checkProduct,
  checkSignature,
  checkTcbCertificate,
  checkTcbMinimum,
  checkTcbOrder,
  checkTcbReserved,
} from './check-platform.js';
import type { CheckName, Ledger, Outcome } from './checks.js';
import type { Expectation } from './expectation.js';
import type { Candidate } from './near-miss.js';
import { lineOfCpu, PRODUCTS } from './products.js';
import type { Denial } from './reasons.js';
import { isDenial, parseReport, type SnpReport } from './report.js';
import type { JudgedSignature } from './report-signature.js';

type FormatCheck = (report: SnpReport) => Denial | undefined;

const FORMAT_CHECKS: readonly (readonly [CheckName, FormatCheck])[] = [
  ['signature-algorithm', checkSignatureAlgorithm],
  ['reserved', checkReserved],
  ['signing-key', checkSigningKey],
  ['signature-range', checkSignatureRange],
];

/** Judges steps A to F. Undefined if the layout is unknown: then nothing else of the report can be judged. */
export function judgeFormat(ledger: Ledger, bytes: Uint8Array): SnpReport | undefined {
  const report = parseReport(bytes);
  const hasLength = ledger.judge('length', ['hcl'], () => (isDenial(report) ? report : 'pass'));
  if (!hasLength || isDenial(report)) return undefined;
  if (!ledger.judge('version', [], () => checkVersion(report) ?? 'pass')) return undefined;
  for (const [check, run] of FORMAT_CHECKS) ledger.judge(check, [], () => run(report) ?? 'pass');
  return report;
}

/** What the report is judged by beside its leaf. */
export interface PlatformTerms {
  readonly expectation: Expectation;
  readonly judgedSignature?: JudgedSignature;
}

/** Judges steps O to U. `leaf` is undefined if its chain is broken, or skipped by the expectation. */
export function judgePlatform(
  ledger: Ledger,
  report: SnpReport,
  leaf: ProvenLeaf | undefined,
  { expectation, judgedSignature }: PlatformTerms,
): void {
  const line = lineOfCpu(report.cpuidFamily, report.cpuidModel);
  const product =
    leaf?.product ?? (line === undefined || report.version < 3 ? undefined : PRODUCTS[line]);
  const needs = ['signature-algorithm', 'signature-range', 'leaf-extensions'] as const;
  const withLeaf = (run: (leaf: ProvenLeaf) => Outcome) => () =>
    leaf === undefined ? 'skipped' : run(leaf);
  const signature = withLeaf((proven) => checkSignature(report, proven, judgedSignature));
  const isSkipped = leaf === undefined && !ledger.isBroken('leaf-extensions');
  ledger.judge('report-signature', isSkipped ? [] : needs, signature);
  const leafChecks: readonly (readonly [CheckName, () => Outcome])[] = [
    ['tcb-certificate', withLeaf((proven) => checkTcbCertificate(report, proven))],
    ['csp', withLeaf((proven) => checkCsp(proven, expectation))],
  ];
  const reportChecks: readonly (readonly [CheckName, () => Outcome])[] = [
    ['product', () => checkProduct(report, leaf?.product)],
    ['tcb-reserved', () => checkTcbReserved(report, product)],
    ['tcb-order', () => checkTcbOrder(report, product, expectation)],
    ['tcb-minimum', () => checkTcbMinimum(report, product, expectation)],
    ['chip', () => checkChip(report, leaf, expectation)],
  ];
  for (const [check, run] of [...leafChecks, ...reportChecks]) {
    ledger.judge(check, ['leaf-extensions'], run);
  }
}

type GuestCheck = (report: SnpReport, expectation: Expectation) => Outcome;

const GUEST_CHECKS: readonly (readonly [CheckName, GuestCheck])[] = [
  ['guest-policy', checkGuestPolicy],
  ['debug', checkDebug],
  ['migration-agent', checkMigrationAgent],
  ['platform', checkPlatform],
  ['vmpl', checkVmpl],
  ['guest-svn', checkGuestSvn],
  ['firmware', checkFirmware],
  ['mitigations', checkMitigations],
  ['author-key', checkAuthorKey],
  ['id-key', checkIdKey],
  ['family-id', checkFamilyId],
  ['image-id', checkImageId],
  ['launch-measurement', checkLaunchMeasurement],
  ['report-data', checkReportData],
];

/** Judges steps V to AF. */
export function judgeGuest(
  ledger: Ledger,
  report: SnpReport,
  expectation: Expectation,
  candidates: readonly Candidate[],
): void {
  for (const [check, run] of GUEST_CHECKS) ledger.judge(check, [], () => run(report, expectation));
  ledger.judge('host-data', [], () => checkHostData(report, expectation, candidates));
}
