/** `podseal acipolicygen --diff` as a script that was written for `az confcom acipolicygen` runs it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type AciCase, aciCases, aciFactsText, aciVectors } from '../support/aci-vectors.js';
import { groupResource } from '../support/arm.js';
import { podseal, temporaryFolder } from '../support/cli.js';

type DiffCase = AciCase & { readonly 'input_1.3.1'?: AciCase['input'] };

const FACTS = JSON.stringify({
  format: 'podseal.image-facts/v1',
  images: [
    {
      references: ['img:1'],
      platform: 'linux/amd64',
      config: { Cmd: ['serve'] },
      layers: [{ rootHashes: { ext4: 'a'.repeat(64) } }],
    },
  ],
});

/** Lists inside of the printed line have no order. */
function unordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unordered).toSorted(byText);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, unordered(one)]));
}

function byText(a: unknown, b: unknown): number {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

const readLine = (line: string): unknown =>
  line.startsWith('{') ? unordered(JSON.parse(line)) : line;

function openFolder(facts: string, template: string) {
  const folder = temporaryFolder();
  const file = join(folder, 'template.json');
  writeFileSync(join(folder, 'facts.json'), facts);
  writeFileSync(file, template);
  const run = (...args: readonly string[]) =>
    podseal(
      [
        'acipolicygen',
        '-a',
        file,
        '--image-facts',
        join(folder, 'facts.json'),
        '--offline',
        ...args,
      ],
      { cwd: folder },
    );
  return { file, run };
}

describe.runIf(aciVectors !== undefined)('cases of the vectors', () => {
  const rows = aciCases<DiffCase>('diff.json').flatMap((row) =>
    Object.keys(row.expect).map((profile) => ({ ...row, profile })),
  );

  it.each(rows)('$name $profile', async ({ profile, input, options, expect: wanted, ...row }) => {
    const given = profile === '1.3.1' ? { ...input, ...row['input_1.3.1'] } : input;
    const { file, run } = openFolder(aciFactsText(), given.template ?? '');
    const flags = [
      ...(options.debug_mode === true ? ['--debug-mode'] : []),
      ...(options.disable_stdio === true ? ['--disable-stdio'] : []),
    ];
    const result = await run('--diff', '--guest', `confcom-${profile}`, ...flags);
    const { exit_code: exit, stdout = '' } = wanted[profile]!;
    expect(result.status).toBe(exit);
    expect(readLine(result.stdout)).toEqual(readLine(stdout));
    expect(readFileSync(file, 'utf8')).toBe(given.template);
  });
});

describe('without the vectors', () => {
  const group = (command: readonly string[], name: string) => groupResource({ command }, { name });
  const template = (...resources: readonly object[]) => JSON.stringify({ resources });

  it('says that a policy matches, and how another differs; any difference decides the status', async () => {
    const { file, run } = openFolder(FACTS, template(group(['a'], 'one'), group(['b'], 'two')));
    expect((await run()).status).toBe(0);
    const match = 'Existing policy and Template match\n';
    expect(await run('-d')).toMatchObject({ status: 0, stdout: match.repeat(2) });
    expect(await run('-d', '--omit-id')).toMatchObject({ status: 0, stdout: match.repeat(2) });
    writeFileSync(file, readFileSync(file, 'utf8').replace('"a"', '"x"'));
    const changed = { command: [{ policy_value: 'a', tested_value: 'x' }] };
    const report = JSON.stringify({ app: { values_changed: changed } });
    const differs = await run('-d');
    expect(differs).toMatchObject({ status: 2, stdout: `${report}\n${match}` });
    expect(differs.stderr).toContain('[policy-differs]');
    const pretty = await run('-d', '--outraw-pretty-print');
    expect(pretty.stdout).toContain('{\n  "app": {\n    "values_changed": {\n');
  });

  it('tells imports that are not the default, and policies that cannot be read', async () => {
    const { file, run } = openFolder(FACTS, template(group(['a'], 'one')));
    await run('--exclude-default-fragments');
    const result = await run('-d');
    expect(result.status).toBe(0);
    expect(result.stderr).toContain('[fragments-not-default]');
    const text = readFileSync(file, 'utf8').replace(/"ccePolicy": "[^"]*"/, '"ccePolicy": "abc"');
    writeFileSync(file, text);
    const unreadable = await run('-d');
    expect([unreadable.status, unreadable.stdout]).toEqual([1, '']);
    expect(unreadable.stderr).toContain('[POLICY_UNREADABLE]');
  });
});
