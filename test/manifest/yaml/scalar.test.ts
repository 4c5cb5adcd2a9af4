import fc from 'fast-check';
import { CORE_SCHEMA, load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { contentOf } from '../../../src/manifest/yaml/node.js';
import { parseYaml } from '../../../src/manifest/yaml/parse.js';
import {
  exceeds64Bits,
  hasForeignTag,
  printScalarAsReference,
  readAsKubectl,
  readAsReference,
  type ScalarValue,
  textAsReference,
} from '../../../src/manifest/yaml/scalar.js';

function scalarOf(text: string) {
  const root = parseYaml(`- ${text}\n`, 'scalar.yaml')[0]?.root;
  const item = root?.kind === 'sequence' ? root.items[0] : undefined;
  const content = item && contentOf(item);
  if (content?.kind !== 'scalar') throw new Error(`no scalar: ${text}`);
  return content;
}

describe('both readings of plain scalars', () => {
  /** Text, kubectl, reference. */
  const rows: readonly (readonly [string, ScalarValue, ScalarValue])[] = [
    ['', null, null],
    ['~', null, null],
    ['null', null, null],
    ['Null', null, 'Null'],
    ['NULL', null, 'NULL'],
    ['true', true, true],
    ['True', true, 'True'],
    ['TRUE', true, 'TRUE'],
    ['false', false, false],
    ['yes', true, 'yes'],
    ['on', true, 'on'],
    ['y', true, 'y'],
    ['N', false, 'N'],
    ['off', false, 'off'],
    ['yess', 'yess', 'yess'],
    ['0', 0n, 0n],
    ['-0', 0n, 0n],
    ['12', 12n, 12n],
    ['+12', 12n, 12n],
    ['-12', -12n, -12n],
    ['0x1F', 31n, 31n],
    ['-0x1f', -31n, -31n],
    ['+0x1f', 31n, 31n],
    ['0X1F', 31n, '0X1F'],
    ['0o17', 15n, 15n],
    ['0b11', 3n, 3n],
    ['-0b11', -3n, -3n],
    ['0b12', '0b12', '0b12'],
    ['0644', 420n, '0644'],
    ['00', 0n, '00'],
    ['-0644', -420n, '-0644'],
    ['09', 9, '09'],
    ['08.5', 8.5, 8.5],
    ['1_000', 1000n, '1_000'],
    ['1_0.5', 10.5, '1_0.5'],
    ['9223372036854775808', 2n ** 63n, 2n ** 63n],
    ['18446744073709551615', 2n ** 64n - 1n, 2n ** 64n - 1n],
    ['0xFFFFFFFFFFFFFFFFF', '0xFFFFFFFFFFFFFFFFF', '0xFFFFFFFFFFFFFFFFF'],
    ['1e3', 1000, 1000],
    ['1.50', 1.5, 1.5],
    ['.5', 0.5, 0.5],
    ['5.', 5, 5],
    ['+.5', 0.5, 0.5],
    ['-0.0', -0, -0],
    ['1e400', '1e400', '1e400'],
    ['.inf', Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    ['-.INF', Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    ['.nan', Number.NaN, Number.NaN],
    ['inf', 'inf', 'inf'],
    ['NaN', 'NaN', 'NaN'],
    ['.', '.', '.'],
    ['12:30:45', '12:30:45', '12:30:45'],
    ['2020-01-01', '2020-01-01', '2020-01-01'],
    ['1.2.3', '1.2.3', '1.2.3'],
    ['100m', '100m', '100m'],
    ['"12"', '12', '12'],
    ["'true'", 'true', 'true'],
    ['!!str 12', '12', '12'],
    ['!!str', '', ''],
    ['!!int 12', 12n, 12n],
    ['!!int "12"', 12n, 12n],
    ['!!int +7', 7n, 7n],
    ['!!int 010', 8n, 10n],
    ['!!bool true', true, true],
    ['!!bool "false"', false, false],
    ['!!float 5', 5, 5],
    ["!!float '1.5'", 1.5, 1.5],
    ['!!float 0x10', '0x10', '0x10'],
    ['!!null ~', null, null],
    ['!!null null', null, null],
    ['! 12', '12', '12'],
    ['!own x', 'x', 'x'],
  ];
  it.each(rows)('%s', (text, kubectl, reference) => {
    const node = scalarOf(text);
    expect([readAsKubectl(node), readAsReference(node)]).toEqual([kubectl, reference]);
  });

  it('knows integers that the reference refuses', () => {
    const beyond = ['18446744073709551616', '-9223372036854775809', '9'.repeat(5000)];
    expect(beyond.map((text) => exceeds64Bits(readAsReference(scalarOf(text))))).toEqual([
      true,
      true,
      true,
    ]);
    expect(exceeds64Bits(readAsReference(scalarOf('-9223372036854775808')))).toBe(false);
  });

  it.each([
    '!!binary YQ==',
    '!!timestamp 2020-01-01',
    '!!other x',
    '!<tag:yaml.org,2002:int> 1',
    '!!int 0x10',
    '!!int 9223372036854775808',
    '!!int x',
    '!!bool yes',
    '!!bool 1',
    '!!float x',
    '!!float 0x10',
    '!!float .inf',
    '!!null',
    '!!null "~"',
    '!!null x',
  ])('knows a tag of which only one reader makes a value: %s', (text) => {
    expect(hasForeignTag(scalarOf(text))).toBe(true);
  });

  it.each(['!!int 1', '!!bool "true"', '!!float 1e3', '!!null ~', '!own x', '! 12', '!!str 1'])(
    'takes a tag of which both readers make a value: %s',
    (text) => {
      expect(hasForeignTag(scalarOf(text))).toBe(false);
    },
  );

  it('agrees with YAML 1.2 where that and kubectl do not differ', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer(), fc.double({ noNaN: true }), fc.boolean(), fc.constant(null)),
        (value) => {
          const text = String(value);
          const found = readAsKubectl(scalarOf(text));
          const number = typeof found === 'bigint' ? Number(found) : found;
          expect(number).toEqual(load(text, { schema: CORE_SCHEMA }));
        },
      ),
      { seed: 0xc0de },
    );
  });
});

describe('printScalarAsReference', () => {
  /** kata policy data 4.1. */
  const rows: readonly (readonly [ScalarValue, string])[] = [
    [null, '~'],
    [true, 'true'],
    [-5n, '-5'],
    [2n ** 64n - 1n, '18446744073709551615'],
    [1000, '1000.0'],
    [1.5, '1.5'],
    [0, '0.0'],
    [-0, '-0.0'],
    [0.05, '0.05'],
    [0.00001, '0.00001'],
    [0.000001, '1e-6'],
    [1.5e-7, '1.5e-7'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e16'],
    [1.25e20, '1.25e20'],
    [Number.POSITIVE_INFINITY, '.inf'],
    [Number.NEGATIVE_INFINITY, '-.inf'],
    [Number.NaN, '.nan'],
    ['abc', 'abc'],
    ['', '""'],
    [' a', '" a"'],
    ['a ', '"a "'],
    ...['&', '*', '?', '|', '-', '<', '>', '=', '!', '%', '@'].map((first): [string, string] => [
      `${first}x`,
      `"${first}x"`,
    ]),
    ...[':', '{', '}', '[', ']', ',', '#', '`', "'"].map((part): [string, string] => [
      `a${part}b`,
      `"a${part}b"`,
    ]),
    ['a"b', '"a\\"b"'],
    ['a\\b', '"a\\\\b"'],
    ['a\tb\nc\rd', '"a\\tb\\nc\\rd"'],
    ['\u0000\b\f\u001f\u007f', '"\\u0000\\b\\f\\u001f\\u007f"'],
    ['a\u0007b\u0008c\u000bd\u000ce\u001bf\u007f', 'a\u0007b\u0008c\u000bd\u000ce\u001bf\u007f'],
    ...['yes', 'NO', 'True', 'off', 'Null', '~'].map((word): [string, string] => [
      word,
      `"${word}"`,
    ]),
    ['.a', '".a"'],
    ['0xyz', '"0xyz"'],
    ...['1', '+1', '1e3', '5.', 'INF', '+nan', 'infinity', '0755', '9'.repeat(40)].map(
      (number): [string, string] => [number, `"${number}"`],
    ),
    ...['y', 'N', '1_000', '0b11', '0o17', '2020-01-01', '1.2.3', '~x'].map(
      (text): [string, string] => [text, text],
    ),
    ['12:30:45', '"12:30:45"'],
    ['café ☃ 😀', 'café ☃ 😀'],
  ];
  it.each(rows)('%s', (value, printed) => {
    expect(printScalarAsReference(value)).toBe(printed);
  });

  it('prints floats that read back as the same number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(printScalarAsReference(value))).toBe(value);
      }),
      { seed: 0xc0de },
    );
  });

  it('prints text that the reference reads back as the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (value) => {
        const read = readAsReference(scalarOf(printScalarAsReference(value)));
        expect(textAsReference(read)).toBe(value);
      }),
      { seed: 0xc0de, numRuns: 500 },
    );
  });
});
