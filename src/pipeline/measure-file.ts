/** Any file -> the measurements of the policies that it holds. */
import type { Sha256Hex } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import type { NoticeSink } from '../core/notice.js';
import {
  type EmbeddedPolicy,
  findAnnotatedPolicies,
  findTemplatePolicies,
} from '../manifest/embedded.js';
import type { MeasuredKind } from '../measurement/host-data.js';
import { isPolicyText, measureEncoded, measurePolicyBytes } from '../measurement/measure.js';
import type { InitdataAlgorithm } from '../measurement/read-initdata.js';

/** One measurement found in a file. */
export interface FileMeasurement {
  /** HOST_DATA: 64 lower-case hex digits. */
  readonly hostData: Sha256Hex;
  readonly kind: MeasuredKind;
  readonly algorithm: InitdataAlgorithm;
  /** Absent for a bare policy: it does not say what it is for. */
  readonly target?: EmbeddedPolicy['target'];
  /** The workload that carries it; empty for a bare policy or initdata. */
  readonly workload: string;
  readonly where: string;
}

/**
 * Measurements of all that a file holds: policies embedded in a manifest or template, or the file itself as policy or
 * initdata in any encoding. Throws POLICY_UNREADABLE if there is none.
 */
export function measureFile(
  bytes: Uint8Array,
  file: string,
  notices: NoticeSink,
): FileMeasurement[] {
  const embedded = findEmbedded(bytes, file);
  if (embedded === undefined) {
    const { hostData, kind, algorithm } = measurePolicyBytes(bytes, file, notices);
    return [{ hostData, kind, algorithm, workload: '', where: file }];
  }
  if (embedded.length === 0) {
    throw new ToolError('POLICY_UNREADABLE', `${file} holds no policy`, {
      where: file,
      hints: [`podseal policy ${file} writes one`],
    });
  }
  return embedded.map((policy) => {
    const { hostData, kind, algorithm } = measureEncoded(policy.value, policy.at, notices);
    return {
      hostData,
      kind,
      algorithm,
      target: policy.target,
      workload: policy.workload,
      where: policy.at,
    };
  });
}

/** Initdata as text: what its parts hold may look like anything. */
const INITDATA = /^(?:\s|#[^\n]*\n)*(?:(?:version|algorithm)\s*=|\[data\])/;
/** JSON from the first character on, comments skipped: a line of a policy inside of initdata may start so too. */
const OBJECT = /^\uFEFF?(?:\s|\/\/[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*\{/;
const KUBERNETES_FIELD = /^(?:- )?\s*["']?(?:apiVersion|kind)["']?\s*:/m;

/** Policies in a manifest or template; undefined if the file is neither. */
export function findEmbedded(bytes: Uint8Array, file: string): EmbeddedPolicy[] | undefined {
  const text = decodeUtf8(bytes);
  if (text === undefined || isPolicyText(bytes) || INITDATA.test(text)) return undefined;
  const isObject = OBJECT.test(text);
  if (isTemplateText(text)) return findTemplatePolicies(text, file);
  return isObject || KUBERNETES_FIELD.test(text) ? findAnnotatedPolicies(text, file) : undefined;
}

/** True for the text of an ARM template: an object with resources. */
export function isTemplateText(text: string): boolean {
  return OBJECT.test(text) && /"resources"\s*:/i.test(text);
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
