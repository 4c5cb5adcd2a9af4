/** Checks of a report that need nothing but its bytes (spec snp-attestation section 5.2, steps B to F). */
import { hasReservedKeyBits, signingKey } from './flags.js';
import { type Denial, deny } from './reasons.js';
import type { SnpReport } from './report.js';

/** Versions whose layout is known. */
const VERSIONS: readonly number[] = [2, 3, 4, 5];
/** ECDSA on P-384 with SHA-384. */
const ECDSA_P384_SHA384 = 1;

interface ZeroRange {
  readonly first: number;
  /** Offset behind the last byte. */
  readonly end: number;
  /** The bytes have a meaning from this version on. */
  readonly usedFrom?: number;
}

/** Bytes that must be zero. Those from 0x330 on are not signed: anybody could change them. */
const ZERO_RANGES: readonly ZeroRange[] = [
  { first: 0x04c, end: 0x050 },
  { first: 0x188, end: 0x18b, usedFrom: 3 },
  { first: 0x18b, end: 0x1a0 },
  { first: 0x1eb, end: 0x1ec },
  { first: 0x1ef, end: 0x1f0 },
  { first: 0x1f8, end: 0x208, usedFrom: 5 },
  { first: 0x208, end: 0x2a0 },
  { first: 0x330, end: 0x4a0 },
];

/** Order of the group of P-384, big-endian. */
const P384_ORDER = Buffer.from(
  'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
  'hex',
);
const SCALAR_BYTES = 48;

/** Step B. */
export function checkVersion({ version }: SnpReport): Denial | undefined {
  if (VERSIONS.includes(version)) return undefined;
  return deny('E_VERSION', 'the report has a version that cannot be verified', {
    want: VERSIONS.join(', '),
    got: String(version),
    hints: version === 1 ? ['version 1 is only made by stand-ins for real hardware'] : [],
  });
}

/** Step C. */
export function checkSignatureAlgorithm({ signatureAlgorithm }: SnpReport): Denial | undefined {
  if (signatureAlgorithm === ECDSA_P384_SHA384) return undefined;
  return deny('E_SIGALGO', 'the report has another signature algorithm', {
    want: `${ECDSA_P384_SHA384} (ECDSA P-384 with SHA-384)`,
    got: String(signatureAlgorithm),
  });
}

/** Step D. */
export function checkReserved({ bytes, version, keyInfo }: SnpReport): Denial | undefined {
  for (const { first, end, usedFrom } of ZERO_RANGES) {
    if (usedFrom !== undefined && version >= usedFrom) continue;
    const index = bytes.subarray(first, end).findIndex((byte) => byte !== 0);
    if (index < 0) continue;
    const offset = first + index;
    return deny('E_RESERVED', `byte 0x${offset.toString(16)} of the report must be zero`, {
      want: '00',
      got: (bytes[offset] ?? 0).toString(16).padStart(2, '0'),
    });
  }
  if (!hasReservedKeyBits(keyInfo)) return undefined;
  return deny('E_RESERVED', 'bits 31 to 5 of the key information must be zero', {
    got: `0x${keyInfo.toString(16).padStart(8, '0')}`,
  });
}

/** Step E. */
export function checkSigningKey({ keyInfo }: SnpReport): Denial | undefined {
  if (signingKey(keyInfo) !== undefined) return undefined;
  return deny('E_SIGNING_KEY', 'the report was not signed with a VCEK or VLEK', {
    want: '0 (VCEK) or 1 (VLEK)',
    got: String((keyInfo >>> 2) & 7),
  });
}

/** Step F: all 72 bytes of each value count, otherwise bytes 48 to 71 could be anything. */
export function checkSignatureRange({ signatureR, signatureS }: SnpReport): Denial | undefined {
  for (const [name, value] of [
    ['R', signatureR],
    ['S', signatureS],
  ] as const) {
    const scalar = readScalar(value);
    if (scalar !== undefined) continue;
    return deny('E_SIG_RANGE', `${name} of the signature is out of range`, {
      want: 'above 0 and below the order of P-384',
      got: Buffer.from(value).reverse().toString('hex'),
    });
  }
  return undefined;
}

/** The signature as R and S of 48 big-endian bytes each (IEEE P1363). Only for a report that checkSignatureRange passed. */
export function rawSignature({ signatureR, signatureS }: SnpReport): Buffer {
  return Buffer.concat([bigEndian(signatureR), bigEndian(signatureS)]);
}

/** A value of the signature, big-endian; undefined if it is out of range. */
function readScalar(littleEndian: Uint8Array): Buffer | undefined {
  if (littleEndian.subarray(SCALAR_BYTES).some((byte) => byte !== 0)) return undefined;
  const scalar = bigEndian(littleEndian);
  const inRange = scalar.some((byte) => byte !== 0) && scalar.compare(P384_ORDER) < 0;
  return inRange ? scalar : undefined;
}

function bigEndian(littleEndian: Uint8Array): Buffer {
  return Buffer.from(littleEndian.subarray(0, SCALAR_BYTES)).reverse();
}
