/** What the linting of key release policies finds. */
import type { AuditRule, Severity } from '../core/finding.js';

const rule = (id: string, severity: Severity, title: string, remedy: string): AuditRule => ({
  id,
  severity,
  title,
  remedy,
});

/** Rules by short name; ids are stable. */
export const LINT = {
  noHostData: rule(
    'release-no-hostdata',
    'critical',
    'an entry holds for guests of any policy',
    'Add the condition x-ms-sevsnpvm-hostdata equals the measurement (`podseal measure FILE`).',
  ),
  zeroHostData: rule(
    'release-hostdata-zero',
    'critical',
    'an entry holds for guests that have no policy',
    'Replace the measurement by that of a policy.',
  ),
  debuggable: rule(
    'release-debuggable',
    'critical',
    'an entry holds for debuggable guests, whose memory the host can read',
    'Require x-ms-sevsnpvm-is-debuggable (x-ms-sgx-is-debuggable for enclaves) equals "false".',
  ),
  noEnclave: rule(
    'release-no-enclave',
    'critical',
    'an entry holds for any enclave',
    'Add the condition x-ms-sgx-mrenclave equals the measurement, or x-ms-sgx-mrsigner equals the signer, with x-ms-sgx-product-id.',
  ),
  noCompliance: rule(
    'release-no-compliance-status',
    'high',
    'an entry does not require a compliant guest image',
    'Require x-ms-compliance-status, e.g. azure-signed-katacc-uvm for AKS, azure-compliant-uvm for ACI.',
  ),
  unknownCompliance: rule(
    'release-compliance-unknown',
    'high',
    'a compliance status that the service never emits',
    'Write azure-compliant-uvm, azure-signed-katacc-uvm or azure-compliant-cvm.',
  ),
  authorityForm: rule(
    'release-authority-form',
    'high',
    'an authority that is not https:// and a host name alone',
    'Write https://HOST in lower case, without path and trailing slash: it is compared with the issuer of the token.',
  ),
  authorityForeign: rule(
    'release-authority-foreign',
    'medium',
    'an authority outside the domains of Azure Attestation',
    'Make sure that you trust this service: it alone decides which guests are genuine.',
  ),
  unknownClaim: rule(
    'release-claim-unknown',
    'high',
    'a condition on a claim that the service never emits',
    'Correct the name: a missing claim never meets its condition.',
  ),
  hexForm: rule(
    'release-hex-form',
    'high',
    'a value that is not the lower-case hex text of its claim',
    'Claims are compared as text: write lower-case hex digits of the full length.',
  ),
  valueForm: rule(
    'release-value-form',
    'high',
    'a value that the claim never has',
    'Write booleans as "true" or "false" and numbers in plain decimal digits.',
  ),
  unsure: rule(
    'release-undocumented',
    'high',
    'a condition whose meaning is not documented',
    'Write it as a text compared by equals.',
  ),
  neverHolds: rule(
    'release-never-holds',
    'medium',
    'an entry that no token can meet',
    'Remove one of the conditions that exclude each other.',
  ),
  noAttestationType: rule(
    'release-no-attestation-type',
    'low',
    'an entry does not name the kind of attestation',
    'Require x-ms-attestation-type equals "sevsnpvm".',
  ),
  noVmpl: rule(
    'release-no-vmpl',
    'low',
    'an entry does not name the privilege level of the guest',
    'Require x-ms-sevsnpvm-vmpl equals "0".',
  ),
  duplicate: rule(
    'release-duplicate',
    'low',
    'an entry that stands there twice',
    'Remove one of them.',
  ),
  oldVersion: rule(
    'release-old-version',
    'high',
    'a policy of an old version',
    'Write version "1.0.0".',
  ),
  laterOperator: rule(
    'release-later-operator',
    'info',
    'an operator that not all services know',
    'Where equals does, use it.',
  ),
  immutable: rule(
    'release-immutable',
    'medium',
    'a policy that can never be changed again',
    'Leave immutable out unless no new measurement will ever need this key version.',
  ),
} as const satisfies Record<string, AuditRule>;

/** All rules. */
export const LINT_RULES: readonly AuditRule[] = Object.values(LINT);
