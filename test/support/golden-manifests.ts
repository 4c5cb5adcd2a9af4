/** The manifests of the golden cases for kata policies, read as `podseal policy` reads them. */
import type { Notice } from '../../src/core/notice.js';
import { type ManifestResult, readManifest } from '../../src/manifest/kubernetes/read-manifest.js';
import type { KataFamily } from '../../src/policy/kata/guests.js';
import {
  caseFile,
  expectationOf,
  type Golden,
  type GoldenCase,
  type GoldenExpectation,
  openGolden,
} from './kata-golden.js';
import { vectorsDir } from './vectors.js';

/** One case for one guest. */
export interface GoldenManifest {
  readonly name: string;
  readonly family: KataFamily;
  /** `ok`, or the class of the error. */
  readonly outcome: string;
  readonly text: string;
  readonly expected: ManifestExpectation;
  readonly read: () => ManifestResult & { readonly notices: readonly Notice[] };
}

export interface ManifestExpectation extends Omit<GoldenExpectation, 'policies'> {
  readonly documents: readonly { readonly kind: string; readonly name: string | null }[];
  readonly policies: readonly {
    readonly document: number;
    readonly kind: string;
    readonly name: string;
    readonly annotation_key: string;
    /** null where the tool that wrote the expectation could not read the YAML. */
    readonly annotation_path: string | null;
  }[];
  readonly yaml?: { readonly rewritten_sha256: string };
}

/** All cases of PODSEAL_VECTORS where it is there, else those of the repository. */
export function goldenManifests(): readonly GoldenManifest[] {
  const golden = openGolden(vectorsDir('kata-golden'));
  return golden.cases.flatMap((row) =>
    Object.entries(row.outcome).map(([family, outcome]) =>
      manifestOf(golden, row, family as KataFamily, outcome),
    ),
  );
}

function manifestOf(
  golden: Golden,
  row: GoldenCase,
  family: KataFamily,
  outcome: string,
): GoldenManifest {
  const { args, name } = row;
  const input = (file: string) => ({ file, text: caseFile(golden, row, file) ?? '' });
  const attachments = (args.config_files ?? []).map((file) => ({
    ...input(file),
    role: 'attachment' as const,
  }));
  return {
    name,
    family,
    outcome,
    text: input('input.yaml').text,
    expected: expectationOf(golden, row, family) as unknown as ManifestExpectation,
    read: () => {
      const notices: Notice[] = [];
      const result = readManifest([input('input.yaml'), ...attachments], {
        guest: family,
        ignoreUnsupported: args.silent_unsupported_fields ? ['*'] : [],
        runtimeClassPrefixes: args.runtime_class_names ?? [],
        notices: (notice) => notices.push(notice),
      });
      return { ...result, notices };
    },
  };
}
