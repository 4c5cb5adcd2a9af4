/** Certificates made for a test: DER written by hand, signed with keys of node:crypto. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** A DER element. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const size: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) size.unshift(rest % 256);
  return Buffer.concat([Buffer.from([tag, 0x80 | size.length, ...size]), content]);
}

export const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts);
export const integer = (value: number) =>
  der(2, Buffer.from(value < 0x80 ? [value] : [0, value & 0xff]));
export const utf8 = (text: string) => der(0x0c, Buffer.from(text));
export const octets = (bytes: Uint8Array) => der(4, bytes);
export const bits = (bytes: Uint8Array, unused = 0) => der(3, Buffer.from([unused]), bytes);
export const TRUE = Buffer.from([1, 1, 0xff]);

/** An object identifier from its dotted form. */
export function oid(dotted: string): Buffer {
  const [root = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const arcs = [root * 40 + second, ...rest].map((arc) => {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      digits.unshift((left % 128) | 0x80);
    }
    return Buffer.from(digits);
  });
  return der(6, ...arcs);
}

/** A name from pairs of OID and text. */
export function name(...attributes: readonly (readonly [string, string])[]): Buffer {
  return sequence(...attributes.map(([type, text]) => der(0x31, sequence(oid(type), utf8(text)))));
}

export const commonName = (text: string) => name(['2.5.4.3', text]);

export interface Extension {
  readonly oid: string;
  readonly critical?: boolean;
  readonly value: Buffer;
}

export const basicConstraints = (ca: boolean, pathLength?: number): Extension => ({
  oid: '2.5.29.19',
  critical: true,
  value: sequence(
    ...(ca ? [TRUE] : []),
    ...(pathLength === undefined ? [] : [integer(pathLength)]),
  ),
});

/** keyUsage by its first octet: 0x80 digitalSignature, 0x04 keyCertSign, 0x08 keyAgreement, 0x20 keyEncipherment. */
export const keyUsage = (octet: number): Extension => ({
  oid: '2.5.29.15',
  critical: true,
  value: bits(Buffer.from([octet]), trailingZeros(octet)),
});

export const extendedKeyUsage = (...oids: readonly string[]): Extension => ({
  oid: '2.5.29.37',
  value: sequence(...oids.map(oid)),
});

/** subjectAltName from pairs of tag number (1 email, 2 dns, 6 uri, 7 ip) and content. */
export const subjectAltName = (
  ...names: readonly (readonly [number, string | Buffer])[]
): Extension => ({
  oid: '2.5.29.17',
  value: sequence(
    ...names.map(([tag, content]) => der(0x80 | tag, Buffer.from(content as string))),
  ),
});

export const AUTHORITY: readonly Extension[] = [basicConstraints(true), keyUsage(0x04)];

function trailingZeros(octet: number): number {
  let count = 0;
  while (((octet >> count) & 1) === 0) count += 1;
  return count;
}

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export function ecKey(curve = 'P-256'): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: curve });
}

export interface CertificatePlan {
  readonly subject: Buffer;
  readonly key: KeyPair;
  /** Absent: self-signed. */
  readonly issuer?: { readonly subject: Buffer; readonly key: KeyPair };
  /** YYYYMMDDHHMMSSZ; the years 2020 and 2120 if absent. */
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly extensions?: readonly Extension[];
  /** 0 for version 1; 2 (version 3) if absent. */
  readonly version?: number;
  readonly serial?: number;
}

/** The DER of a certificate, signed with ECDSA and SHA-256 (or SHA-256 with RSA). */
export function makeCertificate(plan: CertificatePlan): Buffer {
  const { subject, key, issuer = { subject, key } } = plan;
  const rsa = issuer.key.privateKey.asymmetricKeyType === 'rsa';
  const algorithm = rsa
    ? sequence(oid('1.2.840.113549.1.1.11'), Buffer.from([5, 0]))
    : sequence(oid('1.2.840.10045.4.3.2'));
  const time = (text: string) => der(0x18, Buffer.from(text));
  const extensions = (plan.extensions ?? []).map((extension) =>
    sequence(oid(extension.oid), ...(extension.critical ? [TRUE] : []), octets(extension.value)),
  );
  const version = plan.version ?? 2;
  const tbs = sequence(
    ...(version === 0 ? [] : [der(0xa0, integer(version))]),
    integer(plan.serial ?? 1),
    algorithm,
    issuer.subject,
    sequence(time(plan.notBefore ?? '20200101000000Z'), time(plan.notAfter ?? '21200101000000Z')),
    subject,
    key.publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
  );
  return sequence(tbs, algorithm, bits(sign('sha256', tbs, issuer.key.privateKey)));
}

/** A chain leaf, intermediate, root: the DER of each and their keys. */
export function makeChain(
  leaf: Partial<CertificatePlan> = {},
  intermediate: Partial<CertificatePlan> = {},
): { readonly chain: readonly Buffer[]; readonly leafKey: KeyPair } {
  const root = { subject: commonName('Test Root'), key: ecKey() };
  const middle = { subject: commonName('Test Intermediate'), key: ecKey() };
  const leafKey = leaf.key ?? ecKey();
  const chain = [
    makeCertificate({
      subject: commonName('Test Leaf'),
      issuer: middle,
      ...leaf,
      key: leafKey,
    }),
    makeCertificate({ extensions: AUTHORITY, ...intermediate, ...middle, issuer: root }),
    makeCertificate({ extensions: AUTHORITY, ...root }),
  ];
  return { chain, leafKey };
}

/** PEM of DER certificates, in order. */
export function pemOf(certificates: readonly Buffer[], label = 'CERTIFICATE'): string {
  return certificates
    .map((bytes) => {
      const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
      return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
    })
    .join('');
}

export const sha256Base64url = (bytes: Uint8Array) =>
  createHash('sha256').update(bytes).digest('base64url');
