/**
 * Fragments in registries: attach to an image, push alone, discover, pull. Every byte that comes back is compared with
 * the digest that names it. Works with registries that have the referrers API and with those that do not.
 */
import { type Digest, sha256Digest } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import { parseReference } from '../core/reference.js';
import type { Descriptor, StoredManifest } from '../image/types.js';
import {
  addReferrer,
  buildArtifact,
  EMPTY_CONFIG,
  FRAGMENT_ARTIFACT_TYPE,
  INDEX_TYPE,
  type IndexEntry,
  isIndex,
  MANIFEST_TYPE,
  parseArtifact,
  parseIndex,
  referrersTag,
} from './artifact.js';
import type { ArtifactStore } from './ports.js';

/** A signed fragment as a file. */
export interface FragmentFile {
  readonly bytes: Buffer;
  /** Name without folders. */
  readonly name: string;
}

/** Where a fragment was stored. */
export interface StoredFragment {
  /** Digest of the artifact's manifest. */
  readonly digest: Digest;
  /** The manifest that it is attached to. */
  readonly subject?: Digest;
  /** How it can be found: by the referrers API, or by the tag of older registries. */
  readonly listedBy?: 'api' | 'tag';
}

/** A manifest of an image: the bytes checked, and its descriptor. */
interface ResolvedManifest {
  readonly stored: StoredManifest;
  readonly descriptor: Descriptor;
}

/**
 * Attaches a fragment to an image. Of an image for several platforms, `platform` (`os/architecture`) chooses the one;
 * without it the image must have only one. Throws ARTIFACT_INVALID, IMAGE_PLATFORM_MISSING and as the store.
 */
export async function attachFragment(
  store: ArtifactStore,
  image: string,
  file: FragmentFile,
  platform?: string,
): Promise<StoredFragment> {
  const subject = await resolveImage(store, image, platform);
  const artifact = buildArtifact(file.bytes, file.name, subject);
  const { digest } = artifact.descriptor;
  await uploadParts(store, image, file);
  const { listsReferrers } = await store.uploadManifest(image, digest, artifact);
  if (!listsReferrers) await listByTag(store, image, subject.digest, artifact.descriptor);
  return { digest, subject: subject.digest, listedBy: listsReferrers ? 'api' : 'tag' };
}

/** Stores a fragment under a tag of its own. Throws IMAGE_REFERENCE_INVALID for a reference with a digest. */
export async function pushFragment(
  store: ArtifactStore,
  reference: string,
  file: FragmentFile,
): Promise<StoredFragment> {
  const { tag, digest } = parseReference(reference);
  if (tag === undefined || digest !== undefined) {
    throw new ToolError('IMAGE_REFERENCE_INVALID', 'a fragment cannot be pushed to a digest', {
      got: reference,
      want: 'registry/repository:tag',
    });
  }
  const artifact = buildArtifact(file.bytes, file.name, undefined);
  await uploadParts(store, reference, file);
  await store.uploadManifest(reference, tag, artifact);
  return { digest: artifact.descriptor.digest };
}

/**
 * The fragments that are attached to an image, in the order in which the registry lists them, each once. Of an index
 * for several platforms: those of the index itself, then those of its images (of `platform`, if that is given).
 */
export async function discoverFragments(
  store: ArtifactStore,
  image: string,
  platform?: string,
): Promise<readonly IndexEntry[]> {
  const { stored, descriptor } = await fetchChecked(store, image, undefined);
  const images = isIndex(stored, image) ? imagesOf(stored, image, platform) : [];
  const subjects = [descriptor, ...images];
  if (subjects.length > LIMITS.referrerSubjects) {
    throw new ToolError('LIMIT_EXCEEDED', `${image} has too many images`, {
      want: `at most ${LIMITS.referrerSubjects}`,
      hints: ['choose one with --platform'],
    });
  }
  const found = new Map<Digest, IndexEntry>();
  for (const { digest } of subjects) {
    for (const entry of await referrersOf(store, image, digest)) found.set(entry.digest, entry);
  }
  return [...found.values()];
}

async function referrersOf(
  store: ArtifactStore,
  image: string,
  subject: Digest,
): Promise<readonly IndexEntry[]> {
  const what = `the list of what is attached to ${image}`;
  const pages = await store.listReferrers(image, subject, FRAGMENT_ARTIFACT_TYPE);
  const tagged = pages ?? [await fetchList(store, image, subject)];
  const entries = tagged.flatMap((page) => (page === undefined ? [] : parseIndex(page, what)));
  return entries.filter(({ artifactType }) => artifactType === FRAGMENT_ARTIFACT_TYPE);
}

/**
 * A fragment by reference or, with `digest`, one of those that are attached to an image. Throws ARTIFACT_INVALID,
 * DIGEST_MISMATCH and as the store.
 */
export async function pullFragment(
  store: ArtifactStore,
  reference: string,
  digest?: Digest,
): Promise<FragmentFile> {
  const what = digest === undefined ? reference : `${reference} ${digest}`;
  const { stored } = await fetchChecked(store, reference, digest);
  const { layer, fileName } = parseArtifact(stored, what);
  const bytes = await store.readBlob(reference, layer);
  const got = sha256Digest(bytes);
  if (got !== layer.digest || bytes.length !== layer.size) {
    throw new ToolError('DIGEST_MISMATCH', `the fragment of ${what} does not match its digest`, {
      want: layer.digest,
      got,
    });
  }
  return { bytes, name: fileName ?? 'fragment.rego.cose' };
}

async function uploadParts(
  store: ArtifactStore,
  reference: string,
  file: FragmentFile,
): Promise<void> {
  await store.uploadBlob(reference, EMPTY_CONFIG);
  await store.uploadBlob(reference, file.bytes);
}

/** A manifest whose digest is the one that names it. */
async function fetchChecked(
  store: ArtifactStore,
  reference: string,
  digest: Digest | undefined,
): Promise<ResolvedManifest> {
  const stored = await store.fetchManifest(reference, digest);
  const got = sha256Digest(stored.bytes);
  const want = digest ?? parseReference(reference).digest ?? got;
  if (got !== want) {
    throw new ToolError('DIGEST_MISMATCH', `${reference} does not match its digest`, { want, got });
  }
  const mediaType = stored.mediaType ?? (isIndex(stored, reference) ? INDEX_TYPE : MANIFEST_TYPE);
  return { stored, descriptor: { mediaType, digest: got, size: stored.bytes.length } };
}

/** The manifest that things are attached to: of an index the one of a platform. */
async function resolveImage(
  store: ArtifactStore,
  image: string,
  platform: string | undefined,
): Promise<Descriptor> {
  const { stored, descriptor } = await fetchChecked(store, image, undefined);
  if (!isIndex(stored, image)) return descriptor;
  const fitting = imagesOf(stored, image, platform);
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) {
    const { mediaType, digest, size } = only;
    return { mediaType, digest, size };
  }
  const all = imagesOf(stored, image, undefined);
  const names = [...new Set(all.map(platformOf))].join(', ') || 'none';
  if (only === undefined) {
    throw new ToolError('IMAGE_PLATFORM_MISSING', `${image} is not there for the platform`, {
      want: platform ?? 'one platform',
      got: names,
    });
  }
  throw new ToolError('IMAGE_PLATFORM_MISSING', `${image} has several images that fit`, {
    got: names,
    hints: ['choose one with --platform'],
  });
}

const platformOf = ({ platform }: IndexEntry) => `${platform?.os}/${platform?.architecture}`;

/** The images of an index, without attestations and the like: all, or those of a platform. */
function imagesOf(
  { bytes }: StoredManifest,
  image: string,
  platform: string | undefined,
): readonly IndexEntry[] {
  return parseIndex(bytes, image).filter((entry) => {
    const own = platformOf(entry);
    const runs = entry.platform !== undefined && own !== 'unknown/unknown';
    return runs && (platform === undefined || own === platform);
  });
}

/** The list behind the tag of older registries; undefined if there is none. */
async function fetchList(
  store: ArtifactStore,
  image: string,
  subject: Digest,
): Promise<Uint8Array | undefined> {
  const { registry, repository } = parseReference(image);
  try {
    const tag = `${registry}/${repository}:${referrersTag(subject)}`;
    return (await store.fetchManifest(tag)).bytes;
  } catch (error) {
    if (error instanceof ToolError && error.code === 'REGISTRY_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Writes the list anew with one more entry. Two that attach at the same moment may lose one of theirs. */
async function listByTag(
  store: ArtifactStore,
  image: string,
  subject: Digest,
  entry: IndexEntry,
): Promise<void> {
  const before = await fetchList(store, image, subject);
  const list = addReferrer(before, entry, `the list of what is attached to ${image}`);
  if (list === undefined) return;
  await store.uploadManifest(image, referrersTag(subject), { bytes: list, mediaType: INDEX_TYPE });
}
