/** Differences of policies -> a page, JSON, and the question whether they count. */
import {
  countBy,
  DIFFERENCE_KINDS,
  type Difference,
  type DifferenceKind,
} from '../../core/finding.js';
import type { Block, Cell, Page, Tone } from '../../core/page.js';
import type { PolicyDiff, PolicySide } from './diff.js';

/** Which differences count: all, those of meaning, or those that let more through. */
export const DIFF_THRESHOLDS = ['any', 'meaning', 'widened'] as const;
export type DiffThreshold = (typeof DIFF_THRESHOLDS)[number];

const TONES: Readonly<Record<DifferenceKind, Tone>> = {
  widened: 'bad',
  added: 'warning',
  changed: 'warning',
  renamed: 'muted',
  narrowed: 'good',
  removed: 'muted',
};

/** True if some difference counts. `widened` takes whole new parts as well. */
export function hasDifference(diffs: readonly PolicyDiff[], threshold: DiffThreshold): boolean {
  if (threshold === 'any') return diffs.some(({ isSame }) => !isSame);
  const kinds: readonly DifferenceKind[] =
    threshold === 'meaning' ? DIFFERENCE_KINDS : ['widened', 'added'];
  return diffs.some(({ differences }) => differences.some(({ kind }) => kinds.includes(kind)));
}

/** The page of all differences. */
export function diffPage(title: string, diffs: readonly PolicyDiff[]): Page {
  return { title, blocks: diffs.flatMap(diffBlocks) };
}

function diffBlocks(diff: PolicyDiff): readonly Block[] {
  const heading: Block = { kind: 'heading', level: 2, text: diff.workload || 'Policy' };
  if (diff.isSame) {
    return [heading, { kind: 'paragraph', text: { text: 'no difference', tone: 'good' } }];
  }
  const facts: Block = {
    kind: 'facts',
    rows: [
      { label: 'before', values: [sideText(diff.before)] },
      { label: 'after', values: [sideText(diff.after)] },
    ],
  };
  if (diff.textOnly !== undefined) {
    const text = `no difference of meaning, but another measurement: ${diff.textOnly}`;
    return [heading, facts, { kind: 'paragraph', text: { text, tone: 'warning' } }];
  }
  const ordered = DIFFERENCE_KINDS.flatMap((kind) =>
    diff.differences.filter((one) => one.kind === kind),
  );
  return [heading, facts, { kind: 'facts', rows: ordered.map(differenceFact) }];
}

function sideText(side: PolicySide | undefined): string {
  return side === undefined ? 'none' : `${side.measurement} (${side.where})`;
}

function differenceFact({ kind, subject, message, before, after }: Difference) {
  const values: readonly Cell[] = [
    `${subject}: ${message}`,
    ...(before === undefined ? [] : [`  before: ${before}`]),
    ...(after === undefined ? [] : [`  after:  ${after}`]),
  ];
  const [first = '', ...rest] = values;
  return { label: kind, values: [{ text: String(first), tone: TONES[kind] }, ...rest] };
}

/** One line: how many there are of each kind. */
export function summarizeDiffs(diffs: readonly PolicyDiff[]): string {
  if (diffs.every(({ isSame }) => isSame)) return 'no difference';
  const counts = countDiffs(diffs);
  const words = DIFFERENCE_KINDS.filter((kind) => counts[kind] > 0).map(
    (kind) => `${counts[kind]} ${kind}`,
  );
  return words.length === 0
    ? 'no difference of meaning, but another measurement'
    : words.join(', ');
}

function countDiffs(diffs: readonly PolicyDiff[]): Readonly<Record<DifferenceKind, number>> {
  return countBy(
    diffs.flatMap(({ differences }) => differences),
    DIFFERENCE_KINDS,
    ({ kind }) => kind,
  );
}

/** The JSON form, `podseal.diff/v1`. */
export function diffJson(before: string, after: string, diffs: readonly PolicyDiff[]): object {
  return { format: 'podseal.diff/v1', before, after, summary: countDiffs(diffs), policies: diffs };
}
