/** Writes documents as the reference generator rewrites its input (kata policy data 3.3, 3.5 and 4.1). */
import {
  contentOf,
  isNull,
  keyText,
  type YamlContent,
  type YamlDocument,
  type YamlEntry,
  type YamlNode,
} from '../../src/manifest/yaml/node.js';
import { printScalarAsReference, readAsReference } from '../../src/manifest/yaml/scalar.js';

const LIST_KEYS = ['apiVersion', 'kind', 'items'];

/** Null documents are dropped; each other one is `---`, its lines and a line break. */
export function emitAsReference(documents: readonly YamlDocument[]): string {
  return documents
    .filter(({ root }) => !isNull(root))
    .map(({ root }) => `---\n${emit(root).join('\n')}\n`)
    .join('');
}

function emit(node: YamlNode): readonly string[] {
  const content = contentOf(node);
  if (isInline(content)) return [inline(content)];
  if (content.kind === 'sequence') {
    return content.items.flatMap((item) => {
      const [first, ...rest] = emit(item);
      return [`- ${first}`, ...rest.map((line) => `  ${line}`)];
    });
  }
  return distinct(content).flatMap(({ key, value }) => {
    const name = inline(contentOf(key));
    const target = contentOf(value);
    if (isInline(target)) return [`${name}: ${inline(target)}`];
    return [`${name}:`, ...emit(target).map((line) => `  ${line}`)];
  });
}

/** A duplicate key has the place of its first and the value of its last occurrence; a List its own order. */
function distinct(mapping: Extract<YamlContent, { kind: 'mapping' }>): readonly YamlEntry[] {
  const entries = new Map<string, YamlEntry>();
  for (const entry of mapping.entries) entries.set(inline(contentOf(entry.key)), entry);
  const all = [...entries.values()];
  const isList = all.some(
    ({ key, value }) => inline(contentOf(key)) === 'kind' && inline(contentOf(value)) === 'List',
  );
  if (!isList) return all;
  return LIST_KEYS.flatMap((name) => all.filter((entry) => keyText(entry) === name));
}

function isInline(content: YamlContent): boolean {
  if (content.kind === 'scalar') return true;
  return (content.kind === 'sequence' ? content.items : content.entries).length === 0;
}

function inline(content: YamlContent): string {
  if (content.kind === 'scalar') return printScalarAsReference(readAsReference(content));
  return content.kind === 'sequence' ? '[]' : '{}';
}
