/**
 * Reference -> image: manifest, through indexes to the wanted platform, config, layers with their diff IDs. Every byte
 * is checked against the digest and size that name it; the platform against the index and the config.
 */
import { type Digest, sha256Digest } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import type { NoticeSink } from '../core/notice.js';
import { parseConfig } from './config.js';
import {
  checkManifestSize,
  type ImageIndex,
  type ImageManifest,
  type IndexEntry,
  parseManifest,
} from './manifest.js';
import { isPlatformMatch, printPlatform, rankPlatform } from './platform.js';
import type { Descriptor, Image, ImageSource, Platform } from './types.js';

/** What is asked for: a parsed reference, or the text of a local source, which has no digest. */
export interface ImageName {
  readonly text: string;
  /** Digest that the manifest or index must have. */
  readonly digest?: Digest;
}

export interface ResolveOptions {
  readonly platform: Platform;
  readonly notices: NoticeSink;
}

interface Search extends ResolveOptions {
  readonly name: ImageName;
  readonly source: ImageSource;
  /** Platforms seen on the way, for the message when the wanted one is missing. */
  readonly seen: Platform[];
  manifestCount: number;
}

interface Document {
  readonly digest: Digest;
  readonly parsed: ImageManifest | ImageIndex;
}

/**
 * Resolves one image for one platform. Throws DIGEST_MISMATCH, SIZE_MISMATCH, IMAGE_PLATFORM_MISSING, IMAGE_INVALID,
 * IMAGE_UNSUPPORTED, LIMIT_EXCEEDED, and what the source throws.
 */
export async function resolveImage(
  name: ImageName,
  source: ImageSource,
  options: ResolveOptions,
): Promise<Image> {
  const search: Search = { ...options, name, source, seen: [], manifestCount: 0 };
  const root = await fetchDocument(search);
  const image =
    root.parsed.kind === 'manifest'
      ? await readImage(search, root.digest, root.parsed)
      : await searchIndex(search, root.parsed, 1);
  if (image === undefined) throw platformMissing(search);
  return root.parsed.kind === 'index' ? { ...image, indexDigest: root.digest } : image;
}

/** The image of the best entry; undefined if no entry is for the wanted platform. */
async function searchIndex(
  search: Search,
  index: ImageIndex,
  depth: number,
): Promise<Image | undefined> {
  if (depth > LIMITS.indexDepth) {
    throw new ToolError('LIMIT_EXCEEDED', `${search.name.text} has too many nested indexes`, {
      want: `at most ${LIMITS.indexDepth}`,
    });
  }
  for (const entry of candidatesOf(search, index)) {
    const document = await fetchDocument(search, entry);
    const image =
      document.parsed.kind === 'index'
        ? await searchIndex(search, document.parsed, depth + 1)
        : await readImage(search, document.digest, document.parsed, entry);
    if (image !== undefined) return image;
  }
  return undefined;
}

/** Entries for the wanted platform, best first; if there are none, those whose platform the index does not tell. */
function candidatesOf(search: Search, index: ImageIndex): readonly IndexEntry[] {
  const ranked: { entry: IndexEntry; rank: number }[] = [];
  for (const entry of index.entries) {
    if (entry.platform === undefined) continue;
    search.seen.push(entry.platform);
    const rank = rankPlatform(entry.platform, search.platform);
    if (rank !== undefined) ranked.push({ entry, rank });
  }
  if (ranked.length === 0) return index.entries.filter((entry) => entry.platform === undefined);
  ranked.sort((a, b) => b.rank - a.rank);
  const [first, second] = ranked;
  if (second?.rank === first?.rank && differ(first?.entry, second?.entry)) {
    search.notices({
      code: 'index-ambiguous-platform',
      message: `${search.name.text} has several images for ${printPlatform(search.platform)}; the first is taken`,
    });
  }
  return ranked.map(({ entry }) => entry);
}

function differ(a: IndexEntry | undefined, b: IndexEntry | undefined): boolean {
  return a?.descriptor.digest !== b?.descriptor.digest;
}

/** Fetches and checks the document that an index entry names, or without one that the reference names. */
async function fetchDocument(search: Search, entry?: IndexEntry): Promise<Document> {
  search.manifestCount += 1;
  if (search.manifestCount > LIMITS.indexEntries) {
    throw new ToolError('LIMIT_EXCEEDED', `${search.name.text} needs too many manifests`, {
      want: `at most ${LIMITS.indexEntries}`,
    });
  }
  const { name, source } = search;
  const what =
    entry === undefined
      ? `manifest of ${name.text}`
      : `manifest ${entry.descriptor.digest} of ${name.text}`;
  const stored = await source.fetchManifest(name.text, entry?.descriptor);
  checkManifestSize(stored.bytes.length, what);
  if (entry !== undefined) verifyBytes(stored.bytes, entry.descriptor, what);
  const digest = sha256Digest(stored.bytes);
  if (entry === undefined && name.digest !== undefined && digest !== name.digest) {
    throw digestMismatch(what, name.digest, digest);
  }
  const parsed = parseManifest(stored, what);
  if (entry !== undefined && parsed.kind !== entry.kind) {
    throw new ToolError('IMAGE_INVALID', `${what} is not what its index says`, {
      want: entry.descriptor.mediaType,
      got: `an image ${parsed.kind}`,
    });
  }
  return { digest, parsed };
}

/** The image of a manifest; undefined if its config is for another platform and nothing had promised the wanted one. */
async function readImage(
  search: Search,
  manifestDigest: Digest,
  manifest: ImageManifest,
  entry?: IndexEntry,
): Promise<Image | undefined> {
  const { name, source, platform } = search;
  const what = `config of ${name.text}`;
  const bytes = await readBlob(await source.openBlob(name.text, manifest.config), {
    descriptor: manifest.config,
    what,
  });
  const { config, diffIds } = parseConfig(bytes, manifest.layers.length, what);
  if (!isConfigFor(config, platform)) {
    if (entry?.platform === undefined) {
      search.seen.push(platformOf(config));
      return undefined;
    }
    throw new ToolError('IMAGE_INVALID', `${what} is not for the platform that its index says`, {
      want: printPlatform(entry.platform),
      got: printPlatform(platformOf(config)),
    });
  }
  return {
    reference: name.text,
    manifestDigest,
    configDigest: manifest.config.digest,
    config,
    layers: manifest.layers.map((blob, i) => ({ blob, diffId: diffIds[i]! })),
  };
}

/** Many configs of arm images do not tell the variant: then the index entry alone decides on it. */
function isConfigFor(config: Platform, wanted: Platform): boolean {
  if (config.variant !== undefined) return isPlatformMatch(config, wanted);
  return config.os === wanted.os && config.architecture === wanted.architecture;
}

function platformOf({ os, architecture, variant }: Platform): Platform {
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** All bytes of a small blob, checked. Reads no more than one chunk beyond the descriptor's size. */
async function readBlob(
  chunks: AsyncIterable<Uint8Array>,
  { descriptor, what }: { descriptor: Descriptor; what: string },
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    parts.push(Uint8Array.from(chunk));
    length += chunk.length;
    if (length > descriptor.size) throw sizeMismatch(what, descriptor.size, `more`);
  }
  const bytes = Buffer.concat(parts);
  verifyBytes(bytes, descriptor, what);
  return bytes;
}

function verifyBytes(bytes: Uint8Array, descriptor: Descriptor, what: string): void {
  if (bytes.length !== descriptor.size) {
    throw sizeMismatch(what, descriptor.size, `${bytes.length}`);
  }
  const digest = sha256Digest(bytes);
  if (digest !== descriptor.digest) throw digestMismatch(what, descriptor.digest, digest);
}

function sizeMismatch(what: string, want: number, got: string): ToolError {
  return new ToolError('SIZE_MISMATCH', `${what} does not match its size`, {
    want: `${want} bytes`,
    got: `${got} bytes`,
  });
}

function digestMismatch(what: string, want: Digest, got: Digest): ToolError {
  return new ToolError('DIGEST_MISMATCH', `${what} does not match its digest`, {
    want,
    got,
    hints: ['the bytes are not those that the digest names: the source, or a proxy, changed them'],
  });
}

function platformMissing(search: Search): ToolError {
  const wanted = printPlatform(search.platform);
  const there = [...new Set(search.seen.map(printPlatform))].sort();
  return new ToolError('IMAGE_PLATFORM_MISSING', `${search.name.text} has no image for ${wanted}`, {
    want: wanted,
    got: there.length === 0 ? 'no platform at all' : there.join(', '),
    hints: [
      'choose one with --platform only if the guest runs it',
      'build the image for the guest',
    ],
  });
}
