/** Report and certificates judged before they leave: what the attestation service would refuse is not sent. */

import type { TrustedRoot } from '../../attest/products.js';
import { verifyEvidence } from '../../attest/verify.js';
import { ToolError } from '../../core/error.js';
import { parsePem } from '../../core/pem.js';

/**
 * What is wrong with a report and its chain (PEM text: VCEK, ASK, ARK) at a time in seconds since 1970; undefined if
 * nothing is. HOST_DATA and the guest policy are for the attestation service and the release policy to judge.
 */
export function checkGuestEvidence(
  report: Uint8Array,
  chain: string,
  time: number,
  roots?: readonly TrustedRoot[],
): string | undefined {
  let certificates: readonly Uint8Array[];
  try {
    certificates = parsePem(Buffer.from(chain), 'the certificate chain').map(({ bytes }) => bytes);
  } catch (error) {
    if (error instanceof ToolError) return error.message;
    throw error;
  }
  const [leaf, ...rest] = certificates;
  if (leaf === undefined) return 'there is no certificate';
  const verdict = verifyEvidence(
    { report, certificates: { kind: 'chain', leaf, chain: rest } },
    {
      skip: ['host-data'],
      vmpl: 'any',
      allowDebug: true,
      allowMigrationAgent: true,
      allowCxl: true,
    },
    { time, ...(roots === undefined ? {} : { roots }) },
  );
  if (verdict.verdict === 'allowed') return undefined;
  const failed = verdict.checks.find(({ result }) => result === 'fail');
  return `${failed?.check ?? 'a check'} fails (${verdict.reason})`;
}
