/** Policies of a file -> a page for reviewers, or JSON. */
import { ToolError } from '../../core/error.js';
import type { Block, Fact, Page } from '../../core/page.js';
import { type CceDescription, describeCcePolicy } from '../../policy/aci/describe.js';
import { ccePolicyBlocks } from '../../policy/aci/describe-page.js';
import { describeKataPolicy, type KataDescription } from '../../policy/kata/describe.js';
import { kataPolicyBlocks } from '../../policy/kata/describe-page.js';
import type { ReviewBase } from './base.js';
import type { InitdataPart, ReviewedPolicy, ReviewInput } from './read.js';
import { redactPolicies } from './redact.js';

interface ShownFrame {
  readonly workload?: string;
  readonly where: string;
  readonly target?: string;
  readonly measurement: string;
  readonly kind: string;
  readonly algorithm: string;
  readonly initdata: readonly InitdataPart[];
}

export type ShownPolicy = ShownFrame &
  (
    | { readonly family: 'kata'; readonly description: KataDescription }
    | { readonly family: 'cce'; readonly description: CceDescription }
  );

/** What each policy of a file allows. Throws POLICY_UNREADABLE if it holds none. */
export function showInput(
  { file, policies }: ReviewInput,
  base: ReviewBase,
): readonly ShownPolicy[] {
  if (policies.length > 0) {
    return redactPolicies(policies).map((policy) => showPolicy(policy, base));
  }
  throw new ToolError('POLICY_UNREADABLE', `${file} holds no policy that can be shown`, {
    where: file,
    hints: [`podseal policy ${file} writes one into a manifest`],
  });
}

function showPolicy(policy: ReviewedPolicy, { ownRules, points }: ReviewBase): ShownPolicy {
  const { workload, where, target, measurement, kind, algorithm, initdataParts } = policy;
  return {
    ...(workload === '' ? {} : { workload }),
    where,
    ...(target === undefined ? {} : { target }),
    measurement,
    kind,
    algorithm,
    initdata: initdataParts,
    ...(policy.family === 'kata'
      ? { family: policy.family, description: describeKataPolicy(policy.policy, ownRules) }
      : { family: policy.family, description: describeCcePolicy(policy.policy, points) }),
  };
}

/** The page of all policies of a file. */
export function showPage(file: string, shown: readonly ShownPolicy[]): Page {
  return { title: `What ${file} allows`, blocks: shown.flatMap(policyBlocks) };
}

function policyBlocks(shown: ShownPolicy): readonly Block[] {
  const facts: Fact[] = [
    { label: 'where', values: [shown.where] },
    ...(shown.target === undefined ? [] : [{ label: 'target', values: [shown.target] }]),
    { label: 'measurement', values: [`${shown.measurement} (HOST_DATA)`] },
    ...(shown.kind === 'policy'
      ? []
      : [{ label: 'measured', values: [`initdata, ${shown.algorithm}`] }]),
    ...shown.initdata.map(({ name, bytes, sha256 }) => ({
      label: `initdata ${name}`,
      values: [`${bytes} bytes, SHA-256 ${sha256}; measured, not shown here`],
    })),
  ];
  return [
    { kind: 'heading', level: 2, text: shown.workload ?? 'Policy' },
    { kind: 'facts', rows: facts },
    ...(shown.family === 'kata'
      ? kataPolicyBlocks(shown.description)
      : ccePolicyBlocks(shown.description)),
  ];
}

/** The JSON form, `podseal.show/v1`. */
export function showJson(file: string, shown: readonly ShownPolicy[]): object {
  const policies = shown.map(({ description, ...policy }) => ({ ...policy, ...description }));
  return { format: 'podseal.show/v1', file, policies };
}
