/** Any file -> the kata policies that it holds, read and measured. */
import { type Sha256Hex, sha256Hex } from '../../core/digest.js';
import { ToolError } from '../../core/error.js';
import type { NoticeSink } from '../../core/notice.js';
import type { EmbeddedPolicy } from '../../manifest/embedded.js';
import { POLICY_KEY } from '../../measurement/initdata.js';
import {
  type MeasuredKind,
  type Measurement,
  measureEncoded,
  measurePolicyBytes,
} from '../../measurement/measure.js';
import { type InitdataAlgorithm, readInitdata } from '../../measurement/read-initdata.js';
import { type KataPolicy, readKataPolicy } from '../../policy/kata/read-policy.js';
import { findEmbedded } from '../measure-file.js';

/** Another part of initdata than the policy: measured with it, not reviewed. */
export interface InitdataPart {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: Sha256Hex;
}

export interface ReviewedPolicy {
  /** The workload that carries it; empty for a bare policy. */
  readonly workload: string;
  /** `file:line:column path`, or the file. */
  readonly where: string;
  /** Absent for a bare policy. */
  readonly target?: EmbeddedPolicy['target'];
  readonly kind: MeasuredKind;
  readonly algorithm: InitdataAlgorithm;
  /** HOST_DATA: 64 lower-case hex digits. */
  readonly measurement: Sha256Hex;
  /** The policy text. */
  readonly text: string;
  readonly initdataParts: readonly InitdataPart[];
  readonly policy: KataPolicy;
}

export interface ReviewInput {
  readonly file: string;
  /** Text of a manifest; absent for a file that is itself a policy or initdata. */
  readonly manifest?: string;
  readonly policies: readonly ReviewedPolicy[];
}

/**
 * What a file holds. A manifest may hold no policy; policies of other kinds beside those of the kata agent are passed
 * over with a notice. Throws POLICY_UNREADABLE, and for manifests what parseYaml throws.
 */
export function readReviewInput(bytes: Uint8Array, file: string, notices: NoticeSink): ReviewInput {
  const embedded = findEmbedded(bytes, file);
  if (embedded === undefined) {
    const measurement = measurePolicyBytes(bytes, file, notices);
    return { file, policies: [readMeasured(measurement, file, { workload: '', where: file })] };
  }
  const policies = embedded.flatMap((one) => readEmbedded(one, notices));
  if (embedded.length > 0 && policies.length === 0) {
    throw new ToolError('POLICY_UNREADABLE', `${file} holds no policy of the kata agent`, {
      where: file,
      got: 'policies of Azure Container Instances, which are not reviewed yet',
    });
  }
  return { file, manifest: new TextDecoder().decode(bytes), policies };
}

function readEmbedded(embedded: EmbeddedPolicy, notices: NoticeSink): readonly ReviewedPolicy[] {
  const { value, target, workload, at } = embedded;
  if (target === 'aci' || target === 'vn2') {
    notices({
      code: 'policy-of-other-kind',
      message: `the policy of ${workload} is one of Azure Container Instances, which is not reviewed yet`,
      where: at,
    });
    return [];
  }
  return [readEncoded(value, { workload, where: at, target }, notices)];
}

/** Where a policy stands. */
export type PolicyOrigin = Pick<ReviewedPolicy, 'workload' | 'where' | 'target'>;

/** The policy in the value of an annotation. Throws POLICY_UNREADABLE. */
export function readEncoded(
  value: string,
  origin: PolicyOrigin,
  notices: NoticeSink,
): ReviewedPolicy {
  return readMeasured(measureEncoded(value, origin.where, notices), origin.where, origin);
}

function readMeasured(
  { kind, algorithm, hostData, text: bytes }: Measurement,
  where: string,
  origin: PolicyOrigin,
): ReviewedPolicy {
  const initdata =
    kind === 'initdata' ? readInitdata(bytes, where).data : new Map<string, string>();
  const text = kind === 'initdata' ? initdata.get(POLICY_KEY) : decodeText(bytes, where);
  if (text === undefined) {
    throw new ToolError('POLICY_UNREADABLE', `the initdata holds no ${POLICY_KEY}`, { where });
  }
  return {
    ...origin,
    kind,
    algorithm,
    measurement: hostData,
    text,
    initdataParts: [...initdata]
      .filter(([name]) => name !== POLICY_KEY)
      .map(([name, part]) => ({
        name,
        bytes: Buffer.byteLength(part),
        sha256: sha256Hex(part),
      })),
    policy: readKataPolicy(text, where),
  };
}

function decodeText(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ToolError('POLICY_UNREADABLE', 'the policy text is not UTF-8', { where, cause });
  }
}
