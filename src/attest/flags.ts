/** Bits of a report with their names: guest policy, platform information, key information (spec snp-attestation 2.3-2.5). */

/** Bits of the guest policy above the ABI version. */
export const POLICY_BITS = {
  smt: 16,
  reservedOne: 17,
  migrateMa: 18,
  debug: 19,
  singleSocket: 20,
  cxlAllow: 21,
  memAes256Xts: 22,
  raplDisabled: 23,
  ciphertextHidingDram: 24,
  pageSwapDisabled: 25,
} as const;

/** First bit of the guest policy that has no meaning. */
export const POLICY_RESERVED_FROM = 26n;

/** Bits of the platform information; new ones come without a new report version. */
export const PLATFORM_BITS = {
  smtEnabled: 0,
  tsmeEnabled: 1,
  eccEnabled: 2,
  raplDisabled: 3,
  ciphertextHidingDramEnabled: 4,
  aliasCheckComplete: 5,
  iommuWriteSafe: 6,
  tioEnabled: 7,
} as const;

/** First bit of the platform information that has no known meaning. */
export const PLATFORM_UNKNOWN_FROM = 8n;

/** True if a bit is set. */
export function hasBit(value: bigint, bit: number): boolean {
  return ((value >> BigInt(bit)) & 1n) === 1n;
}

/** Lowest firmware ABI that the guest accepts. */
export function policyAbi(policy: bigint): { readonly major: number; readonly minor: number } {
  return { major: Number((policy >> 8n) & 0xffn), minor: Number(policy & 0xffn) };
}

/** What signed the report: field SIGNING_KEY of the key information. */
export function signingKey(keyInfo: number): 'VCEK' | 'VLEK' | undefined {
  return (['VCEK', 'VLEK'] as const)[(keyInfo >>> 2) & 7];
}

/** An author key digest is part of the report. */
export const hasAuthorKey = (keyInfo: number): boolean => (keyInfo & 1) === 1;
/** The key is not that of the chip; the chip ID is zero. */
export const isChipKeyMasked = (keyInfo: number): boolean => (keyInfo & 2) === 2;
/** Bits without meaning. */
export const hasReservedKeyBits = (keyInfo: number): boolean => keyInfo >>> 5 !== 0;
