import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.js';
import { compileSimpleRegex } from '../../src/core/simple-regex.js';
import { readVariablePatterns } from '../support/settings-patterns.js';

/** What the full engine says; undefined if it takes no such pattern. */
function fullEngine(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(pattern);
  } catch {
    return undefined;
  }
}

describe('matches', () => {
  it.each([
    ['^a+b$', 'aaab', true],
    ['^a+b$', 'aaabc', false],
    ['b', 'abc', true],
    ['', '', true],
    ['^$', 'a', false],
    ['a.c', 'a\nc', false],
    ['^(?s:a.c)$', 'a\nc', true],
    ['(?:(?s:.)|x).', 'a\n', false],
    ['^(a|bc|)d$', 'bcd', true],
    ['^(a|bc|)d$', 'd', true],
    ['^(a|bc|)d$', 'abcd', false],
    ['[^a-c]', 'abc', false],
    ['[^a-c]', 'abcd', true],
    ['^[a-]+$', 'a-a', true],
    ['^[\\d\\-.]+$', '1-2.3', true],
    ['^x{2}$', 'xxx', false],
    ['^x{2,}$', 'xxx', true],
    ['^x{1,2}$', 'xxx', false],
    ['^x{0}y$', 'y', true],
    ['\\bcat\\b', 'a cat.', true],
    ['\\bcat\\b', 'concat', false],
    ['a\\.b', 'axb', false],
    ['^(()*)*$', 'a', false],
    ['(?i)^Ab[c-e]$', 'aBD', true],
    ['^a(?i)b', 'AB', false],
    ['(?i)[^a]', 'aA', false],
    ['(a(?i)b|c)d', 'Cd', true],
    ['(a(?i)b|c)d', 'CD', false],
    ['(?i)[@`{]', 'A', false],
  ])('%j in %j: %s', (pattern, text, want) => {
    expect(compileSimpleRegex(pattern)?.(text)).toBe(want);
    expect(fullEngine(pattern)?.test(text)).toBe(want);
  });

  it('leaves texts beyond ASCII to others', () => {
    expect(compileSimpleRegex('a')?.('ä')).toBeUndefined();
  });

  it('takes time in proportion to the text', () => {
    expect(compileSimpleRegex('^(a+)+$')?.(`${'a'.repeat(50_000)}b`)).toBe(false);
    expect(compileSimpleRegex('(a|a)*(a|aa)*c')?.('a'.repeat(20_000))).toBe(false);
  });
});

describe('leaves to others', () => {
  it.each([
    ...['(', ')', 'a**', 'a*?', '*a', 'a{2,1}', 'a{1001}', '(a{100}){100}', 'a{,2}', 'a{', 'a}'],
    ...['[', '[]', '[]a]', '[z-a]', '[a-\\d]', '[[:digit:]]', '[a', '[^]', '[--a]', '[a^]'],
    ...[
      '\\w',
      '\\s',
      '\\pL',
      '\\z',
      '\\',
      '\\1',
      '(?i)*',
      '(?i',
      '(?i:a)',
      '(?P<n>a)',
      '(?=a)',
      '(?:a',
      'ä',
    ],
    `${'('.repeat(LIMITS.jsonDepth + 1)}a${')'.repeat(LIMITS.jsonDepth + 1)}`,
    'a'.repeat(LIMITS.simplePatternChars + 1),
    '[ab]{900}'.repeat(6),
  ])('%j', (pattern) => {
    expect(compileSimpleRegex(pattern)).toBeUndefined();
  });

  it('takes patterns up to the limits', () => {
    const long = 'a'.repeat(LIMITS.simplePatternChars);
    expect(compileSimpleRegex(long)?.(long)).toBe(true);
    const deep = `${'('.repeat(LIMITS.jsonDepth)}a${')'.repeat(LIMITS.jsonDepth)}`;
    expect(compileSimpleRegex(deep)?.('a')).toBe(true);
    expect(compileSimpleRegex('a{1000}')?.('a'.repeat(1000))).toBe(true);
  });
});

it('reads every pattern of the bundled settings', () => {
  const patterns = readVariablePatterns();
  expect(patterns.length).toBeGreaterThan(40);
  for (const pattern of patterns) expect(compileSimpleRegex(pattern), pattern).toBeDefined();
});

describe('agrees with the full engine', () => {
  const character = fc.constantFrom('a', 'b', 'A', '-', '.', '/', '0', ' ', '\n');
  const text = fc.string({ unit: character, maxLength: 12 });
  const classText = fc.constantFrom(
    '[ab]',
    '[^a]',
    '[a-b0]',
    '[^\\d-]',
    '[b.-]',
    '\\d',
    '.',
    '\\.',
  );
  const atom = fc.oneof(
    fc.constantFrom('a', 'b', '0', '/', '-', ' '),
    classText,
    fc.constantFrom('^', '$', '\\b'),
  );
  const times = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,3}', '{0,}', '{2,}', '{0}');
  const { pattern } = fc.letrec<{ pattern: string; part: string }>((tie) => ({
    part: fc.oneof(
      { depthSize: 'small' },
      fc.tuple(atom, times).map(([one, count]) => one + count),
      fc.constant('(?i)'),
      fc
        .tuple(fc.constantFrom('(', '(?:', '(?s:'), tie('pattern'), times)
        .map(([open, inner, count]) => `${open}${inner})${count}`),
    ),
    pattern: fc
      .array(fc.array(tie('part'), { maxLength: 4 }), { minLength: 1, maxLength: 3 })
      .map((choices) => choices.map((parts) => parts.join('')).join('|')),
  }));

  it('on patterns of the plain kind', () => {
    let count = 0;
    fc.assert(
      fc.property(pattern, text, (source, given) => {
        const simple = compileSimpleRegex(source);
        if (simple === undefined) return;
        count += 1;
        expect(simple(given)).toBe(fullEngine(source)?.test(given));
      }),
      { seed: 41, numRuns: 5_000 },
    );
    expect(count).toBeGreaterThan(4_500);
  });

  it('on any pattern', () => {
    const any = fc.string({
      unit: fc.constantFrom(...'abA01-^$.|()[]{}*+?\\,:si/ '),
      maxLength: 8,
    });
    let count = 0;
    fc.assert(
      fc.property(any, text, (source, given) => {
        const simple = compileSimpleRegex(source);
        if (simple === undefined) return;
        count += 1;
        expect(simple(given)).toBe(fullEngine(source)?.test(given));
      }),
      { seed: 42, numRuns: 20_000 },
    );
    expect(count).toBeGreaterThan(1_000);
  });
});
