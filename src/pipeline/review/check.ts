/** Policies that would be generated now, and what stands in their places -> in what they differ; all targets alike. */
import type { Sha256Hex } from '../../core/digest.js';
import { ToolError } from '../../core/error.js';
import type { Difference } from '../../core/finding.js';
import type { NoticeSink } from '../../core/notice.js';
import type { SecretVariables } from '../../core/secret.js';
import { readAnnotation } from '../../manifest/annotate.js';
import { manifestSecrets } from '../../manifest/audit/audit.js';
import { templateSecrets } from '../../manifest/audit/template.js';
import type { ManifestInput } from '../../manifest/kubernetes/read-manifest.js';
import type { GeneratedPolicy } from '../../pipeline.js';
import type { GeneratedAciPolicy } from '../aci/generate.js';
import type { AciInput } from '../aci/sources.js';
import type { ReviewBase } from './base.js';
import { comparePair, type PolicyDiff } from './diff.js';
import { type PolicyOrigin, readEncoded } from './read.js';

/** A policy as it would be generated now, and the value that stands in its place. */
export interface CheckedPolicy extends PolicyOrigin {
  /** Encoded; absent or empty where there is none. */
  readonly existing: string | undefined;
  /** Encoded. */
  readonly value: string;
  readonly measurement: Sha256Hex;
}

/** Kata policies with what the annotations of their manifests hold. */
export function checkedKataPolicies(
  inputs: readonly ManifestInput[],
  generated: readonly GeneratedPolicy[],
): readonly CheckedPolicy[] {
  const texts = new Map(inputs.map(({ file, text }) => [file, text]));
  return generated.map(({ workload, key, value, measurement }) => {
    const { placement, kind, namespace, name, generateName, at } = workload;
    const { file } = placement;
    const existing = readAnnotation(texts.get(file) ?? '', { ...placement, key }, file);
    const title = titleOf(kind, namespace, name ?? generateName);
    const secrets = manifestSecrets(texts.get(file) ?? '', file).get(title) ?? new Map();
    return { workload: title, where: at, secrets, existing, value, measurement };
  });
}

/**
 * Policies of container groups with what their templates or annotations hold. Throws MANIFEST_NOT_EDITABLE for an input that
 * has no place for a policy: it would never hold one.
 */
export function checkedAciPolicies(
  inputs: readonly AciInput[],
  generated: readonly GeneratedAciPolicy[],
  target: 'aci' | 'vn2',
): readonly CheckedPolicy[] {
  const secretsOf = new Map(inputs.map((input) => [input.file, allSecrets(input, target)]));
  return generated.map(({ group, value, measurement }) => {
    const { source, kind, namespace, name, at, existingPolicy, placement } = group;
    if (placement === undefined) throw noPlace(at);
    const workload = titleOf(source === 'arm' ? 'containerGroup' : kind, namespace, name);
    const secrets = secretsOf.get(placement.file) ?? new Map<string, never>();
    return { workload, where: at, target, secrets, existing: existingPolicy, value, measurement };
  });
}

/** Those of all workloads of a file under one name: names of groups and containers may be expressions. */
function allSecrets({ file, text }: AciInput, target: 'aci' | 'vn2'): SecretVariables {
  const byWorkload = target === 'aci' ? templateSecrets(text, file) : manifestSecrets(text, file);
  const variables = [...byWorkload.values()].flatMap((of) => [...of.values()]);
  return new Map([['', new Map(variables.flatMap((one) => [...one]))]]);
}

function noPlace(where: string): ToolError {
  return new ToolError('MANIFEST_NOT_EDITABLE', `${where} has no place for a policy to check`, {
    where,
    hints: ['print the policy with --print, and compare it with podseal diff'],
  });
}

function titleOf(kind: string, namespace: string | undefined, name = ''): string {
  return `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`.trim();
}

const GENERATED = 'as generated now';

/** One result per policy, in order. What cannot be read where a policy should stand is a difference. */
export function checkPolicies(
  policies: readonly CheckedPolicy[],
  base: ReviewBase,
  notices: NoticeSink,
): readonly PolicyDiff[] {
  return policies.map((policy) => checkPolicy(policy, base, notices));
}

function checkPolicy(
  { existing, value, measurement, ...origin }: CheckedPolicy,
  base: ReviewBase,
  notices: NoticeSink,
): PolicyDiff {
  const { workload } = origin;
  const differs = (kind: Difference['kind'], message: string): PolicyDiff => {
    const difference: Difference = { kind, field: 'policy', subject: 'policy', path: '', message };
    const after = { where: GENERATED, measurement };
    return { workload, after, isSame: false, differences: [difference] };
  };
  if (existing === undefined || existing === '') {
    return differs('added', 'the workload has no policy yet');
  }
  const fresh = readEncoded(value, { ...origin, where: GENERATED }, notices);
  try {
    return comparePair(readEncoded(existing, origin, notices), fresh, base);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    return differs('changed', `the policy that is there cannot be read: ${error.message}`);
  }
}
