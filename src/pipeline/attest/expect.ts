/** Policies and manifests -> what a report must carry, and the texts that explain it if it does not. */
import type { Expectation } from '../../attest/expectation.js';
import type { Candidate } from '../../attest/near-miss.js';
import { ToolError } from '../../core/error.js';
import type { NoticeSink } from '../../core/notice.js';
import type { Measurement } from '../../measurement/host-data.js';
import { POLICY_KEY } from '../../measurement/initdata.js';
import { measureEncoded, measurePolicyBytes } from '../../measurement/measure.js';
import { readInitdata } from '../../measurement/read-initdata.js';
import { findEmbedded } from '../measure-file.js';

/** A policy or initdata with its measurement. */
export interface ExpectedText {
  readonly candidate: Candidate;
  /** HOST_DATA, lower-case hex. */
  readonly hostData: string;
  /** The workload that carries it; empty for a text on its own. */
  readonly workload: string;
}

/**
 * The policies of a file: a policy text, its base64, initdata, a manifest or an ARM template. Throws POLICY_UNREADABLE if
 * there is none.
 */
export function readExpectedTexts(
  bytes: Uint8Array,
  file: string,
  notices: NoticeSink,
): readonly ExpectedText[] {
  const embedded = findEmbedded(bytes, file);
  if (embedded === undefined) {
    return [describe(measurePolicyBytes(bytes, file, notices), file, '')];
  }
  if (embedded.length === 0) {
    throw new ToolError('POLICY_UNREADABLE', `${file} holds no policy`, {
      where: file,
      hints: [`podseal policy ${file} writes one`],
    });
  }
  return embedded.map(({ value, at, workload }) => {
    return describe(measureEncoded(value, at, notices), workload, workload);
  });
}

/**
 * The text of the workload of this name first, the others behind it. Without a name a file with several has to say
 * which one is meant. Throws USAGE_CONFLICT.
 */
export function chooseExpected(
  texts: readonly ExpectedText[],
  workload: string | undefined,
  file: string,
): readonly ExpectedText[] {
  const names = [...new Set(texts.map((text) => text.workload))];
  const isMeant = (name: string) => name === workload || name.split(/[ /]/).at(-1) === workload;
  const meant = workload === undefined ? texts : texts.filter((text) => isMeant(text.workload));
  const [first] = meant;
  const distinct = new Set(meant.map(({ hostData }) => hostData));
  if (first !== undefined && distinct.size === 1) {
    return [first, ...texts.filter((text) => text !== first)];
  }
  const problem = first === undefined ? 'does not have this workload' : 'has several policies';
  throw new ToolError('USAGE_CONFLICT', `${file} ${problem}`, {
    want: `--workload with one of ${names.join(', ')}`,
    ...(workload === undefined ? {} : { got: workload }),
  });
}

/** The expectation that asks for one policy and nothing else than the defaults. */
export function expectOnly({ hostData }: ExpectedText): Expectation {
  return { hostData: [hostData] };
}

/** Throws USAGE_CONFLICT for a policy that the expectation does not name: one of the two is the wrong file. */
export function refuseForeignPolicy(
  { candidate, hostData }: ExpectedText,
  { hostData: wanted }: Expectation,
): void {
  if (wanted?.includes(hostData)) return;
  throw new ToolError('USAGE_CONFLICT', `the expectation does not name ${candidate.name}`, {
    want: wanted?.join(', ') ?? 'an expectation with hostData',
    got: hostData,
  });
}

function describe(measured: Measurement, name: string, workload: string): ExpectedText {
  const { kind, hostData, algorithm, text } = measured;
  const policy = kind === 'initdata' ? readInitdata(text, name).data.get(POLICY_KEY) : undefined;
  const candidate: Candidate = {
    name,
    kind,
    text,
    ...(kind === 'initdata' ? { algorithm } : {}),
    ...(policy === undefined ? {} : { policy: Buffer.from(policy) }),
  };
  return { candidate, hostData, workload };
}
