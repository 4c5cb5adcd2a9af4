/** `az confcom acipolicygen --diff`: the policy that stands in the input against the new one (aci policy 13). */
import type { DataMap } from '../../core/data.js';
import { printCompact, printPretty } from '../../core/data-json.js';
import { ToolError } from '../../core/error.js';
import type { NoticeSink } from '../../core/notice.js';
import { infrastructureFragment } from '../../policy/aci/document.js';
import type { AciGuest } from '../../policy/aci/guests.js';
import { compareAsReference } from '../../policy/aci/reference-diff.js';
import { readStandingLists } from '../../policy/aci/standing.js';
import type { GeneratedAciPolicy } from '../aci/generate.js';

/** Verdict on one group, and the line that is printed about it. */
export interface GroupDiff {
  readonly line: string;
  readonly differs: boolean;
}

/**
 * Compares each new policy with the one in its place. What only the old policy allows is no difference. Throws
 * POLICY_UNREADABLE for a policy that cannot be read, and where an earlier version of the reference needs one.
 */
export function diffPolicies(
  policies: readonly GeneratedAciPolicy[],
  { pretty, notices }: { readonly pretty: boolean; readonly notices: NoticeSink },
): readonly GroupDiff[] {
  return policies.map(({ group, document }) => {
    const standing = standingContainers(group, document.guest, notices);
    const report = compareAsReference(standing, document.containers);
    if (report.size === 0) return { line: 'Existing policy and Template match\n', differs: false };
    notices({
      code: 'policy-differs',
      message: 'the policy that stands there differs from a new one; generate it again',
      where: group.at,
    });
    return { line: `${(pretty ? printPretty : printCompact)(report)}\n`, differs: true };
  });
}

function standingContainers(
  { existingPolicy, at }: GeneratedAciPolicy['group'],
  guest: AciGuest,
  notices: NoticeSink,
): readonly DataMap[] {
  const lists = existingPolicy === undefined ? undefined : readStandingLists(existingPolicy, at);
  if (lists?.fragments !== undefined) noteFragments(lists.fragments, guest, at, notices);
  if (lists?.containers !== undefined) return lists.containers;
  if (!guest.diffNeedsContainers) return [];
  throw new ToolError('POLICY_UNREADABLE', 'there is no policy to compare with', { where: at });
}

function noteFragments(
  fragments: readonly DataMap[],
  guest: AciGuest,
  at: string,
  notices: NoticeSink,
): void {
  if (printCompact(fragments) === printCompact([infrastructureFragment(guest)])) return;
  notices({
    code: 'fragments-not-default',
    message: 'the policy that stands there imports other fragments than a policy does by default',
    where: at,
  });
}
