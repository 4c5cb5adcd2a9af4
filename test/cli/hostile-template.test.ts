/** Templates of an attacker, through the program: a clear error within the limits, and nothing is written. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { groupResource } from '../support/arm.js';
import { podseal, temporaryFolder } from '../support/cli.js';

const SCHEMA = 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#';
const template = (more: object) => JSON.stringify({ $schema: SCHEMA, ...more });
const value = (expression: string) =>
  groupResource({ environmentVariables: [{ name: 'V', value: expression }] });

const HOSTILE: readonly (readonly [string, () => string, string])[] = [
  ['100 MB', () => template({ resources: [] }).padEnd(100_000_000), 'LIMIT_EXCEEDED'],
  [
    '100,000 levels',
    () => `{"$schema": "${SCHEMA}", "a": ${'['.repeat(100_000)}`,
    'LIMIT_EXCEEDED',
  ],
  [
    'a billion copies',
    () => template({ resources: [{ ...groupResource(), copy: { name: 'l', count: 1e9 } }] }),
    'LIMIT_EXCEEDED',
  ],
  [
    'variables in a circle',
    () =>
      template({
        variables: { a: "[variables('b')]", b: "[variables('a')]" },
        resources: [value("[variables('a')]")],
      }),
    'ARM_EXPRESSION',
  ],
  [
    'values that double',
    () =>
      template({
        variables: Object.fromEntries(
          Array.from({ length: 60 }, (_v, i) => [
            `v${i}`,
            i === 0 ? 'x' : `[concat(variables('v${i - 1}'), variables('v${i - 1}'))]`,
          ]),
        ),
        resources: [value("[variables('v59')]")],
      }),
    'LIMIT_EXCEEDED',
  ],
];

describe('hostile templates', () => {
  it.each(HOSTILE)('%s', async (_name, text, code) => {
    const file = join(temporaryFolder(), 'template.json');
    writeFileSync(file, text());
    const result = await podseal(['policy', file, '--offline']);
    expect(result.stderr).toContain(`[${code}]`);
    expect(result.stderr).not.toMatch(/\n\s+at |node:internal|dist\/.*\.js/);
    expect([result.status, result.stdout]).toEqual([3, '']);
    expect(readFileSync(file, 'utf8') === text()).toBe(true);
  });
});
