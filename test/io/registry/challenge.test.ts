import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { parseChallenges } from '../../../src/io/registry/challenge.js';

const parse = (header: string | string[] | undefined) =>
  parseChallenges(header, 'registry.test').map(({ scheme, params }) => [
    scheme,
    Object.fromEntries(params),
  ]);

describe('parseChallenges', () => {
  it.each([
    [undefined, []],
    ['', []],
    ['Basic', [['basic', {}]]],
    ['Basic realm="a"', [['basic', { realm: 'a' }]]],
    ['BEARER Realm=a,SERVICE=b', [['bearer', { realm: 'a', service: 'b' }]]],
    ['Bearer realm = "a" , service = b', [['bearer', { realm: 'a', service: 'b' }]]],
    ['Bearer realm="a,b=\\"c\\" \\\\"', [['bearer', { realm: 'a,b="c" \\' }]]],
    ['Bearer realm=', [['bearer', {}]]],
    ['Bearer realm=""', [['bearer', { realm: '' }]]],
    [
      'Negotiate, Bearer realm="a"',
      [
        ['negotiate', {}],
        ['bearer', { realm: 'a' }],
      ],
    ],
    [
      'Negotiate YWJj==, Bearer realm="a"',
      [
        ['negotiate', {}],
        ['bearer', { realm: 'a' }],
      ],
    ],
    [
      'Basic realm="x", Bearer realm="a", service="s"',
      [
        ['basic', { realm: 'x' }],
        ['bearer', { realm: 'a', service: 's' }],
      ],
    ],
    [', ,Bearer realm="a",,scope="b",', [['bearer', { realm: 'a', scope: 'b' }]]],
    [
      ['Basic realm="x"', 'Bearer realm="a"'],
      [
        ['basic', { realm: 'x' }],
        ['bearer', { realm: 'a' }],
      ],
    ],
  ] as const)('%j', (header, expected) => {
    expect(parse(typeof header === 'object' ? [...header] : header)).toEqual(expected);
  });

  it.each([
    'Bearer realm="a',
    'Bearer realm="a\\"',
    'Bearer realm="a" service="b"',
    'Bearer realm="a", realm="b"',
    'Bearer realm="a", REALM="b"',
    'Bearer =a',
    '="a"',
    '"Bearer"',
    'Bearer realm=a b',
    'Bearer (x)',
  ])('refuses %j', (header) => {
    expect(() => parse(header)).toThrow(expect.objectContaining({ code: 'REGISTRY_PROTOCOL' }));
  });

  it('reads what it would print, and never fails otherwise than with REGISTRY_PROTOCOL', () => {
    const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
    const params = fc.dictionary(token, fc.stringMatching(/^[ -~]{0,20}$/), {
      noNullPrototype: true,
    });
    const challenge = fc.tuple(token, params);
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
        const print = ([scheme, values]: [string, Record<string, string>]) =>
          `${scheme} ${Object.entries(values)
            .map(([key, value]) => `${key}="${value.replace(/(["\\])/g, '\\$1')}"`)
            .join(', ')}`.trim();
        expect(parse(challenges.map(print).join(', '))).toEqual(challenges);
      }),
      { seed: 0x9e37, numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'Bearer basic="\\,\t =a') }), (header) => {
        try {
          parse(header);
        } catch (error) {
          expect(error).toBeInstanceOf(ToolError);
        }
      }),
      { seed: 0x9e37, numRuns: 500 },
    );
  });
});
