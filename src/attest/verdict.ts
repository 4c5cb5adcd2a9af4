/** The outcome of a verification, `podseal.verdict/v1`: every check with its result. */
import type { LeafKind } from './amd-extensions.js';
import type { CheckName, CheckRecord } from './checks.js';
import type { ProductLine } from './products.js';
import type { ReasonCode } from './reasons.js';
import type { SnpReport } from './report.js';
import { reportAsJson } from './report-json.js';

export const VERDICT_FORMAT = 'podseal.verdict/v1';

/** What came out. Nothing in `report` is proven unless the verdict allows. */
export interface Verdict {
  readonly verdict: 'allowed' | 'denied';
  /** Code of the first check that failed; null if none did. */
  readonly reason: ReasonCode | null;
  readonly checks: readonly CheckRecord[];
  /** Checks that the expectation turned off. */
  readonly skipped: readonly CheckName[];
  /** Once the chain proves it. */
  readonly product: ProductLine | null;
  /** Once it is known. */
  readonly leaf: LeafKind | null;
  readonly report: SnpReport | null;
}

/** What is known beside the checks. */
export interface VerdictFacts {
  readonly product?: ProductLine;
  readonly leaf?: LeafKind;
  readonly report?: SnpReport;
}

/** The verdict over finished checks: allowed only if something passed and nothing failed; absent evidence is denied. */
export function buildVerdict(checks: readonly CheckRecord[], facts: VerdictFacts): Verdict {
  const broken = checks.some(({ result }) => result === 'fail' || result === 'blocked');
  const judged = checks.some(({ result }) => result === 'pass');
  const allowed = judged && !broken;
  return {
    verdict: allowed ? 'allowed' : 'denied',
    reason: checks.find(({ code }) => code !== undefined)?.code ?? null,
    checks,
    skipped: checks.filter(({ result }) => result === 'skipped').map(({ check }) => check),
    product: facts.product ?? null,
    leaf: facts.leaf ?? null,
    report: facts.report ?? null,
  };
}

/** The verdict as a JSON value. */
export function verdictAsJson(verdict: Verdict): object {
  const { report } = verdict;
  return {
    format: VERDICT_FORMAT,
    ...verdict,
    report: report === null ? null : reportAsJson(report),
  };
}
