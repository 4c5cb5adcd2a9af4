/** Any file -> the policies that it holds, of the kata agent and of container groups (CCE), read and measured. */
import { type Sha256Hex, sha256Hex } from '../../core/digest.js';
import { ToolError } from '../../core/error.js';
import type { NoticeSink } from '../../core/notice.js';
import type { SecretVariables } from '../../core/secret.js';
import { manifestSecrets } from '../../manifest/audit/audit.js';
import { templateSecrets } from '../../manifest/audit/template.js';
import type { EmbeddedPolicy } from '../../manifest/embedded.js';
import type { MeasuredKind, Measurement } from '../../measurement/host-data.js';
import { POLICY_KEY } from '../../measurement/initdata.js';
import { measureEncoded, measurePolicyBytes } from '../../measurement/measure.js';
import { type InitdataAlgorithm, readInitdata } from '../../measurement/read-initdata.js';
import { type CceReading, isCcePolicy, readCcePolicy } from '../../policy/aci/read-policy.js';
import { type KataPolicy, readKataPolicy } from '../../policy/kata/read-policy.js';
import { findEmbedded, isTemplateText } from '../measure-file.js';

/** Another part of initdata than the policy: measured with it, not reviewed. */
export interface InitdataPart {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: Sha256Hex;
}

/** A policy as its guest reads it. */
export type ReadPolicy =
  | { readonly family: 'kata'; readonly policy: KataPolicy }
  | { readonly family: 'cce'; readonly policy: CceReading };

interface MeasuredPolicy {
  /** The workload that carries it; empty for a bare policy. */
  readonly workload: string;
  /** `file:line:column path`, or the file. */
  readonly where: string;
  /** Absent for a bare policy. */
  readonly target?: EmbeddedPolicy['target'];
  readonly kind: MeasuredKind;
  readonly algorithm: InitdataAlgorithm;
  /** Variables whose values the manifest keeps in secrets. */
  readonly secrets?: SecretVariables;
  /** HOST_DATA: 64 lower-case hex digits. */
  readonly measurement: Sha256Hex;
  /** The policy text. */
  readonly text: string;
  readonly initdataParts: readonly InitdataPart[];
}

export type ReviewedPolicy = MeasuredPolicy & ReadPolicy;

export interface ReviewInput {
  readonly file: string;
  /** Text of a Kubernetes manifest. */
  readonly manifest?: string;
  /** Text of an ARM template. A file that is itself a policy or initdata has neither. */
  readonly template?: string;
  readonly policies: readonly ReviewedPolicy[];
}

/**
 * What a file holds. A manifest or template may hold no policy. Throws POLICY_UNREADABLE, and for manifests what
 * parseYaml throws, for templates what parseArmFile throws.
 */
export function readReviewInput(bytes: Uint8Array, file: string, notices: NoticeSink): ReviewInput {
  const embedded = findEmbedded(bytes, file);
  if (embedded === undefined) {
    const measurement = measurePolicyBytes(bytes, file, notices);
    return { file, policies: [readMeasured(measurement, file, { workload: '', where: file })] };
  }
  const text = new TextDecoder().decode(bytes);
  const isTemplate = isTemplateText(text);
  const secrets = isTemplate ? templateSecrets(text, file) : manifestSecrets(text, file);
  const policies = embedded.map(({ value, target, workload, at }) => {
    const own = secrets.get(workload) ?? new Map<string, never>();
    return readEncoded(value, { workload, where: at, target, secrets: own }, notices);
  });
  return isTemplate ? { file, template: text, policies } : { file, manifest: text, policies };
}

/** Where a policy stands. */
export type PolicyOrigin = Pick<MeasuredPolicy, 'workload' | 'where' | 'target' | 'secrets'>;

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
    ...readPolicyText(text, where, origin.target),
  };
}

/** By what carries the policy, else by its text. */
function readPolicyText(text: string, where: string, target: PolicyOrigin['target']): ReadPolicy {
  const isCce = target === 'aci' || target === 'vn2' || (target === undefined && isCcePolicy(text));
  return isCce
    ? { family: 'cce', policy: readCcePolicy(text, where) }
    : { family: 'kata', policy: readKataPolicy(text, where) };
}

function decodeText(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ToolError('POLICY_UNREADABLE', 'the policy text is not UTF-8', { where, cause });
  }
}
