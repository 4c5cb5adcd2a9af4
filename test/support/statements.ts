/** Signed statements made by hand for a test: every part can be changed before it is signed. */
import type { KeyObject } from 'node:crypto';
import { type CborValue, encodeCbor } from '../../src/core/cbor.js';
import { findCoseAlgorithm, signCose } from '../../src/core/cose-algorithms.js';
import { sigStructure } from '../../src/core/cose-sign1.js';
import { type KeyPair, makeChain, sha256Base64url } from './certificates.js';

export const FEED = 'contoso.azurecr.io/fragment';
export const PAYLOAD = Buffer.from(
  'package fragment\n\nsvn := "1"\nframework_version := "0.2.3"\n',
);

export interface StatementPlan {
  readonly chain: readonly Buffer[];
  readonly key: KeyObject;
  /** Entries put into the protected header; undefined takes one out. */
  readonly headers?: ReadonlyMap<CborValue, CborValue>;
  readonly without?: readonly CborValue[];
  readonly unprotectedHeader?: ReadonlyMap<CborValue, CborValue>;
  readonly payload?: Buffer | null;
  readonly algorithm?: string;
}

/** did:x509 of a chain by the common name that makeChain gives the leaf. */
export const issuerOf = (chain: readonly Buffer[]) =>
  `did:x509:0:sha256:${sha256Base64url(chain[1]!)}::subject:CN:Test%20Leaf`;

/** A chain with its key, ready for `makeStatement`. */
export function makeSigner(...plans: Parameters<typeof makeChain>): {
  chain: readonly Buffer[];
  key: KeyObject;
  pair: KeyPair;
} {
  const { chain, leafKey } = makeChain(...plans);
  return { chain, key: leafKey.privateKey, pair: leafKey };
}

/** The bytes of a statement. */
export function makeStatement(plan: StatementPlan): Buffer {
  const algorithm = findCoseAlgorithm(plan.algorithm ?? 'ES256')!;
  const header = new Map<CborValue, CborValue>([
    [1n, algorithm.id],
    [3n, 'application/unknown+rego'],
    [33n, plan.chain],
    ['iss', issuerOf(plan.chain)],
    ['feed', FEED],
    ...(plan.headers ?? []),
  ]);
  for (const label of plan.without ?? []) header.delete(label);
  const protectedBytes = encodeCbor(header);
  const payload = plan.payload === undefined ? PAYLOAD : plan.payload;
  const signed = sigStructure(protectedBytes, payload ?? Buffer.alloc(0));
  const signature = signCose(algorithm, plan.key, signed);
  const content = [protectedBytes, plan.unprotectedHeader ?? new Map(), payload, signature];
  return encodeCbor({ tag: 18n, content });
}
