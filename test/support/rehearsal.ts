/** Policies of the golden cases under our own rules, for rehearsing them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openRegoEngines } from '../../src/io/rego-engines.js';
import { openNativeEngine } from '../../src/io/rego-native.js';
import { readManifest } from '../../src/manifest/kubernetes/read-manifest.js';
import type { KataPolicyData } from '../../src/policy/kata/data.js';
import { buildKataPolicyData } from '../../src/policy/kata/document.js';
import type { KataFamily, KataGuest } from '../../src/policy/kata/guests.js';
import { printPolicyText } from '../../src/policy/kata/print.js';
import { parseSettings } from '../../src/policy/kata/settings.js';
import type { RegoEngine } from '../../src/rego/ports.js';
import type { PodWorkload } from '../../src/workload/pod.js';
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
import { nativeAddon } from './native.js';

export interface MadePolicy {
  readonly name: string;
  readonly workload: PodWorkload;
  readonly data: KataPolicyData;
  readonly text: string;
}

const RULES = join(import.meta.dirname, '../../policies/kata/rules');

/** The native engine, which loads faster, else the one that is always there. */
export function fastEngine(): RegoEngine {
  return nativeAddon() === undefined ? openRegoEngines() : openNativeEngine();
}

/** Our rules for a guest. */
export function ownRules(guest: KataGuest): string {
  return readFileSync(join(RULES, `${guest.id}.rego`), 'utf8');
}

/** Every policy that the golden cases of one family give, under our rules; cases with other settings where we have them. */
export async function goldenPolicies(
  family: KataFamily,
  wanted: (golden: GoldenCase) => boolean = () => true,
): Promise<readonly MadePolicy[]> {
  const golden = openGolden();
  const images = await loadGoldenImages(golden);
  const guest = guestOf(family);
  const rules = ownRules(guest);
  const cases = golden.cases.filter((one) => one.outcome[family] === 'ok' && wanted(one));
  return cases.flatMap((one) => {
    const settings = settingsOf(golden, one, guest);
    if (settings === undefined) return [];
    const text = (file: string) => caseFile(golden, one, file) ?? '';
    const { workloads, attachments } = readManifest(
      [
        { file: 'input.yaml', text: text('input.yaml'), role: 'manifest' },
        ...(one.args.config_files ?? []).map((file) => ({
          file,
          text: text(file),
          role: 'attachment' as const,
        })),
      ],
      {
        guest: family,
        ignoreUnsupported: one.args.silent_unsupported_fields === true ? ['*'] : [],
        runtimeClassPrefixes: family === 'C' ? [] : (one.args.runtime_class_names ?? []),
        notices: () => {},
      },
    );
    return workloads.map((workload, i) => {
      const data = buildKataPolicyData({
        workload,
        attachments,
        images,
        settings,
        guest,
        notices: () => {},
      });
      const name = workloads.length === 1 ? one.name : `${one.name} ${i + 1}`;
      return { name, workload, data, text: printPolicyText(rules, data) };
    });
  });
}

/** Settings of a case, if they are in the repository: the default ones are our own. */
function settingsOf(golden: Golden, one: GoldenCase, guest: KataGuest) {
  const wanted = one.settings[guest.family];
  if (wanted === undefined) return undefined;
  const isDefault = wanted.file === `settings/settings-${guest.family}.json`;
  if (isDefault && wanted.drop_ins === undefined) {
    return parseSettings(ownSettingsText(guest), guest.settingsFile, guest);
  }
  const files = [wanted.file, ...(wanted.drop_ins ?? [])];
  return files.every((file) => existsSync(join(golden.root, file)))
    ? goldenSettings(golden.root, wanted, guest)
    : undefined;
}
