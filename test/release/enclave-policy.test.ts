import { describe, expect, it } from 'vitest';
import type { Sha256Hex } from '../../src/core/digest.js';
import { buildEnclavePolicy, parseEnclaveHash } from '../../src/release/enclave-policy.js';
import { evaluateReleasePolicy } from '../../src/release/evaluate.js';
import { readReleasePolicy } from '../../src/release/grammar.js';
import { blockingFindings, lintReleasePolicy } from '../../src/release/lint.js';
import { printReleasePolicy } from '../../src/release/release-policy.js';

const AUTHORITY = 'https://a.attest.azure.net';
const A = parseEnclaveHash('a'.repeat(64));
const B = parseEnclaveHash('b'.repeat(64));
const policy = readReleasePolicy(
  printReleasePolicy(
    buildEnclavePolicy([AUTHORITY], [{ enclave: A }, { signer: B, productId: 1, minSvn: 3 }]),
  ),
  'p',
);
const decide = (change: object) => {
  const claims = {
    iss: AUTHORITY,
    'x-ms-attestation-type': 'sgx',
    'x-ms-sgx-is-debuggable': false,
    'x-ms-sgx-mrenclave': 'c'.repeat(64),
    'x-ms-sgx-mrsigner': B as string,
    'x-ms-sgx-product-id': 1,
    'x-ms-sgx-svn': 3,
    ...change,
  };
  return evaluateReleasePolicy(policy, claims).decision;
};

describe('a policy for enclaves', () => {
  it.each<[object, string]>([
    [{}, 'release'],
    [{ 'x-ms-sgx-svn': 4 }, 'release'],
    [{ 'x-ms-sgx-svn': 2 }, 'deny'],
    [{ 'x-ms-sgx-product-id': 2 }, 'deny'],
    [{ 'x-ms-sgx-mrsigner': A }, 'deny'],
    [{ 'x-ms-sgx-mrsigner': A, 'x-ms-sgx-mrenclave': A }, 'release'],
    [{ 'x-ms-sgx-is-debuggable': true }, 'deny'],
    [{ 'x-ms-attestation-type': 'sevsnpvm' }, 'deny'],
    [{ iss: 'https://b.attest.azure.net' }, 'deny'],
  ])('for %j: %s', (change, decision) => expect(decide(change)).toBe(decision));

  it('may be stored', () => {
    const findings = lintReleasePolicy(policy, 'p');
    expect(blockingFindings(findings)).toEqual([]);
    expect(findings.map(({ id }) => id)).toEqual(['release-later-operator']);
  });

  it.each(['', 'A'.repeat(64), 'a'.repeat(63), '0'.repeat(64), `${'a'.repeat(64)}\n`])(
    'takes no hash %j',
    (text) =>
      expect((): Sha256Hex => parseEnclaveHash(text)).toThrow(
        expect.objectContaining({ code: 'USAGE_CONFLICT' }),
      ),
  );
});
