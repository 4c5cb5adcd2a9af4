/** Requests to Azure Attestation (REST API 2020-10-01, attest SevSnpVm), byte for byte as the guests of Azure send them. */
import { encodeBase64UrlPadded } from '../core/base64.js';

/** What a guest proves. */
export interface AttestationEvidence {
  /** The SNP report, 1184 bytes. */
  readonly report: Uint8Array;
  /** PEM text: VCEK, ASK, ARK. */
  readonly certificateChain: string;
  /** COSE_Sign1 of the UVM endorsement; absent or empty where the platform gave none. */
  readonly uvmEndorsement?: Uint8Array;
  /** JSON text whose SHA-256 is in REPORT_DATA. */
  readonly runtimeData: Uint8Array;
  /** Any 64-bit number; its digits are written as they are. */
  readonly nonce: bigint;
}

/** Path and query of the operation. */
export const ATTEST_PATH = '/attest/SevSnpVm?api-version=2020-10-01';

/** The body of the request: exact member order, base64url with padding throughout. */
export function buildAttestationRequest(evidence: AttestationEvidence): string {
  const { report, certificateChain, uvmEndorsement, runtimeData, nonce } = evidence;
  const uvm =
    uvmEndorsement?.length && JSON.stringify({ Uvm: [encodeBase64UrlPadded(uvmEndorsement)] });
  const inner = JSON.stringify({
    SnpReport: encodeBase64UrlPadded(report),
    VcekCertChain: encodeBase64UrlPadded(Buffer.from(certificateChain)),
    ...(uvm ? { Endorsements: encodeBase64UrlPadded(Buffer.from(uvm)) } : {}),
  });
  const outer = JSON.stringify({
    report: encodeBase64UrlPadded(Buffer.from(inner)),
    runtimeData: { data: encodeBase64UrlPadded(runtimeData), dataType: 'JSON' },
    initTimeData: { data: '', dataType: '' },
  });
  return `${outer.slice(0, -1)},"nonce":${nonce}}`;
}
