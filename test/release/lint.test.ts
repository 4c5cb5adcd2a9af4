import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/core/json.js';
import { CLAIM_NAMES, claimKind } from '../../src/release/claims.js';
import { editReleasePolicy } from '../../src/release/edit.js';
import { printReleasePolicyDocument } from '../../src/release/encode.js';
import { evaluateReleasePolicy } from '../../src/release/evaluate.js';
import { OPERATORS, readReleasePolicyValue } from '../../src/release/grammar.js';
import { blockingFindings, lintReleasePolicy } from '../../src/release/lint.js';
import { buildReleasePolicy, parseMeasurement } from '../../src/release/release-policy.js';

const A = parseMeasurement('a'.repeat(64));
const B = parseMeasurement('b'.repeat(64));
const AUTHORITY = 'https://sharedeus2.eus2.attest.azure.net';
const good = buildReleasePolicy({
  authorities: [AUTHORITY],
  measurements: [A],
  compliance: 'azure-signed-katacc-uvm',
  debuggable: false,
});
const GOOD = good.anyOf[0]!.allOf;

const ENCLAVE: readonly object[] = [
  { claim: 'x-ms-sgx-mrsigner', equals: A },
  { claim: 'x-ms-sgx-is-debuggable', equals: 'false' },
  { claim: 'x-ms-sgx-product-id', equals: '1' },
];

const lint = (conditions: readonly object[], authority = AUTHORITY, kind = 'allOf') => {
  const value = { version: '1.0.0', anyOf: [{ authority, [kind]: conditions }] };
  return lintReleasePolicy(readReleasePolicyValue(value as unknown as JsonValue, 'p'), 'p');
};
const idsOf = (...args: Parameters<typeof lint>) => lint(...args).map(({ id }) => id);
const without = (claim: string) => GOOD.filter((one) => one.claim !== claim);
const replaced = (claim: string, condition: object) =>
  GOOD.map((one) => (one.claim === claim ? { claim, ...condition } : one));

describe('lint', () => {
  it('finds nothing in what podseal writes', () => expect(idsOf(GOOD)).toEqual([]));

  it.each([
    ['x-ms-sevsnpvm-hostdata', 'release-no-hostdata', true],
    ['x-ms-sevsnpvm-is-debuggable', 'release-debuggable', true],
    ['x-ms-compliance-status', 'release-no-compliance-status', false],
    ['x-ms-attestation-type', 'release-no-attestation-type', false],
    ['x-ms-sevsnpvm-vmpl', 'release-no-vmpl', false],
  ])('without %s: %s', (claim, id, blocks) => {
    const findings = lint(without(claim));
    expect(findings.map((one) => one.id)).toEqual([id]);
    expect(blockingFindings(findings).length > 0).toBe(blocks);
  });

  it.each([
    ['x-ms-sevsnpvm-hostdata', { equals: 'A'.repeat(64) }, 'release-hex-form'],
    ['x-ms-sevsnpvm-hostdata', { equals: 'a'.repeat(63) }, 'release-hex-form'],
    ['x-ms-sevsnpvm-hostdata', { equals: '0'.repeat(64) }, 'release-hostdata-zero'],
    ['x-ms-sevsnpvm-hostdata', { notEquals: A }, 'release-no-hostdata'],
    ['x-ms-sevsnpvm-is-debuggable', { equals: 'true' }, 'release-debuggable'],
    ['x-ms-sevsnpvm-is-debuggable', { equals: 'no' }, 'release-value-form'],
    ['x-ms-sevsnpvm-vmpl', { equals: '00' }, 'release-value-form'],
    ['x-ms-sevsnpvm-vmpl', { less: '1' }, 'release-undocumented'],
    ['x-ms-compliance-status', { equals: 'compliant' }, 'release-compliance-unknown'],
  ])('%s %j: %s', (claim, condition, id) =>
    expect(idsOf(replaced(claim, condition))).toContain(id),
  );

  it.each([
    ['http://a.attest.azure.net', 'release-authority-form'],
    [`${AUTHORITY}/`, 'release-authority-form'],
    ['https://attest.example', 'release-authority-foreign'],
  ])('authority %s: %s', (authority, id) => expect(idsOf(GOOD, authority)).toEqual([id]));

  it('knows the claims of the service, nested ones too', () => {
    expect(idsOf([...GOOD, { claim: 'x-ms-sevsnpvm-hostdat', equals: 'x' }])).toEqual([
      'release-claim-unknown',
    ]);
    const nested = GOOD.map((one) => ({ ...one, claim: `x-ms-isolation-tee.${one.claim}` }));
    expect(idsOf(nested)).toEqual([]);
  });

  it.each([
    [ENCLAVE, []],
    [ENCLAVE.with(0, { claim: 'x-ms-sgx-mrenclave', equals: A }), []],
    [ENCLAVE.slice(1), ['release-no-enclave']],
    [ENCLAVE.slice(0, 1), ['release-debuggable']],
    [ENCLAVE.with(1, { claim: 'x-ms-sgx-is-debuggable', equals: 'true' }), ['release-debuggable']],
    [ENCLAVE.with(0, { claim: 'x-ms-sgx-mrsigner', notEquals: A }), ['release-no-enclave']],
    [ENCLAVE.with(0, { claim: 'x-ms-sgx-mrsigner', equals: 'AB' }), ['release-hex-form']],
  ])('of an enclave %j: %j', (conditions, ids) => {
    const found = lint(conditions).filter(({ id }) => id !== 'release-later-operator');
    expect(found.map(({ id }) => id)).toEqual(ids);
    const blocks = ids.some((id) => id !== 'release-hex-form');
    expect(blockingFindings(found).length > 0).toBe(blocks);
  });

  it('judges what an entry requires as a whole', () => {
    const either = {
      anyOf: [
        { claim: 'x-ms-sevsnpvm-hostdata', equals: A },
        { claim: 'x-ms-sevsnpvm-hostdata', equals: B },
      ],
    };
    expect(idsOf([...without('x-ms-sevsnpvm-hostdata'), either])).toEqual([]);
    const leak = {
      anyOf: [
        { claim: 'x-ms-sevsnpvm-hostdata', equals: A },
        { claim: 'x-ms-ver', equals: '1.0' },
      ],
    };
    expect(idsOf([...without('x-ms-sevsnpvm-hostdata'), leak])).toEqual(['release-no-hostdata']);
    expect(idsOf(GOOD, AUTHORITY, 'anyOf')).toContain('release-no-hostdata');
  });

  it('sees entries that never hold, and those that stand there twice', () => {
    expect(idsOf([...GOOD, { claim: 'x-ms-sevsnpvm-hostdata', equals: B }])).toEqual([
      'release-never-holds',
    ]);
    const twice = { version: '0.2', anyOf: [good.anyOf[0], good.anyOf[0]] };
    const policy = readReleasePolicyValue(twice as unknown as JsonValue, 'p');
    const findings = lintReleasePolicy(policy, 'p');
    expect(findings.map(({ id }) => id)).toEqual(['release-old-version', 'release-duplicate']);
    // It is read, but never written.
    expect(blockingFindings(findings).map(({ id }) => id)).toEqual(['release-old-version']);
  });
});

describe('what is not documented', () => {
  const blocks = (condition: object, authority = AUTHORITY) =>
    blockingFindings(lint([...GOOD, condition], authority)).length > 0;

  it('may be stored nowhere, whatever else the policy requires', () => {
    expect(blocks({ claim: 'x-ms-ver', equals: '1.0' })).toBe(false);
    for (const condition of [
      { claim: 'x-ms-sevsnpvm-is-debuggable', equals: false },
      { claim: 'x-ms-sevsnpvm-smt-allowed', equals: 'True' },
      { claim: 'x-ms-sevsnpvm-guestsvn', equals: '02' },
      { claim: 'x-ms-sevsnpvm-guestsvn', notEquals: ' 2' },
      { claim: 'x-ms-sevsnpvm-guestsvn', greater: '1' },
      { claim: 'x-ms-ver', less: 2 },
      { claim: 'x-ms-ver', equals: 1 },
      { claim: 'x-ms-runtime.keys', exists: 'true' },
      { claim: 'x-ms-isolation-tee', equals: 'x' },
      { claim: 'x-ms-ver', exists: 'false' },
      { claim: 'x-ms-ver', notEquals: 'A' },
      { claim: 'x-ms-sevsnpvm-guestsvn', less: 2 ** 53 },
      { claim: 'x-ms-sevsnpvm-guestsvn', equals: '9007199254740992' },
    ]) {
      expect(blocks(condition), JSON.stringify(condition)).toBe(true);
    }
    const host = AUTHORITY.slice('https://'.length);
    for (const authority of [host, `${AUTHORITY}/`, AUTHORITY.toUpperCase()]) {
      expect(blockingFindings(lint(GOOD, authority)), authority).not.toEqual([]);
    }
  });

  /** Whatever the evaluation is unsure about, for any values of the claims, must not be stored. */
  it('is all that evaluation is unsure about', () => {
    const claimValue = (claim: string): fc.Arbitrary<JsonValue> => {
      const kind = claimKind(claim);
      if (kind === 'boolean') return fc.boolean();
      if (kind === 'number') return fc.constantFrom(0, 1, 2, 3, 2 ** 53);
      if (kind === 'object') return fc.constant({ keys: [{}] });
      return fc.constantFrom('1', '2', '02', 'a', 'a'.repeat(64));
    };
    const wanted = fc.oneof(
      fc.constantFrom<JsonValue>('1', '02', ' 2', '2.0', '0x2', '1e0', '', 'a'.repeat(64), 'A'),
      fc.constantFrom<JsonValue>('9007199254740992', 2 ** 53),
      fc.constantFrom<JsonValue>('true', 'false', 'False', 'TRUE', true, false),
      fc.integer({ min: 0, max: 3 }),
    );
    const trial = fc
      .constantFrom(...CLAIM_NAMES.filter((claim) => !claim.includes('.') && claim !== 'iss'))
      .chain((claim) =>
        fc.record({
          claim: fc.constant(claim),
          operator: fc.constantFrom(...OPERATORS),
          wanted,
          value: claimValue(claim),
        }),
      );
    let unsure = 0;
    fc.assert(
      fc.property(trial, ({ claim, operator, wanted: value, value: found }) => {
        const condition = { claim, [operator]: value };
        const tested = {
          version: '1.0.0',
          anyOf: [{ authority: AUTHORITY, allOf: [condition] }],
        } as unknown as JsonValue;
        const claims: JsonObject = { iss: AUTHORITY, [claim]: found };
        const policy = readReleasePolicyValue(tested, 'p');
        if (evaluateReleasePolicy(policy, claims).decision !== 'unsure') return;
        unsure += 1;
        const findings = lintReleasePolicy(policy, 'p').map(({ id }) => id);
        expect(findings, JSON.stringify(condition)).toContain('release-undocumented');
      }),
      { seed: 20261122, numRuns: 3000 },
    );
    expect(unsure).toBeGreaterThan(100);
  });
});

describe('a rolling upgrade', () => {
  const policy = readReleasePolicyValue(good as unknown as JsonValue, 'p');
  const measurementsOf = (text: string) =>
    [...text.matchAll(/"equals": "([ab]{64})"/g)].map((m) => m[1]);
  const edit = (add: (typeof A)[], remove: (typeof A)[], from = policy) =>
    editReleasePolicy(from, { add, remove }, 'p');

  it('adds once, removes, and keeps everything else', () => {
    const both = edit([B, A], []);
    expect(measurementsOf(printReleasePolicyDocument(both))).toEqual([A, B]);
    expect(lintReleasePolicy(both, 'p')).toEqual([]);
    const later = edit([], [A], both);
    expect(printReleasePolicyDocument(later)).toBe(
      printReleasePolicyDocument(policy).replaceAll(A, B),
    );
  });

  it('does so for each authority', () => {
    const two = buildReleasePolicy({
      authorities: [AUTHORITY, 'https://b.attest.azure.net'],
      measurements: [A],
      compliance: 'azure-compliant-uvm',
      debuggable: false,
    });
    const edited = edit([B], [A], readReleasePolicyValue(two as unknown as JsonValue, 'p'));
    expect(edited.anyOf.map(({ authority }) => authority)).toEqual([
      AUTHORITY,
      'https://b.attest.azure.net',
    ]);
  });

  it('refuses to empty a policy, to remove what is not there, and what it cannot read', () => {
    const refusal = expect.objectContaining({ code: 'RELEASE_POLICY_INVALID' });
    expect(() => edit([], [A])).toThrow(refusal);
    expect(() => edit([], [B])).toThrow(refusal);
    const loose = { version: '1.0.0', anyOf: [{ authority: AUTHORITY, anyOf: GOOD }] };
    expect(() => edit([B], [], readReleasePolicyValue(loose as unknown as JsonValue, 'p'))).toThrow(
      refusal,
    );
  });
});
