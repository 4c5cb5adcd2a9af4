/**
 * A made-up SNP platform for rehearsals: a throw-away root, intermediate and chip key in the form of AMD's, and reports
 * signed by it. Real verifiers refuse it, since its root is not AMD's; the stand-in services are told its digest.
 */
import { type KeyObject, randomBytes, sign } from 'node:crypto';
import { AMD_ARC } from '../../attest/amd-extensions.js';
import type { TrustedRoot } from '../../attest/products.js';
import { DER_TAG } from '../../core/der.js';
import {
  AUTHORITY_EXTENSIONS,
  buildCertificate,
  encodeCommonName,
  encodeDer,
  encodeInteger,
  printPemCertificate,
} from '../../core/der-write.js';
import { sha256Hex } from '../../core/digest.js';
import { makeEcPair, makeRsaPair } from '../../core/key-pair.js';
import type { Collateral } from '../../keyrelease/ports.js';

/** What a made-up guest was launched with. */
export interface SyntheticGuest {
  /** 32 bytes. */
  readonly hostData: Uint8Array;
  /** 48 bytes; random if absent. */
  readonly launchMeasurement?: Uint8Array;
  readonly debug?: boolean;
  readonly vmpl?: number;
}

export interface SyntheticPlatform {
  readonly roots: readonly TrustedRoot[];
  readonly collateral: Collateral;
  /** The key that signs the reports; thrown away with the platform. */
  readonly chipKey: KeyObject;
  /** A signed report of a guest on this platform with the given 64 bytes of REPORT_DATA. */
  report(guest: SyntheticGuest, reportData: Uint8Array): Buffer;
}

/** Microcode 0xdb, SNP 0x18, TEE 0, boot loader 4. */
export const SYNTHETIC_TCB = 0xdb18_0000_0000_0004n;
/** Bit 17 is reserved and set; bit 16 allows SMT. ABI 0.31. */
const GUEST_POLICY = 0x3001fn;
const DEBUG = 1n << 19n;

/** Makes a platform whose certificates are valid around `now` (seconds since 1970). Takes a second or two: two RSA keys. */
export async function makeSyntheticPlatform(
  now: number,
  tcb: bigint = SYNTHETIC_TCB,
): Promise<SyntheticPlatform> {
  const [ark, ask, vcek] = await Promise.all([
    makeRsaPair(4096),
    makeRsaPair(4096),
    makeEcPair('P-384'),
  ]);
  const chipId = randomBytes(64);
  const certify = (
    plan: Pick<Parts, 'subject' | 'issuer' | 'publicKey' | 'signer' | 'extensions'>,
  ) =>
    buildCertificate({
      ...plan,
      subject: encodeCommonName(plan.subject),
      issuer: encodeCommonName(plan.issuer),
      signature: 'rsa-pss-sha384',
      serial: 1n,
      notBefore: now - 86_400,
      notAfter: now + 365 * 86_400,
    });
  const root = certify({
    subject: 'ARK-Milan',
    issuer: 'ARK-Milan',
    publicKey: ark.publicKey,
    signer: ark.privateKey,
    extensions: AUTHORITY_EXTENSIONS,
  });
  const intermediate = certify({
    subject: 'SEV-Milan',
    issuer: 'ARK-Milan',
    publicKey: ask.publicKey,
    signer: ark.privateKey,
    extensions: AUTHORITY_EXTENSIONS,
  });
  const leaf = certify({
    subject: 'SEV-VCEK',
    issuer: 'SEV-Milan',
    publicKey: vcek.publicKey,
    signer: ask.privateKey,
    extensions: leafExtensions(chipId, tcb),
  });
  return {
    roots: [{ line: 'Milan', certificateSha256: sha256Hex(root) }],
    collateral: {
      tcb,
      tcbText: tcb.toString(16).padStart(16, '0').toUpperCase(),
      chain: [leaf, intermediate, root].map(printPemCertificate).join(''),
    },
    chipKey: vcek.privateKey,
    report: (guest, reportData) =>
      buildReport(guest, reportData, { chipId, tcb, key: vcek.privateKey }),
  };
}

interface Parts {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly extensions: Parameters<typeof buildCertificate>[0]['extensions'];
}

/** AMD's extensions of a Milan VCEK. */
function leafExtensions(chipId: Buffer, tcb: bigint): Parts['extensions'] {
  const level = (byte: number) => (tcb >> BigInt(8 * byte)) & 0xffn;
  const number = (oid: string, value: bigint) => ({
    oid: `${AMD_ARC}.${oid}`,
    value: encodeInteger(value),
  });
  return [
    number('1', 0n),
    { oid: `${AMD_ARC}.2`, value: encodeDer(DER_TAG.ia5String, Buffer.from('Milan-B0')) },
    number('3.1', level(0)),
    number('3.2', level(1)),
    number('3.3', level(6)),
    number('3.8', level(7)),
    { oid: `${AMD_ARC}.4`, value: chipId },
  ];
}

interface Chip {
  readonly chipId: Buffer;
  readonly tcb: bigint;
  readonly key: KeyObject;
}

/** A report of version 2 (SEV-SNP firmware ABI, ATTESTATION_REPORT). */
function buildReport(
  guest: SyntheticGuest,
  reportData: Uint8Array,
  { chipId, tcb, key }: Chip,
): Buffer {
  const report = Buffer.alloc(1184);
  report.writeUInt32LE(2, 0x000);
  report.writeBigUInt64LE(GUEST_POLICY | (guest.debug === true ? DEBUG : 0n), 0x008);
  report.writeUInt32LE(guest.vmpl ?? 0, 0x030);
  report.writeUInt32LE(1, 0x034);
  report.writeBigUInt64LE(1n, 0x040);
  report.set(reportData, 0x050);
  report.set(guest.launchMeasurement ?? randomBytes(48), 0x090);
  report.set(guest.hostData, 0x0c0);
  report.set(randomBytes(32), 0x140);
  report.fill(0xff, 0x160, 0x180);
  for (const offset of [0x038, 0x180, 0x1e0, 0x1f0]) report.writeBigUInt64LE(tcb, offset);
  report.set(chipId, 0x1a0);
  for (const offset of [0x1e8, 0x1ec]) report.set([21, 55, 1], offset);
  const signature = sign('sha384', report.subarray(0, 0x2a0), { key, dsaEncoding: 'ieee-p1363' });
  report.set(Buffer.from(signature.subarray(0, 48)).reverse(), 0x2a0);
  report.set(Buffer.from(signature.subarray(48)).reverse(), 0x2e8);
  return report;
}
