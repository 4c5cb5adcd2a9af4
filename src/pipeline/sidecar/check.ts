/** Report and certificates judged before they leave: what the attestation service would refuse is not sent. */

import { type AmdCertificate, parseAmdCertificate } from '../../attest/certificate.js';
import type { TrustedRoot } from '../../attest/products.js';
import { isDenial, parseReport } from '../../attest/report.js';
import { type JudgedSignature, judgeReportSignature } from '../../attest/report-signature.js';
import { verifyEvidence } from '../../attest/verify.js';
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import { parsePem } from '../../core/pem.js';
import { type ReadBytes, rememberReads } from '../../core/remember.js';

/** HOST_DATA and the guest policy are for the attestation service and the release policy to judge. */
const EXPECTATION = {
  skip: ['host-data'],
  vmpl: 'any',
  allowDebug: true,
  allowMigrationAgent: true,
  allowCxl: true,
} as const;

/** Chains that are kept read: a processor has one, two while its firmware is updated. */
const KEPT_CHAINS = 4;

/** What is wrong with a report and its chain (PEM text: VCEK, ASK, ARK); undefined if nothing is. */
export type GuestCheck = (report: Uint8Array, chain: string) => Promise<string | undefined>;

/**
 * A check for many reports of one guest: certificates are read once, and times, report and all that hangs on them are
 * judged each time. `now` gives seconds since 1970; `roots` are AMD's unless given.
 */
export function makeGuestCheck(now: () => number, roots?: readonly TrustedRoot[]): GuestCheck {
  const readChain = rememberReads(parsePem, KEPT_CHAINS);
  const readCertificate = rememberReads(parseAmdCertificate, LIMITS.keptCertificates);
  return async (report, chain) => {
    let certificates: readonly Uint8Array[];
    try {
      certificates = readChain(Buffer.from(chain), 'the certificate chain').map(
        ({ bytes }) => bytes,
      );
    } catch (error) {
      if (error instanceof ToolError) return error.message;
      throw error;
    }
    const [leaf, ...rest] = certificates;
    if (leaf === undefined) return 'there is no certificate';
    const judgedSignature = await judgeAhead(report, leaf, readCertificate);
    const verdict = verifyEvidence(
      { report, certificates: { kind: 'chain', leaf, chain: rest } },
      EXPECTATION,
      {
        time: now(),
        readCertificate,
        ...(roots && { roots }),
        ...(judgedSignature && { judgedSignature }),
      },
    );
    if (verdict.verdict === 'allowed') return undefined;
    const failed = verdict.checks.find(({ result }) => result === 'fail');
    return `${failed?.check ?? 'a check'} fails (${verdict.reason})`;
  };
}

/** The signature of the report, judged while this thread serves others; undefined where report or leaf cannot be read. */
async function judgeAhead(
  bytes: Uint8Array,
  leaf: Uint8Array,
  readCertificate: ReadBytes<AmdCertificate>,
): Promise<JudgedSignature | undefined> {
  const report = parseReport(bytes);
  if (isDenial(report)) return undefined;
  try {
    return await judgeReportSignature(report, readCertificate(leaf, 'the leaf certificate'));
  } catch (error) {
    if (error instanceof ToolError) return undefined;
    throw error;
  }
}
