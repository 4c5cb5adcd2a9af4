/**
 * Signed statements: COSE_Sign1 documents with the signer's certificates in the protected header. Policy fragments,
 * trust lists and UVM endorsements have this form. `unpackStatement` gives the verdict of the guest's checker (envelope
 * only: whether the issuer is borne out by the certificates is for did-x509.ts).
 */
import { type CborMap, type CborValue, isCborArray, isCborMap } from './cbor.js';
import { type CcfReceipt, parseReceipt } from './ccf-receipt.js';
import {
  type CoseAlgorithm,
  checkKeyFits,
  findCoseAlgorithm,
  verifyCose,
} from './cose-algorithms.js';
import { COSE_LABEL, type CoseSign1, parseCoseSign1, sigStructure } from './cose-sign1.js';
import { ToolError } from './error.js';
import { LIMITS } from './limits.js';
import { type Certificate, parseCertificate, publicKeyOf } from './x509.js';
import { findPath } from './x509-chain.js';

/** What an accepted envelope says. */
export interface SignedStatement {
  readonly message: CoseSign1;
  readonly payload: Buffer;
  readonly algorithm: CoseAlgorithm;
  /** As it stands in the header: leaf first. A chain of one certificate has not been checked. */
  readonly chain: readonly Certificate[];
  /** Empty where the header has none or it is no text. */
  readonly issuer: string;
  readonly feed: string;
  readonly contentType: string;
  /** The claim `svn` as it stands there; undefined if there is none. See `svnOf`. */
  readonly svn: CborValue;
  readonly hasSvn: boolean;
  readonly receipts: readonly CcfReceipt[];
}

/** At which step of the guest's checker a document is refused. */
export type StatementReason =
  | 'structure'
  | 'algorithm'
  | 'x5chain'
  | 'chain'
  | 'signature'
  | 'receipts';

export type UnpackResult =
  | { readonly ok: true; readonly statement: SignedStatement }
  | { readonly ok: false; readonly reason: StatementReason; readonly message: string };

/** Checks structure, certificates and signature in the guest's order. Throws LIMIT_EXCEEDED only. */
export function unpackStatement(bytes: Uint8Array, what: string): UnpackResult {
  try {
    const message = step('structure', () => parseCoseSign1(bytes, what));
    const algorithm = step('algorithm', () => readAlgorithm(message));
    const chain = step('x5chain', () => readChain(message.protectedHeader));
    checkStatementChain(chain);
    const payload = checkSignature(message, algorithm, chain);
    const receipts = step('receipts', () => readReceipts(message.unprotectedHeader));
    const names = readNames(message.protectedHeader);
    return { ok: true, statement: { message, payload, algorithm, chain, ...names, receipts } };
  } catch (error) {
    if (error instanceof Refusal) {
      return { ok: false, reason: error.reason, message: error.message };
    }
    throw error;
  }
}

/** The header SVN as the guest takes it: an integer of 64 bits. */
export type SvnClaim =
  | { readonly kind: 'absent' }
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'invalid'; readonly message: string };

/** Reads the claim `svn`; a guest refuses a document whose claim is not an integer. */
export function svnOf(statement: SignedStatement): SvnClaim {
  if (!statement.hasSvn) return { kind: 'absent' };
  const { svn } = statement;
  if (typeof svn === 'bigint' && svn >= -(2n ** 63n)) return { kind: 'number', value: svn };
  return { kind: 'invalid', message: 'the claim svn is not an integer of 64 bits' };
}

/** Ends the unpacking at one step; never leaves this module. */
class Refusal extends Error {
  readonly reason: StatementReason;

  constructor(reason: StatementReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Runs one step; what it throws becomes a refusal at that step, except for passed limits. */
function step<T>(reason: StatementReason, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof ToolError) || error.code === 'LIMIT_EXCEEDED') throw error;
    throw new Refusal(reason, error.message);
  }
}

function readAlgorithm(message: CoseSign1): CoseAlgorithm {
  const id = message.protectedHeader.get(COSE_LABEL.algorithm);
  if (typeof id !== 'bigint') {
    throw new Refusal('algorithm', 'the protected header names no algorithm by number');
  }
  const algorithm = findCoseAlgorithm(id);
  if (algorithm !== undefined) return algorithm;
  throw new Refusal('algorithm', `the algorithm ${id} is not accepted`);
}

function readChain(header: CborMap): readonly Certificate[] {
  const value = header.get(COSE_LABEL.x5chain);
  const list = Buffer.isBuffer(value) ? [value] : isCborArray(value ?? null) ? value : undefined;
  const certificates = isCborArray(list ?? null) ? (list as readonly CborValue[]) : [];
  if (certificates.length === 0 || !certificates.every((each) => Buffer.isBuffer(each))) {
    throw new Refusal('x5chain', 'the protected header has no certificates');
  }
  if (certificates.length > LIMITS.chainCertificates) {
    throw new Refusal('x5chain', `there are ${certificates.length} certificates`);
  }
  return certificates.map((each, index) => parseCertificate(each, `certificate ${index}`));
}

/** Several certificates: a path to the last one must exist at the end of the leaf's validity. One is not checked. */
function checkStatementChain(chain: readonly Certificate[]): void {
  const [leaf, ...issuers] = chain;
  if (leaf === undefined || issuers.length === 0) return;
  const result = findPath(chain, leaf.notAfter);
  if ('path' in result) return;
  const [first] = result.problems;
  const place = first?.index === undefined ? '' : `, certificate ${first.index} of the path`;
  throw new Refusal('chain', `the certificates form no chain: ${first?.message ?? ''}${place}`);
}

function checkSignature(
  message: CoseSign1,
  algorithm: CoseAlgorithm,
  chain: readonly Certificate[],
): Buffer {
  const [leaf] = chain;
  if (leaf === undefined) throw new Refusal('x5chain', 'there is no certificate');
  const key = step('signature', () => publicKeyOf(leaf, 'certificate 0'));
  const problem = checkKeyFits(algorithm, key);
  if (problem !== undefined) throw new Refusal('signature', problem);
  const { payload } = message;
  if (payload === undefined) throw new Refusal('signature', 'the payload is detached');
  const signed = sigStructure(message.protectedBytes, payload);
  if (verifyCose(algorithm, key, signed, message.signature)) return payload;
  throw new Refusal('signature', "the signature is not by the leaf certificate's key");
}

/** Issuer, feed, content type and SVN; with CWT claims the text labels are not looked at. */
function readNames(header: CborMap) {
  const claims = header.get(COSE_LABEL.cwtClaims);
  const text = (value: CborValue) => (typeof value === 'string' ? value : '');
  const contentType = text(header.get(COSE_LABEL.contentType));
  if (!header.has(COSE_LABEL.cwtClaims)) {
    const issuer = text(header.get('iss'));
    return { issuer, feed: text(header.get('feed')), contentType, svn: undefined, hasSvn: false };
  }
  const map: CborMap = claims !== undefined && isCborMap(claims) ? claims : new Map();
  return {
    issuer: text(map.get(CLAIM.issuer)),
    feed: text(map.get(CLAIM.subject)),
    contentType,
    svn: map.get('svn'),
    hasSvn: map.has('svn'),
  };
}

/** Labels of CWT claims (RFC 8392). */
const CLAIM = { issuer: 1n, subject: 2n } as const;

function readReceipts(header: CborMap): readonly CcfReceipt[] {
  const value = header.get(COSE_LABEL.receipts);
  if (!header.has(COSE_LABEL.receipts)) return [];
  if (value === undefined || !isCborArray(value)) {
    throw new Refusal('receipts', 'the receipts are no array');
  }
  return value.map((each, index) => {
    if (!Buffer.isBuffer(each)) throw new Refusal('receipts', `receipt ${index} is no byte string`);
    return parseReceipt(each, `receipt ${index}`);
  });
}
