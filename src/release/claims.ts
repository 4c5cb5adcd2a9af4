/** The claims that Azure Attestation emits for SEV-SNP guests, with what a condition on each can sensibly say. */

/** Kind of a claim's value. */
export type ClaimKind = 'text' | 'number' | 'boolean' | 'object' | { readonly hexDigits: number };

const SNP: Readonly<Record<string, ClaimKind>> = {
  'x-ms-sevsnpvm-hostdata': { hexDigits: 64 },
  'x-ms-sevsnpvm-reportdata': { hexDigits: 128 },
  'x-ms-sevsnpvm-launchmeasurement': { hexDigits: 96 },
  'x-ms-sevsnpvm-authorkeydigest': { hexDigits: 96 },
  'x-ms-sevsnpvm-idkeydigest': { hexDigits: 96 },
  'x-ms-sevsnpvm-familyId': { hexDigits: 32 },
  'x-ms-sevsnpvm-imageId': { hexDigits: 32 },
  'x-ms-sevsnpvm-reportid': { hexDigits: 64 },
  'x-ms-sevsnpvm-is-debuggable': 'boolean',
  'x-ms-sevsnpvm-migration-allowed': 'boolean',
  'x-ms-sevsnpvm-smt-allowed': 'boolean',
  'x-ms-sevsnpvm-guestsvn': 'number',
  'x-ms-sevsnpvm-vmpl': 'number',
  'x-ms-sevsnpvm-bootloader-svn': 'number',
  'x-ms-sevsnpvm-tee-svn': 'number',
  'x-ms-sevsnpvm-snpfw-svn': 'number',
  'x-ms-sevsnpvm-microcode-svn': 'number',
  'x-ms-attestation-type': 'text',
  'x-ms-compliance-status': 'text',
};

const TOKEN: Readonly<Record<string, ClaimKind>> = {
  iss: 'text',
  exp: 'number',
  iat: 'number',
  nbf: 'number',
  jti: 'text',
  nonce: 'text',
  'x-ms-policy-hash': 'text',
  'x-ms-policy-signer': 'object',
  'x-ms-runtime': 'object',
  'x-ms-runtime.keys': 'object',
  'x-ms-inittime': 'object',
  'x-ms-isolation-tee': 'object',
  'x-ms-ver': 'text',
};

/** Members whose content the caller of the attestation service chooses, or that are not ours to know. */
const OPEN_OBJECTS = ['x-ms-runtime.', 'x-ms-inittime.', 'x-ms-policy-signer.'];
const TEE = 'x-ms-isolation-tee.';

/** Prefix of the claims of Intel SGX enclaves, which other key release policies name. */
const SGX = 'x-ms-sgx-';
const ENCLAVE: Readonly<Record<string, ClaimKind>> = {
  'x-ms-sgx-is-debuggable': 'boolean',
  'x-ms-sgx-mrenclave': { hexDigits: 64 },
  'x-ms-sgx-mrsigner': { hexDigits: 64 },
  'x-ms-sgx-product-id': 'number',
  'x-ms-sgx-svn': 'number',
  'x-ms-sgx-collateral': 'object',
};

/** The kind of a claim by its name, dotted names included; undefined for a claim that the service never emits. */
export function claimKind(name: string): ClaimKind | undefined {
  const inner = name.startsWith(TEE) ? name.slice(TEE.length) : name;
  if (Object.hasOwn(SNP, inner)) return SNP[inner];
  if (Object.hasOwn(TOKEN, name)) return TOKEN[name];
  if (Object.hasOwn(ENCLAVE, name)) return ENCLAVE[name];
  if (name.startsWith(SGX) || OPEN_OBJECTS.some((prefix) => name.startsWith(prefix))) return 'text';
  return undefined;
}

/** The plain name of a claim that guests of confidential VMs have inside `x-ms-isolation-tee`. */
export function plainClaim(name: string): string {
  return name.startsWith(TEE) ? name.slice(TEE.length) : name;
}

/** Names of all claims with a fixed meaning, for a remedy that names the nearest. */
export const CLAIM_NAMES: readonly string[] = [
  ...Object.keys(SNP),
  ...Object.keys(TOKEN),
  ...Object.keys(ENCLAVE),
];
