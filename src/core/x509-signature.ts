/** Is a certificate signed by another one: names, right to sign, algorithm and signature (RFC 5280 section 6.1.3). */
import { contextTag, DER_TAG, parseDer, readOid, readParts, readSmallInteger } from './der.js';
import type { Certificate } from './x509.js';
import { basicConstraintsOf, keyUsageOf } from './x509-extensions.js';

/** Why a chain is refused. */
export type ChainReason =
  | 'too-short'
  | 'damaged'
  | 'not-issued-by'
  | 'not-an-authority'
  | 'signature-algorithm'
  | 'signature'
  | 'not-yet-valid'
  | 'expired'
  | 'path-length'
  | 'critical-extension'
  | 'name-constraint'
  | 'untrusted';

/** One reason with a sentence; `index` is the certificate's place in the chain, 0 the leaf. */
export interface ChainProblem {
  readonly reason: ChainReason;
  readonly message: string;
  readonly index?: number;
}

/** Signatures over SHA-256 or better; SHA-1 and MD5 are refused. */
const SIGNATURES: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.11', // sha256WithRSAEncryption
  '1.2.840.113549.1.1.12', // sha384WithRSAEncryption
  '1.2.840.113549.1.1.13', // sha512WithRSAEncryption
  '1.2.840.10045.4.3.2', // ecdsa-with-SHA256
  '1.2.840.10045.4.3.3', // ecdsa-with-SHA384
  '1.2.840.10045.4.3.4', // ecdsa-with-SHA512
  '1.3.101.112', // Ed25519
]);

const RSASSA_PSS = '1.2.840.113549.1.1.10';
const MGF1 = '1.2.840.113549.1.1.8';

/** Hash OIDs of RSASSA-PSS with their length, which is the salt length as well. */
const PSS_HASHES: ReadonlyMap<string, number> = new Map([
  ['2.16.840.1.101.3.4.2.1', 32],
  ['2.16.840.1.101.3.4.2.2', 48],
  ['2.16.840.1.101.3.4.2.3', 64],
]);

/**
 * Undefined if `issuer` issued and signed `certificate`; otherwise the first reason why not: the names differ, the
 * issuer must not sign certificates, the algorithm is not accepted, or the signature is wrong.
 */
export function checkSignedBy(
  certificate: Certificate,
  issuer: Certificate,
): Omit<ChainProblem, 'index'> | undefined {
  if (!certificate.issuer.der.equals(issuer.subject.der)) {
    return { reason: 'not-issued-by', message: 'the issuer name is not the subject of the next' };
  }
  if (!maySign(issuer)) {
    return { reason: 'not-an-authority', message: 'the issuer must not sign certificates' };
  }
  if (!isAcceptedSignature(certificate)) {
    return {
      reason: 'signature-algorithm',
      message: `the signature algorithm ${certificate.signatureAlgorithm.oid} is not accepted`,
    };
  }
  if (isSignatureOf(certificate, issuer)) return undefined;
  return { reason: 'signature', message: 'the signature is not by the key of the issuer' };
}

/** True for a certificate that carries its own name as issuer and is signed with its own key. */
export function isSelfSigned(certificate: Certificate): boolean {
  return (
    certificate.issuer.der.equals(certificate.subject.der) &&
    isAcceptedSignature(certificate) &&
    isSignatureOf(certificate, certificate)
  );
}

/** An authority by basicConstraints (version 1 certificates have none), and by keyUsage where there is one. */
function maySign(issuer: Certificate): boolean {
  const constraints = basicConstraintsOf(issuer);
  const usage = keyUsageOf(issuer);
  const authority = constraints === undefined ? issuer.version < 3 : constraints.ca;
  return authority && (usage === undefined || usage.has('keyCertSign'));
}

function isSignatureOf(certificate: Certificate, issuer: Certificate): boolean {
  try {
    return certificate.x509.verify(issuer.x509.publicKey);
  } catch {
    // OpenSSL throws for a key of another family than the signature's.
    return false;
  }
}

function isAcceptedSignature({ signatureAlgorithm }: Certificate): boolean {
  if (signatureAlgorithm.oid !== RSASSA_PSS) return SIGNATURES.has(signatureAlgorithm.oid);
  return isPlainPss(signatureAlgorithm.parameters);
}

/** RSASSA-PSS-params (RFC 4055): one hash throughout, the salt as long as it, the usual trailer. */
function isPlainPss(parameters: Buffer): boolean {
  const what = 'RSASSA-PSS parameters';
  const fields = new Map(
    readParts(parseDer(parameters, what), DER_TAG.sequence).map((field) => [field.tag, field]),
  );
  const [hashField, mgfField, saltField] = [0, 1, 2].map((n) =>
    fields.get(contextTag(n, 'constructed')),
  );
  if (!hashField || !mgfField || !saltField || fields.size > 4) return false;
  const [hash] = readParts(hashField, hashField.tag);
  const [mgf] = readParts(mgfField, mgfField.tag);
  const [salt] = readParts(saltField, saltField.tag);
  if (!hash || !mgf || !salt) return false;
  const [hashOid] = readParts(hash, DER_TAG.sequence);
  const [mgfOid, mgfHash] = readParts(mgf, DER_TAG.sequence);
  const [mgfHashOid] = mgfHash ? readParts(mgfHash, DER_TAG.sequence) : [];
  if (!hashOid || !mgfOid || !mgfHashOid || readOid(mgfOid) !== MGF1) return false;
  const name = readOid(hashOid);
  return name === readOid(mgfHashOid) && PSS_HASHES.get(name) === readSmallInteger(salt, 512);
}
