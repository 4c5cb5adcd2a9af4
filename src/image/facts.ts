/**
 * Image facts: what policy generation needs to know of images, so that it can run without them. Files of facts are made
 * by `podseal layers` or by hand (format: image-facts.schema.json, text: facts-text.ts); here they are joined and searched.
 */
import type { DiffId, Digest, RootHash } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { withoutAbsent } from '../core/record.js';
import { type ImageReference, parseReference, referenceKey } from '../core/reference.js';
import { printPlatform, rankPlatform } from './platform.js';
import type { Image, ImageConfig, LayerFormat, Platform, UserFileEntry } from './types.js';

export { parseImageFacts, printImageFacts } from './facts-text.js';

/**
 * One image. A policy needs `config` and per layer the root hash of its target; the AKS target also the diff IDs, and
 * the user files where a user or group is looked up. The digests and sizes bind the facts to bytes, but are optional.
 */
export interface ImageFacts {
  /** References by which the image is known, at least one, as written. */
  readonly references: readonly string[];
  readonly platform: Platform;
  readonly manifestDigest?: Digest;
  readonly indexDigest?: Digest;
  readonly configDigest?: Digest;
  /** Its os, architecture and variant are those of `platform`. */
  readonly config: ImageConfig;
  /** Base layer first, at least one. */
  readonly layers: readonly ImageFactsLayer[];
  /** Of a Windows image, whose hashes only a component of Windows can make. */
  readonly windows?: WindowsHashes;
}

/** What the vendor's tool says of a Windows image: 64 hex digits each. */
export interface WindowsHashes {
  /** Base layer first, at least one. */
  readonly layers: readonly RootHash[];
  /** Of the file systems (CIM) that the guest mounts, at least one. */
  readonly mountedCim: readonly RootHash[];
}

export interface ImageFactsLayer {
  readonly digest?: Digest;
  readonly mediaType?: string;
  /** Bytes of the blob. */
  readonly size?: number;
  readonly diffId?: DiffId;
  /** Bytes of the uncompressed tar. */
  readonly uncompressedSize?: number;
  readonly rootHashes: Partial<Record<LayerFormat, RootHash>>;
  /** Absent: not known. Empty: known that the layer has none. */
  readonly userFiles?: readonly UserFileEntry[];
}

/** The facts of one file. */
export interface ImageFactsFile {
  /** For messages. */
  readonly file: string;
  readonly images: readonly ImageFacts[];
}

/** Facts of all files, joined. */
export interface ImageFactsIndex {
  readonly images: readonly ImageFacts[];
  /** By the key of each reference (referenceKey), and by manifest and index digest. */
  readonly byKey: ReadonlyMap<string, readonly ImageFacts[]>;
}

/** What a policy needs of the layers of an image. */
export interface FactsNeeds {
  readonly formats: readonly LayerFormat[];
  readonly diffIds: boolean;
  readonly userFiles: boolean;
}

const TARGET_OF: Readonly<Record<LayerFormat, string>> = { ext4: 'aci', tarfs: 'aks' };

/** What was found out about one layer. `userFiles` is left out where the layer was not searched for them. */
export type LayerKnowledge = Pick<ImageFactsLayer, 'uncompressedSize' | 'rootHashes' | 'userFiles'>;

/** The facts of a resolved image; `layers` as many as the image has. */
export function buildImageFacts(
  references: readonly string[],
  image: Image,
  layers: readonly LayerKnowledge[],
): ImageFacts {
  const { os, architecture, variant } = image.config;
  return withoutAbsent({
    references,
    platform: withoutAbsent({ os, architecture, variant }),
    manifestDigest: image.manifestDigest,
    indexDigest: image.indexDigest,
    configDigest: image.configDigest,
    config: image.config,
    layers: image.layers.map(({ blob, diffId }, i) => {
      const { uncompressedSize, rootHashes, userFiles } = layers[i]!;
      return withoutAbsent({ ...blob, diffId, uncompressedSize, rootHashes, userFiles });
    }),
  });
}

interface Joined {
  readonly files: readonly string[];
  readonly facts: ImageFacts;
  /** Reference keys, each with the platform. */
  readonly keys: readonly string[];
}

/**
 * Joins files. One image may stand in several (one with ext4, one with tarfs hashes): what both say must be equal.
 * Throws IMAGE_FACTS_INVALID naming the files.
 */
export function mergeImageFacts(files: readonly ImageFactsFile[]): ImageFactsIndex {
  const joined = new Set<Joined>();
  const byKey = new Map<string, Joined>();
  for (const { file, images } of files) {
    for (const facts of images) {
      const platform = printPlatform(facts.platform);
      let sum: Joined = {
        files: [file],
        facts,
        keys: keysOf(facts).map((key) => `${key} ${platform}`),
      };
      for (const known of new Set(sum.keys.map((key) => byKey.get(key)))) {
        if (known === undefined) continue;
        if (known.files.includes(file)) throw conflict(facts, 'stands there twice', file);
        sum = join(known, sum);
        joined.delete(known);
      }
      joined.add(sum);
      for (const key of sum.keys) byKey.set(key, sum);
    }
  }
  return indexOf([...joined].map(({ facts }) => facts));
}

function join(a: Joined, b: Joined): Joined {
  const files = [...a.files, ...b.files];
  return {
    files,
    facts: mergeTwo(a.facts, b.facts, files.join(' and ')),
    keys: [...new Set([...a.keys, ...b.keys])],
  };
}

function indexOf(images: readonly ImageFacts[]): ImageFactsIndex {
  const byKey = new Map<string, ImageFacts[]>();
  for (const facts of images) {
    const digests = [facts.manifestDigest, facts.indexDigest].filter((key) => key !== undefined);
    for (const key of new Set([...keysOf(facts), ...digests])) {
      const known = byKey.get(key);
      if (known === undefined) byKey.set(key, [facts]);
      else known.push(facts);
    }
  }
  return { images, byKey };
}

/**
 * The facts of the image that a reference names: one of its references is the same (`busybox` is
 * `docker.io/library/busybox:latest`), or the reference's digest is that of its manifest or index. Undefined if there
 * are none for a platform that runs on the wanted one.
 */
export function findImageFacts(
  index: ImageFactsIndex,
  reference: ImageReference,
  platform: Platform,
): ImageFacts | undefined {
  const named = index.byKey.get(referenceKey(reference)) ?? [];
  const digested = reference.digest === undefined ? [] : (index.byKey.get(reference.digest) ?? []);
  const ranked = [...named, ...digested]
    .map((facts) => ({ facts, rank: rankPlatform(facts.platform, platform) ?? -1 }))
    .filter(({ rank }) => rank >= 0)
    .sort((a, b) => b.rank - a.rank);
  return ranked[0]?.facts;
}

/** Throws IMAGE_FACTS_INVALID, naming image, layer and remedy, if the facts lack something that is needed. */
export function requireFacts(facts: ImageFacts, needs: FactsNeeds): void {
  facts.layers.forEach((layer, i) => {
    const missing = missingOf(layer, needs);
    if (missing === undefined) return;
    const name = facts.references[0]!;
    const what = `facts of ${name}: layer ${i + 1} of ${facts.layers.length}`;
    throw new ToolError('IMAGE_FACTS_INVALID', `${what} has no ${missing.what}`, {
      where: `layers[${i}].${missing.field}`,
      hints: [
        `podseal layers ${name} --for ${missing.target} gives it`,
        'leave the image out of the facts, so that podseal reads it from its source',
      ],
    });
  });
}

function missingOf(
  layer: ImageFactsLayer,
  needs: FactsNeeds,
): { what: string; field: string; target: string } | undefined {
  const format = needs.formats.find((wanted) => layer.rootHashes[wanted] === undefined);
  if (format !== undefined) {
    const field = `rootHashes.${format}`;
    return { what: `${format} root hash`, field, target: TARGET_OF[format] };
  }
  if (needs.diffIds && layer.diffId === undefined) {
    return { what: 'diff ID', field: 'diffId', target: 'aks' };
  }
  if (needs.userFiles && layer.userFiles === undefined) {
    return { what: 'list of user files', field: 'userFiles', target: 'aks' };
  }
  return undefined;
}

function keysOf(facts: ImageFacts): readonly string[] {
  return facts.references.map((text) => referenceKey(parseReference(text)));
}

function mergeTwo(a: ImageFacts, b: ImageFacts, files: string): ImageFacts {
  if (a.layers.length !== b.layers.length) {
    throw conflict(a, 'has a different number of layers', files);
  }
  const merge = <T>(left: T | undefined, right: T | undefined, field: string): T | undefined => {
    if (left === undefined) return right;
    if (right === undefined || isEqual(left, right)) return left;
    throw conflict(a, `has a different ${field}`, files);
  };
  return withoutAbsent({
    references: [...new Set([...a.references, ...b.references])],
    platform: a.platform,
    manifestDigest: merge(a.manifestDigest, b.manifestDigest, 'manifestDigest'),
    indexDigest: merge(a.indexDigest, b.indexDigest, 'indexDigest'),
    configDigest: merge(a.configDigest, b.configDigest, 'configDigest'),
    config: merge(a.config, b.config, 'config')!,
    windows: merge(a.windows, b.windows, 'windows'),
    layers: a.layers.map((left, i) => {
      const right = b.layers[i]!;
      const at = (field: string) => `layers[${i}].${field}`;
      return withoutAbsent({
        digest: merge(left.digest, right.digest, at('digest')),
        mediaType: merge(left.mediaType, right.mediaType, at('mediaType')),
        size: merge(left.size, right.size, at('size')),
        diffId: merge(left.diffId, right.diffId, at('diffId')),
        uncompressedSize: merge(
          left.uncompressedSize,
          right.uncompressedSize,
          at('uncompressedSize'),
        ),
        rootHashes: withoutAbsent({
          ext4: merge(left.rootHashes.ext4, right.rootHashes.ext4, at('rootHashes.ext4')),
          tarfs: merge(left.rootHashes.tarfs, right.rootHashes.tarfs, at('rootHashes.tarfs')),
        }),
        userFiles: merge(left.userFiles, right.userFiles, at('userFiles')),
      });
    }),
  });
}

/** Equality of plain data, whatever the order of keys. */
function isEqual(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const keys = Object.keys(a);
  if (Array.isArray(a) !== Array.isArray(b) || keys.length !== Object.keys(b).length) return false;
  return keys.every(
    (key) => Object.hasOwn(b, key) && isEqual(a[key as keyof typeof a], b[key as keyof typeof b]),
  );
}

function conflict(facts: ImageFacts, problem: string, files: string): ToolError {
  const name = `${facts.references[0]} (${printPlatform(facts.platform)})`;
  return new ToolError('IMAGE_FACTS_INVALID', `facts of ${name}: the image ${problem}`, {
    where: files,
    hints: ['keep the facts that belong to the image that will run'],
  });
}
