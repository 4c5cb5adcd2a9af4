/**
 * Page -> one HTML file for reviewers: no scripts, nothing loaded from elsewhere (the page forbids both to the
 * browser), every text escaped.
 */
import { type Block, type Cell, type Page, showUnseen, textOf } from './page.js';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

const STYLE = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid #8888; }
h3 { font-size: 1rem; margin-top: 1.5rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #8884; }
td, dd, li { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: minmax(9rem, max-content) 1fr; gap: .1rem 1rem; margin: .5rem 0; }
dt { font-weight: 600; grid-column: 1; } dd { margin: 0; grid-column: 2; }
.bad { color: #b3261e; font-weight: 600; } .warning { color: #8a5a00; font-weight: 600; }
.good { color: #1b6e3c; } .muted { opacity: .65; }
@media (prefers-color-scheme: dark) { .bad { color: #ff8a80; } .warning { color: #ffca6b; } .good { color: #7bd88f; } }
`;
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** The HTML text of a page; ends with a newline. */
export function printPageHtml(page: Page): string {
  const title = escapeHtml(page.title);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
${page.blocks.map(printBlock).join('\n')}
</body>
</html>
`;
}

/** The text for HTML content and attribute values; what cannot be seen is shown as an escape. */
export function escapeHtml(text: string): string {
  return showUnseen(text).replace(/[&<>"'`]/g, (character) => ENTITIES[character] ?? '');
}

function printBlock(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `<h${block.level}>${escapeHtml(block.text)}</h${block.level}>`;
    case 'paragraph':
      return `<p>${printCell(block.text)}</p>`;
    case 'list':
      return `<ul>\n${block.items.map((item) => `<li>${printCell(item)}</li>`).join('\n')}\n</ul>`;
    case 'facts':
      return `<dl>\n${block.rows
        .map(
          ({ label, values }) =>
            `<dt>${escapeHtml(label)}</dt>${values.map((value) => `<dd>${printCell(value)}</dd>`).join('')}`,
        )
        .join('\n')}\n</dl>`;
    case 'table':
      return printTable(block.columns, block.rows);
  }
}

function printTable(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const head = columns.map((name) => `<th>${escapeHtml(name)}</th>`).join('');
  const body = rows.map(
    (row) => `<tr>${row.map((cell) => `<td>${printCell(cell)}</td>`).join('')}</tr>`,
  );
  return `<table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body.join('\n')}\n</tbody>\n</table>`;
}

function printCell(cell: Cell): string {
  const text = escapeHtml(textOf(cell));
  return typeof cell === 'string' ? text : `<span class="${cell.tone}">${text}</span>`;
}
