import { describe, expect, it } from 'vitest';
import { printCompactInOrder } from '../../../src/core/data-json.js';
import { createDataReader } from '../../../src/manifest/yaml/data.js';
import { parseYaml } from '../../../src/manifest/yaml/parse.js';
import { thrownBy } from '../../support/failure.js';

const read = (text: string) => {
  const document = parseYaml(text, 'a.yaml')[0]!;
  return createDataReader(document.source)(document.root);
};
const asJson = (text: string) => printCompactInOrder(read(text));

describe('createDataReader', () => {
  it.each([
    ["[yes, 012, 1_000, 0x1F, 1.50, ~, 'on', 1:30]", '[true,10,1000,31,1.5,null,"on",90]'],
    ['[y, n, Y, N, yEs]', '["y","n","Y","N","yEs"]'],
    ['[No, OFF, false, True, Null, null, ]', '[false,false,false,true,null,null]'],
    ['[08, 0o17, 1e3, 1.5e3, -.5, +.5, _1]', '["08","0o17","1e3","1.5e3","-.5","+.5","_1"]'],
    ['[0b101, -0x1f, +7, -0, 0_7, 1__0]', '[5,-31,7,0,7,10]'],
    ['[1., .5, 1.5e+3, 685_230.15, 190:20:30.15]', '[1.0,0.5,1500.0,685230.15,685230.15]'],
    ['[18446744073709551616]', '[18446744073709551616]'],
    ['["1", \'yes\', !!str 5, ! no]', '["1","yes","5","no"]'],
    ['[!!int "7", !!float 1, !!bool "no", !!null ""]', '[7,1.0,false,null]'],
    ['{10: a, 2: b, 1.0: c, true: d, ~: e}', '{"10":"a","2":"b","1.0":"c","True":"d","None":"e"}'],
    ['{a: 1, b: 2, a: 3}', '{"a":3,"b":2}'],
    ['{a: &x {p: 1}, b: *x}', '{"a":{"p":1},"b":{"p":1}}'],
  ])('%s', (text, json) => {
    expect(asJson(text)).toBe(json);
  });

  it('merges maps: own members count most, then the first of a list', () => {
    const text = `base: &base {a: base, b: base}
more: &more {b: more, c: more}
one: {<<: *base, a: own}
two: {<<: [*base, *more], d: own}
`;
    expect(asJson(text)).toBe(
      '{"base":{"a":"base","b":"base"},"more":{"b":"more","c":"more"},"one":{"a":"own","b":"base"},"two":{"b":"base","c":"more","a":"base","d":"own"}}',
    );
  });

  it('keeps what JSON cannot hold as it is written', () => {
    expect(read('[2020-01-01, 2001-12-14 21:59:43.10 -5, !!binary aGk=]')).toEqual([
      { opaque: '2020-01-01' },
      { opaque: '2001-12-14 21:59:43.10 -5' },
      { opaque: 'aGk=' },
    ]);
    expect(read('[.inf, -.INF]')).toEqual([Infinity, -Infinity]);
    expect(read('[.nan]')).toEqual([Number.NaN]);
  });

  it.each([
    ['a: !foo x', 'a.yaml:1:9'],
    ['a: !!int x', 'a.yaml:1:10'],
    ['a: !!set {x: null}', 'a.yaml:1:10'],
    ['? [x]\n: y', 'a.yaml:1:3'],
    ['<<: text', 'a.yaml:1:5'],
    ['<<: [text]', 'a.yaml:1:5'],
    ['a: 0x_', 'a.yaml:1:4'],
    [`a: 1${'0'.repeat(4300)}`, 'a.yaml:1:4'],
  ])('refuses %.20j', (text, where) => {
    expect(thrownBy(() => read(text))).toMatchObject({ code: 'MANIFEST_INVALID', where });
  });
});
