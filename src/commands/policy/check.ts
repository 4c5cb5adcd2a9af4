/** What `podseal policy --check` prints, for policies of all targets. */
import { EXIT, ToolError } from '../../core/error.js';
import type { CheckedPolicy } from '../../pipeline/review/check.js';
import type { PolicyRun } from './options.js';

/**
 * Prints in what the policies that the manifests hold differ from those generated now; nothing is written. Throws
 * MANIFEST_INVALID where there is nothing to check: that must not look like success.
 */
export async function printCheck(
  policies: readonly CheckedPolicy[],
  { files, options, terminal, context }: PolicyRun,
): Promise<void> {
  if (policies.length === 0) throw nothingToCheck(files);
  const [review, { readAsset }] = await Promise.all([
    import('../../pipeline/review.js'),
    import('../../io/assets.js'),
  ]);
  const base = await review.loadReviewBase(readAsset);
  const diffs = review.checkPolicies(policies, base, terminal.notice);
  const before = files.join(', ');
  await terminal.product(
    options.json === true
      ? review.printJson(review.diffJson(before, 'generated', diffs), terminal.notices)
      : review.printPageText(review.diffPage(`${before} -> generated now`, diffs)),
  );
  terminal.info(review.summarizeDiffs(diffs));
  if (review.hasDifference(diffs, 'any')) context.finish(EXIT.differs);
}

function nothingToCheck(files: readonly string[]): ToolError {
  return new ToolError('MANIFEST_INVALID', `${files.join(', ')}: no workload gets a policy`, {
    want: 'a workload whose policy can be checked',
    hints: ['name the manifest with the workload', 'see whether --runtime-class leaves all out'],
  });
}
