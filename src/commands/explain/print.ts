/** Explanations as lines for people; kata and CCE policies alike. */
import { showUnseen } from '../../core/page.js';
import type { Explanation } from '../../pipeline/explain.js';
import type { FailedCheck } from '../../policy/kata/explain/check.js';

const TRIALS: Readonly<Record<Explanation['trial'], string>> = {
  allowed: 'with this put right, the policy allows the request',
  located: 'these are the parts that the policy refuses; each was tried on the policy by itself',
  refused: 'the policy refuses the request even with this put right: there is a further reason',
  untried: '',
};

/** One refused request: the decision, the nearest candidate, and each failed check with both sides and the remedy. */
export function printExplanation(one: Explanation & { readonly line?: number }): string {
  const where = one.line === undefined ? '' : `line ${one.line}: `;
  const lines = [
    `${where}${one.decision} ${one.kind}${one.reason === null ? '' : `: ${one.reason}`}`,
  ];
  if (one.nearest !== undefined) {
    const others = one.others.map(({ subject, failed }) => `${subject} (${failed})`);
    const rest = others.length === 0 ? '' : `; failed checks of the others: ${others.join(', ')}`;
    lines.push(`  nearest in the policy: ${one.nearest.subject}${rest}`);
  }
  for (const [i, failed] of one.failed.entries()) lines.push(...printFailed(failed, i + 1));
  if (one.failed.length === 0) {
    lines.push('  the comparison finds nothing: only the rules of this policy know the reason');
  }
  const trial = TRIALS[one.trial];
  if (trial !== '') lines.push(`  ${trial}`);
  lines.push(...(one.notes ?? []).map((note) => `  note: ${note}`));
  return lines.map((line) => `${showUnseen(line)}\n`).join('');
}

function printFailed(failed: FailedCheck, number: number): readonly string[] {
  const { message, path, policy, request, fix } = failed;
  return [
    `  ${number}. ${message}${path === '' ? '' : ` (${path})`}`,
    ...(policy === undefined ? [] : [`     policy:  ${policy}`]),
    ...(request === undefined ? [] : [`     request: ${request}`]),
    `     fix:     ${fix}`,
  ];
}
