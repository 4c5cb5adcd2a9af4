import { describe, expect, it } from 'vitest';
import {
  type DataValue,
  exactly,
  isTruthy,
  kindOfData,
  lookUp,
  printFloat,
  textOfData,
} from '../../src/core/data.js';

const map = (object: Record<string, DataValue>) => new Map(Object.entries(object));

describe('lookUp', () => {
  it.each<[string, DataValue, DataValue]>([
    ['the exact key', map({ VALUE: 'a', value: 'b' }), 'b'],
    ['another case where the exact key is empty', map({ Value: 'x', value: '' }), 'x'],
    ['the empty exact key where it comes first', map({ value: '', Value: 'x' }), ''],
    ['another case', map({ vAlUe: 'y' }), 'y'],
    ['nothing in an empty map', map({}), null],
    ['nothing in a list', ['value'], null],
    ['nothing in nothing', null, null],
  ])('finds %s', (_, value, found) => {
    expect(lookUp(value, 'value')).toEqual(found);
  });

  it('differs from the exact member', () => {
    expect(exactly(map({ Value: 'x' }), 'value')).toBeNull();
    expect(exactly(map({ value: false }), 'value')).toBe(false);
    expect(exactly('text', 'value')).toBeNull();
  });
});

describe('isTruthy', () => {
  it('is false for nothing, zero and what is empty', () => {
    const values = [undefined, null, false, 0n, 0, '', [], map({})];
    expect(values.map(isTruthy)).toEqual(values.map(() => false));
  });

  it.each<[string, DataValue]>([
    ['true', true],
    ['1', 1],
    ['0.5', 0.5],
    ['a blank', ' '],
    ['a list with null', [null]],
    ['a map', map({ a: null })],
    ['a date', { opaque: '2020-01-01' }],
  ])('is true for %s', (_, value) => {
    expect(isTruthy(value)).toBe(true);
  });
});

describe('printFloat', () => {
  it.each([
    [1, '1.0'],
    [1.5, '1.5'],
    [-0, '-0.0'],
    [0, '0.0'],
    [1000, '1000.0'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e+16'],
    [1.25e22, '1.25e+22'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [1.5e-7, '1.5e-07'],
    [123.456, '123.456'],
    [5e-324, '5e-324'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [-12.5, '-12.5'],
    [Number.NaN, 'nan'],
    [-Infinity, '-inf'],
  ])('writes %d as %s', (value, text) => {
    expect(printFloat(value)).toBe(text);
  });
});

describe('textOfData', () => {
  it('is that of the reference', () => {
    const pairs: [DataValue, string][] = [
      ['as is', 'as is'],
      [null, 'None'],
      [true, 'True'],
      [false, 'False'],
      [12345678901234567890n, '12345678901234567890'],
      [5, '5.0'],
      [['a', 1n, null], "['a', 1, None]"],
      [["it's"], '["it\'s"]'],
      [['\'"'], "['\\'\"']"],
      [['a\\b\n\u00e9\u0085\u2028\u{e000}'], "['a\\\\b\\né\\x85\\u2028\\ue000']"],
      [map({ a: map({ b: [] }) }), "{'a': {'b': []}}"],
      [{ opaque: '2020-01-01' }, '2020-01-01'],
    ];
    for (const [value, text] of pairs) expect(textOfData(value)).toBe(text);
  });
});

describe('kindOfData', () => {
  it('names each kind', () => {
    const values: DataValue[] = [null, '', true, 1n, 1, [], map({}), { opaque: '' }];
    expect(values.map(kindOfData)).toEqual([
      'null',
      'a text',
      'true',
      'an integer',
      'a float',
      'a list',
      'a map',
      'a value that JSON does not have',
    ]);
  });
});
