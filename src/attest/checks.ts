/**
 * The checks of a verification, in their order, and the ledger in which their results are written down (spec
 * snp-attestation section 5.2). The verifier inside the guest has the same checks, order and results.
 */
import type { NearMiss } from './near-miss.js';
import type { Denial, ReasonCode } from './reasons.js';

/** Every check in the order of judgement; a verdict lists all of them. The reason is that of the first that failed. */
export const CHECKS = [
  'hcl',
  'certificate-table',
  'length',
  'version',
  'signature-algorithm',
  'reserved',
  'signing-key',
  'signature-range',
  'chain-format',
  'leaf-kind',
  'chain-anchor',
  'chain-signature',
  'chain-profile',
  'chain-time',
  'revocation',
  'leaf-extensions',
  'report-signature',
  'product',
  'tcb-reserved',
  'tcb-certificate',
  'tcb-order',
  'tcb-minimum',
  'chip',
  'csp',
  'guest-policy',
  'debug',
  'migration-agent',
  'platform',
  'vmpl',
  'guest-svn',
  'firmware',
  'mitigations',
  'author-key',
  'id-key',
  'family-id',
  'image-id',
  'launch-measurement',
  'runtime-data',
  'report-data',
  'host-data',
  'uvm-format',
  'uvm-chain',
  'uvm-signature',
  'uvm-issuer',
  'uvm-feed',
  'uvm-payload',
  'uvm-svn',
  'uvm-measurement',
] as const;

export type CheckName = (typeof CHECKS)[number];

/**
 * `skipped`: turned off by the expectation. `not-asked`: there is no expectation for it, or it is not part of this kind
 * of evidence. `blocked`: it cannot be judged, since a check that it needs failed.
 */
export type CheckResult = 'pass' | 'fail' | 'skipped' | 'not-asked' | 'blocked';

/** One check with its result; `code` comes with `fail` only. */
export interface CheckRecord {
  readonly check: CheckName;
  readonly result: CheckResult;
  readonly code?: ReasonCode;
  readonly want?: string;
  readonly got?: string;
  /** What failed, in words. */
  readonly detail?: string;
  readonly hints?: readonly string[];
  readonly nearMisses?: readonly NearMiss[];
}

/** What one check says: a refusal, or how else it ended. */
export type Outcome =
  | 'pass'
  | 'skipped'
  | 'not-asked'
  | 'blocked'
  | (Denial & { readonly nearMisses?: readonly NearMiss[] });

/** Collects the results of one verification. */
export interface Ledger {
  /** Judges a check, unless one of `needs` failed or was blocked: then it is blocked. True if it did not fail. */
  judge(check: CheckName, needs: readonly CheckName[], run: () => Outcome): boolean;
  /** Blocks those of the checks that were not judged. */
  block(checks: readonly CheckName[]): void;
  /** True if the check failed or was blocked. */
  isBroken(check: CheckName): boolean;
  /** All results in the order of CHECKS; what was never judged is blocked. */
  records(checks?: readonly CheckName[]): readonly CheckRecord[];
}

/** An empty ledger. */
export function openLedger(): Ledger {
  const results = new Map<CheckName, CheckRecord>();
  const isBroken = (check: CheckName) => {
    const result = results.get(check)?.result;
    return result === 'fail' || result === 'blocked';
  };
  return {
    isBroken,
    block(checks) {
      for (const check of checks.filter((one) => !results.has(one))) {
        results.set(check, { check, result: 'blocked' });
      }
    },
    judge(check, needs, run) {
      const outcome = needs.some(isBroken) ? 'blocked' : run();
      results.set(
        check,
        typeof outcome === 'string' ? { check, result: outcome } : failed(check, outcome),
      );
      return !isBroken(check);
    },
    records(checks = CHECKS) {
      return checks.map((check) => results.get(check) ?? { check, result: 'blocked' as const });
    },
  };
}

function failed(check: CheckName, outcome: Exclude<Outcome, string>): CheckRecord {
  const { code, message, want, got, hints = [], nearMisses = [] } = outcome;
  return {
    check,
    result: 'fail',
    code,
    ...(want === undefined ? {} : { want }),
    ...(got === undefined ? {} : { got }),
    detail: message,
    ...(hints.length === 0 ? {} : { hints }),
    ...(nearMisses.length === 0 ? {} : { nearMisses }),
  };
}
