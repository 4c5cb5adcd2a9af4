/**
 * Fragments as OCI artifacts (aci policy 15.8): the manifest that names a signed fragment and the image that it is
 * attached to, and the lists in which registries keep what is attached.
 */
import { type Digest, parseDigest, sha256Digest } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { type JsonObject, type JsonValue, parseJsonBytes } from '../core/json.js';
import {
  arrayOf,
  below,
  type JsonPlace,
  optionalField,
  readCount,
  readObject,
  readString,
  requiredField,
} from '../core/json-read.js';
import { LIMITS } from '../core/limits.js';
import type { Descriptor, StoredManifest } from '../image/types.js';

/** Kind of an attached fragment, and media type of its one layer. */
export const FRAGMENT_ARTIFACT_TYPE = 'application/x-ms-ccepolicy-frag';
export const FRAGMENT_MEDIA_TYPE = 'application/cose-x509+rego';

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
const INDEX_TYPES: readonly string[] = [
  INDEX_TYPE,
  'application/vnd.docker.distribution.manifest.list.v2+json',
];

/** Config of an artifact that has none. */
export const EMPTY_CONFIG = Buffer.from('{}');
const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json';
const TITLE = 'org.opencontainers.image.title';

/** An entry of an index: a descriptor, the kind of artifact and the platform where it names them. */
export interface IndexEntry extends Descriptor {
  readonly artifactType?: string;
  readonly platform?: { readonly os: string; readonly architecture: string };
}

/** A manifest ready to be stored. */
export interface ArtifactManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly descriptor: IndexEntry;
}

/** The manifest of a fragment. `fileName` becomes its title; no path is part of it. */
export function buildArtifact(
  fragment: Uint8Array,
  fileName: string,
  subject: Descriptor | undefined,
): ArtifactManifest {
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      artifactType: FRAGMENT_ARTIFACT_TYPE,
      config: {
        ...describe(EMPTY_CONFIG, EMPTY_TYPE),
        data: EMPTY_CONFIG.toString('base64'),
      },
      layers: [{ ...describe(fragment, FRAGMENT_MEDIA_TYPE), annotations: { [TITLE]: fileName } }],
      ...(subject === undefined ? {} : { subject: plainDescriptor(subject) }),
    }),
  );
  const descriptor = {
    ...describe(bytes, MANIFEST_TYPE),
    artifactType: FRAGMENT_ARTIFACT_TYPE,
  };
  return { bytes, mediaType: MANIFEST_TYPE, descriptor };
}

/** What a fragment's manifest names. */
export interface FragmentArtifact {
  readonly layer: Descriptor;
  /** Title of the layer: the name of the file that was attached. */
  readonly fileName: string | undefined;
  readonly subject: Digest | undefined;
}

/** Reads the manifest of a fragment. Throws ARTIFACT_INVALID for anything else. */
export function parseArtifact(stored: StoredManifest, what: string): FragmentArtifact {
  const place: JsonPlace = { code: 'ARTIFACT_INVALID', what, path: '' };
  const manifest = readObject(parseJsonBytes(stored.bytes, what), place);
  const type = optionalField(manifest, 'artifactType', place, readString);
  const config = optionalField(manifest, 'config', place, readObject);
  const kind = type ?? config?.mediaType;
  if (kind !== FRAGMENT_ARTIFACT_TYPE) {
    throw new ToolError('ARTIFACT_INVALID', `${what} is not a policy fragment`, {
      want: `artifactType ${FRAGMENT_ARTIFACT_TYPE}`,
      got: typeof kind === 'string' ? kind.slice(0, 200) : 'none',
    });
  }
  const layers = requiredField(manifest, 'layers', place, arrayOf(readObject));
  const [layer] = layers;
  if (layer === undefined || layers.length > 1) {
    throw new ToolError('ARTIFACT_INVALID', `${what} does not have one layer`, {
      got: String(layers.length),
    });
  }
  const at = below(below(place, 'layers'), 0);
  const annotations = optionalField(layer, 'annotations', at, readObject);
  const title = annotations?.[TITLE];
  const subject = optionalField(manifest, 'subject', place, readObject);
  return {
    layer: readDescriptor(layer, at),
    fileName: typeof title === 'string' ? title : undefined,
    subject: subject && readDescriptor(subject, below(place, 'subject')).digest,
  };
}

/** True for an index by its media type or, without one, by its form. */
export function isIndex(stored: StoredManifest, what: string): boolean {
  if (stored.mediaType !== undefined) return INDEX_TYPES.includes(stored.mediaType);
  const document = parseJsonBytes(stored.bytes, what);
  return isRecord(document) && 'manifests' in document;
}

/** The entries of an index. Throws ARTIFACT_INVALID, and LIMIT_EXCEEDED beyond LIMITS.indexEntries. */
export function parseIndex(bytes: Uint8Array, what: string): readonly IndexEntry[] {
  const place: JsonPlace = { code: 'ARTIFACT_INVALID', what, path: '' };
  const index = readObject(parseJsonBytes(bytes, what), place);
  const entries = optionalField(index, 'manifests', place, arrayOf(readObject)) ?? [];
  if (entries.length > LIMITS.indexEntries) {
    throw new ToolError('LIMIT_EXCEEDED', `${what} has too many entries`, {
      want: `at most ${LIMITS.indexEntries}`,
    });
  }
  return entries.map((entry, at) => readEntry(entry, below(below(place, 'manifests'), at)));
}

/** The tag under which registries without the referrers API keep the list of what is attached to a manifest. */
export function referrersTag(subject: Digest): string {
  return subject.replace(':', '-');
}

/**
 * The list with one more entry, kept as it is otherwise; undefined if the entry is there already. `list` is undefined
 * where there is none yet.
 */
export function addReferrer(
  list: Uint8Array | undefined,
  entry: IndexEntry,
  what: string,
): Buffer | undefined {
  const document = list === undefined ? {} : parseJsonBytes(list, what);
  if (list !== undefined && parseIndex(list, what).some(({ digest }) => digest === entry.digest)) {
    return undefined;
  }
  const kept = isRecord(document) ? document : {};
  const manifests = Array.isArray(kept.manifests) ? kept.manifests : [];
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: INDEX_TYPE,
      ...kept,
      manifests: [...manifests, entry],
    }),
  );
}

function describe(bytes: Uint8Array, mediaType: string): Descriptor {
  return { mediaType, digest: sha256Digest(bytes), size: bytes.length };
}

function plainDescriptor({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

function readDescriptor(object: JsonObject, place: JsonPlace): Descriptor {
  const digest = requiredField(object, 'digest', place, readString);
  return {
    mediaType: requiredField(object, 'mediaType', place, readString),
    digest: parseDigest(digest, `${place.what} ${place.path}`),
    size: requiredField(object, 'size', place, readCount),
  };
}

function readEntry(object: JsonObject, place: JsonPlace): IndexEntry {
  const artifactType = optionalField(object, 'artifactType', place, readString);
  const platform = optionalField(object, 'platform', place, readObject);
  const at = below(place, 'platform');
  return {
    ...readDescriptor(object, place),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(platform === undefined
      ? {}
      : {
          platform: {
            os: requiredField(platform, 'os', at, readString),
            architecture: requiredField(platform, 'architecture', at, readString),
          },
        }),
  };
}

function isRecord(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
