import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { readManifest } from '../../../src/manifest/kubernetes/read-manifest.js';
import { measurePolicyText } from '../../../src/measurement/host-data.js';
import { buildInitdata, printInitdata } from '../../../src/measurement/initdata.js';
import { measureInitdata } from '../../../src/measurement/measure.js';
import { readInitdata } from '../../../src/measurement/read-initdata.js';
import type { ResolvedImage } from '../../../src/policy/kata/context.js';
import { buildKataPolicyData, requiredImages } from '../../../src/policy/kata/document.js';
import { KATA_GUESTS, type KataFamily, type KataGuest } from '../../../src/policy/kata/guests.js';
import { printPolicyData, printPolicyText } from '../../../src/policy/kata/print.js';
import { type KataSettings, parseSettings } from '../../../src/policy/kata/settings.js';
import { computeLayerIds } from '../../../src/policy/kata/storages.js';
import { readDivergences } from '../../support/divergences.js';
import {
  caseFile,
  expectationOf,
  type Golden,
  type GoldenCase,
  type GoldenPolicy,
  goldenSettings,
  loadGoldenImages,
  openGolden,
  ownSettingsText,
} from '../../support/kata-golden.js';
import { vectorsDir } from '../../support/vectors.js';

const AREA = 'kata-golden';

interface MadePolicy {
  readonly kind: string;
  readonly name: string | undefined;
  readonly path: string;
  readonly data: string;
  readonly text: string;
  readonly measurement: string;
  readonly initdata: string | undefined;
}

interface Run {
  readonly golden: Golden;
  readonly images: (reference: string) => ResolvedImage;
  readonly settings: (golden: GoldenCase, guest: KataGuest) => KataSettings;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Does to a case what the reference's command does, up to the texts. */
function runCase(run: Run, golden: GoldenCase, guest: KataGuest): readonly MadePolicy[] {
  const { args } = golden;
  const input = (file: string) => caseFile(run.golden, golden, file) ?? '';
  const settings = run.settings(golden, guest);
  const { workloads, attachments } = readManifest(
    [
      { file: 'input.yaml', text: input('input.yaml') },
      ...(args.config_files ?? []).map((file) => ({
        file,
        text: input(file),
        role: 'attachment' as const,
      })),
    ],
    {
      guest: guest.family,
      ignoreUnsupported: args.silent_unsupported_fields === true ? ['*'] : [],
      runtimeClassPrefixes: guest.family === 'C' ? [] : (args.runtime_class_names ?? []),
      notices: () => {},
    },
  );
  const base =
    args.initdata === undefined
      ? undefined
      : readInitdata(Buffer.from(input(args.initdata)), args.initdata);
  return workloads.map((workload) => {
    for (const reference of requiredImages(workload, settings)) run.images(reference);
    const data = buildKataPolicyData({
      workload,
      attachments,
      images: run.images,
      settings,
      guest,
      notices: () => {},
    });
    const text = printPolicyText(run.golden.rules, data);
    const initdata =
      guest.annotationValue === 'initdata' ? printInitdata(buildInitdata(text, base)) : undefined;
    const measured =
      initdata === undefined
        ? measurePolicyText(Buffer.from(text))
        : measureInitdata(Buffer.from(initdata), 'initdata');
    return {
      kind: workload.kind,
      name: workload.name ?? workload.generateName,
      path: workload.placement.path.join('.'),
      data: printPolicyData(data),
      text,
      measurement: measured.hostData,
      initdata,
    };
  });
}

function checkPolicy(run: Run, golden: GoldenCase, made: MadePolicy, want: GoldenPolicy): void {
  const file = want.policy_data_file;
  const stored = file == null ? undefined : caseFile(run.golden, golden, file);
  if (stored !== undefined) expect(made.data).toBe(stored);
  const sizes = [Buffer.byteLength(made.data), Buffer.byteLength(made.text)];
  expect(sizes).toEqual([want.policy_data_bytes, want.policy_bytes]);
  expect(sha256(made.data)).toBe(want.policy_data_sha256);
  expect(sha256(made.text)).toBe(want.policy_sha256);
  expect(made.measurement).toBe(want.measurement_snp ?? want.measurement);
  if (want.initdata_sha256 !== undefined) {
    expect(Buffer.byteLength(made.initdata ?? '')).toBe(want.initdata_bytes);
    expect(sha256(made.initdata ?? '')).toBe(want.initdata_sha256);
  }
  expect(made.kind).toBe(want.kind);
  if (want.annotation_path !== null) expect(made.path).toBe(want.annotation_path);
}

/** The codes with which we refuse what the reference ends with an error of a class. */
const CODES: Readonly<Record<string, readonly string[]>> = {
  'missing-reference': ['MANIFEST_REFERENCE_MISSING'],
  'missing-label': ['MANIFEST_REFERENCE_MISSING'],
  'env-without-value': ['MANIFEST_UNSUPPORTED'],
  'missing-env-regex': ['MANIFEST_UNSUPPORTED'],
  'unsupported-field-reference': ['MANIFEST_UNSUPPORTED'],
  'unsupported-field': ['MANIFEST_UNSUPPORTED', 'MANIFEST_UNKNOWN_FIELD', 'MANIFEST_SYNTAX'],
  'unsupported-volume': ['MANIFEST_UNSUPPORTED', 'MANIFEST_INVALID'],
  'sub-path': ['MANIFEST_UNSUPPORTED'],
  'unwrap-none': ['MANIFEST_UNSUPPORTED'],
  'reserved-device': ['MANIFEST_UNSUPPORTED'],
  'guest-pull-user': ['MANIFEST_UNSUPPORTED'],
  'endless-loop': ['MANIFEST_UNSUPPORTED'],
  'bad-base64': ['MANIFEST_INVALID'],
  'not-utf8': ['MANIFEST_INVALID'],
  'bad-number': ['MANIFEST_INVALID'],
  'no-name': ['MANIFEST_INVALID'],
  'invalid-type': ['MANIFEST_INVALID'],
  'missing-field': ['MANIFEST_INVALID', 'SETTINGS_INVALID', 'MANIFEST_SYNTAX'],
  'yaml-syntax': ['MANIFEST_SYNTAX'],
  'bad-config-file': ['MANIFEST_UNSUPPORTED', 'MANIFEST_INVALID'],
  'bad-setting': ['SETTINGS_INVALID'],
  'deprecated-setting': ['SETTINGS_INVALID'],
  'bad-drop-in': ['SETTINGS_INVALID'],
  'drop-in-failed': ['SETTINGS_INVALID'],
};

/** `ok`, or the code of the error with which the case is refused. */
function outcomeOf(run: Run, golden: GoldenCase, guest: KataGuest): string {
  try {
    runCase(run, golden, guest);
    return 'ok';
  } catch (error) {
    if (error instanceof ToolError) return error.code;
    throw error;
  }
}

/** Cases that the reference refuses and we accept, each with a row that says why. */
const divergences = readDivergences().filter((row) => row.area === AREA);

/** The row about a case that the reference refuses with an error of `outcome`. */
const divergenceOf = (golden: GoldenCase, outcome: string) =>
  divergences.find((row) => row.case === golden.name && row.reference === outcome);

function checkCase(run: Run, golden: GoldenCase, guest: KataGuest): void {
  const outcome = golden.outcome[guest.family] ?? '';
  if (outcome !== 'ok') {
    const accepted = divergenceOf(golden, outcome) === undefined ? [] : ['ok'];
    expect([...accepted, ...(CODES[outcome] ?? [])]).toContain(outcomeOf(run, golden, guest));
    return;
  }
  const made = runCase(run, golden, guest);
  const wanted = expectationOf(run.golden, golden, guest.family).policies ?? [];
  expect(made).toHaveLength(wanted.length);
  for (const [index, want] of wanted.entries()) {
    const policy = made[index];
    if (policy !== undefined) checkPolicy(run, golden, policy, want);
  }
}

const defaultsOf = (family: KataFamily) => `settings/settings-${family}.json`;

function usesDefaults(golden: GoldenCase, family: KataFamily): boolean {
  const settings = golden.settings[family];
  return settings?.file === defaultsOf(family) && settings.drop_ins === undefined;
}

describe('golden cases of the repository, with our settings', () => {
  const golden = openGolden();
  let run: Run;
  beforeAll(async () => {
    run = {
      golden,
      images: await loadGoldenImages(golden),
      settings: (_case, guest) => parseSettings(ownSettingsText(guest), guest.settingsFile, guest),
    };
  });

  for (const guest of KATA_GUESTS) {
    const cases = golden.cases.filter(
      (row) => row.outcome[guest.family] !== undefined && usesDefaults(row, guest.family),
    );
    it.each(cases)(`${guest.family} $name`, (row) => checkCase(run, row, guest));
  }

  it.each(divergences)('$case is still refused by the reference and accepted by us', (row) => {
    const found = golden.cases.find(({ name }) => name === row.case);
    if (found === undefined) throw new Error(`there is no case ${row.case}`);
    const refused = KATA_GUESTS.filter(({ family }) => found.outcome[family] === row.reference);
    const outcomes = refused.map((guest) => outcomeOf(run, found, guest));
    expect([row.ours, outcomes.includes('ok')]).toEqual(['accepted', true]);
  });

  it('have the root hashes and layer ids of the reference', () => {
    for (const [reference, name] of Object.entries(golden.images.references)) {
      const { image, layers } = run.images(reference);
      const facts = golden.images.images[name]?.layers ?? [];
      expect(layers.map((layer) => layer.rootHashes.tarfs)).toEqual(
        facts.map((layer) => layer.tarfs_root_hash),
      );
      expect(computeLayerIds(image.layers.map((layer) => layer.diffId))).toEqual(
        facts.map((layer) => layer.layer_id),
      );
    }
  });
});

const vectors = vectorsDir('kata-golden');

describe.runIf(vectors !== undefined)(
  'all golden cases, with the settings of the reference',
  () => {
    const golden = openGolden(vectors);
    let run: Run;
    beforeAll(async () => {
      run = {
        golden,
        images: await loadGoldenImages(golden),
        settings: (row, guest) => {
          const settings = row.settings[guest.family] ?? { file: defaultsOf(guest.family) };
          return goldenSettings(golden.root, settings, guest);
        },
      };
    });

    for (const guest of KATA_GUESTS) {
      const cases = golden.cases.filter((row) => row.outcome[guest.family] !== undefined);
      it.each(cases)(`${guest.family} $name`, (row) => checkCase(run, row, guest));
    }
  },
);
