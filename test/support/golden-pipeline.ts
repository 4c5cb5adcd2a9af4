/** The golden cases of kata policy generation as requests of the pipeline, with their images. */
import { readInitdata } from '../../src/measurement/read-initdata.js';
import type { KataPorts, KataRequest } from '../../src/pipeline.js';
import type { KataFamily } from '../../src/policy/kata/guests.js';
import { type KataSettings, parseSettings } from '../../src/policy/kata/settings.js';
import {
  caseFile,
  type Golden,
  type GoldenCase,
  goldenSettings,
  guestOf,
  loadGoldenImages,
  openGolden,
  ownSettingsText,
} from './kata-golden.js';
import { vectorsDir } from './vectors.js';

const vectors = vectorsDir('kata-golden');

/** All cases of PODSEAL_VECTORS where it is there, else those of the repository. */
export const golden: Golden = openGolden(vectors);

/** Cases for a guest that can be run: the repository has our settings only, which equal the reference's defaults. */
export function goldenCases(family: KataFamily): readonly GoldenCase[] {
  return golden.cases.filter(({ outcome, settings }) => {
    const { file, drop_ins: dropIns } = settings[family] ?? {};
    const isDefault = file === `settings/settings-${family}.json` && dropIns === undefined;
    return outcome[family] !== undefined && (vectors !== undefined || isDefault);
  });
}

/** What the case asks for; `text` stands in for its manifest. */
export function goldenRequest(row: GoldenCase, family: KataFamily, text?: string): KataRequest {
  const { args } = row;
  const read = (file: string) => caseFile(golden, row, file) ?? '';
  const guest = guestOf(family);
  const initdata =
    args.initdata === undefined
      ? {}
      : { initdata: readInitdata(Buffer.from(read(args.initdata)), args.initdata) };
  return {
    inputs: [
      { file: 'input.yaml', text: text ?? read('input.yaml') },
      ...(args.config_files ?? []).map((file) => ({
        file,
        text: read(file),
        role: 'attachment' as const,
      })),
    ],
    guest,
    settings: settingsOf(row, family),
    rules: golden.rules,
    ...initdata,
    ignoreUnsupported: args.silent_unsupported_fields === true ? ['*'] : [],
    runtimeClassPrefixes: family === 'C' ? [] : (args.runtime_class_names ?? []),
  };
}

function settingsOf(row: GoldenCase, family: KataFamily): KataSettings {
  const guest = guestOf(family);
  const settings = row.settings[family];
  return vectors !== undefined && settings !== undefined
    ? goldenSettings(golden.root, settings, guest)
    : parseSettings(ownSettingsText(guest), guest.settingsFile, guest);
}

/** An image that no golden manifest names; it equals that of `busybox:1.36`. */
export const OTHER_IMAGE = 'podseal.test/other:1';

/** Ports over the images of the golden cases; notices are dropped. */
export async function goldenPorts(): Promise<KataPorts> {
  const images = await loadGoldenImages(golden);
  return {
    obtain: async (reference) => {
      const { image, layers } = images(reference === OTHER_IMAGE ? 'busybox:1.36' : reference);
      return {
        image: { ...image, reference },
        layers,
        identity: { reference, from: 'image' },
      };
    },
    notices: () => undefined,
  };
}
