import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareKeys,
  parseJsonData,
  printCompact,
  printCompactInOrder,
  printPretty,
  printPrettyInOrder,
} from '../../src/core/data-json.js';
import { LIMITS } from '../../src/core/limits.js';
import { compareBytes } from '../../src/core/record.js';

const SEED = 0xda7a;

const withCode = (code: string) => expect.objectContaining({ code });

describe('parseJsonData', () => {
  it('keeps the order of members, integer-like keys too, and the digits of numbers', () => {
    const text = '{"b":1,"10":2,"2":18446744073709551615,"a":1.0,"c":1e3,"d":-0,"e":-0.0}';
    expect(printCompactInOrder(parseJsonData(text, 'x'))).toBe(
      '{"b":1,"10":2,"2":18446744073709551615,"a":1.0,"c":1000.0,"d":0,"e":-0.0}',
    );
  });

  it('takes the last of doubled keys, at the place of the first', () => {
    const text = '{"a":1,"b":2,"a":3}';
    expect(printCompactInOrder(parseJsonData(text, 'x'))).toBe('{"a":3,"b":2}');
  });

  it('keeps half a surrogate pair', () => {
    expect(printCompact(parseJsonData('"\\ud800"', 'x'))).toBe('"\\ud800"');
  });

  it('skips comments where they are allowed, and only there', () => {
    const text = '// first\n{"a": /* in \n between */ 1, "b": "// text" /**/ } // last';
    expect(printCompact(parseJsonData(text, 'x', { comments: true }))).toBe(
      '{"a":1,"b":"// text"}',
    );
    expect(() => parseJsonData(text, 'x')).toThrow(withCode('JSON_SYNTAX'));
    expect(() => parseJsonData('{} /* open', 'x', { comments: true })).toThrow();
  });

  it.each(['NaN', 'Infinity', '1e999', '', '{"a":1,}', `1${'0'.repeat(4300)}`])(
    'refuses %.20s',
    (text) => {
      expect(() => parseJsonData(text, 'x')).toThrow(withCode('JSON_SYNTAX'));
    },
  );

  it('reads at most jsonDepth levels', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    expect(() => parseJsonData(nested(LIMITS.jsonDepth), 'x')).not.toThrow();
    expect(() => parseJsonData(nested(LIMITS.jsonDepth + 1), 'x')).toThrow(
      withCode('LIMIT_EXCEEDED'),
    );
  });
});

describe('printing', () => {
  const value = parseJsonData(
    '{"b":[1,[],{}],"a":{"é\\u007f/":"\\"\\\\\\b\\f\\n\\r\\t\\u0001😀"}}',
    'x',
  );

  it('is ASCII, sorted and compact', () => {
    expect(printCompact(value)).toBe(
      '{"a":{"\\u00e9\\u007f/":"\\"\\\\\\b\\f\\n\\r\\t\\u0001\\ud83d\\ude00"},"b":[1,[],{}]}',
    );
  });

  it('is indented by two, sorted or in order', () => {
    const list = '"b": [\n    1,\n    [],\n    {}\n  ]';
    const map = '"a": {\n    "\\u00e9\\u007f/": "\\"\\\\\\b\\f\\n\\r\\t\\u0001\\ud83d\\ude00"\n  }';
    expect(printPretty(value)).toBe(`{\n  ${map},\n  ${list}\n}`);
    expect(printPrettyInOrder(value)).toBe(`{\n  ${list},\n  ${map}\n}`);
  });

  it('refuses what JSON cannot hold', () => {
    expect(() => printCompact([{ opaque: '2020-01-01' }])).toThrow(withCode('MANIFEST_INVALID'));
    expect(() => printCompact(Number.NaN)).toThrow(withCode('MANIFEST_INVALID'));
  });

  it('reads back as the same value', () => {
    fc.assert(
      fc.property(fc.json({ depthSize: 'medium' }), (text) => {
        const data = parseJsonData(text, 'x');
        for (const print of [printCompactInOrder, printPrettyInOrder]) {
          expect(parseJsonData(print(data), 'x')).toEqual(data);
        }
        expect(JSON.parse(printCompact(data))).toEqual(JSON.parse(text));
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  it('sorts keys by code point', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Math.sign(compareBytes(a, b)));
      }),
      { seed: SEED, numRuns: 300 },
    );
  });
});
