/**
 * Files of the security-context directory of a confidential container (spec secure-key-release section 3.4): what the
 * host says to the guest. None of it is proven; the report is the proof.
 */
import { decodeBase64 } from '../core/base64.js';
import { ToolError } from '../core/error.js';

/** Names of the files and what each holds, in base64. */
export const SECURITY_CONTEXT_FILES = {
  certificates: 'host-amd-cert-base64',
  endorsement: 'reference-info-base64',
  policy: 'security-policy-base64',
} as const;

/** Text of the files that are there. */
export type SecurityContextFiles = Readonly<
  Partial<Record<keyof typeof SECURITY_CONTEXT_FILES, string>>
>;

/** The decoded files. */
export interface SecurityContext {
  /** JSON of the certificate service. */
  readonly thim?: string;
  /** COSE_Sign1. */
  readonly uvmEndorsement?: Uint8Array;
  /** The policy text as the host gave it. */
  readonly policy?: Uint8Array;
}

/** Decodes the files. Line ends in the base64 are skipped, nothing else. Throws COLLATERAL_INVALID. */
export function readSecurityContext(files: SecurityContextFiles, folder: string): SecurityContext {
  const decode = (name: keyof typeof SECURITY_CONTEXT_FILES) => {
    const text = files[name];
    if (text === undefined || text === '') return undefined;
    const bytes = decodeBase64(text);
    if (bytes !== undefined) return bytes;
    const file = SECURITY_CONTEXT_FILES[name];
    throw new ToolError('COLLATERAL_INVALID', `${file} is not base64`, {
      where: `${folder}/${file}`,
    });
  };
  const [thim, uvmEndorsement, policy] = [
    decode('certificates'),
    decode('endorsement'),
    decode('policy'),
  ];
  return {
    ...(thim && { thim: thim.toString() }),
    ...(uvmEndorsement && { uvmEndorsement }),
    ...(policy && { policy }),
  };
}
