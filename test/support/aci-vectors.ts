/** The vectors of ACI policy generation: golden files and cases, with their images as image facts. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ToolError } from '../../src/core/error.js';
import type { Notice } from '../../src/core/notice.js';
import type { ImageFactsIndex } from '../../src/image/facts.js';
import { mergeImageFacts, parseImageFacts } from '../../src/image/facts.js';
import { DEFAULT_PLATFORM } from '../../src/image/platform.js';
import type { AciPorts } from '../../src/pipeline/aci/generate.js';
import { obtainPolicyImage } from '../../src/pipeline/images.js';
import { vectorsDir } from './vectors.js';

/** Folder of the vectors; undefined where they are not there. */
export const aciVectors = vectorsDir('aci');

/** A file of the vectors. */
export function aciText(...path: string[]): string {
  return readFileSync(join(aciVectors ?? '', ...path), 'utf8');
}

export interface AciCase {
  readonly name: string;
  readonly kind: 'arm' | 'json' | 'image' | 'vn2';
  readonly input: {
    readonly template?: string;
    readonly parameters?: string | null;
    readonly config?: string;
    readonly image?: string | readonly string[];
    readonly yaml?: string;
  };
  /** Replaces members of `input` for that profile. */
  readonly 'input_1.3.1'?: Partial<AciCase['input']>;
  readonly options: AciCaseOptions;
  readonly expect: Readonly<Record<string, AciExpectation>>;
}

export interface AciCaseOptions {
  readonly debug_mode?: boolean;
  readonly disable_stdio?: boolean;
  readonly approve_wildcards?: boolean;
  readonly infrastructure_svn?: string;
  readonly exclude_default_fragments?: boolean;
  readonly rego_imports?: unknown;
  readonly omit_id?: boolean;
  readonly outraw?: boolean;
  readonly outraw_pretty_print?: boolean;
  readonly print_policy_to_terminal?: boolean;
  readonly answers?: readonly string[];
}

export interface AciExpectation {
  readonly exit_code: number;
  readonly policies?: readonly { readonly sha256: string; readonly raw?: string }[];
  readonly error?: string;
  readonly stdout?: string;
  readonly template_after?: string;
  readonly yaml_after?: string;
  readonly prompts?: readonly string[];
}

/** The cases of one file; none without the vectors. */
export function aciCases<T = AciCase>(file: string): readonly T[] {
  if (aciVectors === undefined) return [];
  return (JSON.parse(aciText('cases', file)) as { cases: T[] }).cases;
}

/** Golden folders that hold `file`, e.g. an ARM template; below `vn2` for virtual nodes. */
export function goldenFolders(file: string, below = ''): readonly string[] {
  if (aciVectors === undefined) return [];
  const root = join(aciVectors, below);
  return readdirSync(root).filter((name) => existsSync(join(root, name, file)));
}

interface VectorImage {
  readonly references: readonly string[];
  readonly os: string;
  readonly architecture: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly layers: readonly string[];
}

/** images.json in the format of --image-facts. */
export function aciFactsText(): string {
  const { images } = JSON.parse(aciText('images.json')) as { images: VectorImage[] };
  return JSON.stringify({
    format: 'podseal.image-facts/v1',
    images: images.map(({ references, os, architecture, config, layers }) => ({
      references,
      platform: `${os}/${architecture}`,
      config,
      layers: layers.map((hash) => ({ rootHashes: { ext4: hash } })),
    })),
  });
}

let facts: ImageFactsIndex | undefined;

/** Ports that know the images of the vectors only. */
export function aciPorts(notices: Notice[] = []): AciPorts {
  facts ??= mergeImageFacts([parseImageFacts(aciFactsText(), 'images.json')]);
  const index = facts;
  const unreachable = async () => {
    throw new ToolError('REGISTRY_NOT_FOUND', 'the image is not among those of the vectors');
  };
  return {
    obtain: (reference, needs) =>
      obtainPolicyImage(reference, needs, index, {
        reader: { resolve: unreachable, read: unreachable },
        platform: DEFAULT_PLATFORM,
      }),
    notices: (notice) => notices.push(notice),
  };
}
