/**
 * Key release policies for Intel SGX enclaves: one authority entry per attestation service and enclave, named by its
 * measurement or by its signer. The claims are those that Azure Attestation emits for SGX quotes.
 */
import { isSha256Hex, type Sha256Hex } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import type { ClaimCondition, ReleasePolicy } from './release-policy.js';

/** Which enclaves may have a key. */
export type EnclaveIdentity =
  /** MRENCLAVE: exactly this code. */
  | { readonly enclave: Sha256Hex }
  /** MRSIGNER: whatever this signer signed for the product, from a security version on. */
  | { readonly signer: Sha256Hex; readonly productId: number; readonly minSvn?: number };

/** The release policy that trusts exactly the given enclaves, none of them debuggable. */
export function buildEnclavePolicy(
  authorities: readonly string[],
  enclaves: readonly EnclaveIdentity[],
): ReleasePolicy {
  const anyOf = authorities.flatMap((authority) =>
    enclaves.map((enclave) => ({ authority, allOf: claims(enclave) })),
  );
  return { version: '1.0.0', anyOf };
}

function claims(identity: EnclaveIdentity): readonly ClaimCondition[] {
  return [
    { claim: 'x-ms-attestation-type', equals: 'sgx' },
    { claim: 'x-ms-sgx-is-debuggable', equals: 'false' },
    ...('enclave' in identity
      ? [{ claim: 'x-ms-sgx-mrenclave', equals: identity.enclave }]
      : signerClaims(identity)),
  ];
}

function signerClaims({
  signer,
  productId,
  minSvn,
}: Extract<EnclaveIdentity, { signer: Sha256Hex }>): readonly ClaimCondition[] {
  return [
    { claim: 'x-ms-sgx-mrsigner', equals: signer },
    { claim: 'x-ms-sgx-product-id', equals: String(productId) },
    ...(minSvn === undefined ? [] : [{ claim: 'x-ms-sgx-svn', greaterOrEquals: minSvn }]),
  ];
}

/** A hash of an enclave or its signer: 64 lower-case hex digits, not all zero. Throws USAGE_CONFLICT. */
export function parseEnclaveHash(text: string): Sha256Hex {
  if (isSha256Hex(text) && !/^0+$/.test(text)) return text;
  throw new ToolError('USAGE_CONFLICT', 'the value is no hash of an enclave or its signer', {
    want: '64 lower-case hex digits, not all zero',
    got: text.slice(0, 200),
  });
}
