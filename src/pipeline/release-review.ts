/** Reviews of key release policies as pages and as JSON: what linting finds, and how a token fares claim by claim. */
import { countBy, type Finding, SEVERITIES, type Severity } from '../core/finding.js';
import type { Block, Cell, Page, Tone } from '../core/page.js';
import type { OpenedReleasePolicy } from '../release/encode.js';
import type { EntryResult, ReleaseEvaluation } from '../release/evaluate.js';
import { blockingFindings, lintReleasePolicy } from '../release/lint.js';
import { LINT } from '../release/lint-rules.js';

export { LINT_RULES } from '../release/lint-rules.js';

/** The linting of one file. */
export interface ReleaseLint {
  readonly file: string;
  /** Worst first. */
  readonly findings: readonly Finding[];
  /** False: the policy must not be stored. */
  readonly storable: boolean;
}

/** Findings about an opened policy, those about its key version included. */
export function lintOpenedPolicy(
  { policy, immutable }: OpenedReleasePolicy,
  file: string,
): ReleaseLint {
  const findings = [...lintReleasePolicy(policy, file)];
  if (immutable) {
    const { id, severity, remedy, title } = LINT.immutable;
    const place = { file };
    findings.push({ id, severity, remedy, place, message: title, subject: 'immutable' });
  }
  return { file, findings, storable: blockingFindings(findings).length === 0 };
}

/** `podseal.release-lint/v1`. */
export function releaseLintJson({ file, findings, storable }: ReleaseLint): object {
  const summary = countBy(findings, SEVERITIES, ({ severity }) => severity);
  return { format: 'podseal.release-lint/v1', file, storable, summary, findings };
}

const SEVERITY_TONES: Readonly<Record<Severity, Tone>> = {
  critical: 'bad',
  high: 'bad',
  medium: 'warning',
  low: 'muted',
  info: 'muted',
};

export function releaseLintPage({ file, findings, storable }: ReleaseLint): Page {
  const verdict: Cell = storable
    ? { text: findings.length === 0 ? 'no findings' : 'may be stored', tone: 'good' }
    : { text: 'must not be stored', tone: 'bad' };
  const rows = findings.map(({ severity, path, message, remedy, id }): readonly Cell[] => [
    { text: severity, tone: SEVERITY_TONES[severity] },
    path ?? '',
    `${message} [${id}]`,
    remedy,
  ]);
  const table: Block = {
    kind: 'table',
    columns: ['severity', 'where', 'finding', 'remedy'],
    rows,
  };
  return {
    title: `key release policy ${file}`,
    blocks: [{ kind: 'paragraph', text: verdict }, ...(rows.length === 0 ? [] : [table])],
  };
}

/** An evaluation with where its parts came from. */
export interface EvaluatedRelease {
  readonly file: string;
  readonly claimsFrom: string;
  /** Whether the signature of the token was checked; undefined for plain claims. */
  readonly tokenVerified?: boolean;
  readonly evaluation: ReleaseEvaluation;
}

/** `podseal.release-evaluation/v1`. */
export function releaseEvaluationJson(result: EvaluatedRelease): object {
  const { file, claimsFrom, tokenVerified, evaluation } = result;
  return {
    format: 'podseal.release-evaluation/v1',
    file,
    claims: claimsFrom,
    ...(tokenVerified === undefined ? {} : { tokenVerified }),
    decision: evaluation.decision,
    entries: evaluation.entries,
  };
}

const VERDICTS: Readonly<Record<ReleaseEvaluation['decision'], Cell>> = {
  release: { text: 'the key would be released', tone: 'good' },
  deny: { text: 'the key would not be released', tone: 'bad' },
  unsure: {
    text: 'not documented: the key may or may not be released; count it as refused',
    tone: 'bad',
  },
};

export function releaseEvaluationPage({ file, evaluation }: EvaluatedRelease): Page {
  const blocks = evaluation.entries.flatMap((entry, index) => entryBlocks(entry, index));
  return {
    title: `key release policy ${file}`,
    blocks: [{ kind: 'paragraph', text: VERDICTS[evaluation.decision] }, ...blocks],
  };
}

function entryBlocks({ authority, holds, claims }: EntryResult, index: number): readonly Block[] {
  const rows = claims.map((claim): readonly Cell[] => [
    truthCell(claim.holds),
    claim.claim,
    claim.reason,
  ]);
  const text = `entry ${index + 1}: ${authority}: ${truthCell(holds).text}`;
  return [
    { kind: 'heading', level: 2, text },
    { kind: 'table', columns: ['', 'claim', 'reason'], rows },
  ];
}

function truthCell(holds: boolean | 'unsure'): { text: string; tone: Tone } {
  if (holds === 'unsure') return { text: 'unsure', tone: 'warning' };
  return holds ? { text: 'holds', tone: 'good' } : { text: 'fails', tone: 'bad' };
}
