/**
 * Bytes -> SEV-SNP attestation report (spec snp-attestation section 2.1). Only reads: what is wrong with the values is
 * for check-report.ts to say. All integers are little-endian.
 */
import type { Denial } from './reasons.js';
import { deny } from './reasons.js';

/** Size of every report version. */
export const REPORT_SIZE_BYTES = 1184;
/** Bytes from the start that the signature covers. */
export const SIGNED_SIZE_BYTES = 0x2a0;

/** Firmware version as major.minor, with its build number. */
export interface FirmwareVersion {
  readonly major: number;
  readonly minor: number;
  readonly build: number;
}

/** Every field of a report, as stored. Byte fields are views of `bytes`. */
export interface SnpReport {
  readonly bytes: Uint8Array;
  readonly version: number;
  readonly guestSvn: number;
  readonly policy: bigint;
  readonly familyId: Uint8Array;
  readonly imageId: Uint8Array;
  readonly vmpl: number;
  readonly signatureAlgorithm: number;
  readonly currentTcb: Uint8Array;
  readonly platformInfo: bigint;
  readonly keyInfo: number;
  readonly reportData: Uint8Array;
  /** The launch measurement: SHA-384 of what the guest started from. */
  readonly launchMeasurement: Uint8Array;
  readonly hostData: Uint8Array;
  readonly idKeyDigest: Uint8Array;
  readonly authorKeyDigest: Uint8Array;
  readonly reportId: Uint8Array;
  readonly reportIdMa: Uint8Array;
  readonly reportedTcb: Uint8Array;
  readonly cpuidFamily: number;
  readonly cpuidModel: number;
  readonly cpuidStepping: number;
  readonly chipId: Uint8Array;
  readonly committedTcb: Uint8Array;
  readonly currentVersion: FirmwareVersion;
  readonly committedVersion: FirmwareVersion;
  readonly launchTcb: Uint8Array;
  readonly launchMitVector: bigint;
  readonly currentMitVector: bigint;
  /** R and S: 72 bytes each, little-endian. */
  readonly signatureR: Uint8Array;
  readonly signatureS: Uint8Array;
}

/** The report, or why these bytes cannot be one: E_LENGTH with a guess at what they are. */
export function parseReport(bytes: Uint8Array): SnpReport | Denial {
  if (bytes.length !== REPORT_SIZE_BYTES) return wrongLength(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const part = (offset: number, size: number) => bytes.subarray(offset, offset + size);
  const u32 = (offset: number) => view.getUint32(offset, true);
  const u64 = (offset: number) => view.getBigUint64(offset, true);
  const firmware = (offset: number): FirmwareVersion => ({
    build: view.getUint8(offset),
    minor: view.getUint8(offset + 1),
    major: view.getUint8(offset + 2),
  });
  return {
    bytes,
    version: u32(0x000),
    guestSvn: u32(0x004),
    policy: u64(0x008),
    familyId: part(0x010, 16),
    imageId: part(0x020, 16),
    vmpl: u32(0x030),
    signatureAlgorithm: u32(0x034),
    currentTcb: part(0x038, 8),
    platformInfo: u64(0x040),
    keyInfo: u32(0x048),
    reportData: part(0x050, 64),
    launchMeasurement: part(0x090, 48),
    hostData: part(0x0c0, 32),
    idKeyDigest: part(0x0e0, 48),
    authorKeyDigest: part(0x110, 48),
    reportId: part(0x140, 32),
    reportIdMa: part(0x160, 32),
    reportedTcb: part(0x180, 8),
    cpuidFamily: view.getUint8(0x188),
    cpuidModel: view.getUint8(0x189),
    cpuidStepping: view.getUint8(0x18a),
    chipId: part(0x1a0, 64),
    committedTcb: part(0x1e0, 8),
    currentVersion: firmware(0x1e8),
    committedVersion: firmware(0x1ec),
    launchTcb: part(0x1f0, 8),
    launchMitVector: u64(0x1f8),
    currentMitVector: u64(0x200),
    signatureR: part(0x2a0, 72),
    signatureS: part(0x2e8, 72),
  };
}

/** True if `result` is a refusal. */
export function isDenial(result: object | undefined): result is Denial {
  return result !== undefined && 'code' in result && 'message' in result;
}

const HEX_TEXT = /^\s*(?:[0-9a-fA-F]{2})+\s*$/;
const BASE64_TEXT = /^\s*[A-Za-z0-9+/\r\n]+={0,2}\s*$/;
/** Sizes and first bytes of what is mistaken for a report. */
const GUESSES: readonly (readonly [(bytes: Buffer) => boolean, string])[] = [
  [(bytes) => bytes.length === 0, 'the input is empty'],
  [
    (bytes) => bytes.subarray(0, 4).toString('latin1') === 'HCLA',
    'this is an HCL report of an Azure VM: give it with --hcl',
  ],
  [
    (bytes) => bytes.length === 4000 || bytes.length === 1216 || bytes.length === 1280,
    'this looks like the response buffer of the kernel: the report begins at offset 32',
  ],
  [(bytes) => HEX_TEXT.test(bytes.toString('latin1')), 'this is hex text: decode it (xxd -r -p)'],
  [(bytes) => BASE64_TEXT.test(bytes.toString('latin1')), 'this is base64 text: decode it'],
];

function wrongLength(bytes: Uint8Array): Denial {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 8192));
  const guess = GUESSES.find(([fits]) => fits(bytes.length > 8192 ? start : Buffer.from(bytes)));
  return deny('E_LENGTH', 'the report has a wrong length', {
    want: `${REPORT_SIZE_BYTES} bytes`,
    got: `${bytes.length} bytes`,
    ...(guess === undefined ? {} : { hints: [guess[1]] }),
  });
}
