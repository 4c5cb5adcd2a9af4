/** Two files -> in what their policies differ. */
import type { Sha256Hex } from '../../core/digest.js';
import { ToolError } from '../../core/error.js';
import type { Difference } from '../../core/finding.js';
import { compareCcePolicies } from '../../policy/aci/differences.js';
import { compareKataPolicies } from '../../policy/kata/compare.js';
import type { ReviewBase } from './base.js';
import type { ReviewedPolicy, ReviewInput } from './read.js';
import { redactPolicies } from './redact.js';

/** The policies of one workload. */
export interface PolicyDiff {
  readonly workload: string;
  readonly before?: PolicySide;
  readonly after?: PolicySide;
  /** True if both have one measurement: the platform cannot tell them apart. */
  readonly isSame: boolean;
  /** All differences of meaning. */
  readonly differences: readonly Difference[];
  /** Why the measurement differs though the meaning does not. */
  readonly textOnly?: string;
}

export interface PolicySide {
  readonly where: string;
  readonly measurement: Sha256Hex;
}

/** Pairs and compares the policies of two files. Throws POLICY_UNREADABLE for a file without a policy. */
export function diffInputs(
  before: ReviewInput,
  after: ReviewInput,
  base: ReviewBase,
): readonly PolicyDiff[] {
  for (const { file, policies } of [before, after]) {
    if (policies.length > 0) continue;
    throw new ToolError('POLICY_UNREADABLE', `${file} holds no policy that can be compared`, {
      where: file,
      hints: [`podseal policy ${file} writes one into a manifest`],
    });
  }
  return pairPolicies(before.policies, after.policies).map(([old, fresh]) =>
    comparePair(old, fresh, base),
  );
}

type PolicyPair = readonly [ReviewedPolicy | undefined, ReviewedPolicy | undefined];

/** By workload and target; two single policies always belong together. */
function pairPolicies(
  before: readonly ReviewedPolicy[],
  after: readonly ReviewedPolicy[],
): readonly PolicyPair[] {
  if (before.length === 1 && after.length === 1) return [[before[0], after[0]]];
  const keyOf = ({ workload, target }: ReviewedPolicy) => JSON.stringify([workload, target]);
  const waiting = new Map<string, ReviewedPolicy[]>();
  for (const policy of after)
    waiting.set(keyOf(policy), [...(waiting.get(keyOf(policy)) ?? []), policy]);
  const pairs = before.map((old): PolicyPair => [old, waiting.get(keyOf(old))?.shift()]);
  const rest = after.filter((fresh) => waiting.get(keyOf(fresh))?.includes(fresh));
  return [...pairs, ...rest.map((fresh): PolicyPair => [undefined, fresh])];
}

/** The differences of two policies; one of them may be absent. Throws USAGE_CONFLICT for policies of two kinds. */
export function comparePair(
  before: ReviewedPolicy | undefined,
  after: ReviewedPolicy | undefined,
  base: ReviewBase,
): PolicyDiff {
  const workload = after?.workload || before?.workload || '';
  const sides = {
    ...(before === undefined ? {} : { before: sideOf(before) }),
    ...(after === undefined ? {} : { after: sideOf(after) }),
  };
  if (before === undefined || after === undefined) {
    const [kind, words] =
      before === undefined ? (['added', 'new'] as const) : (['removed', 'gone'] as const);
    const message = `the workload is ${words}`;
    const difference: Difference = {
      kind,
      field: 'workload',
      subject: 'policy',
      path: '',
      message,
    };
    return { workload, ...sides, isSame: false, differences: [difference] };
  }
  const isSame = before.measurement === after.measurement && before.kind === after.kind;
  if (isSame) return { workload, ...sides, isSame, differences: [] };
  const [old = before, fresh = after] = redactPolicies([before, after]);
  const differences = [...compareCarriers(before, after), ...compareMeaning(old, fresh, base)];
  return {
    workload,
    ...sides,
    isSame,
    differences,
    ...(differences.length > 0 ? {} : { textOnly: explainText(before.text, after.text) }),
  };
}

/** Throws USAGE_CONFLICT for policies of two kinds: nothing of one can be held against the other. */
function compareMeaning(
  before: ReviewedPolicy,
  after: ReviewedPolicy,
  base: ReviewBase,
): readonly Difference[] {
  if (before.family === 'kata' && after.family === 'kata') {
    return compareKataPolicies(before.policy, after.policy, base);
  }
  if (before.family === 'cce' && after.family === 'cce') {
    return compareCcePolicies(before.policy, after.policy, base);
  }
  throw new ToolError('USAGE_CONFLICT', 'policies of two kinds cannot be compared', {
    where: after.where,
    want: `a policy ${FAMILIES[before.family]}, as in ${before.where}`,
    got: `a policy ${FAMILIES[after.family]}`,
  });
}

const FAMILIES: Readonly<Record<ReviewedPolicy['family'], string>> = {
  kata: 'of the kata agent',
  cce: 'of Azure Container Instances',
};

function sideOf({ where, measurement }: ReviewedPolicy): PolicySide {
  return { where, measurement };
}

/** What is measured with the policy: the algorithm and other parts of initdata. */
function compareCarriers(before: ReviewedPolicy, after: ReviewedPolicy): readonly Difference[] {
  const shared = { subject: 'initdata', path: '' } as const;
  const told = (policy: ReviewedPolicy) => (policy.kind === 'policy' ? 'policy text' : 'initdata');
  const carrier: Difference = {
    ...shared,
    kind: 'changed',
    field: 'carrier',
    message: 'one is measured as a policy text, the other as initdata',
    before: told(before),
    after: told(after),
  };
  const algorithm: Difference = {
    ...shared,
    kind: 'changed',
    field: 'initdata',
    message: 'the digest algorithm differs',
    before: before.algorithm,
    after: after.algorithm,
  };
  return [
    ...(before.kind === after.kind ? [] : [carrier]),
    ...(before.algorithm === after.algorithm ? [] : [algorithm]),
    ...compareParts(before, after),
  ];
}

function compareParts(before: ReviewedPolicy, after: ReviewedPolicy): readonly Difference[] {
  const old = new Map(before.initdataParts.map((part) => [part.name, part.sha256]));
  const fresh = new Map(after.initdataParts.map((part) => [part.name, part.sha256]));
  return [...new Set([...old.keys(), ...fresh.keys()])].flatMap((name): readonly Difference[] => {
    const [a, b] = [old.get(name), fresh.get(name)];
    if (a === b) return [];
    const kind = a === undefined ? 'added' : b === undefined ? 'removed' : 'changed';
    const verb = { added: 'is new', removed: 'is gone', changed: 'differs' }[kind];
    return [
      {
        kind,
        field: 'initdata',
        subject: 'initdata',
        path: name,
        message: `the part ${name} ${verb}`,
        ...(a === undefined ? {} : { before: `SHA-256 ${a}` }),
        ...(b === undefined ? {} : { after: `SHA-256 ${b}` }),
      },
    ];
  });
}

function explainText(before: string, after: string): string {
  if (before === after) return 'the initdata around the policy is laid out otherwise';
  if (before.trimEnd() === after.trimEnd()) return 'only blanks or line ends at the end differ';
  if (before.replaceAll('\r\n', '\n') === after.replaceAll('\r\n', '\n'))
    return 'only line ends differ';
  return 'only the order or layout of the data differs';
}
