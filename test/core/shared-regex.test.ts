import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSharedMeaning } from '../../src/core/shared-regex.js';
import { openRegoBuiltins } from '../../src/io/rego-builtins.js';
import { openNativeEngine } from '../../src/io/rego-native.js';
import { nativeAddon } from '../support/native.js';

const AGREED: readonly (readonly [pattern: string, meaning: 'any-text' | 'ascii-text'])[] = [
  ['', 'any-text'],
  ['^/run/[a-z0-9]{64}-(a|b|)\\.$', 'any-text'],
  ['^(?P<name>x)(?:y)[[:digit:]_-]\\z', 'any-text'],
  ['a{2}b{2,}c{2,3}?d*?e+?', 'any-text'],
  ['[]a][^]a][-a][a-]', 'any-text'],
  ['[\\]\\-\\[&~é😀-😂]', 'any-text'],
  ['\\#\\&\\-\\~\\/\\n\\x41\\x{1f600}', 'any-text'],
  ['}]é', 'any-text'],
  ['(?s:.)(?m:^)', 'any-text'],
  ['(?i)a', 'ascii-text'],
  ['(?i:a)', 'ascii-text'],
  ['\\d\\b', 'ascii-text'],
  ['[\\w.]\\S\\B', 'ascii-text'],
];

/** What only one of the two reads, or each in its own way. */
const DISPUTED: readonly string[] = [
  '\\Qa.b\\E',
  '\\Q',
  'a\\E',
  '\\C',
  '\\101',
  '\\1',
  '\\<a',
  'a\\>',
  '[\\<]',
  '\\pL',
  '\\p{Greek}',
  '\\Z',
  '\\G',
  '\\',
  'a\\',
  '\\x{110000}',
  '\\x4',
  '[a&&b]',
  '[a--b]',
  '[a~~b]',
  '[[a]b]',
  '[[:nope:]]',
  '[a-c-e]',
  '[\\b]',
  '[a-\\d]',
  '[\\d-z]',
  '[a',
  '[]',
  '[^]',
  'a{',
  'a{b}',
  'a{,3}',
  'a{1001}',
  'a{3,2}',
  'a{ 1}',
  '{1}',
  'a**',
  'a{2}{3}',
  '*a',
  '(*a)',
  '|*',
  '^*',
  '\\b+',
  '(?x)a b',
  '(?u:a)',
  '(?-i:a)',
  '(?<n>a)',
  '(?P=n)',
  '(?=a)',
  '(?!a)',
  '(a',
  'a)',
];

describe('patterns of two engines', () => {
  it.each(AGREED)('agree on %j: %s', (pattern, meaning) => {
    expect(readSharedMeaning(pattern)).toBe(meaning);
  });

  it.each(DISPUTED)('do not agree on %j', (pattern) => {
    expect(readSharedMeaning(pattern)).toBeUndefined();
  });
});

/** Pieces of patterns, disputed ones among them. */
const PIECES = [
  ...'a b k é 1 . ^ $ | ( ) [ ] { } * + ? - & ~ \\ , : < > [^ (?: (?i) (?s: (?P<n> && -- ~~ {2} {1,2}'.split(
    ' ',
  ),
  ...'\\d \\D \\w \\W \\s \\b \\B \\Q \\E \\C \\A \\z \\Z \\. \\- \\& \\< \\1 \\x41 \\x{41} \\n [a-c] [[:alpha:]] [a&&b]'.split(
    ' ',
  ),
];
const TEXT_PIECES = [
  ...'a b c A B k K 1 2 . - & ~ \\ Q E { } [ ] é É \u212a \u0663 \n'.split(' '),
  ' ',
];

const native = nativeAddon() === undefined ? undefined : openNativeEngine();

describe.runIf(native !== undefined)('against the engine of the guests', () => {
  it('never match here what does not match there', async () => {
    const text = 'package p\n\nm := regex.match(input.pattern, input.text)\n';
    const policy = await native!.compile([{ name: 'p', text }], 'v1');
    const match = openRegoBuiltins(() => {}, 'rust')['podseal.regex.match']!;
    const answers = new Set<unknown>();
    const pattern = fc.array(fc.constantFrom(...PIECES), { maxLength: 6 });
    const subject = fc.array(fc.constantFrom(...TEXT_PIECES), { maxLength: 5 });
    fc.assert(
      fc.property(pattern, subject, (pieces, letters) => {
        const input = { pattern: pieces.join(''), text: letters.join('') };
        const here = match(input.pattern, input.text);
        const { outcome } = policy.evaluate('data.p.m', input);
        const there = outcome.kind === 'value' ? outcome.value : undefined;
        answers.add(here);
        // Without an answer here there may be any there.
        if (here !== undefined) expect([input, there]).toEqual([input, here]);
      }),
      { numRuns: 20_000, seed: 7 },
    );
    expect(answers).toEqual(new Set([true, false, undefined]));
  });
});
