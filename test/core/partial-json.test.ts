import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.js';
import { parsePartialObject } from '../../src/core/partial-json.js';

const WHOLE = '{"a": [1, {"b": "x\\"y"}, -2.5e3, true], "c": {}, "d": null, "e": []}';

describe('parsePartialObject', () => {
  it('reads a whole object from its place and says where it ends', () => {
    const text = `input = ${WHOLE} and more }`;
    const found = parsePartialObject(text, 8);
    expect(found?.value).toEqual(JSON.parse(WHOLE));
    expect(text.slice(found?.end)).toBe(' and more }');
    expect(found?.cutAt).toBeUndefined();
  });

  it.each([
    ['{"a": {"b": "long te', { a: {} }, 'a.b'],
    ['{"a": ["x", "y"', { a: ['x', 'y'] }, 'a[2]'],
    ['{"a": ["x", {"b": 1, "c', { a: ['x', { b: 1 }] }, 'a[1]'],
    ['{"a": [1, 23', { a: [1] }, 'a[1]'],
    ['{"a": tr', {}, 'a'],
    ['{"a": 1,', { a: 1 }, ''],
    ['{"a"', {}, 'a'],
    ['{', {}, ''],
  ])('keeps what stands in front of the end of %s', (text, value, cutAt) => {
    expect(parsePartialObject(text, 0)).toEqual({ value, end: text.length, cutAt });
  });

  it.each([
    ['["a"]'],
    ['{a: 1}'],
    ['{"a": x}'],
    ['{"a" 1}'],
    ['{"a": 1 "b": 2}'],
    ['{"a": [1 2]}'],
    ['{"a\n'],
    ['{"a": "\\q"}'],
  ])('takes %s for no object', (text) => {
    expect(parsePartialObject(text, 0)).toBeUndefined();
  });

  it('does not go deeper than JSON may', () => {
    const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    expect(parsePartialObject(nested(LIMITS.jsonDepth), 0)).toBeDefined();
    expect(parsePartialObject(nested(LIMITS.jsonDepth + 2), 0)).toBeUndefined();
  });

  it('gives a part of the value for every prefix', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string(),
          fc.json().map((text) => JSON.parse(text) as unknown),
        ),
        fc.nat(),
        (value, cut) => {
          const text = JSON.stringify(value);
          const at = 1 + (cut % text.length);
          const found = parsePartialObject(text.slice(0, at), 0);
          expect(found).toBeDefined();
          expect(found?.cutAt === undefined).toBe(at === text.length);
          if (at === text.length) expect(found?.value).toEqual(JSON.parse(text));
        },
      ),
      { seed: 7, numRuns: 500 },
    );
  });
});
