/** Any file -> the texts of the policies that it holds, with what is known of the guest that runs them. */
import { ToolError } from '../core/error.js';
import type { NoticeSink } from '../core/notice.js';
import type { Measurement } from '../measurement/host-data.js';
import { measureEncoded, measurePolicyBytes } from '../measurement/measure.js';
import { readInitdata } from '../measurement/read-initdata.js';
import type { KataPolicyData } from '../policy/kata/data.js';
import { defaultKataGuest } from '../policy/kata/guests.js';
import { readKataPolicy } from '../policy/kata/read-policy.js';
import { findEmbedded } from './measure-file.js';

export interface OpenedPolicy {
  readonly text: string;
  /** The workload that carries it, `Pod shop/web`; empty for a policy on its own. */
  readonly workload: string;
  /** File, or place in the manifest. */
  readonly where: string;
  /** How it is carried: in an annotation or template of that target, or as initdata. */
  readonly target?: 'aks' | 'kata' | 'vn2' | 'aci';
}

const POLICY_KEY = 'policy.rego';

/**
 * The policies of a file: a policy text, its base64, initdata, or a manifest with embedded policies. Throws
 * POLICY_UNREADABLE if there is none.
 */
export function openPolicies(
  bytes: Uint8Array,
  file: string,
  notices: NoticeSink,
): readonly OpenedPolicy[] {
  const embedded = findEmbedded(bytes, file);
  if (embedded === undefined) {
    const measured = measurePolicyBytes(bytes, file, notices);
    const carried = measured.kind === 'initdata' ? { target: 'kata' as const } : {};
    return [{ text: textOf(measured, file), workload: '', where: file, ...carried }];
  }
  if (embedded.length === 0) {
    throw new ToolError('POLICY_UNREADABLE', `${file} holds no policy`, {
      where: file,
      hints: [`podseal policy ${file} writes one`],
    });
  }
  return embedded.map(({ value, target, workload, at }) => ({
    text: textOf(measureEncoded(value, at, notices), at),
    workload,
    where: at,
    target,
  }));
}

/** The one policy of a file, or the one that `workload` names. Throws as openPolicies, and USAGE_CONFLICT. */
export function openPolicy(
  bytes: Uint8Array,
  file: string,
  workload: string | undefined,
  notices: NoticeSink,
): OpenedPolicy {
  const all = openPolicies(bytes, file, notices);
  const found = workload === undefined ? all : all.filter((one) => isNamed(one.workload, workload));
  const [policy, other] = found;
  if (policy !== undefined && other === undefined) return policy;
  const names = all.map((one) => one.workload || 'a policy without workload').join(', ');
  const problem = policy === undefined ? 'holds no such policy' : 'holds several policies';
  throw new ToolError('USAGE_CONFLICT', `${file} ${problem}`, {
    want: names,
    ...(workload === undefined ? {} : { got: workload }),
    hints: ['choose one with --workload NAME'],
  });
}

/** `Pod shop/web` is named by itself, by `shop/web` and by `web`. */
function isNamed(workload: string, name: string): boolean {
  const full = workload.slice(workload.indexOf(' ') + 1);
  return [workload, full, full.slice(full.indexOf('/') + 1)].includes(name);
}

function textOf(measured: Measurement, where: string): string {
  const text = decodeText(measured.text, where);
  if (measured.kind === 'policy') return text;
  const policy = readInitdata(measured.text, where).data.get(POLICY_KEY);
  if (policy !== undefined) return policy;
  throw new ToolError('POLICY_UNREADABLE', `the initdata has no ${POLICY_KEY}`, { where });
}

function decodeText(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ToolError('POLICY_UNREADABLE', 'the policy is not UTF-8 text', { where, cause });
  }
}

/** The document of a policy. Throws POLICY_UNREADABLE where the text has none. */
export function requireDocument({ text, where }: OpenedPolicy): KataPolicyData {
  const document = readKataPolicy(text, where).document;
  if (document !== undefined) return document.data;
  throw new ToolError('POLICY_UNREADABLE', 'the policy has no policy_data', {
    where,
    hints: ['rules written by hand have none; podseal simulate POLICY REQUESTS decides with them'],
  });
}

/**
 * The guest that a policy is for: the one whose document has this shape (spec kata-policy-data section 6), else the
 * default of its target.
 */
export function guessGuest(policy: OpenedPolicy, data: KataPolicyData | undefined): string {
  const { target } = policy;
  if (data === undefined) return defaultKataGuest(target === 'aks' ? 'aks' : 'kata').id;
  const { containers, common, cluster_config: cluster } = data;
  if (cluster !== undefined) return 'kata-4.1';
  if (containers.some(({ env_map: map }) => map !== undefined)) return 'aks-3.15';
  return common.image_layer_verification === undefined ? 'azl3' : 'msft-main';
}
