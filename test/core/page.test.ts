import { describe, expect, it } from 'vitest';
import { type Page, showUnseen, textOf } from '../../src/core/page.js';

describe('texts for people', () => {
  it.each([
    ['plain text, with ümlauts and 漢字', 'plain text, with ümlauts and 漢字'],
    ['a\nb\tc\rd', 'a\\nb\\tc\\rd'],
    ['\x1b[31mred\x1b[0m', '\\x1b[31mred\\x1b[0m'],
    ['\x00\x7f\x9b', '\\x00\\x7f\\u{9b}'],
    ['abc\u202etxt.exe', 'abc\\u{202e}txt.exe'],
    ['a\u200bb\ufeffc\u2028d\u00a0e', 'a\\u{200b}b\\u{feff}c\\u{2028}d\\u{a0}e'],
    ['\u{e0041}', '\\u{e0041}'],
    ['\ud800', '\\u{d800}'],
  ])('%j', (text, shown) => {
    expect(showUnseen(text)).toBe(shown);
  });

  it('have a tone or none', () => {
    const cells: Page['blocks'] = [{ kind: 'list', items: ['a', { text: 'b', tone: 'bad' }] }];
    expect(
      cells.flatMap((block) => (block.kind === 'list' ? block.items.map(textOf) : [])),
    ).toEqual(['a', 'b']);
  });
});
