/** The signature of a report (spec snp-attestation section 5.2, step O), judged on this thread or on another one. */
import { type KeyObject, type SigningOptions, verify } from 'node:crypto';
import { type AmdCertificate, keyOf } from './certificate.js';
import { rawSignature } from './check-format.js';
import { SIGNED_SIZE_BYTES, type SnpReport } from './report.js';

/** Whether a key signed a report: of this report and this certificate alone, whose bytes it names. */
export interface JudgedSignature {
  /** The whole report. */
  readonly report: Buffer;
  readonly certificateSha256: string;
  readonly good: boolean;
}

/** True for ECDSA on P-384 with SHA-384 over the first 672 bytes. `judged` counts where it is about these very bytes. */
export function isReportSigned(
  report: SnpReport,
  certificate: AmdCertificate,
  judged?: JudgedSignature,
): boolean {
  if (judged?.certificateSha256 === certificate.sha256 && judged.report.equals(report.bytes)) {
    return judged.good;
  }
  const key = keyOf(certificate);
  return (
    key !== undefined &&
    verify('sha384', signedPart(report.bytes), optionsOf(key), rawSignature(report))
  );
}

/** As isReportSigned, but on another thread: it takes longer than all else that is judged of a report. */
export async function judgeReportSignature(
  report: SnpReport,
  certificate: AmdCertificate,
): Promise<JudgedSignature> {
  const key = keyOf(certificate);
  const judged = { report: Buffer.from(report.bytes), certificateSha256: certificate.sha256 };
  if (key === undefined) return { ...judged, good: false };
  return await new Promise((done) => {
    const options = optionsOf(key);
    verify('sha384', signedPart(judged.report), options, rawSignature(report), (error, good) => {
      done({ ...judged, good: error === null && good });
    });
  });
}

const signedPart = (report: Uint8Array) => report.subarray(0, SIGNED_SIZE_BYTES);

function optionsOf(key: KeyObject): SigningOptions & { readonly key: KeyObject } {
  return { key, dsaEncoding: 'ieee-p1363' };
}
