/** A rehearsal as a page: the steps, and the release policy claim by claim where it came to that. */
import type { Cell, Page, Tone } from '../../core/page.js';
import { releaseEvaluationPage } from '../release-review.js';
import type { RehearsalResult, RehearsalStep } from './rehearse.js';

const TONES: Readonly<Record<RehearsalStep['result'], Tone>> = {
  ok: 'good',
  failed: 'bad',
  'not reached': 'muted',
};

export function rehearsalPage({ released, steps, evaluation }: RehearsalResult): Page {
  const verdict: Cell = released
    ? { text: 'the key would be released', tone: 'good' }
    : { text: 'the key would not be released', tone: 'bad' };
  const rows = steps.map(({ step, result, detail }, index): readonly Cell[] => [
    String(index + 1),
    { text: result, tone: TONES[result] },
    detail === undefined ? step : `${step}: ${detail}`,
  ]);
  const policy =
    evaluation === undefined
      ? []
      : releaseEvaluationPage({
          file: 'release policy',
          claimsFrom: 'token',
          evaluation,
        }).blocks.slice(1);
  return {
    title: 'rehearsal of a key release',
    blocks: [
      { kind: 'paragraph', text: verdict },
      { kind: 'table', columns: ['', '', 'step'], rows },
      ...policy,
    ],
  };
}
