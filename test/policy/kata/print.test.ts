import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KataPolicyData } from '../../../src/policy/kata/data.js';
import { printPolicyData, printPolicyText } from '../../../src/policy/kata/print.js';

/** A document whose part `common` holds the value. */
const documentOf = (value: KataPolicyData['common']): KataPolicyData => ({
  containers: [],
  common: value,
  sandbox: { storages: [] },
  request_defaults: {},
});

describe('the policy text', () => {
  it('is the rules, a newline and the data, without newline at the end', () => {
    const text = printPolicyText('package a\n', documentOf({ a: 'x', none: undefined, b: [] }));
    expect(text).toBe(
      [
        'package a',
        '',
        'policy_data := {',
        '  "containers": [],',
        '  "common": {',
        '    "a": "x",',
        '    "b": []',
        '  },',
        '  "sandbox": {',
        '    "storages": []',
        '  },',
        '  "request_defaults": {}',
        '}',
      ].join('\n'),
    );
  });

  it('escapes as JSON must, and nothing else', () => {
    const text = '"\\\b\f\n\r\t\u0000\u001f\u007f/<\u2028é😀';
    const escaped = '"\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\u007f/<\u2028é😀"';
    expect(printPolicyData(documentOf({ [text]: text }))).toContain(`${escaped}: ${escaped}`);
  });

  it('sorts maps by the bytes of their keys, and keeps the order of objects', () => {
    const keys = ['10', '9', 'a', '\u{1f600}', '\uffee', 'B', '__proto__'];
    const map = new Map(keys.map((key) => [key, key]));
    const printed = printPolicyData(documentOf({ z: map, b: { y: 1, x: true } }));
    const order = [...printed.matchAll(/"([^"]+)": "\1"/g)].map((match) => match[1]);
    expect(order).toEqual(['10', '9', 'B', '__proto__', 'a', '\uffee', '\u{1f600}']);
    expect(printed).toMatch(/"y": 1,\s+"x": true/);
  });

  it('is read back as it was printed', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        fc.string({ unit: 'grapheme' }),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(fc.string(), tie('any'), { maxKeys: 3, noNullPrototype: true }),
      ),
    })).any;
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), value, { maxKeys: 3, noNullPrototype: true }),
        (common) => {
          const printed = printPolicyData(documentOf(common as KataPolicyData['common']));
          expect(printed).toBe(
            JSON.stringify(
              { containers: [], common, sandbox: { storages: [] }, request_defaults: {} },
              null,
              2,
            ),
          );
        },
      ),
      { seed: 0x5eed, numRuns: 200 },
    );
  });
});
