/** Policies of the golden cases in fixtures/, made with our own settings: real ones of every guest family for reviews. */

import { ToolError } from '../../src/core/error.js';
import { readManifest } from '../../src/manifest/kubernetes/read-manifest.js';
import { buildKataPolicyData, requiredImages } from '../../src/policy/kata/document.js';
import type { KataFamily } from '../../src/policy/kata/guests.js';
import { KATA_GUESTS } from '../../src/policy/kata/guests.js';
import { printPolicyData, printPolicyText } from '../../src/policy/kata/print.js';
import { type KataSettings, parseSettings } from '../../src/policy/kata/settings.js';
import {
  caseFile,
  type Golden,
  type GoldenCase,
  guestOf,
  loadGoldenImages,
  openGolden,
  ownSettingsText,
} from './kata-golden.js';

export interface GoldenPolicyText {
  readonly name: string;
  readonly family: KataFamily;
  /** JSON of the policy document. */
  readonly data: string;
  /** The whole policy text, with the stub rules of the golden cases. */
  readonly text: string;
}

const FAMILIES: readonly KataFamily[] = ['C', 'V', 'M', 'U'];

/** Our settings of every guest, as reviews use them. */
export function ownSettings(): readonly KataSettings[] {
  return KATA_GUESTS.map((guest) =>
    parseSettings(ownSettingsText(guest), guest.settingsFile, guest),
  );
}

/** The policies of the named cases (all if none are named) for every family that makes them. */
export async function goldenPolicies(...names: string[]): Promise<readonly GoldenPolicyText[]> {
  const golden = openGolden();
  const images = await loadGoldenImages(golden);
  const cases = golden.cases.filter(({ name }) => names.length === 0 || names.includes(name));
  return cases.flatMap((row) =>
    FAMILIES.flatMap((family) =>
      isPlain(row, family) ? policiesOf(golden, row, family, images) : [],
    ),
  );
}

/** The one policy of a case for one family. */
export async function goldenPolicy(name: string, family: KataFamily): Promise<GoldenPolicyText> {
  const found = (await goldenPolicies(name)).find((one) => one.family === family);
  if (found === undefined) throw new Error(`no policy of case ${name} for family ${family}`);
  return found;
}

/** Cases that the reference accepts with its default settings and without options. */
function isPlain({ outcome, settings, args }: GoldenCase, family: KataFamily): boolean {
  const plain = settings[family];
  return (
    outcome[family] === 'ok' &&
    plain?.file === `settings/settings-${family}.json` &&
    plain.drop_ins === undefined &&
    Object.keys(args).length === 0
  );
}

function policiesOf(
  golden: Golden,
  row: GoldenCase,
  family: KataFamily,
  images: Awaited<ReturnType<typeof loadGoldenImages>>,
): readonly GoldenPolicyText[] {
  const guest = guestOf(family);
  const settings = parseSettings(ownSettingsText(guest), guest.settingsFile, guest);
  const notices = () => {};
  try {
    const { workloads, attachments } = readManifest(
      [{ file: 'input.yaml', text: caseFile(golden, row, 'input.yaml') ?? '' }],
      { guest: family, notices },
    );
    return workloads.map((workload) => {
      for (const reference of requiredImages(workload, settings)) images(reference);
      const data = buildKataPolicyData({ workload, attachments, images, settings, guest, notices });
      const text = printPolicyText(golden.rules, data);
      return { name: row.name, family, data: printPolicyData(data), text };
    });
  } catch (error) {
    // Some cases are ours to refuse: fixtures/divergences.json tells which.
    if (error instanceof ToolError) return [];
    throw error;
  }
}
