import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import { LIMITS } from '../../src/core/limits.js';
import { openReleasePolicy, printReleasePolicyDocument } from '../../src/release/encode.js';
import { readReleasePolicy } from '../../src/release/grammar.js';

const CONDITION = { claim: 'x-ms-attestation-type', equals: 'sevsnpvm' };
const ENTRY = { authority: 'https://a.attest.azure.net', allOf: [CONDITION] };
const read = (value: unknown) => readReleasePolicy(JSON.stringify(value), 'p.json');

function problemsOf(value: unknown): readonly string[] {
  try {
    read(value);
    return [];
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    return [error, ...error.also].map(({ code, message }) => `${code}: ${message}`);
  }
}

describe('the grammar', () => {
  it.each([
    [[], 'is not an object'],
    [{ anyOf: [ENTRY] }, 'version is missing'],
    [{ version: '2', anyOf: [ENTRY] }, 'version is unknown'],
    [{ version: {}, anyOf: [ENTRY] }, 'version is unknown'],
    [{ version: '1.0.0' }, 'anyOf is missing'],
    [{ version: '1.0.0', anyOf: [] }, 'needs at least one element'],
    [{ version: '1.0.0', anyOf: [ENTRY], x: 1 }, 'x is not a member'],
    [{ version: '1.0.0', anyOf: [7] }, 'anyOf[0] is not an object'],
    [{ version: '1.0.0', anyOf: [{ ...ENTRY, authority: 7 }] }, 'authority is missing'],
    [{ version: '1.0.0', anyOf: [{ ...ENTRY, authority: {} }] }, 'authority is missing'],
    [{ version: '1.0.0', anyOf: [{ ...ENTRY, allOf: [{ claim: {}, equals: 'x' }] }] }, 'is empty'],
    [{ version: '1.0.0', anyOf: [{ ...ENTRY, anyOf: [CONDITION] }] }, 'exactly one of allOf'],
    [{ version: '1.0.0', anyOf: [{ ...ENTRY, allOf: [] }] }, 'needs at least one element'],
    [{ version: '1.0.0', anyOf: [{ ...ENTRY, allOf: [null] }] }, 'is not an object'],
    [{ version: '1.0.0', anyOf: [{ ...ENTRY, allOf: [{ claim: 'x' }] }] }, 'exactly one operator'],
    [
      { version: '1.0.0', anyOf: [{ ...ENTRY, allOf: [{ claim: 'x', equals: null }] }] },
      'neither text nor number',
    ],
    [{ version: '1.0.0', anyOf: [{ ...ENTRY, allOf: [{ claim: '', equals: 'x' }] }] }, 'is empty'],
    [{ version: '1.0.0', anyOf: [{ ...ENTRY, allOf: [{ anyof: [CONDITION] }] }] }, 'not a member'],
  ])('refuses %j', (value, problem) => expect(problemsOf(value).join('\n')).toContain(problem));

  it('names every deviation in one go, with its path', () => {
    const problems = problemsOf({
      version: '1.0.0',
      anyOf: [
        { authority: '', allOf: [{ claim: 'x', matches: 'y' }] },
        { ...ENTRY, allOf: [CONDITION, { claim: 'x', equals: {} }] },
      ],
    });
    expect(problems).toHaveLength(4);
    expect(problems.join('\n')).toContain('anyOf[1].allOf[1].equals');
  });

  it('refuses duplicate members and trailing commas', () => {
    for (const text of ['{"version":"1.0.0","version":"1.0.0","anyOf":[]}', '{"anyOf":[1,]}'])
      expect(() => readReleasePolicy(text, 'p')).toThrow(
        expect.objectContaining({ code: 'JSON_SYNTAX' }),
      );
  });

  it('has limits for size, conditions and depth', () => {
    const nest = (levels: number): object =>
      levels === 1 ? { allOf: [CONDITION] } : { anyOf: [nest(levels - 1)] };
    const deep = (levels: number) => ({
      version: '1.0.0',
      anyOf: [{ authority: 'https://a', ...nest(levels) }],
    });
    expect(problemsOf(deep(LIMITS.releasePolicyDepth))).toEqual([]);
    expect(problemsOf(deep(LIMITS.releasePolicyDepth + 1))[0]).toContain('LIMIT_EXCEEDED');
    const short = { claim: 'x', less: 1 };
    const wide = (count: number) => ({
      version: '1.0.0',
      anyOf: [{ authority: 'https://a', allOf: Array.from({ length: count }, () => short) }],
    });
    expect(problemsOf(wide(LIMITS.releasePolicyConditions))).toEqual([]);
    expect(problemsOf(wide(LIMITS.releasePolicyConditions + 1))[0]).toContain('LIMIT_EXCEEDED');
    const blanks = ' '.repeat(LIMITS.releasePolicyBytes);
    expect(() => readReleasePolicy(blanks, 'p')).toThrow(
      expect.objectContaining({ code: 'JSON_SYNTAX' }),
    );
    expect(() => readReleasePolicy(`${blanks} `, 'p')).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
  });

  it('never throws anything but its own errors', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        try {
          readReleasePolicy(text, 'p');
        } catch (error) {
          expect(error).toBeInstanceOf(ToolError);
        }
      }),
      { seed: 20261122, numRuns: 2000 },
    );
  });

  it('names wrong types anywhere, and stays on its feet', () => {
    const any = fc.oneof(
      fc.constantFrom<unknown>('1.0.0', 'x', '', 1, true, null),
      fc.constantFrom<unknown>({}, [], { a: 1 }, [{}], ['x']),
    );
    const condition = fc.record({ claim: any, equals: any }, { requiredKeys: [] });
    const entry = fc.record({ authority: any, allOf: fc.oneof(any, fc.array(condition)) });
    const policy = fc.record({ version: any, anyOf: fc.oneof(any, fc.array(entry)) });
    fc.assert(
      fc.property(policy, (value) => {
        for (const problem of problemsOf(value)) expect(problem).toMatch(/^RELEASE_POLICY_/);
      }),
      { seed: 20261122, numRuns: 1000 },
    );
  });
});

describe('a printed policy', () => {
  it('reads back as the same, wrapped in a key or not', () => {
    const policy = read({
      version: '1.0.0',
      anyOf: [ENTRY, { authority: 'b', anyOf: [{ allOf: [CONDITION] }] }],
    });
    const text = printReleasePolicyDocument(policy);
    expect(readReleasePolicy(text, 'p')).toEqual(policy);
    const data = Buffer.from(text).toString('base64url');
    const opened = openReleasePolicy(
      JSON.stringify({ releasePolicy: { data, immutable: true } }),
      'k',
    );
    expect(opened).toEqual({ policy, immutable: true });
    expect(openReleasePolicy(text, 'p')).toEqual({ policy, immutable: false });
  });

  const base64url = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64url');
  const plain = JSON.stringify({ version: '1.0.0', anyOf: [ENTRY] });
  const broken = Buffer.from(plain.replace('sevsnpvm', '\xff'), 'latin1');

  it('may be padded in a wrapper', () => {
    const data = Buffer.from(`${plain} `).toString('base64');
    expect(data).toMatch(/=$/);
    expect(openReleasePolicy(JSON.stringify({ data }), 'k').policy.anyOf).toHaveLength(1);
  });

  it.each([
    ['blanks', { release_policy: { data: 'a b' } }, 'RELEASE_POLICY_INVALID'],
    ['no data', { data: '' }, 'RELEASE_POLICY_INVALID'],
    ['a byte too few', { data: `${base64url(plain)}AAA`.slice(0, 77) }, 'RELEASE_POLICY_INVALID'],
    ['padding in excess', { data: `${base64url(plain)}===` }, 'RELEASE_POLICY_INVALID'],
    ['two texts', { data: base64url(plain), encodedPolicy: base64url('{}') }, 'RELEASE_POLICY_'],
    ['bytes that are not UTF-8', { data: base64url(broken) }, 'JSON_SYNTAX'],
    ['a policy beside them', { ...JSON.parse(plain), data: base64url(plain) }, 'RELEASE_POLICY_'],
    ['too much', { data: base64url(plain + ' '.repeat(LIMITS.releasePolicyBytes)) }, 'LIMIT_'],
  ])('is refused in a wrapper with %s', (_, wrapper, code) => {
    expect(() => openReleasePolicy(JSON.stringify(wrapper), 'k')).toThrow(
      expect.objectContaining({ code: expect.stringContaining(code) }),
    );
  });
});
