/**
 * Page -> plain text, for terminals and pull requests: the same for every width and locale. No colours; characters that
 * would steer a terminal are shown as escapes.
 */
import { type Block, type Cell, type Fact, type Page, showUnseen, textOf } from './page.js';

/** Wider cells are broken, but for those of the last column. */
const COLUMN_WIDTH = 44;
const GAP = '  ';
const UNDERLINES: Readonly<Record<1 | 2 | 3, string>> = { 1: '=', 2: '-', 3: '' };

/** The text of a page; ends with a newline. */
export function printPageText(page: Page): string {
  const title = printHeading(page.title, 1);
  return `${[title, ...page.blocks.map(printBlock)].filter((part) => part !== '').join('\n\n')}\n`;
}

function printBlock(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return printHeading(block.text, block.level);
    case 'paragraph':
      return plain(block.text);
    case 'list':
      return block.items.map((item) => `- ${plain(item)}`).join('\n');
    case 'facts':
      return printFacts(block.rows);
    case 'table':
      return printTable(block.columns, block.rows);
  }
}

function printHeading(text: string, level: 1 | 2 | 3): string {
  const shown = showUnseen(text);
  const line = UNDERLINES[level].repeat(lengthOf(shown));
  return line === '' ? shown : `${shown}\n${line}`;
}

function printFacts(rows: readonly Fact[]): string {
  const width = Math.max(...rows.map(({ label }) => lengthOf(showUnseen(label))), 0);
  return rows
    .map(({ label, values }) => {
      const lines = values.map(plain);
      const rest = lines.slice(1).map((line) => `\n${' '.repeat(width)}${GAP}${line}`);
      return `${pad(showUnseen(label), width)}${GAP}${lines[0] ?? ''}${rest.join('')}`.trimEnd();
    })
    .join('\n');
}

function printTable(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const last = columns.length - 1;
  const cells = [columns, ...rows].map((row) =>
    columns.map((_, i) => {
      const text = plain(row[i] ?? '');
      return i === last ? [text] : breakText(text);
    }),
  );
  const widths = columns.map((_, i) =>
    Math.max(...cells.map((row) => Math.max(...(row[i] ?? []).map(lengthOf)))),
  );
  const rule = widths.map((width, i) =>
    '-'.repeat(i === last ? lengthOf(columns[i] ?? '') : width),
  );
  const [head = [], ...body] = cells;
  const lines = [
    printRow(head, widths),
    rule.join(GAP),
    ...body.map((row) => printRow(row, widths)),
  ];
  return lines.join('\n');
}

function printRow(row: readonly (readonly string[])[], widths: readonly number[]): string {
  const height = Math.max(...row.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    row
      .map((lines, i) => pad(lines[line] ?? '', widths[i] ?? 0))
      .join(GAP)
      .trimEnd(),
  ).join('\n');
}

/** Parts of at most COLUMN_WIDTH characters, broken behind a blank or a slash where there is one. */
function breakText(text: string): readonly string[] {
  const characters = [...text];
  const parts: string[] = [];
  let from = 0;
  while (characters.length - from > COLUMN_WIDTH) {
    const window = characters.slice(from, from + COLUMN_WIDTH);
    const at = window.findLastIndex((one) => one === ' ' || one === '/' || one === ',') + 1;
    const taken = at > COLUMN_WIDTH / 2 ? at : COLUMN_WIDTH;
    parts.push(window.slice(0, taken).join('').trimEnd());
    from += taken;
  }
  return [...parts, characters.slice(from).join('')];
}

function plain(cell: Cell): string {
  return showUnseen(textOf(cell));
}

function lengthOf(text: string): number {
  return [...text].length;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - lengthOf(text)));
}
