/** A verdict as text for people: what was decided, what failed with both sides, what was not looked at. */
import type { CheckRecord } from './checks.js';
import { NEAR_MISS_KINDS, type NearMiss } from './near-miss.js';
import { REASONS } from './reasons.js';
import type { SnpReport } from './report.js';
import type { Verdict } from './verdict.js';

/** One line for the verdict, then the failures, then the facts of an allowed report. Ends with a newline. */
export function printVerdict(verdict: Verdict): string {
  const { checks, skipped, reason } = verdict;
  const head =
    reason === null
      ? `${verdict.verdict}${skipped.length === 0 ? '' : ' (NOT fully verified)'}`
      : `${verdict.verdict}: ${REASONS[reason]} [${reason}]`;
  const failed = checks.filter(({ result }) => result === 'fail').flatMap(printFailure);
  const listed = (result: CheckRecord['result'], words: string) => {
    const names = checks.filter((one) => one.result === result).map(({ check }) => check);
    return names.length === 0 ? [] : [`${words}: ${names.join(', ')}`];
  };
  return [
    head,
    ...failed,
    ...listed('skipped', 'TURNED OFF'),
    ...listed('blocked', 'could not be judged'),
    ...listed('not-asked', 'not asked for'),
    ...(verdict.verdict === 'allowed' && verdict.report !== null
      ? printFacts(verdict, verdict.report)
      : []),
    '',
  ].join('\n');
}

/** An explanation in words. */
function printNearMiss({ kind, name }: NearMiss): string {
  return `${NEAR_MISS_KINDS[kind]}${name === '' ? '' : ` (${name})`}`;
}

function printFailure(record: CheckRecord): readonly string[] {
  const { check, code, detail, want, got, hints = [], nearMisses = [] } = record;
  return [
    `  ${check}: ${detail ?? ''} [${code}]`,
    ...(want === undefined ? [] : [`    want: ${want}`]),
    ...(got === undefined ? [] : [`    got:  ${got}`]),
    ...nearMisses.map((miss) => `    near: ${printNearMiss(miss)}`),
    ...hints.map((hint) => `    hint: ${hint}`),
  ];
}

function printFacts(verdict: Verdict, report: SnpReport): readonly string[] {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const { major, minor, build } = report.currentVersion;
  return [
    `  report:             version ${report.version}, signed with a ${verdict.leaf ?? 'key that was not verified'}`,
    `  product:            ${verdict.product ?? 'not verified'}, firmware ${major}.${minor}.${build}`,
    `  reported TCB:       ${hex(report.reportedTcb)}`,
    `  guest policy:       0x${report.policy.toString(16)}`,
    `  launch measurement: ${hex(report.launchMeasurement)}`,
    `  host data:          ${hex(report.hostData)}`,
    `  report data:        ${hex(report.reportData)}`,
  ];
}
