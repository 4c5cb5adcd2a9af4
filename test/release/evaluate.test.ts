import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/core/json.js';
import { evaluateReleasePolicy, findClaim } from '../../src/release/evaluate.js';
import { OPERATORS, readReleasePolicyValue } from '../../src/release/grammar.js';

const ISSUER = 'https://a.attest.azure.net';
const CLAIMS: JsonObject = {
  iss: ISSUER,
  'x-ms-sevsnpvm-hostdata': 'ab'.repeat(32),
  'x-ms-sevsnpvm-is-debuggable': false,
  'x-ms-sevsnpvm-guestsvn': 2,
  'x-ms-isolation-tee': { 'x-ms-sevsnpvm-vmpl': 0, deep: { er: 'x' } },
  'a.b': 'literal',
  a: { b: 'nested' },
  list: ['x'],
  'svn-text': '02',
  // As it is read from 9007199254740993.
  large: 2 ** 53,
};

const policyOf = (...conditions: readonly object[]) =>
  readReleasePolicyValue(
    { version: '1.0.0', anyOf: [{ authority: ISSUER, allOf: conditions as JsonValue[] }] },
    'policy',
  );
const decide = (...conditions: readonly object[]) =>
  evaluateReleasePolicy(policyOf(...conditions), CLAIMS).decision;

describe('a condition', () => {
  it.each([
    [{ claim: 'x-ms-sevsnpvm-hostdata', equals: 'ab'.repeat(32) }, 'release'],
    [{ claim: 'x-ms-sevsnpvm-hostdata', equals: 'AB'.repeat(32) }, 'deny'],
    [{ claim: 'x-ms-sevsnpvm-is-debuggable', equals: 'false' }, 'release'],
    [{ claim: 'x-ms-sevsnpvm-is-debuggable', equals: 'true' }, 'deny'],
    [{ claim: 'x-ms-sevsnpvm-is-debuggable', equals: 'False' }, 'unsure'],
    [{ claim: 'x-ms-sevsnpvm-is-debuggable', equals: false }, 'unsure'],
    [{ claim: 'x-ms-sevsnpvm-guestsvn', equals: '2' }, 'release'],
    [{ claim: 'x-ms-sevsnpvm-guestsvn', equals: 2 }, 'release'],
    [{ claim: 'x-ms-sevsnpvm-guestsvn', equals: '02' }, 'unsure'],
    [{ claim: 'x-ms-sevsnpvm-guestsvn', equals: '3' }, 'deny'],
    [{ claim: 'x-ms-sevsnpvm-guestsvn', notEquals: '2' }, 'deny'],
    [{ claim: 'x-ms-sevsnpvm-guestsvn', notEquals: '3' }, 'release'],
    [{ claim: 'x-ms-sevsnpvm-guestsvn', less: 3 }, 'release'],
    [{ claim: 'x-ms-sevsnpvm-guestsvn', less: 2 }, 'deny'],
    [{ claim: 'x-ms-sevsnpvm-guestsvn', lessOrEquals: 2 }, 'release'],
    [{ claim: 'x-ms-sevsnpvm-guestsvn', greater: 2 }, 'deny'],
    [{ claim: 'x-ms-sevsnpvm-guestsvn', greaterOrEquals: 2 }, 'release'],
    [{ claim: 'x-ms-sevsnpvm-guestsvn', greater: '1' }, 'unsure'],
    [{ claim: 'x-ms-isolation-tee.x-ms-sevsnpvm-vmpl', equals: '0' }, 'release'],
    [{ claim: 'x-ms-isolation-tee.deep.er', equals: 'x' }, 'release'],
    [{ claim: 'x-ms-isolation-tee', equals: 'x' }, 'unsure'],
    [{ claim: 'list.0', equals: 'x' }, 'deny'],
    [{ claim: 'absent', equals: '' }, 'deny'],
    [{ claim: 'absent', notEquals: 'x' }, 'deny'],
    [{ claim: 'absent', exists: 'true' }, 'deny'],
    [{ claim: 'absent', exists: 'false' }, 'unsure'],
    [{ claim: 'iss', exists: 'true' }, 'release'],
    [{ claim: 'list', exists: 'true' }, 'unsure'],
    [{ claim: '__proto__', exists: 'true' }, 'deny'],
    [{ claim: 'x-ms-sevsnpvm-hostdata', notEquals: 'AB'.repeat(32) }, 'unsure'],
    [{ claim: 'x-ms-sevsnpvm-hostdata', notEquals: 'cd'.repeat(32) }, 'release'],
    [{ claim: 'svn-text', equals: 2 }, 'unsure'],
    [{ claim: 'svn-text', notEquals: 2 }, 'unsure'],
    [{ claim: 'svn-text', notEquals: 3 }, 'release'],
    [{ claim: 'large', equals: 2 ** 53 }, 'unsure'],
    [{ claim: 'large', equals: '9007199254740992' }, 'unsure'],
    [{ claim: 'large', notEquals: '9007199254740993' }, 'unsure'],
    [{ claim: 'large', lessOrEquals: 2 ** 53 }, 'unsure'],
    [{ claim: 'large', greater: 2 ** 52 }, 'release'],
    [{ claim: 'large', equals: 2 ** 52 }, 'deny'],
  ])('%j: %s', (condition, decision) => expect(decide(condition)).toBe(decision));

  it('finds the literal name before the dotted one', () => {
    expect(findClaim('a.b', CLAIMS)).toBe('literal');
    expect(findClaim('a', CLAIMS)).toEqual({ b: 'nested' });
  });
});

describe('the authority', () => {
  it.each([
    [ISSUER, 'release'],
    [`${ISSUER}/`, 'unsure'],
    ['a.attest.azure.net', 'unsure'],
    ['https://A.attest.azure.net', 'unsure'],
    ['https://b.attest.azure.net', 'deny'],
    [`${ISSUER}.evil.example`, 'deny'],
  ])('%s: %s', (authority, decision) => {
    const policy = readReleasePolicyValue(
      { version: '1.0.0', anyOf: [{ authority, allOf: [{ claim: 'iss', exists: 'true' }] }] },
      'policy',
    );
    expect(evaluateReleasePolicy(policy, CLAIMS).decision).toBe(decision);
  });

  it('must be in the token', () => {
    const policy = policyOf({ claim: 'list', exists: 'true' });
    expect(evaluateReleasePolicy(policy, {}).decision).toBe('deny');
  });
});

describe('groups', () => {
  const yes = { claim: 'iss', exists: 'true' };
  const no = { claim: 'absent', equals: 'x' };
  const doubt = { claim: 'list', exists: 'true' };
  it.each([
    [[yes, no], 'deny'],
    [[yes, doubt], 'unsure'],
    [[doubt, no], 'deny'],
    [[{ anyOf: [no, yes] }], 'release'],
    [[{ anyOf: [no, doubt] }], 'unsure'],
    [[{ anyOf: [doubt, yes] }], 'release'],
    [[{ anyOf: [no, { allOf: [yes, yes] }] }, yes], 'release'],
  ])('%j: %s', (conditions, decision) => expect(decide(...conditions)).toBe(decision));

  it('never releases more than the same conditions without the unsure ones', () => {
    const operand = fc.oneof(fc.constantFrom('false', '2', 'x'), fc.integer({ min: 0, max: 3 }));
    const condition = fc
      .record({
        claim: fc.constantFrom(...Object.keys(CLAIMS), 'absent'),
        operator: fc.constantFrom(...OPERATORS),
        value: operand,
      })
      .map(({ claim, operator, value }) => ({ claim, [operator]: value }));
    fc.assert(
      fc.property(fc.array(condition, { minLength: 1, maxLength: 5 }), condition, (list, more) => {
        const before = decide(...list);
        const after = decide(...list, more);
        if (before === 'deny') expect(after).toBe('deny');
        if (before === 'unsure') expect(after).not.toBe('release');
      }),
      { seed: 20261122, numRuns: 2000 },
    );
  });
});
