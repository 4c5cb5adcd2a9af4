/**
 * Documents -> YAML text, byte for byte as the reference generator's emitter writes it (kata policy data 3.3 and 4.1):
 * block style, two spaces, lists indented under their key, no line folding. Scalars come with their quotes.
 */
import type { ReferenceNode } from './reference-tree.js';

const STEP = '  ';

/** Each document as `---`, its lines, and a line break. */
export function emitAsReference(documents: readonly ReferenceNode[]): string {
  const lines: string[] = [];
  for (const document of documents) {
    lines.push('---');
    emit(document, { first: '', others: '' }, lines);
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** What stands in front of the first line of a node, and of its other lines. */
interface Margin {
  readonly first: string;
  readonly others: string;
}

function emit(node: ReferenceNode, { first, others }: Margin, lines: string[]): void {
  const inline = inlineText(node);
  if (inline !== undefined) {
    lines.push(first + inline);
    return;
  }
  const inner = others + STEP;
  let margin = first;
  if (node instanceof Map) {
    for (const [key, value] of node) {
      const text = inlineText(value);
      lines.push(`${margin}${key}:${text === undefined ? '' : ` ${text}`}`);
      if (text === undefined) emit(value, { first: inner, others: inner }, lines);
      margin = others;
    }
    return;
  }
  for (const item of node as readonly ReferenceNode[]) {
    emit(item, { first: `${margin}- `, others: inner }, lines);
    margin = others;
  }
}

/** Text of a scalar or an empty collection; undefined for what takes lines of its own. */
function inlineText(node: ReferenceNode): string | undefined {
  if (typeof node === 'string') return node;
  if (node instanceof Map) return node.size === 0 ? '{}' : undefined;
  return (node as readonly ReferenceNode[]).length === 0 ? '[]' : undefined;
}
