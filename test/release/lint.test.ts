import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/core/json.js';
import { editReleasePolicy } from '../../src/release/edit.js';
import { printReleasePolicyDocument } from '../../src/release/encode.js';
import { readReleasePolicyValue } from '../../src/release/grammar.js';
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
    expect(lintReleasePolicy(policy, 'p').map(({ id }) => id)).toEqual([
      'release-old-version',
      'release-duplicate',
    ]);
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
