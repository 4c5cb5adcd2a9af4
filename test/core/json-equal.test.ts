import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/core/json.js';
import { canonicalJson, isJsonObject, sameJson } from '../../src/core/json-equal.js';

describe('equality of JSON', () => {
  it.each([
    ['{"a":1,"b":[1,{"d":2,"c":3}]}', '{"b":[1,{"c":3,"d":2}],"a":1.0}', true],
    ['[1,2]', '[2,1]', false],
    ['{"a":null}', '{}', false],
    ['0', 'false', false],
    ['""', 'null', false],
    ['{"__proto__":1}', '{}', false],
  ])('%s and %s: %s', (a, b, same) => {
    expect(sameJson(parseJson(a, 'a'), parseJson(b, 'b'))).toBe(same);
  });

  it('takes absent for itself only', () => {
    expect(sameJson(undefined, undefined)).toBe(true);
    expect(sameJson(undefined, null)).toBe(false);
  });

  it('has one text per value', () => {
    expect(canonicalJson({ b: [{ z: 1, y: 2 }], a: 'x' })).toBe('{"a":"x","b":[{"y":2,"z":1}]}');
  });

  it('knows objects', () => {
    expect([{}, [], null, 'x', undefined].map(isJsonObject)).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
