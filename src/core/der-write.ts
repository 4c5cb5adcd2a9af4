/** Values -> DER (X.690), and X.509 certificates made of them (RFC 5280 section 4.1): for throw-away authorities only. */
import { constants, type KeyObject, sign } from 'node:crypto';
import { DER_TAG } from './der.js';
import { printTime } from './time.js';

/** One element: identifier octet, minimal length, content. */
export function encodeDer(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const size = content.length;
  if (size < 0x80) return Buffer.concat([Buffer.from([tag, size]), content]);
  const hex = size.toString(16);
  const length = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content]);
}

export const encodeSequence = (...parts: readonly Uint8Array[]): Buffer =>
  encodeDer(DER_TAG.sequence, ...parts);

/** A non-negative integer. */
export function encodeInteger(value: bigint): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  const sign = (bytes[0] ?? 0) >= 0x80 ? [Buffer.from([0])] : [];
  return encodeDer(DER_TAG.integer, ...sign, bytes);
}

/** An object identifier from its dotted form. */
export function encodeOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const octets = [first * 40 + second, ...rest].flatMap((number) => {
    const groups = [number & 0x7f];
    for (let left = number >>> 7; left > 0; left >>>= 7) groups.unshift(0x80 | (left & 0x7f));
    return groups;
  });
  return encodeDer(DER_TAG.oid, Buffer.from(octets));
}

/** A distinguished name of one common name. */
export function encodeCommonName(text: string): Buffer {
  const attribute = encodeSequence(
    encodeOid('2.5.4.3'),
    encodeDer(DER_TAG.utf8String, Buffer.from(text)),
  );
  return encodeSequence(encodeDer(DER_TAG.set, attribute));
}

/** An extension whose value is written already. */
export interface ExtensionPlan {
  readonly oid: string;
  readonly critical?: boolean;
  readonly value: Uint8Array;
}

export const AUTHORITY_EXTENSIONS: readonly ExtensionPlan[] = [
  { oid: '2.5.29.19', critical: true, value: encodeSequence(Buffer.from([0x01, 0x01, 0xff])) },
  { oid: '2.5.29.15', critical: true, value: encodeDer(DER_TAG.bitString, Buffer.from([2, 4])) },
];

/** subjectAltName of DNS names and IPv4 addresses. */
export function altNames(names: readonly string[]): ExtensionPlan {
  const parts = names.map((name) =>
    /^[0-9.]+$/.test(name)
      ? encodeDer(0x87, Buffer.from(name.split('.').map(Number)))
      : encodeDer(0x82, Buffer.from(name)),
  );
  return { oid: '2.5.29.17', value: encodeSequence(...parts) };
}

/** How an issuer signs. */
export type CertificateSignature = 'rsa-sha256' | 'rsa-pss-sha384';

const NULL = Buffer.from([0x05, 0x00]);
const SHA384 = encodeSequence(encodeOid('2.16.840.1.101.3.4.2.2'), NULL);
const ALGORITHMS: Readonly<Record<CertificateSignature, Buffer>> = {
  'rsa-sha256': encodeSequence(encodeOid('1.2.840.113549.1.1.11'), NULL),
  'rsa-pss-sha384': encodeSequence(
    encodeOid('1.2.840.113549.1.1.10'),
    encodeSequence(
      encodeDer(0xa0, SHA384),
      encodeDer(0xa1, encodeSequence(encodeOid('1.2.840.113549.1.1.8'), SHA384)),
      encodeDer(0xa2, encodeInteger(48n)),
    ),
  ),
};

export interface CertificatePlan {
  /** DER names; equal for a self-signed certificate. */
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly signature: CertificateSignature;
  readonly serial: bigint;
  /** Seconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions: readonly ExtensionPlan[];
}

/** The DER of a certificate of version 3. */
export function buildCertificate(plan: CertificatePlan): Buffer {
  const algorithm = ALGORITHMS[plan.signature];
  const extensions = plan.extensions.map(({ oid, critical, value }) =>
    encodeSequence(
      encodeOid(oid),
      ...(critical === true ? [Buffer.from([0x01, 0x01, 0xff])] : []),
      encodeDer(DER_TAG.octetString, value),
    ),
  );
  const tbs = encodeSequence(
    encodeDer(0xa0, encodeInteger(2n)),
    encodeInteger(plan.serial),
    algorithm,
    plan.issuer,
    encodeSequence(encodeTime(plan.notBefore), encodeTime(plan.notAfter)),
    plan.subject,
    plan.publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length === 0 ? [] : [encodeDer(0xa3, encodeSequence(...extensions))]),
  );
  const signature = signWith(plan, tbs);
  return encodeSequence(tbs, algorithm, encodeDer(DER_TAG.bitString, Buffer.from([0]), signature));
}

function signWith({ signature, signer: key }: CertificatePlan, bytes: Buffer): Buffer {
  if (signature === 'rsa-sha256') return sign('sha256', bytes, key);
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return sign('sha384', bytes, { key, padding, saltLength: 48 });
}

/** UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5280 section 4.1.2.5). */
function encodeTime(seconds: number): Buffer {
  const digits = printTime(seconds).replace(/[-:T]/g, '');
  const year = Number(digits.slice(0, 4));
  return year < 2050
    ? encodeDer(DER_TAG.utcTime, Buffer.from(digits.slice(2)))
    : encodeDer(DER_TAG.generalizedTime, Buffer.from(digits));
}

/** PEM text of a certificate. */
export function printPemCertificate(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
