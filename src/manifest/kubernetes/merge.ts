/**
 * Merge keys (`<<`), as kubectl expands them. go-yaml 2 lets a merged key replace an explicit one that stands before
 * `<<`, the YAML definition does not: such a mapping is refused.
 */
import {
  contentOf,
  isMergeKey,
  keyText,
  type YamlEntry,
  type YamlMapping,
  type YamlNode,
} from '../yaml/node.js';
import { type Cursor, nameOf, report } from './context.js';

/** The entries with those of merged mappings in place of `<<`; explicit keys win. Reports MANIFEST_INVALID. */
export function mergedEntries(cursor: Cursor, mapping: YamlMapping): readonly YamlEntry[] {
  const [merge, second] = mapping.entries.filter(isMergeKey);
  if (merge === undefined) return mapping.entries;
  if (second !== undefined) {
    report(cursor, 'MANIFEST_INVALID', `${nameOf(cursor.path)} has two merge keys`, {
      node: second.key,
      hints: ['write one: <<: [*first, *second]'],
    });
  }
  const position = mapping.entries.indexOf(merge);
  const before = new Set(mapping.entries.slice(0, position).map(keyText));
  const after = mapping.entries.slice(position + 1).filter((entry) => !isMergeKey(entry));
  const explicit = new Set(after.map(keyText));
  const merged: YamlEntry[] = [];
  for (const entry of sourceEntries(cursor, merge.value)) {
    const key = keyText(entry);
    if (key !== undefined && before.has(key)) {
      report(cursor, 'MANIFEST_INVALID', `${nameOf(cursor.path)} sets ${key} before it is merged`, {
        node: merge.key,
        hints: ['write << first: readers disagree on which of the two values counts'],
      });
    }
    if (!explicit.has(key)) merged.push(entry);
  }
  return [...mapping.entries.slice(0, position), ...merged, ...after];
}

/** Entries of one mapping or of a list of mappings, of which the first that has a key wins. */
function sourceEntries(cursor: Cursor, value: YamlNode): readonly YamlEntry[] {
  const content = contentOf(value);
  const sources = content.kind === 'sequence' ? content.items.map(contentOf) : [content];
  const found = new Map<string | undefined, YamlEntry>();
  for (const source of sources) {
    if (source.kind !== 'mapping') {
      report(
        cursor,
        'MANIFEST_INVALID',
        `${nameOf(cursor.path)} merges something that is not a mapping`,
        {
          node: value,
        },
      );
      continue;
    }
    const own = new Map(mergedEntries(cursor, source).map((entry) => [keyText(entry), entry]));
    for (const [key, entry] of own) if (!found.has(key)) found.set(key, entry);
  }
  return [...found.values()];
}
