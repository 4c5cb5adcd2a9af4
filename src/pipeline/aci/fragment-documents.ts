/** Signed fragments -> what a policy takes over from them, as data. */
import type { NoticeSink } from '../../core/notice.js';
import type { CceDocument } from '../../policy/aci/cce-document.js';
import { readCcePolicy } from '../../policy/aci/read-policy.js';
import { openFragment } from './open-fragment.js';

/** A signed fragment; `what` names it. */
export interface FragmentFile {
  readonly bytes: Uint8Array;
  readonly what: string;
}

/**
 * The documents of those whose containers the policy imports, itself or by an earlier fragment. One whose containers are
 * not plain data is left out with a notice. Throws as openFragment, and POLICY_UNREADABLE.
 */
export function startedFragments(
  policy: CceDocument,
  files: readonly FragmentFile[],
  notices: NoticeSink,
): readonly CceDocument[] {
  const started: CceDocument[] = [];
  const imports = [...policy.fragments];
  for (const { bytes, what } of files) {
    const { issuer, feed, text } = openFragment(bytes, what);
    const includes = imports
      .filter((entry) => entry.issuer === issuer && entry.feed === feed)
      .flatMap((entry) => entry.includes);
    const reading = readCcePolicy(text, what);
    if (reading.kind === 'custom') {
      notices({
        code: 'fragment-not-started',
        message: `the made-up start has no containers of ${what}: ${reading.problem}`,
        where: what,
      });
      continue;
    }
    if (includes.includes('fragments')) imports.push(...reading.document.fragments);
    if (includes.includes('containers')) started.push(reading.document);
  }
  return started;
}
