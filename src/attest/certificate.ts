/**
 * The certificates of AMD's chains, read strictly from DER (RFC 5280; spec snp-attestation section 4.2). They have raw
 * bytes in private extensions and a serial number of zero, over which general readers stumble or differ; here each byte
 * has one meaning.
 */
import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import {
  contextTag,
  DER_TAG,
  type DerElement,
  parseDer,
  readBitString,
  readContent,
  readDerBoolean,
  readInteger,
  readOid,
  readParts,
  readSmallInteger,
  readText,
  readTime,
} from '../core/der.js';
import { sha256Hex } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';

/** An extension; `value` is the content of its OCTET STRING. */
export interface AmdExtension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer;
}

/** One certificate. Byte fields are views of `der`. */
export interface AmdCertificate {
  readonly der: Buffer;
  /** Lower-case hex. */
  readonly sha256: string;
  /** The signed part. */
  readonly tbs: Buffer;
  readonly serial: bigint;
  /** DER; names are compared byte for byte. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  /** The only common name of the subject; undefined if it has none or several. */
  readonly commonName: string | undefined;
  /** Seconds since 1970; both ends belong to the validity period. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** DER of the AlgorithmIdentifier of the issuer's signature. */
  readonly signatureAlgorithm: DerElement;
  readonly signature: Buffer;
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  /** In order; the same one may stand there twice. */
  readonly extensions: readonly AmdExtension[];
}

const COMMON_NAME = '2.5.4.3';
const COMMON_NAME_TAGS: readonly number[] = [
  DER_TAG.utf8String,
  DER_TAG.printableString,
  DER_TAG.ia5String,
];

/** Reads exactly one certificate. Throws DER_INVALID, CERTIFICATE_INVALID or LIMIT_EXCEEDED; `what` names it. */
export function parseAmdCertificate(bytes: Uint8Array, what: string): AmdCertificate {
  if (bytes.length > LIMITS.certificateBytes) {
    throw new ToolError('LIMIT_EXCEEDED', `${what} is too large for a certificate`, {
      want: `at most ${LIMITS.certificateBytes} bytes`,
    });
  }
  const der = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const [tbs, outer, signature] = partsOf(parseDer(der, what), 3);
  const parts = [...readParts(tbs, DER_TAG.sequence)];
  const versionWrap = parts.shift();
  if (versionWrap === undefined) throw damaged(what, 'it is empty');
  const [version, ...rest] = readParts(versionWrap, contextTag(0, 'constructed'));
  if (version === undefined || rest.length > 0 || readSmallInteger(version, 2) !== 2) {
    throw damaged(what, 'it is not of version 3');
  }
  const [serial, algorithm, issuer, validity, subject, spki, wrapper, ...more] = parts;
  if (!(serial && algorithm && issuer && validity && subject && spki) || more.length > 0) {
    throw damaged(what, 'it has too few or too many fields');
  }
  if (!algorithm.bytes.equals(outer.bytes)) throw damaged(what, 'it names two algorithms');
  const [notBefore, notAfter] = partsOf(validity, 2);
  readName(issuer);
  return {
    der,
    sha256: sha256Hex(der),
    tbs: tbs.bytes,
    serial: readInteger(serial),
    issuer: issuer.bytes,
    subject: subject.bytes,
    commonName: readName(subject),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    signatureAlgorithm: readAlgorithm(algorithm),
    signature: readWholeOctets(signature),
    spki: readKeyInfo(spki),
    extensions: wrapper === undefined ? [] : readExtensions(wrapper, what),
  };
}

/** The extensions in the wrapper `[tag]`, of a certificate or a revocation list. */
export function readExtensions(
  wrapper: DerElement,
  what: string,
  tag = contextTag(3, 'constructed'),
): readonly AmdExtension[] {
  const [list, ...others] = readParts(wrapper, tag);
  if (list === undefined || others.length > 0) throw damaged(what, 'its extensions are damaged');
  return readExtensionList(list, what);
}

/** The extensions of a list. */
export function readExtensionList(list: DerElement, what: string): readonly AmdExtension[] {
  return readParts(list, DER_TAG.sequence).map((element) => {
    const [oid, ...rest] = readParts(element, DER_TAG.sequence);
    const value = rest.at(-1);
    const flag = rest.length === 2 ? rest[0] : undefined;
    if (oid === undefined || value === undefined || rest.length > 2) {
      throw damaged(what, 'an extension is damaged');
    }
    return {
      oid: readOid(oid),
      critical: flag !== undefined && readDerBoolean(flag),
      value: readContent(value, DER_TAG.octetString),
    };
  });
}

/** The octets of a BIT STRING without unused bits. */
export function readWholeOctets(element: DerElement): Buffer {
  const { octets, unused } = readBitString(element);
  if (unused === 0) return octets;
  throw damaged(element.what, 'a bit string has unused bits');
}

const RSASSA_PSS = '1.2.840.113549.1.1.10';
const MGF1 = '1.2.840.113549.1.1.8';
const SHA384 = '2.16.840.1.101.3.4.2.2';
const SALT_BYTES = 48;

/** True for RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes, in either spelling of the defaults. */
export function isPssSha384(algorithm: DerElement): boolean {
  try {
    const [oid, parameters] = partsOf(algorithm, 2);
    if (readOid(oid) !== RSASSA_PSS) return false;
    const [hash, mask, salt, trailer, ...more] = readParts(parameters, DER_TAG.sequence);
    if (hash === undefined || mask === undefined || salt === undefined || more.length > 0) {
      return false;
    }
    const [maskOid, maskHash] = partsOf(onlyPart(mask, 1), 2);
    return (
      isSha384(onlyPart(hash, 0)) &&
      readOid(maskOid) === MGF1 &&
      isSha384(maskHash) &&
      readSmallInteger(onlyPart(salt, 2), 0xffff) === SALT_BYTES &&
      (trailer === undefined || readSmallInteger(onlyPart(trailer, 3), 0xffff) === 1)
    );
  } catch (error) {
    if (error instanceof ToolError) return false;
    throw error;
  }
}

/** Keys that have been opened; opening one takes as long as using it. */
const openedKeys = new WeakMap<AmdCertificate, { readonly key: KeyObject | undefined }>();

/** The public key of SubjectPublicKeyInfo; undefined if it is not one of a known kind. */
export function keyOf(certificate: AmdCertificate): KeyObject | undefined {
  const opened = openedKeys.get(certificate) ?? { key: openKey(certificate.spki) };
  openedKeys.set(certificate, opened);
  return opened.key;
}

function openKey(spki: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

/** What was found of pairs of certificates: neither of them changes, and so does not whether one signed the other. */
const signedPairs = new WeakMap<AmdCertificate, WeakMap<AmdCertificate, boolean>>();

/** True if `issuer` signed the certificate, as isSignedBy. Judged once for the same two. */
export function isIssuedBy(certificate: AmdCertificate, issuer: AmdCertificate): boolean {
  const known = signedPairs.get(certificate) ?? new WeakMap<AmdCertificate, boolean>();
  const good = known.get(issuer) ?? isSignedBy(certificate.tbs, certificate.signature, issuer);
  signedPairs.set(certificate, known.set(issuer, good));
  return good;
}

/** True if `signature` over `signed` is one of RSASSA-PSS with SHA-384 and a salt of 48 bytes by an RSA key. */
export function isSignedBy(signed: Buffer, signature: Buffer, issuer: AmdCertificate): boolean {
  const key = keyOf(issuer);
  if (key?.asymmetricKeyType !== 'rsa') return false;
  try {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return verify('sha384', signed, { key, padding, saltLength: SALT_BYTES }, signature);
  } catch {
    return false;
  }
}

/** The exact number of parts of a SEQUENCE. */
function partsOf(element: DerElement, count: 2): [DerElement, DerElement];
function partsOf(element: DerElement, count: 3): [DerElement, DerElement, DerElement];
function partsOf(element: DerElement, count: number): readonly DerElement[] {
  const parts = readParts(element, DER_TAG.sequence);
  if (parts.length === count) return parts;
  throw damaged(element.what, 'a sequence has too few or too many parts');
}

function onlyPart(element: DerElement, tag: number): DerElement {
  const [part, ...more] = readParts(element, contextTag(tag, 'constructed'));
  if (part !== undefined && more.length === 0) return part;
  throw damaged(element.what, 'a tagged value is damaged');
}

/** SHA-384 with parameters absent or NULL. */
function isSha384(element: DerElement): boolean {
  const [oid, parameters, ...more] = readParts(element, DER_TAG.sequence);
  if (oid === undefined || readOid(oid) !== SHA384 || more.length > 0) return false;
  return parameters === undefined || readContent(parameters, DER_TAG.null).length === 0;
}

/** An AlgorithmIdentifier: an OID and at most one parameter. */
function readAlgorithm(element: DerElement): DerElement {
  const [oid, , ...more] = readParts(element, DER_TAG.sequence);
  if (oid === undefined || more.length > 0) throw damaged(element.what, 'an algorithm is damaged');
  readOid(oid);
  return element;
}

function readKeyInfo(element: DerElement): Buffer {
  const [algorithm, key] = partsOf(element, 2);
  readAlgorithm(algorithm);
  readBitString(key);
  return element.bytes;
}

/** Walks a name; gives its only common name. */
function readName(element: DerElement): string | undefined {
  const names: (string | undefined)[] = [];
  for (const set of readParts(element, DER_TAG.sequence)) {
    for (const attribute of readParts(set, DER_TAG.set)) {
      const [type, value] = partsOf(attribute, 2);
      if (readOid(type) !== COMMON_NAME) continue;
      names.push(COMMON_NAME_TAGS.includes(value.tag) ? readText(value) : undefined);
    }
  }
  return names.length === 1 ? names[0] : undefined;
}

function damaged(what: string, problem: string): ToolError {
  return new ToolError('CERTIFICATE_INVALID', `${what} is not a valid certificate: ${problem}`);
}
