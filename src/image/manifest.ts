/**
 * Manifest or index as stored -> model (OCI image spec 1.1, Docker image manifest v2 schema 2). Strict where two readers
 * could disagree on what is meant (duplicate keys, a document that is both kinds); unknown fields are of no effect.
 */
import { type Digest, parseDigest } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { type JsonObject, parseJsonBytes } from '../core/json.js';
import {
  arrayOf,
  below,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  optionalField,
  readCount,
  readObject,
  readString,
  refuseKeyVariants,
  requiredField,
} from '../core/json-read.js';
import { LIMITS } from '../core/limits.js';
import {
  CONFIG_TYPES,
  GENERIC_TYPES,
  LAYER_TYPES,
  MANIFEST_KINDS,
  type ManifestKind,
  REFUSED_TYPES,
  stripParameters,
} from './media-types.js';
import type { Descriptor, Platform, StoredManifest } from './types.js';

/** One image: its config and its layers, base layer first, at least one. */
export interface ImageManifest {
  readonly kind: 'manifest';
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** Images by platform. Entries that are attestations of other entries are left out. */
export interface ImageIndex {
  readonly kind: 'index';
  readonly entries: readonly IndexEntry[];
}

export interface IndexEntry {
  readonly descriptor: Descriptor;
  readonly kind: ManifestKind;
  /** Absent where the index does not say: the image config tells. */
  readonly platform?: Platform;
}

const DOCUMENT_KEYS = ['schemaVersion', 'mediaType', 'config', 'layers', 'manifests'];
const DESCRIPTOR_KEYS = ['mediaType', 'digest', 'size', 'platform', 'annotations'];
const PLATFORM_KEYS = ['os', 'architecture', 'variant'];
/** Fields that only the other kind has: a document with both could be taken for either. */
const FOREIGN_KEYS: Readonly<Record<ManifestKind, readonly string[]>> = {
  manifest: ['manifests'],
  index: ['config', 'layers', 'fsLayers'],
};

/**
 * Parses a manifest or index. The kind is that of the body's mediaType, else of the claimed type, else of its shape.
 * `what` names it in errors. Throws IMAGE_INVALID, IMAGE_UNSUPPORTED, JSON_SYNTAX, LIMIT_EXCEEDED.
 */
export function parseManifest(stored: StoredManifest, what: string): ImageManifest | ImageIndex {
  checkManifestSize(stored.bytes.length, what);
  const place: JsonPlace = { code: 'IMAGE_INVALID', what, path: '' };
  const body = readObject(parseJsonBytes(stored.bytes, what), place);
  refuseKeyVariants(body, DOCUMENT_KEYS, place);
  const kind = kindOf(body, stored.mediaType, place);
  const version = requiredField(body, 'schemaVersion', place, readCount);
  if (version !== 2) {
    throw invalidAt(below(place, 'schemaVersion'), 'is unknown', { want: '2', got: `${version}` });
  }
  const foreign = FOREIGN_KEYS[kind].find((key) => key in body);
  if (foreign !== undefined) {
    throw invalidAt(below(place, foreign), `does not belong into an image ${kind}`, {
      hints: ['a document that can be read as manifest and as index is refused'],
    });
  }
  return kind === 'manifest' ? readManifest(body, place) : readIndex(body, place);
}

/** Throws LIMIT_EXCEEDED for a manifest, index or config of more than LIMITS.manifestBytes. */
export function checkManifestSize(sizeBytes: number, what: string): void {
  if (sizeBytes <= LIMITS.manifestBytes) return;
  throw new ToolError('LIMIT_EXCEEDED', `${what} is too large`, {
    want: `at most ${LIMITS.manifestBytes} bytes`,
    got: `${sizeBytes} bytes`,
  });
}

function kindOf(body: JsonObject, claimedType: string | undefined, place: JsonPlace): ManifestKind {
  const bodyType = optionalField(body, 'mediaType', place, readString);
  const claimed = claimedType === undefined ? '' : stripParameters(claimedType);
  const claimedKind = kindOfType(claimed);
  const version = body.schemaVersion;
  if (version === 1 || 'fsLayers' in body) {
    throw refusedType('application/vnd.docker.distribution.manifest.v1+json', place.what)!;
  }
  if (bodyType !== undefined) {
    const kind = kindOfType(bodyType);
    if (kind === undefined) throw notAnImage(bodyType, place.what);
    if (claimedKind !== undefined && claimedKind !== kind) {
      throw invalidAt(below(place, 'mediaType'), 'is not what its source says', {
        want: claimed,
        got: bodyType,
      });
    }
    return kind;
  }
  if (claimedKind !== undefined) return claimedKind;
  if (claimed !== '' && !GENERIC_TYPES.includes(claimed)) throw notAnImage(claimed, place.what);
  if ('layers' in body) return 'manifest';
  if ('manifests' in body) return 'index';
  throw invalidAt(place, 'is neither an image manifest nor an index', {
    want: 'a mediaType, layers or manifests',
  });
}

function kindOfType(mediaType: string): ManifestKind | undefined {
  return Object.hasOwn(MANIFEST_KINDS, mediaType) ? MANIFEST_KINDS[mediaType] : undefined;
}

function readManifest(body: JsonObject, place: JsonPlace): ImageManifest {
  const config = requiredField(body, 'config', place, readDescriptor);
  if (!CONFIG_TYPES.includes(config.mediaType)) throw notAnImage(config.mediaType, place.what);
  checkManifestSize(config.size, `config of ${place.what}`);
  const layers = requiredField(body, 'layers', place, limited(readLayer, 'imageLayers'));
  if (layers.length === 0) {
    throw new ToolError('IMAGE_UNSUPPORTED', `${place.what} has no layers`, {
      hints: ['an image without layers holds no program; a policy for it would mean nothing'],
    });
  }
  return { kind: 'manifest', config, layers };
}

const readLayer: JsonReader<Descriptor> = (value, place) => {
  const descriptor = readDescriptor(value, place);
  if (LAYER_TYPES.includes(descriptor.mediaType)) return descriptor;
  const what = `${place.what}: ${place.path}`;
  throw (
    refusedType(descriptor.mediaType, what) ??
    new ToolError('IMAGE_UNSUPPORTED', `${what} is not a layer that can be hashed`, {
      want: LAYER_TYPES.join(', '),
      got: descriptor.mediaType,
    })
  );
};

function readIndex(body: JsonObject, place: JsonPlace): ImageIndex {
  const entries = requiredField(body, 'manifests', place, limited(readEntry, 'indexEntries'));
  return { kind: 'index', entries: entries.filter((entry) => entry !== undefined) };
}

/** An entry of an index; undefined for one that is about other entries (attestations). */
const readEntry: JsonReader<IndexEntry | undefined> = (value, place) => {
  const object = readObject(value, place);
  const descriptor = readDescriptor(value, place);
  const platform = optionalField(object, 'platform', place, readPlatform);
  const annotations = optionalField(object, 'annotations', place, readObject);
  if (annotations !== undefined && 'vnd.docker.reference.type' in annotations) return undefined;
  if (platform?.os === 'unknown' && platform.architecture === 'unknown') return undefined;
  const kind = kindOfType(descriptor.mediaType);
  if (kind === undefined) {
    // An artifact beside the images: it has no platform and cannot be chosen.
    if (platform === undefined) return undefined;
    throw notAnImage(descriptor.mediaType, `${place.what}: ${place.path}`);
  }
  return { descriptor, kind, ...(platform === undefined ? {} : { platform }) };
};

const readPlatform: JsonReader<Platform> = (value, place) => {
  const object = readObject(value, place);
  refuseKeyVariants(object, PLATFORM_KEYS, place);
  const variant = optionalField(object, 'variant', place, readString);
  return {
    os: requiredField(object, 'os', place, readString),
    architecture: requiredField(object, 'architecture', place, readString),
    ...(variant === undefined || variant === '' ? {} : { variant }),
  };
};

const readDescriptor: JsonReader<Descriptor> = (value, place) => {
  const object = readObject(value, place);
  refuseKeyVariants(object, DESCRIPTOR_KEYS, place);
  return {
    mediaType: requiredField(object, 'mediaType', place, readString),
    digest: requiredField(object, 'digest', place, readDigest),
    size: requiredField(object, 'size', place, readCount),
  };
};

const readDigest: JsonReader<Digest> = (value, place) => {
  const text = readString(value, place);
  if (/^sha(384|512):[0-9a-f]+$/.test(text)) {
    throw new ToolError('IMAGE_UNSUPPORTED', `${place.what}: ${place.path} is not SHA-256`, {
      want: 'sha256: and 64 lower-case hex digits',
      got: text,
    });
  }
  return parseDigest(text, `${place.what}: ${place.path}`);
};

function limited<T>(
  read: JsonReader<T>,
  limit: 'imageLayers' | 'indexEntries',
): JsonReader<readonly T[]> {
  return (value, place) => {
    if (Array.isArray(value) && value.length > LIMITS[limit]) {
      throw new ToolError('LIMIT_EXCEEDED', `${place.what}: ${place.path} has too many entries`, {
        want: `at most ${LIMITS[limit]}`,
        got: `${value.length}`,
      });
    }
    return arrayOf(read)(value, place);
  };
}

function notAnImage(mediaType: string, what: string): ToolError {
  return (
    refusedType(mediaType, what) ??
    new ToolError('IMAGE_UNSUPPORTED', `${what} is not a container image`, {
      want: 'a Docker v2 or OCI image manifest or index',
      got: mediaType.slice(0, 200),
    })
  );
}

function refusedType(mediaType: string, what: string): ToolError | undefined {
  const row = REFUSED_TYPES.find(({ pattern }) => pattern.test(mediaType));
  if (row === undefined) return undefined;
  return new ToolError('IMAGE_UNSUPPORTED', `${what} ${row.problem}`, {
    got: mediaType.slice(0, 200),
    hints: [row.hint],
  });
}
