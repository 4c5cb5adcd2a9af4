import { describe, expect, it } from 'vitest';
import type { Page } from '../../src/core/page.js';
import { printPageText } from '../../src/core/page-text.js';

const PAGE: Page = {
  title: 'A page',
  blocks: [
    { kind: 'heading', level: 2, text: 'Part' },
    { kind: 'heading', level: 3, text: 'Detail' },
    { kind: 'paragraph', text: { text: 'words', tone: 'bad' } },
    { kind: 'list', items: ['one', 'two'] },
    {
      kind: 'facts',
      rows: [
        { label: 'a', values: ['1', '2'] },
        { label: 'long label', values: [] },
      ],
    },
    {
      kind: 'table',
      columns: ['first', 'second', 'third'],
      rows: [
        ['x', { text: 'y', tone: 'muted' }, 'z'],
        ['漢字', '', 'end'],
      ],
    },
  ],
};

describe('pages as text', () => {
  it('have headings, facts, lists and tables', () => {
    expect(printPageText(PAGE)).toBe(`A page
======

Part
----

Detail

words

- one
- two

a           1
            2
long label

first  second  third
-----  ------  -----
x      y       z
漢字             end
`);
  });

  it('break long cells, but not those of the last column', () => {
    const long = `${'/part'.repeat(12)} end`;
    const text = printPageText({
      title: 't',
      blocks: [{ kind: 'table', columns: ['a', 'b'], rows: [[long, long]] }],
    });
    const lines = text.split('\n').slice(5);
    expect(lines[0]).toBe(`${'/part'.repeat(8)}/  ${long}`);
    expect(lines[1]).toBe('part/part/part/part end');
  });

  it('let no text steer the terminal', () => {
    const evil = '\x1b]0;x\x07\r\n\u202e';
    const text = printPageText({
      title: evil,
      blocks: [
        { kind: 'heading', level: 2, text: evil },
        { kind: 'paragraph', text: evil },
        { kind: 'list', items: [evil] },
        { kind: 'facts', rows: [{ label: evil, values: [evil] }] },
        { kind: 'table', columns: [evil], rows: [[evil]] },
      ],
    });
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    expect(text).toContain('\\x1b]0;x\\x07\\r\\n\\u{202e}');
  });
});
