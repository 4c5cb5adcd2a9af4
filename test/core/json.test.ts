import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson, parseJsonBytes } from '../../src/core/json.js';
import { LIMITS } from '../../src/core/limits.js';
import { failureOf } from '../support/images.js';

const SEED = 0x5ea1;

/** Plain objects from objects without prototype. */
const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

describe('parseJson', () => {
  it('gives what JSON.parse gives, for every value that has no duplicate or hidden keys', () => {
    fc.assert(
      fc.property(fc.json({ depthSize: 'medium' }), (text) => {
        if (text.includes('__proto__')) return;
        expect(plain(parseJson(text, 'x'))).toEqual(plain(JSON.parse(text)));
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  it.each([
    ['"\\ud83d\\ude00 \\u00e9\\/\\b\\f\\n\\r\\t\\"\\\\"', '😀 é/\b\f\n\r\t"\\'],
    [' [1, -0.5e+2 ,\n true,false , null] ', [1, -50, true, false, null]],
    ['{}', {}],
    ['[]', []],
    ['-0', -0],
  ])('reads %s', (text, value) => {
    expect(parseJson(text, 'x')).toEqual(value);
  });

  it('keeps __proto__ as a key like any other', () => {
    const value = parseJson('{"__proto__": {"admin": true}}', 'x');
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect('admin' in (value as object)).toBe(false);
  });

  it.each([
    ['', 'a value is missing or not JSON', '1:1'],
    ['\ufeff{}', 'byte order mark', '1:1'],
    ['{"a": 1,\n "a": 2}', 'the key "a" stands there twice', '2:2'],
    ['{"a": 1, "\\u0061": 2}', 'the key "a" stands there twice', '1:10'],
    ['{"a" 1}', 'a colon is missing', '1:6'],
    ['{a: 1}', 'a key is missing', '1:2'],
    ['{"a": 1,}', 'a key is missing', '1:9'],
    ['{"a": 1', 'an object does not end', '1:8'],
    ['[1, 2', 'an array does not end', '1:6'],
    ['[1,]', 'a value is missing or not JSON', '1:4'],
    ['"abc', 'a string does not end', '1:5'],
    ['"a\u0001"', 'control character', '1:3'],
    ['"\\x"', 'unknown escape', '1:2'],
    ['"\\u12"', 'unknown escape', '1:2'],
    ['"\\ud800"', 'half a surrogate pair', '1:9'],
    ['01', 'text follows', '1:2'],
    ['1e999', 'a number is too large', '1:1'],
    ['+1', 'a value is missing or not JSON', '1:1'],
    ['NaN', 'a value is missing or not JSON', '1:1'],
    ['truex', 'text follows', '1:5'],
    ['{} {}', 'text follows', '1:4'],
    ['// c\n{}', 'a value is missing or not JSON', '1:1'],
  ])('refuses %j', async (text, problem, position) => {
    const error = await failureOf(() => parseJson(text, 'f.json'));
    expect(error.code).toBe('JSON_SYNTAX');
    expect(error.message).toContain(problem);
    expect(error.where).toBe(`f.json:${position}`);
  });

  it('nests up to the limit and no deeper', async () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(parseJson(nested(LIMITS.jsonDepth), 'x')).toBeDefined();
    const error = await failureOf(() => parseJson(nested(LIMITS.jsonDepth + 1), 'x'));
    expect(error.code).toBe('LIMIT_EXCEEDED');
  });

  it('refuses bytes that are not UTF-8', async () => {
    const error = await failureOf(() => parseJsonBytes(Uint8Array.of(0x22, 0xff, 0x22), 'x'));
    expect(error.code).toBe('JSON_SYNTAX');
  });
});
