/**
 * Policy document -> policy text, byte for byte: rules, one newline, `policy_data := `, JSON (spec kata-policy-data
 * section 5.1). The JSON has two-space indent, one element per line, `[]` and `{}` for empty collections.
 */
import { compareBytes } from '../../core/record.js';
import type { KataPolicyData, Printable, PrintableObject } from './data.js';

const INDENT = '  ';

/** The whole policy text: content of a rules file, then the data. No newline at the end. */
export function printPolicyText(rulesText: string, data: KataPolicyData): string {
  return `${rulesText}\npolicy_data := ${printPolicyData(data)}`;
}

/** The JSON text of a policy document, as it stands behind `policy_data := `. */
export function printPolicyData(data: KataPolicyData): string {
  const parts: string[] = [];
  printValue(data, '\n', parts);
  return parts.join('');
}

/** Adds the text of a value; `margin` is a line break with the indentation of the value's own line. */
function printValue(value: Printable, margin: string, parts: string[]): void {
  if (value === null || typeof value !== 'object') {
    parts.push(JSON.stringify(value));
    return;
  }
  const inner = margin + INDENT;
  if (isList(value)) {
    let mark = `[${inner}`;
    for (const element of value) {
      parts.push(mark);
      printValue(element, inner, parts);
      mark = `,${inner}`;
    }
    parts.push(value.length === 0 ? '[]' : `${margin}]`);
    return;
  }
  const entries = isMap(value) ? sortedEntries(value) : presentEntries(value);
  let mark = `{${inner}`;
  for (const [key, field] of entries) {
    parts.push(mark, JSON.stringify(key), ': ');
    printValue(field, inner, parts);
    mark = `,${inner}`;
  }
  parts.push(entries.length === 0 ? '{}' : `${margin}}`);
}

type Entries = readonly (readonly [string, Printable])[];

function sortedEntries(map: ReadonlyMap<string, Printable>): Entries {
  return [...map].sort(([a], [b]) => compareBytes(a, b));
}

function presentEntries(object: PrintableObject): Entries {
  const entries: [string, Printable][] = [];
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (value !== undefined) entries.push([key, value]);
  }
  return entries;
}

function isList(value: object): value is readonly Printable[] {
  return Array.isArray(value);
}

function isMap(value: object): value is ReadonlyMap<string, Printable> {
  return value instanceof Map;
}
