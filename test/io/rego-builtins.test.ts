import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.js';
import { openRegoBuiltins } from '../../src/io/rego-builtins.js';

const lines: string[] = [];
const builtins = await openRegoBuiltins((line) => lines.push(line));
const match = builtins['podseal.regex.match']!;
const findAll = builtins['podseal.regex.find_all_string_submatch_n']!;
const print = builtins['internal.print']!;

describe('regex.match', () => {
  it.each([
    ['b', 'abc', true],
    ['^b', 'abc', false],
    ['^abc$', 'abc\n', false],
    ['a.c', 'a\nc', false],
    ['(?s:a.c)', 'a\nc', true],
    ['^a', '\na', false],
    ['^(?P<name>x)[[:digit:]]\\z', 'x1', true],
    ['^.$', '\u{1f600}', true],
    ['^a\\x00b$', 'a\0b', true],
    ['^a\0b$', 'a\0b', true],
    ['^a\0b$', 'a', false],
    ['', '', true],
  ])('%j in %j: %s', (pattern, text, found) => {
    expect(match(pattern, text)).toBe(found);
  });

  it.each(['(', 'a**', '(?=a)', '(a)\\1', 'a{1001}', '[z-a]'])(
    'leaves %j undefined, each time',
    (pattern) => {
      expect(match(pattern, 'a')).toBeUndefined();
      expect(match(pattern, 'a')).toBeUndefined();
    },
  );

  it('leaves other types undefined', () => {
    expect(match('1', 1)).toBeUndefined();
    expect(match(null, 'null')).toBeUndefined();
  });

  it('answers the same beyond the number of patterns it keeps', () => {
    const texts = Array.from({ length: LIMITS.regoPatterns + 1 }, (_, i) => `a${i}b`);
    for (const round of [texts, texts, texts.toReversed()]) {
      for (const text of round) {
        expect(match(`^${text}$`, text)).toBe(true);
        expect(match(`^${text}$`, `${text}b`)).toBe(false);
      }
    }
  });

  it('does not backtrack, which would not end here', () => {
    expect(match('^(a+)+$', `${'a'.repeat(50_000)}b`)).toBe(false);
  });
});

describe('regex.find_all_string_submatch_n', () => {
  it.each([
    ['^/run/([a-z]+)/(x)?', '/run/ab/', 1, [['/run/ab/', 'ab', '']]],
    [
      '(?:a|(b))(c)',
      'acbc',
      -1,
      [
        ['ac', '', 'c'],
        ['bc', 'b', 'c'],
      ],
    ],
    ['(?:a|(b))(c)', 'acbc', 1, [['ac', '', 'c']]],
    ['a', 'aaa', 2, [['a'], ['a']]],
    ['a', 'aaa', 9, [['a'], ['a'], ['a']]],
    ['a*', 'baaau', -1, [[''], ['aaa'], ['']]],
    ['', 'é\u{1f600}', -1, [[''], [''], ['']]],
    ['x', 'a', -1, []],
    ['a', 'a', 0, []],
  ])('%j in %j, %j times', (pattern, text, count, want) => {
    expect(findAll(pattern, text, count)).toEqual(want);
  });

  it.each([
    ['(', 'a', 1],
    [1, '1', 1],
    ['a', null, 1],
    ['a', 'a', '1'],
  ])('leaves %j in %j, %j times undefined', (pattern, text, count) => {
    expect(findAll(pattern, text, count)).toBeUndefined();
  });
});

describe('internal.print', () => {
  it.each([
    [[['7:'], ['the'], ['text']], ['7: the text']],
    [[['7:'], []], ['7: <undefined>']],
    [
      [['7:'], [1, null], [true, ['a']]],
      ['7: 1 true', '7: 1 ["a"]', '7: null true', '7: null ["a"]'],
    ],
    [[], ['']],
  ])('prints %j', (operands, want) => {
    lines.length = 0;
    expect(print(operands)).toBe(true);
    expect(lines).toEqual(want);
  });
});
