/** Golden policies of the reference generators through the program, by its options for files, fields and classes. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { KataFamily } from '../../src/policy/kata/guests.js';
import { podseal, temporaryFolder } from '../support/cli.js';
import { expectationOf, type GoldenCase, guestOf, openGolden } from '../support/kata-golden.js';
import { vectorsDir } from '../support/vectors.js';

const root = vectorsDir('kata-golden');
const golden = openGolden(root);

/** One case per option of the reference, and the seed of them all. */
const CASES: readonly (readonly [string, KataFamily])[] = [
  ['seed-kafka-consumer', 'C'],
  ['seed-kafka-consumer', 'U'],
  ['env-refs-config-file', 'V'],
  ['process-working-dir-silent', 'C'],
  ['runtime-class-filter-two', 'M'],
  ['initdata-sha384', 'U'],
  ['settings-u-non-coco', 'U'],
  ['settings-host-tarfs', 'M'],
  ['kind-list', 'C'],
];

function argsOf({ dir, args, settings }: GoldenCase, family: KataFamily, map: string): string[] {
  const file = (name: string) => join(golden.root, dir, name);
  const { file: settingsFile, drop_ins: dropIns = [] } = settings[family]!;
  const isOwn = settingsFile === `settings/settings-${family}.json`;
  const flag = (name: string, values: readonly string[]) =>
    values.flatMap((value) => [name, value]);
  return [
    file('input.yaml'),
    ...flag('--guest', [guestOf(family).id]),
    ...flag('--rules', [join(golden.root, 'rules.rego')]),
    ...flag('--settings', isOwn ? [] : [join(golden.root, settingsFile)]),
    ...flag(
      '--settings-drop-in',
      dropIns.map((name) => join(golden.root, name)),
    ),
    ...flag('--config-map', (args.config_files ?? []).map(file)),
    ...flag('--runtime-class', args.runtime_class_names ?? []),
    ...flag('--ignore-unsupported', args.silent_unsupported_fields ? ['*'] : []),
    ...flag(
      '--initdata',
      family === 'U' && args.initdata !== undefined ? [file(args.initdata)] : [],
    ),
    ...flag('--images', [map]),
    '--json',
  ];
}

describe('golden policies', () => {
  // Settings files and drop-ins of other projects are among the vectors only.
  const present = CASES.flatMap(([name, family]) => {
    const found = golden.cases.find((one) => one.name === name);
    const own = found?.settings[family]?.file === `settings/settings-${family}.json`;
    const plain = own && found?.settings[family]?.drop_ins === undefined;
    return found !== undefined && (root !== undefined || plain) ? [{ name, family, found }] : [];
  });

  it.each(present)('$name for family $family', async ({ found, family }) => {
    const map = join(temporaryFolder(), 'images.json');
    const { images, references } = golden.images;
    const entries = Object.entries(references).map(([reference, name]) => {
      const { layout, tag } = images[name]!;
      return [reference, `oci:${join(golden.root, layout)}:${tag}`];
    });
    writeFileSync(map, JSON.stringify(Object.fromEntries(entries)));
    const before = readFileSync(join(golden.root, found.dir, 'input.yaml'));
    const result = await podseal(['policy', ...argsOf(found, family, map)]);
    expect(result.status, result.stderr).toBe(0);
    const { workloads } = JSON.parse(result.stdout);
    const policies = expectationOf(golden, found, family).policies!;
    expect(workloads).toHaveLength(policies.length);
    for (const [i, expected] of policies.entries()) {
      const { policy, measurement } = workloads[i];
      expect(createHash('sha256').update(policy).digest('hex')).toBe(expected.policy_sha256);
      expect(measurement).toBe(expected.measurement_snp ?? expected.measurement);
    }
    expect(readFileSync(join(golden.root, found.dir, 'input.yaml'))).toEqual(before);
  });
});
