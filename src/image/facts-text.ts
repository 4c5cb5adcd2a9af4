/**
 * Text of image facts, format `podseal.image-facts/v1`: JSON as image-facts.schema.json says, `config` with the field
 * names of the OCI image spec. Unknown fields are refused; null counts as absent.
 */
import {
  type Digest,
  parseDiffId,
  parseDigest,
  parseRootHash,
  type RootHash,
} from '../core/digest.js';
import { ToolError } from '../core/error.js';
import { parseJson } from '../core/json.js';
import {
  arrayOf,
  below,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  oneOf,
  optionalField,
  readBoolean,
  readCount,
  readObject,
  readString,
  refuseUnknownKeys,
  requiredField,
} from '../core/json-read.js';
import { LIMITS } from '../core/limits.js';
import { compareBytes, withoutAbsent } from '../core/record.js';
import { type ImageReference, parseReference, printReference } from '../core/reference.js';
import { buildRunConfig, RUN_CONFIG_KEYS, readRunConfig } from './config.js';
import type { ImageFacts, ImageFactsFile, ImageFactsLayer, WindowsHashes } from './facts.js';
import { parsePlatform, printPlatform } from './platform.js';
import type { ImageConfig, Platform, UserFileEntry } from './types.js';

/** Value of the field `format`. */
export const IMAGE_FACTS_FORMAT = 'podseal.image-facts/v1';

const TOP_KEYS = ['format', 'images'];
const IMAGE_KEYS = [
  'references',
  'platform',
  'manifestDigest',
  'indexDigest',
  'configDigest',
  'config',
  'layers',
  'windows',
];
const WINDOWS_KEYS = ['layers', 'mountedCim'];
const LAYER_KEYS = [
  'digest',
  'mediaType',
  'size',
  'diffId',
  'uncompressedSize',
  'rootHashes',
  'userFiles',
];
const USER_FILE_KEYS = ['file', 'exactName', 'kind', 'text'];
const USER_FILES: readonly UserFileEntry['file'][] = ['passwd', 'group'];
const USER_FILE_KINDS: readonly UserFileEntry['kind'][] = ['text', 'whiteout', 'link', 'not-utf8'];

/** Parses one file of facts; `file` names it in errors. Throws IMAGE_FACTS_INVALID, JSON_SYNTAX, LIMIT_EXCEEDED. */
export function parseImageFacts(text: string, file: string): ImageFactsFile {
  const place: JsonPlace = { code: 'IMAGE_FACTS_INVALID', what: file, path: '' };
  const top = readObject(parseJson(text, file), place);
  const format = requiredField(top, 'format', place, readString);
  if (format !== IMAGE_FACTS_FORMAT) {
    throw invalidAt(below(place, 'format'), 'is unknown', {
      want: IMAGE_FACTS_FORMAT,
      got: format.slice(0, 200),
    });
  }
  refuseUnknownKeys(top, TOP_KEYS, place);
  return { file, images: requiredField(top, 'images', place, arrayOf(readImage)) };
}

/** The text of facts: images by first reference and platform, references in order, two spaces, a final line end. */
export function printImageFacts(images: readonly ImageFacts[]): string {
  const printed = images
    .map(buildImage)
    .sort(
      (a, b) =>
        compareBytes(a.references[0] ?? '', b.references[0] ?? '') ||
        compareBytes(a.platform, b.platform),
    );
  return `${JSON.stringify({ format: IMAGE_FACTS_FORMAT, images: printed }, null, 2)}\n`;
}

function buildImage(facts: ImageFacts) {
  return withoutAbsent({
    references: [...facts.references].sort(compareBytes),
    platform: printPlatform(facts.platform),
    manifestDigest: facts.manifestDigest,
    indexDigest: facts.indexDigest,
    configDigest: facts.configDigest,
    config: buildRunConfig(facts.config),
    layers: facts.layers.map(buildLayer),
    windows: facts.windows,
  });
}

function buildLayer(layer: ImageFactsLayer) {
  return withoutAbsent({
    digest: layer.digest,
    mediaType: layer.mediaType,
    size: layer.size,
    diffId: layer.diffId,
    uncompressedSize: layer.uncompressedSize,
    rootHashes: withoutAbsent({ ext4: layer.rootHashes.ext4, tarfs: layer.rootHashes.tarfs }),
    userFiles: layer.userFiles?.map(({ file, exactName, kind, text }) =>
      withoutAbsent({ file, exactName, kind, text: kind === 'text' ? text : undefined }),
    ),
  });
}

const readImage: JsonReader<ImageFacts> = (value, place) => {
  const object = readObject(value, place);
  refuseUnknownKeys(object, IMAGE_KEYS, place);
  const references = requiredField(object, 'references', place, arrayOf(readReference));
  if (references.length === 0) throw invalidAt(below(place, 'references'), 'is empty');
  const platform = requiredField(object, 'platform', place, readPlatform);
  const facts = withoutAbsent({
    references: references.map(({ text }) => text),
    platform,
    manifestDigest: optionalField(object, 'manifestDigest', place, readDigest),
    indexDigest: optionalField(object, 'indexDigest', place, readDigest),
    configDigest: optionalField(object, 'configDigest', place, readDigest),
    config: requiredField(object, 'config', place, readConfig(platform)),
    layers: requiredField(object, 'layers', place, readLayers),
    windows: optionalField(object, 'windows', place, readWindows),
  });
  checkReferenceDigests(references, facts, place);
  return facts;
};

/** A reference with a digest must mean the image whose digests stand beside it. */
function checkReferenceDigests(
  references: readonly ImageReference[],
  { manifestDigest, indexDigest }: { manifestDigest?: Digest; indexDigest?: Digest },
  place: JsonPlace,
): void {
  if (manifestDigest === undefined || indexDigest === undefined) return;
  references.forEach((reference, i) => {
    if (reference.digest === undefined) return;
    if (reference.digest === manifestDigest || reference.digest === indexDigest) return;
    throw invalidAt(below(below(place, 'references'), i), 'names another image', {
      want: `${manifestDigest} or ${indexDigest}`,
      got: printReference(reference),
    });
  });
}

const readWindows: JsonReader<WindowsHashes> = (value, place) => {
  const object = readObject(value, place);
  refuseUnknownKeys(object, WINDOWS_KEYS, place);
  return {
    layers: requiredField(object, 'layers', place, readHashes),
    mountedCim: requiredField(object, 'mountedCim', place, readHashes),
  };
};

const readHashes: JsonReader<readonly RootHash[]> = (value, place) => {
  const hashes = arrayOf(inFacts(parseRootHash))(value, place);
  if (hashes.length === 0) throw invalidAt(place, 'is empty', { want: 'at least one hash' });
  return hashes;
};

const readLayers: JsonReader<readonly ImageFactsLayer[]> = (value, place) => {
  const layers = arrayOf(readLayer)(value, place);
  if (layers.length === 0) throw invalidAt(place, 'is empty', { want: 'one entry per layer' });
  if (layers.length > LIMITS.imageLayers) {
    throw new ToolError('LIMIT_EXCEEDED', `${place.what}: ${place.path} has too many entries`, {
      want: `at most ${LIMITS.imageLayers}`,
      got: `${layers.length}`,
    });
  }
  return layers;
};

const readLayer: JsonReader<ImageFactsLayer> = (value, place) => {
  const object = readObject(value, place);
  refuseUnknownKeys(object, LAYER_KEYS, place);
  return withoutAbsent({
    digest: optionalField(object, 'digest', place, readDigest),
    mediaType: optionalField(object, 'mediaType', place, readString),
    size: optionalField(object, 'size', place, readCount),
    diffId: optionalField(object, 'diffId', place, inFacts(parseDiffId)),
    uncompressedSize: optionalField(object, 'uncompressedSize', place, readCount),
    rootHashes: optionalField(object, 'rootHashes', place, readRootHashes) ?? {},
    userFiles: optionalField(object, 'userFiles', place, arrayOf(readUserFile)),
  });
};

const readRootHashes: JsonReader<ImageFactsLayer['rootHashes']> = (value, place) => {
  const object = readObject(value, place);
  refuseUnknownKeys(object, ['ext4', 'tarfs'], place);
  return withoutAbsent({
    ext4: optionalField(object, 'ext4', place, inFacts(parseRootHash)),
    tarfs: optionalField(object, 'tarfs', place, inFacts(parseRootHash)),
  });
};

const readUserFile: JsonReader<UserFileEntry> = (value, place) => {
  const object = readObject(value, place);
  refuseUnknownKeys(object, USER_FILE_KEYS, place);
  const kind = requiredField(object, 'kind', place, oneOf(USER_FILE_KINDS));
  const file = requiredField(object, 'file', place, oneOf(USER_FILES));
  const exactName = requiredField(object, 'exactName', place, readBoolean);
  if (kind === 'text') {
    return { file, exactName, kind, text: requiredField(object, 'text', place, readString) };
  }
  const text = optionalField(object, 'text', place, readString) ?? '';
  if (text !== '') throw invalidAt(below(place, 'text'), `is not empty although kind is ${kind}`);
  return { file, exactName, kind, text };
};

const readReference: JsonReader<ImageReference> = (value, place) => {
  const text = readString(value, place);
  return relabelled(place, () => parseReference(text));
};

const readPlatform: JsonReader<Platform> = (value, place) => {
  const text = readString(value, place);
  return relabelled(place, () => parsePlatform(text));
};

const readDigest: JsonReader<Digest> = inFacts(parseDigest);

function readConfig(platform: Platform): JsonReader<ImageConfig> {
  return (value, place) => {
    const object = readObject(value, place);
    refuseUnknownKeys(object, RUN_CONFIG_KEYS, place);
    return readRunConfig(object, platform, place);
  };
}

/** A reader from a parser of core/, whose errors have codes of their own. */
function inFacts<T>(parse: (value: unknown, what: string) => T): JsonReader<T> {
  return (value, place) => relabelled(place, () => parse(value, 'it'));
}

function relabelled<T>(place: JsonPlace, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    throw invalidAt(place, `is not valid: ${error.message}`, {
      ...(error.want === undefined ? {} : { want: error.want }),
      ...(error.got === undefined ? {} : { got: error.got }),
      hints: error.hints,
    });
  }
}
