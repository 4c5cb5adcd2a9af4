/**
 * Signs a fragment (aci policy 15.4): a COSE_Sign1 document with the signer's certificates, issuer and feed in the
 * protected header. Signing is a callback, so that the key may stay in a token or service.
 */
import { type CborValue, encodeCbor } from '../core/cbor.js';
import type { CoseAlgorithm } from '../core/cose-algorithms.js';
import { COSE_LABEL, encodeCoseSign1, sigStructure } from '../core/cose-sign1.js';
import { resolveDid } from '../core/did-x509.js';
import { ToolError } from '../core/error.js';
import { unpackStatement } from '../core/signed-statement.js';
import type { Certificate } from '../core/x509.js';

/** What is signed, and with which headers. */
export interface SigningPlan {
  readonly payload: Buffer;
  readonly algorithm: CoseAlgorithm;
  /** Leaf first; at least the leaf and its issuer. */
  readonly chain: readonly Certificate[];
  /** did:x509 of the signer. */
  readonly issuer: string;
  /** Left out where it is empty. */
  readonly feed: string;
  readonly contentType: string;
  /**
   * `text`: issuer and feed as text labels only, as the reference writes them. `claims`: as CWT claims too, with the
   * SVN, for guests that read those.
   */
  readonly headers: 'text' | 'claims';
  readonly svn?: bigint;
}

/** Content type of a fragment's payload, as the reference writes it. */
export const FRAGMENT_CONTENT_TYPE = 'application/unknown+rego';

/** A signature of the given bytes: for EC keys r and s one after the other. */
export type Signer = (toBeSigned: Buffer) => Promise<Buffer> | Buffer;

/**
 * The signed document. It is read back before it is given out, as the guest does: a key that is not the leaf's, a broken
 * chain or an issuer that the certificates do not bear ends in SIGNATURE_INVALID or DID_INVALID.
 */
export async function signFragment(plan: SigningPlan, sign: Signer): Promise<Buffer> {
  const protectedBytes = encodeCbor(protectedHeader(plan));
  const signature = await sign(sigStructure(protectedBytes, plan.payload));
  const document = encodeCoseSign1({
    protectedBytes,
    unprotectedHeader: new Map(),
    payload: plan.payload,
    signature,
  });
  assertAcceptable(document);
  return document;
}

function protectedHeader(plan: SigningPlan): ReadonlyMap<CborValue, CborValue> {
  const { issuer, feed, svn } = plan;
  const chain = plan.chain.map(({ der }) => der);
  const header = new Map<CborValue, CborValue>([
    [COSE_LABEL.algorithm, plan.algorithm.id],
    [COSE_LABEL.contentType, plan.contentType],
    [COSE_LABEL.x5chain, chain],
  ]);
  if (issuer !== '') header.set('iss', issuer);
  if (feed !== '') header.set('feed', feed);
  if (plan.headers === 'text') return header;
  const claims = new Map<CborValue, CborValue>([
    [1n, issuer],
    [2n, feed],
  ]);
  if (svn !== undefined) claims.set('svn', svn);
  return header.set(COSE_LABEL.cwtClaims, claims);
}

function assertAcceptable(document: Buffer): void {
  const result = unpackStatement(document, 'the signed fragment');
  if (!result.ok) {
    throw new ToolError('SIGNATURE_INVALID', `the fragment cannot be signed: ${result.message}`, {
      hints: [
        'the key must belong to the first certificate of the chain, and each certificate to the next',
      ],
    });
  }
  const { issuer, chain } = result.statement;
  const resolved = resolveDid(issuer, chain, 'guest');
  if (resolved.ok) return;
  throw new ToolError('DID_INVALID', `the issuer does not resolve: ${resolved.problem}`, {
    got: issuer,
  });
}
