import { describe, expect, it } from 'vitest';
import type { Block } from '../../src/core/page.js';
import { escapeHtml, printPageHtml } from '../../src/core/page-html.js';

const EVIL = `"><script>alert('1')</script>&\u202e\``;
const BLOCKS: readonly Block[] = [
  { kind: 'heading', level: 2, text: EVIL },
  { kind: 'paragraph', text: EVIL },
  { kind: 'list', items: [{ text: EVIL, tone: 'warning' }] },
  { kind: 'facts', rows: [{ label: EVIL, values: [EVIL, { text: EVIL, tone: 'bad' }] }] },
  { kind: 'table', columns: [EVIL], rows: [[EVIL]] },
];

describe('pages as HTML', () => {
  const html = printPageHtml({ title: EVIL, blocks: BLOCKS });

  it('escape every text', () => {
    expect(escapeHtml(EVIL)).toBe(
      '&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;\\u{202e}&#96;',
    );
    expect(html.split(escapeHtml(EVIL))).toHaveLength(2 + BLOCKS.length + 4);
    expect(html).not.toContain(EVIL);
  });

  it('hold no scripts, links or sources', () => {
    expect(html).not.toMatch(
      /<script|<link|<img|<iframe|<a |\son[a-z]+=|src=|href=|url\(|@import/i,
    );
  });

  it('forbid both to the browser', () => {
    expect(html).toContain(
      `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">`,
    );
  });

  it('hold only tags of their own, all of them closed', () => {
    const tags = [...html.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*>/g)];
    const open: string[] = [];
    for (const [, slash, name] of tags) {
      if (name === 'meta') continue;
      if (slash === '') open.push(name!);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
    const known =
      'html head meta title style body h1 h2 p ul li dl dt dd table thead tbody tr th td span';
    for (const [, , name] of tags) expect(known.split(' ')).toContain(name);
  });
});
