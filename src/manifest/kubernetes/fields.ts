/** Opens a mapping against its field table: every key is known, refused, ignored on request, or reported. */
import { isNull, keyText, type YamlEntry, type YamlMapping } from '../yaml/node.js';
import { readAsKubectl } from '../yaml/scalar.js';
import { type Cursor, isIgnored, nameOf, nodeOf, pathTo, placeOf, report } from './context.js';
import { type FieldRule, type FieldTable, GUEST_NAMES } from './field-rules.js';
import { mergedEntries } from './merge.js';
import { nearest } from './nearest.js';

/** The fields of one mapping that belong to the workload. Absent and null both are missing from `values`. */
export interface Fields {
  readonly cursor: Cursor;
  readonly values: ReadonlyMap<string, Cursor>;
}

/** Checks all keys of a mapping; reports MANIFEST_INVALID, MANIFEST_UNKNOWN_FIELD and MANIFEST_UNSUPPORTED. */
export function openFields(cursor: Cursor, table: FieldTable): Fields {
  const values = new Map<string, Cursor>();
  const node = nodeOf(cursor);
  if (node.kind !== 'mapping' || node.tag !== undefined) {
    report(cursor, 'MANIFEST_INVALID', `${nameOf(cursor.path)} is not a mapping`);
    return { cursor, values };
  }
  for (const entry of distinctEntries(cursor, node)) {
    const key = keyText(entry);
    if (key === undefined) {
      report(cursor, 'MANIFEST_INVALID', `${nameOf(cursor.path)} has a key that is not text`, {
        node: entry.key,
      });
      continue;
    }
    const value: Cursor = { ...cursor, node: entry.value, path: pathTo(cursor.path, key) };
    const rule = Object.hasOwn(table, key) ? table[key] : undefined;
    if (rule === undefined) refuseUnknown(value, entry, Object.keys(table));
    else if (isAdmitted(value, entry, rule)) values.set(key, value);
  }
  return { cursor, values };
}

/** Entries with merge keys resolved; of duplicate keys the last, in the place of the first, with a notice. */
export function distinctEntries(cursor: Cursor, mapping: YamlMapping): readonly YamlEntry[] {
  const distinct = new Map<string | YamlEntry, YamlEntry>();
  for (const entry of mergedEntries(cursor, mapping)) {
    const key = keyText(entry) ?? entry;
    if (distinct.has(key)) {
      cursor.context.notices({
        code: 'duplicate-key',
        message: `${nameOf(cursor.path)} has the key ${String(key)} twice; the last one counts`,
        where: placeOf(cursor, entry.key),
      });
    }
    distinct.set(key, entry);
  }
  return [...distinct.values()];
}

/** True if the field belongs to the workload; reports it if the guest cannot have it. */
function isAdmitted(value: Cursor, entry: YamlEntry, rule: FieldRule): boolean {
  const { guest } = value.context;
  if (isNull(entry.value)) return false;
  if (rule.known.includes(guest)) return rule.effect === 'read';
  if (rule.unless !== undefined && holds(entry, rule.unless)) return false;
  if (!rule.firm && isLeftOut(value, entry)) return false;
  report(value, 'MANIFEST_UNSUPPORTED', `${value.path} is not supported: ${rule.reason}`, {
    node: entry.key,
    want: `a manifest for the guest ${GUEST_NAMES[guest]}`,
    hints: [
      ...(rule.remedy === undefined ? [] : [rule.remedy]),
      ...(rule.firm ? [] : [ignoreHint(value)]),
    ],
  });
  return false;
}

function holds(entry: YamlEntry, wanted: string | boolean): boolean {
  const { value } = entry;
  return value.kind === 'scalar' && readAsKubectl(value) === wanted;
}

function refuseUnknown(value: Cursor, entry: YamlEntry, known: readonly string[]): void {
  if (isLeftOut(value, entry)) return;
  const near = nearest(keyText(entry) ?? '', known);
  report(value, 'MANIFEST_UNKNOWN_FIELD', `${value.path} is not a field that podseal knows`, {
    node: entry.key,
    hints: [...(near === undefined ? [] : [`did you mean ${near}?`]), ignoreHint(value)],
  });
}

/** True if the user asked to ignore the field, which a notice then names. */
function isLeftOut(value: Cursor, entry: YamlEntry): boolean {
  if (!isIgnored(value.context, value.path)) return false;
  value.context.notices({
    code: 'field-ignored',
    message: `${value.path} is ignored as asked; the policy is made as if it were absent`,
    where: placeOf(value, entry.key),
  });
  return true;
}

function ignoreHint(value: Cursor): string {
  const name = value.path.slice(value.path.lastIndexOf('.') + 1);
  return `--ignore-unsupported ${name} makes the policy as if the field were absent`;
}
