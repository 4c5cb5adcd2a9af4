/**
 * The golden cases of kata policy generation: inputs, settings, images and what the reference made of them. One form
 * for the copy in fixtures/ and for the vectors that do not belong to the repository.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Notice } from '../../src/core/notice.js';
import { resolveImage } from '../../src/image/resolve.js';
import { openOciLayout } from '../../src/io/oci-layout.js';
import { createInlineHasher } from '../../src/layer/block-hash.js';
import { hashLayer } from '../../src/layer/hash-layer.js';
import type { ResolvedImage } from '../../src/policy/kata/context.js';
import { applyDropIns } from '../../src/policy/kata/drop-ins.js';
import { KATA_GUESTS, type KataFamily, type KataGuest } from '../../src/policy/kata/guests.js';
import { type KataSettings, parseSettings } from '../../src/policy/kata/settings.js';

export interface GoldenCase {
  readonly name: string;
  readonly dir: string;
  readonly args: {
    readonly config_files?: readonly string[];
    readonly silent_unsupported_fields?: boolean;
    readonly runtime_class_names?: readonly string[];
    readonly initdata?: string;
  };
  readonly settings: Partial<Record<KataFamily, GoldenSettings>>;
  readonly outcome: Partial<Record<KataFamily, string>>;
}

export interface GoldenSettings {
  readonly file: string;
  readonly drop_ins?: readonly string[];
}

export interface GoldenPolicy {
  readonly document: number;
  readonly item?: number;
  readonly kind: string;
  readonly name: string;
  /** null where the output of the reference is not YAML. */
  readonly annotation_path: string | null;
  readonly policy_bytes: number;
  readonly policy_sha256: string;
  readonly policy_data_bytes: number;
  readonly policy_data_sha256: string;
  readonly policy_data_file?: string | null;
  readonly measurement: string;
  readonly measurement_snp?: string;
  readonly initdata_bytes?: number;
  readonly initdata_sha256?: string;
}

export interface GoldenExpectation {
  readonly error: null | { readonly class: string; readonly path?: string };
  readonly policies?: readonly GoldenPolicy[];
}

interface ImageFacts {
  readonly layout: string;
  readonly tag: string;
  readonly layers: readonly {
    readonly diff_id: string;
    readonly tarfs_root_hash: string;
    readonly layer_id: string;
  }[];
  readonly passwd: { readonly U: string; readonly M: string };
  readonly group: { readonly U: string; readonly M: string };
}

export interface GoldenImages {
  readonly images: Readonly<Record<string, ImageFacts>>;
  readonly references: Readonly<Record<string, string>>;
}

/** A folder of golden cases. */
export interface Golden {
  readonly root: string;
  readonly cases: readonly GoldenCase[];
  readonly images: GoldenImages;
  readonly rules: string;
}

const FIXTURES = join(import.meta.dirname, '../../fixtures/kata-golden');
const SETTINGS = join(import.meta.dirname, '../../policies/kata/settings');
const PLATFORM = { os: 'linux', architecture: 'amd64' };

/** The cases in `root`; by default those of the repository. */
export function openGolden(root = FIXTURES): Golden {
  const read = (name: string) => readFileSync(join(root, name), 'utf8');
  const index = JSON.parse(read('index.json')) as { readonly cases: readonly GoldenCase[] };
  return {
    root,
    cases: index.cases,
    images: JSON.parse(read('images.json')) as GoldenImages,
    rules: read('rules.rego'),
  };
}

/** The guest that mirrors a version of the reference. */
export function guestOf(family: KataFamily): KataGuest {
  const guest = KATA_GUESTS.find((row) => row.family === family);
  if (guest === undefined) throw new Error(`no guest of family ${family}`);
  return guest;
}

/** Text of our own settings file of a guest. */
export function ownSettingsText(guest: KataGuest): string {
  return readFileSync(join(SETTINGS, guest.settingsFile), 'utf8');
}

/** Settings from files below `root`, with drop-ins in order of file name. */
export function goldenSettings(
  root: string,
  { file, drop_ins: dropIns = [] }: GoldenSettings,
  guest: KataGuest,
): KataSettings {
  const read = (name: string) => ({ file: name, text: readFileSync(join(root, name), 'utf8') });
  const text = applyDropIns(read(file), dropIns.toSorted().map(read));
  return parseSettings(text, file, guest);
}

/** What the reference made of a case. */
export function expectationOf(golden: Golden, { dir }: GoldenCase, family: KataFamily) {
  const isPair = family === 'V' || family === 'M';
  const name = isPair ? 'expected-VM.json' : `expected-${family}.json`;
  const expected: unknown = JSON.parse(readFileSync(join(golden.root, dir, name), 'utf8'));
  return (
    isPair ? (expected as Record<KataFamily, GoldenExpectation>)[family] : expected
  ) as GoldenExpectation;
}

/** A file of a case; undefined if the case does not have it. */
export function caseFile(golden: Golden, { dir }: GoldenCase, name: string): string | undefined {
  const path = join(golden.root, dir, name);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

const resolved = new Map<string, Promise<ResolvedImage>>();

/** The images of a collection, resolved and hashed by our own code, by the reference that a manifest uses. */
export async function loadGoldenImages(
  golden: Golden,
): Promise<(reference: string) => ResolvedImage> {
  const byName = new Map<string, ResolvedImage>();
  for (const [name, facts] of Object.entries(golden.images.images)) {
    const folder = join(golden.root, facts.layout);
    const image = resolved.get(folder) ?? loadImage(folder, facts.tag);
    resolved.set(folder, image);
    byName.set(name, await image);
  }
  return (reference) => {
    const image = byName.get(golden.images.references[reference] ?? '');
    if (image === undefined) throw new Error(`no image ${reference} in the golden cases`);
    return { ...image, image: { ...image.image, reference } };
  };
}

async function loadImage(folder: string, tag: string): Promise<ResolvedImage> {
  const notices = (_notice: Notice) => {};
  const source = await openOciLayout(folder, tag);
  const image = await resolveImage({ text: folder }, source, { platform: PLATFORM, notices });
  const layers = [];
  for (const layer of image.layers) {
    const blob = await source.openBlob(folder, layer.blob);
    layers.push(
      await hashLayer(blob, {
        formats: ['tarfs'],
        userFiles: true,
        hasher: createInlineHasher(),
        notices,
        expect: { digest: layer.blob.digest, size: layer.blob.size, diffId: layer.diffId },
        what: folder,
      }),
    );
  }
  return { image, layers };
}
