/**
 * Receipts of a transparency ledger (CCF profile of COSE receipts): proof that a signed statement stands in the ledger,
 * signed by the ledger over the root of its Merkle tree.
 */
import { createHash, type KeyObject } from 'node:crypto';
import { type CborValue, decodeCbor, isCborArray, isCborMap } from './cbor.js';
import { checkKeyFits, findCoseAlgorithm, verifyCose } from './cose-algorithms.js';
import {
  COSE_LABEL,
  type CoseSign1,
  encodeCoseSign1,
  parseCoseSign1,
  sigStructure,
} from './cose-sign1.js';
import { ToolError } from './error.js';
import { LIMITS } from './limits.js';

/** A receipt that can be checked. */
export interface CcfReceipt {
  readonly message: CoseSign1;
  /** Name of the ledger. */
  readonly issuer: string;
  /** Name of the ledger's key. */
  readonly keyId: string;
}

/** Reads a receipt. Throws COSE_INVALID or CBOR_INVALID; the guest then refuses the whole statement. */
export function parseReceipt(bytes: Uint8Array, what: string): CcfReceipt {
  const message = parseCoseSign1(bytes, what);
  const keyId = message.protectedHeader.get(COSE_LABEL.keyId);
  const claims = message.protectedHeader.get(COSE_LABEL.cwtClaims);
  if (!Buffer.isBuffer(keyId)) throw receiptInvalid(what, 'it names no key');
  if (claims === undefined || !isCborMap(claims)) throw receiptInvalid(what, 'it has no claims');
  const issuer = claims.get(1n);
  if (typeof issuer !== 'string') throw receiptInvalid(what, 'it names no issuer');
  return { message, issuer, keyId: keyId.toString('utf8') };
}

/** SHA-256 of a statement without its unprotected header: what a ledger registers. */
export function statementHash(statement: CoseSign1): Buffer {
  const bare = encodeCoseSign1({ ...statement, unprotectedHeader: new Map() });
  return createHash('sha256').update(bare).digest();
}

/** CCF_LEDGER_SHA256 of the registry of verifiable data structures. */
const CCF_LEDGER = 2n;

/** Key of the inclusion proofs in header parameter 396. */
const INCLUSION = -1n;

/**
 * What is wrong with a receipt for `statement` under the ledger's key; undefined if nothing is. `key` is undefined where
 * the ledger has no key of that name.
 */
export function checkReceipt(
  receipt: CcfReceipt,
  statement: CoseSign1,
  key: KeyObject | undefined,
): string | undefined {
  const { protectedHeader, unprotectedHeader, payload } = receipt.message;
  if (protectedHeader.get(COSE_LABEL.verifiableData) !== CCF_LEDGER) {
    return 'it is not of a CCF ledger';
  }
  if (payload !== undefined) return 'its payload is not detached';
  const id = protectedHeader.get(COSE_LABEL.algorithm);
  const algorithm = typeof id === 'bigint' ? findCoseAlgorithm(id) : undefined;
  if (algorithm === undefined) return 'it names no accepted algorithm';
  if (key === undefined) return `the ledger has no key ${JSON.stringify(receipt.keyId)}`;
  const unfit = checkKeyFits(algorithm, key);
  if (unfit !== undefined) return unfit;
  const proofs = unprotectedHeader.get(COSE_LABEL.proofs);
  const inclusion = proofs !== undefined && isCborMap(proofs) ? proofs.get(INCLUSION) : undefined;
  if (inclusion === undefined || !isCborArray(inclusion) || inclusion.length === 0) {
    return 'it has no inclusion proof';
  }
  if (inclusion.length > LIMITS.inclusionProofs) return 'it has too many inclusion proofs';
  const expected = statementHash(statement);
  for (const [index, proof] of inclusion.entries()) {
    const root = rootOf(proof, expected);
    if (typeof root === 'string') return `inclusion proof ${index}: ${root}`;
    const signed = sigStructure(receipt.message.protectedBytes, root);
    if (!verifyCose(algorithm, key, signed, receipt.message.signature)) {
      return `inclusion proof ${index}: the signature is not by the ledger's key`;
    }
  }
  return undefined;
}

/** Root of the tree that a proof leads to, or what is wrong with the proof. */
function rootOf(proof: CborValue, expected: Buffer): Buffer | string {
  if (!Buffer.isBuffer(proof)) return 'it is no byte string';
  let map: CborValue;
  try {
    map = decodeCbor(proof, 'the proof');
  } catch (error) {
    if (error instanceof ToolError) return error.message;
    throw error;
  }
  const leaf = isCborMap(map) ? map.get(1n) : undefined;
  const path = isCborMap(map) ? map.get(2n) : undefined;
  if (leaf === undefined || !isCborArray(leaf)) return 'it has no leaf';
  const [transaction, evidence, data] = leaf;
  if (leaf.length !== 3 || !isHash(transaction) || !isHash(data) || !isEvidence(evidence)) {
    return 'the leaf is damaged';
  }
  if (!data.equals(expected)) return 'the leaf is that of another statement';
  if (path === undefined || !isCborArray(path) || path.length === 0) return 'it has no path';
  let hash = sha256(transaction, sha256(Buffer.from(evidence)), data);
  for (const element of path) {
    const [left, sibling] = isCborArray(element) && element.length === 2 ? element : [];
    if (typeof left !== 'boolean' || !isHash(sibling)) return 'the path is damaged';
    hash = left ? sha256(sibling, hash) : sha256(hash, sibling);
  }
  return hash;
}

const isHash = (value: CborValue): value is Buffer => Buffer.isBuffer(value) && value.length === 32;

function isEvidence(value: CborValue): value is string {
  const size = typeof value === 'string' ? Buffer.byteLength(value) : 0;
  return size >= 1 && size <= 1024;
}

function sha256(...parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function receiptInvalid(what: string, problem: string): ToolError {
  return new ToolError('COSE_INVALID', `${what} is not a receipt: ${problem}`);
}
