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
  return printValue(data, '');
}

function printValue(value: Printable, indent: string): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const inner = indent + INDENT;
  if (isList(value)) {
    return enclose(
      '[]',
      indent,
      value.map((element) => inner + printValue(element, inner)),
    );
  }
  const entries = isMap(value) ? sortedEntries(value) : presentEntries(value);
  return enclose(
    '{}',
    indent,
    entries.map(([key, field]) => `${inner}${JSON.stringify(key)}: ${printValue(field, inner)}`),
  );
}

function enclose(brackets: string, indent: string, lines: readonly string[]): string {
  if (lines.length === 0) return brackets;
  return `${brackets[0]}\n${lines.join(',\n')}\n${indent}${brackets[1]}`;
}

function sortedEntries(map: ReadonlyMap<string, Printable>): (readonly [string, Printable])[] {
  return [...map].sort(([a], [b]) => compareBytes(a, b));
}

function presentEntries(object: PrintableObject): (readonly [string, Printable])[] {
  return Object.entries(object).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
}

function isList(value: object): value is readonly Printable[] {
  return Array.isArray(value);
}

function isMap(value: object): value is ReadonlyMap<string, Printable> {
  return value instanceof Map;
}
