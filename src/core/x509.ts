/**
 * X.509 certificates (RFC 5280) read from DER or PEM. node:crypto parses each as well and verifies signatures; what it
 * hides (raw extensions, names attribute by attribute, times as numbers) is read here, strictly.
 */
import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import {
  contextTag,
  DER_TAG,
  type DerElement,
  isText,
  parseDer,
  readContent,
  readDerBoolean,
  readInteger,
  readOid,
  readParts,
  readSmallInteger,
  readText,
  readTime,
} from './der.js';
import { ToolError } from './error.js';
import { LIMITS } from './limits.js';
import { parsePem } from './pem.js';

/** One attribute of a name: its type as dotted OID; the text is undefined where the value is not a string type. */
export interface NameAttribute {
  readonly oid: string;
  readonly text: string | undefined;
}

/** A distinguished name: the DER by which names are compared, and the attributes in order. */
export interface CertificateName {
  readonly der: Buffer;
  readonly attributes: readonly NameAttribute[];
}

/** An extension; `value` is the content of extnValue, which need not be DER for private ones. */
export interface CertificateExtension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer;
}

/** A certificate. All byte fields are views of `der`. */
export interface Certificate {
  readonly der: Buffer;
  /** 1, 2 or 3. */
  readonly version: number;
  readonly serial: bigint;
  readonly subject: CertificateName;
  readonly issuer: CertificateName;
  /** Seconds since 1970; both ends belong to the validity period. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Algorithm of the issuer's signature: OID and the DER of its parameters (empty if absent). */
  readonly signatureAlgorithm: { readonly oid: string; readonly parameters: Buffer };
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  readonly extensions: readonly CertificateExtension[];
  /** The same certificate as node:crypto sees it. */
  readonly x509: X509Certificate;
}

/**
 * Reads one certificate from DER. `what` names it in messages. Throws DER_INVALID or CERTIFICATE_INVALID, and
 * LIMIT_EXCEEDED beyond LIMITS.certificateBytes.
 */
export function parseCertificate(bytes: Uint8Array, what: string): Certificate {
  if (bytes.length > LIMITS.certificateBytes) {
    throw new ToolError('LIMIT_EXCEEDED', `${what} is too large for a certificate`, {
      want: `at most ${LIMITS.certificateBytes} bytes`,
    });
  }
  const [tbs, algorithm, signature, ...more] = readParts(parseDer(bytes, what), DER_TAG.sequence);
  if (tbs === undefined || algorithm === undefined || signature === undefined || more.length > 0) {
    throw certificateInvalid(what, 'it does not have three parts');
  }
  const signed = readSigned(tbs);
  if (!signed.algorithm.bytes.equals(algorithm.bytes)) {
    throw certificateInvalid(what, 'it names two signature algorithms');
  }
  const der = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { ...signed.fields, der, x509: openX509(der, what) };
}

/**
 * Reads certificates from PEM (one or more CERTIFICATE blocks, in order) or from one DER certificate. Throws as
 * parseCertificate, PEM_INVALID, and LIMIT_EXCEEDED beyond LIMITS.chainCertificates.
 */
export function parseCertificates(bytes: Uint8Array, what: string): readonly Certificate[] {
  if (bytes[0] === DER_TAG.sequence) return [parseCertificate(bytes, what)];
  const blocks = parsePem(bytes, what).filter((block) => block.label === 'CERTIFICATE');
  if (blocks.length === 0) throw certificateInvalid(what, 'it holds no certificate');
  if (blocks.length > LIMITS.chainCertificates) {
    throw new ToolError('LIMIT_EXCEEDED', `${what} holds too many certificates`, {
      want: `at most ${LIMITS.chainCertificates}`,
    });
  }
  return blocks.map((block, index) => {
    return parseCertificate(block.bytes, `certificate ${index + 1} of ${what}`);
  });
}

/** The public key. Throws CERTIFICATE_INVALID for a key that OpenSSL cannot read. */
export function publicKeyOf(certificate: Certificate, what: string): KeyObject {
  try {
    return certificate.x509.publicKey;
  } catch (cause) {
    throw new ToolError('CERTIFICATE_INVALID', `${what} has a public key that cannot be read`, {
      cause,
    });
  }
}

/** The extension with this OID; undefined if there is none. */
export function findExtension(
  certificate: Certificate,
  oid: string,
): CertificateExtension | undefined {
  return certificate.extensions.find((extension) => extension.oid === oid);
}

/** Hash of the DER of the whole certificate. */
export function fingerprintOf(
  certificate: Certificate,
  algorithm: 'sha256' | 'sha384' | 'sha512' = 'sha256',
): Buffer {
  return createHash(algorithm).update(certificate.der).digest();
}

/** SHA-256 of the DER of SubjectPublicKeyInfo. */
export function spkiSha256(certificate: Certificate): Buffer {
  return createHash('sha256').update(certificate.spki).digest();
}

/** Values of all attributes of this type, in order; those that are not texts are left out. */
export function attributesOf(name: CertificateName, oid: string): readonly string[] {
  return name.attributes.flatMap((attribute) => {
    return attribute.oid === oid && attribute.text !== undefined ? [attribute.text] : [];
  });
}

/** Reads a distinguished name (a sequence of sets of type and value). */
export function readName(element: DerElement): CertificateName {
  const attributes = readParts(element, DER_TAG.sequence).flatMap((set) => {
    const parts = readParts(set, DER_TAG.set);
    if (parts.length === 0) throw certificateInvalid(element.what, 'a name has an empty part');
    return parts.map((part) => {
      const [type, value, ...more] = readParts(part, DER_TAG.sequence);
      if (type === undefined || value === undefined || more.length > 0) {
        throw certificateInvalid(element.what, 'a name has a damaged attribute');
      }
      return { oid: readOid(type), text: isText(value) ? readText(value) : undefined };
    });
  });
  return { der: element.bytes, attributes };
}

type SignedFields = Omit<Certificate, 'der' | 'x509'>;

/** The signed part (TBSCertificate, RFC 5280 section 4.1.2). */
function readSigned(tbs: DerElement): { algorithm: DerElement; fields: SignedFields } {
  const { what } = tbs;
  const parts = [...readParts(tbs, DER_TAG.sequence)];
  const version = parts[0]?.tag === contextTag(0, 'constructed') ? readVersion(parts.shift()) : 1;
  const [serial, algorithm, issuer, validity, subject, spki, ...optional] = parts;
  if (
    serial === undefined ||
    algorithm === undefined ||
    issuer === undefined ||
    validity === undefined ||
    subject === undefined ||
    spki === undefined
  ) {
    throw certificateInvalid(what, 'a field is missing');
  }
  const [notBefore, notAfter, ...more] = readParts(validity, DER_TAG.sequence);
  if (notBefore === undefined || notAfter === undefined || more.length > 0) {
    throw certificateInvalid(what, 'the validity does not have two times');
  }
  readContent(spki, DER_TAG.sequence);
  const fields: SignedFields = {
    version,
    serial: readInteger(serial),
    subject: readName(subject),
    issuer: readName(issuer),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    signatureAlgorithm: readAlgorithm(algorithm),
    spki: spki.bytes,
    extensions: readOptional(optional, version, what),
  };
  return { algorithm, fields };
}

function readVersion(element: DerElement | undefined): number {
  const [version, ...more] =
    element === undefined ? [] : readParts(element, contextTag(0, 'constructed'));
  if (version === undefined || more.length > 0) {
    throw certificateInvalid(element?.what ?? 'certificate', 'the version is damaged');
  }
  return readSmallInteger(version, 2) + 1;
}

/** AlgorithmIdentifier: OID, and the DER of the parameters. */
function readAlgorithm(element: DerElement): { oid: string; parameters: Buffer } {
  const [oid, parameters, ...more] = readParts(element, DER_TAG.sequence);
  if (oid === undefined || more.length > 0) {
    throw certificateInvalid(element.what, 'the signature algorithm is damaged');
  }
  return { oid: readOid(oid), parameters: parameters?.bytes ?? Buffer.alloc(0) };
}

const UNIQUE_IDS: ReadonlySet<number> = new Set([
  contextTag(1, 'primitive'),
  contextTag(2, 'primitive'),
]);

/** What may follow the key: unique identifiers (not used), then the extensions of version 3. */
function readOptional(
  elements: readonly DerElement[],
  version: number,
  what: string,
): readonly CertificateExtension[] {
  const rest = elements.filter((element) => !UNIQUE_IDS.has(element.tag));
  const [wrapper, ...more] = rest;
  if (wrapper === undefined) return [];
  const [list, ...others] = readParts(wrapper, contextTag(3, 'constructed'));
  if (list === undefined || others.length > 0 || more.length > 0 || version !== 3) {
    throw certificateInvalid(what, 'the extensions are damaged');
  }
  const extensions = readParts(list, DER_TAG.sequence).map(readExtension);
  if (new Set(extensions.map((extension) => extension.oid)).size === extensions.length) {
    return extensions;
  }
  throw certificateInvalid(what, 'an extension stands there twice');
}

function readExtension(element: DerElement): CertificateExtension {
  const [oid, ...rest] = readParts(element, DER_TAG.sequence);
  const value = rest.at(-1);
  const flag = rest.length === 2 ? rest[0] : undefined;
  if (oid === undefined || value === undefined || rest.length > 2) {
    throw certificateInvalid(element.what, 'an extension is damaged');
  }
  return {
    oid: readOid(oid),
    critical: flag !== undefined && readDerBoolean(flag),
    value: readContent(value, DER_TAG.octetString),
  };
}

function openX509(der: Buffer, what: string): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new ToolError('CERTIFICATE_INVALID', `${what} is not a certificate`, { cause });
  }
}

function certificateInvalid(what: string, problem: string): ToolError {
  return new ToolError('CERTIFICATE_INVALID', `${what} is not a valid certificate: ${problem}`);
}
