/** The closed list of reasons for which evidence is refused (spec snp-attestation section 5.2). */

/** Every reason code with one line of meaning. The verifier inside the guest uses the same codes. */
export const REASONS = {
  E_USAGE: 'an expectation that cannot be compared',
  E_LENGTH: 'not the 1184 raw bytes of a report',
  E_VERSION: 'a report version other than 2 to 5',
  E_SIGALGO: 'a signature algorithm other than ECDSA P-384 with SHA-384',
  E_RESERVED: 'a bit or byte that must be zero is not',
  E_SIGNING_KEY: 'the report names a signing key that does not fit',
  E_SIG_RANGE: 'a signature value outside of its range',
  E_CHAIN_FORMAT: 'certificates that are damaged, missing or in the wrong place',
  E_CHAIN_ANCHOR: 'a root certificate that is not trusted',
  E_CHAIN_SIG: 'a certificate that its issuer did not sign',
  E_CERT_PROFILE: 'a certificate that does not have the form of AMD certificates',
  E_CERT_TIME: 'a certificate outside of its period of validity',
  E_CRL: 'a revocation list that is missing, damaged, outdated or not signed by the root',
  E_REVOKED: 'a certificate that has been revoked',
  E_SIGNATURE: 'the report was not signed by the key of the certificate',
  E_PRODUCT: 'processor, certificate and root belong to different product lines',
  E_TCB_CERT: 'the reported TCB is not the one of the certificate',
  E_TCB_ORDER: 'TCB versions in an impossible order',
  E_TCB_MIN: 'a TCB component below the wanted minimum',
  E_CHIP_ID: 'a chip that is not the one of the certificate or not a wanted one',
  E_CSP_ID: 'a cloud provider that is not a wanted one',
  E_POLICY: 'a guest policy that is inconsistent or not allowed',
  E_DEBUG: 'a guest that the host may debug: its memory is readable',
  E_MIGRATE_MA: 'a guest that a migration agent may move or has been associated with',
  E_PLATFORM_INFO: 'platform settings that are inconsistent or not allowed',
  E_VMPL: 'a report asked for at another privilege level',
  E_GUEST_SVN: 'a guest security version below the wanted one',
  E_FIRMWARE: 'a firmware version below the wanted one',
  E_MITIGATION: 'a wanted mitigation that is not active',
  E_AUTHOR_KEY: 'an author key that is inconsistent or not a wanted one',
  E_ID_KEY: 'an ID key that is not a wanted one',
  E_FAMILY_ID: 'another family ID',
  E_IMAGE_ID: 'another image ID',
  E_MEASUREMENT: 'a launch measurement that is not a wanted one',
  E_REPORT_DATA: 'other report data',
  E_HOST_DATA: 'HOST_DATA of another policy',
  E_UVM_FORMAT: 'an endorsement that is missing or not a COSE_Sign1 with its certificates',
  E_UVM_CHAIN: 'an endorsement whose certificates do not form a chain',
  E_UVM_SIGNATURE: 'an endorsement that its certificate did not sign',
  E_UVM_ISSUER: 'an endorsement of another issuer',
  E_UVM_FEED: 'an endorsement of another feed',
  E_UVM_PAYLOAD: 'an endorsement that does not say what it endorses',
  E_UVM_SVN: 'an endorsement with a security version below the wanted one',
  E_UVM_MEASUREMENT: 'an endorsement of another launch measurement',
  E_CERTTABLE: 'a certificate table that is damaged',
  E_CERTTABLE_NO_VCEK: 'a certificate table without a VCEK or VLEK',
  E_HCL: 'not an HCL report of an SNP guest',
} as const;

export type ReasonCode = keyof typeof REASONS;

/** Why evidence is refused. Values of `want` and `got` are texts: hex lower case, numbers decimal. */
export interface Denial {
  readonly code: ReasonCode;
  /** One sentence, lower case, no full stop. */
  readonly message: string;
  readonly want?: string;
  readonly got?: string;
  /** What may be behind it, most likely first. */
  readonly hints?: readonly string[];
}

/** A refusal as a value. */
export function deny(
  code: ReasonCode,
  message: string,
  details: Omit<Denial, 'code' | 'message'> = {},
): Denial {
  return { code, message, ...details };
}
