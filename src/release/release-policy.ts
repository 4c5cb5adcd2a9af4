/**
 * Key release policies of Azure Key Vault and Managed HSM (grammar: Azure "secure key release policy grammar",
 * version 1.0.0): which attested guests may have a key. One authority entry per attestation service and measurement;
 * the service releases the key if all claims of any entry hold.
 */
import { isSha256Hex, type Sha256Hex } from '../core/digest.js';
import { ToolError } from '../core/error.js';

/** `equals` compares texts exactly; booleans and numbers of the token are written as text, as all samples do. */
export type ClaimCondition =
  | { readonly claim: string; readonly equals: string }
  | { readonly claim: string; readonly greaterOrEquals: number };

export interface AuthorityEntry {
  /** `https://` and the host of the attestation service, the token's `iss`. */
  readonly authority: string;
  readonly allOf: readonly ClaimCondition[];
}

export interface ReleasePolicy {
  readonly version: '1.0.0';
  readonly anyOf: readonly AuthorityEntry[];
}

/** What Azure Attestation vouches for in `x-ms-compliance-status`, by the kind of guest. */
export const COMPLIANCE = {
  aci: 'azure-compliant-uvm',
  vn2: 'azure-compliant-uvm',
  aks: 'azure-signed-katacc-uvm',
} as const;

export type ReleaseTarget = keyof typeof COMPLIANCE;

/** All statuses that the service emits for SNP guests. */
export const COMPLIANCE_VALUES: readonly string[] = [
  'azure-compliant-uvm',
  'azure-signed-katacc-uvm',
  'azure-compliant-cvm',
];

export interface ReleaseExpectation {
  readonly authorities: readonly string[];
  /** HOST_DATA values: old and new ones together for a rolling upgrade. */
  readonly measurements: readonly Sha256Hex[];
  readonly compliance: string;
  /** True: only debuggable guests (their memory is open to the host) get the key. */
  readonly debuggable: boolean;
}

/** The release policy that trusts exactly the given measurements. Entries in order of authority, then measurement. */
export function buildReleasePolicy(expectation: ReleaseExpectation): ReleasePolicy {
  const anyOf = expectation.authorities.flatMap((authority) =>
    expectation.measurements.map((measurement) => ({
      authority,
      allOf: claims(measurement, expectation),
    })),
  );
  return { version: '1.0.0', anyOf };
}

function claims(measurement: Sha256Hex, expectation: ReleaseExpectation): ClaimCondition[] {
  return [
    { claim: 'x-ms-attestation-type', equals: 'sevsnpvm' },
    { claim: 'x-ms-compliance-status', equals: expectation.compliance },
    { claim: 'x-ms-sevsnpvm-hostdata', equals: measurement },
    { claim: 'x-ms-sevsnpvm-is-debuggable', equals: String(expectation.debuggable) },
    { claim: 'x-ms-sevsnpvm-vmpl', equals: '0' },
  ];
}

/** JSON text as the service takes it (`az keyvault key create --policy FILE`): two spaces, final newline. */
export function printReleasePolicy(policy: ReleasePolicy): string {
  return `${JSON.stringify(policy, null, 2)}\n`;
}

const HOST_NAME =
  /^(?=.{1,253}(?::|$))[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*(?::[0-9]{1,5})?$/;

/** `https://HOST[:PORT]` from that form or from a bare host; a trailing slash is dropped. Throws USAGE_CONFLICT. */
export function parseAuthority(text: string): string {
  const lower = text.toLowerCase();
  const host = lower.replace(/^https:\/\//, '').replace(/\/$/, '');
  if (!HOST_NAME.test(host)) {
    throw new ToolError(
      'USAGE_CONFLICT',
      'the authority is not the address of an attestation service',
      {
        want: 'https://HOST, e.g. https://sharedeus2.eus2.attest.azure.net',
        got: text,
      },
    );
  }
  return `https://${host}`;
}

/** A measurement: 64 lower-case hex digits, not all zero. Throws USAGE_CONFLICT. */
export function parseMeasurement(text: string): Sha256Hex {
  if (!isSha256Hex(text)) {
    const lower = text.toLowerCase();
    throw new ToolError('USAGE_CONFLICT', 'the measurement is not a HOST_DATA value', {
      want: '64 lower-case hex digits',
      got: text,
      hints: isSha256Hex(lower)
        ? [`claims are compared as text: write it in lower case, ${lower}`]
        : ['`podseal measure FILE` prints the measurement of a policy, manifest or template'],
    });
  }
  if (/^0+$/.test(text)) {
    throw new ToolError('USAGE_CONFLICT', 'the measurement is all zeros', {
      got: text,
      hints: ['a guest without any policy has this HOST_DATA: it would get the key'],
    });
  }
  return text;
}

/** A value of `x-ms-compliance-status`. Throws USAGE_CONFLICT for one that the service never emits. */
export function parseCompliance(text: string): string {
  if (COMPLIANCE_VALUES.includes(text)) return text;
  throw new ToolError(
    'USAGE_CONFLICT',
    'the compliance status is not one that the attestation service emits',
    {
      want: COMPLIANCE_VALUES.join(', '),
      got: text,
    },
  );
}
