/** Image config (OCI image spec 1.1, config.md) -> the parts that decide what runs, and the diff IDs of the layers. */
import { type DiffId, parseDiffId } from '../core/digest.js';
import { type JsonObject, parseJsonBytes } from '../core/json.js';
import {
  arrayOf,
  below,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  optionalField,
  readBoolean,
  readObject,
  readString,
  refuseKeyVariants,
  requiredField,
} from '../core/json-read.js';
import { compareBytes, recordOf, withoutAbsent } from '../core/record.js';
import { checkManifestSize } from './manifest.js';
import type { ImageConfig, Platform } from './types.js';

export interface ParsedConfig {
  readonly config: ImageConfig;
  /** One per layer, base layer first. */
  readonly diffIds: readonly DiffId[];
}

const TOP_KEYS = ['os', 'architecture', 'variant', 'config', 'rootfs'];
const ROOTFS_KEYS = ['type', 'diff_ids'];

/** Fields of `config` that are read, in the order in which they are printed. All others are without effect here. */
export const RUN_CONFIG_KEYS: readonly string[] = [
  'User',
  'Env',
  'Entrypoint',
  'Cmd',
  'WorkingDir',
  'StopSignal',
  'Tty',
  'Volumes',
  'Labels',
];

/**
 * Parses an image config. `layerCount` is the number of layers of its manifest: the diff IDs must be as many.
 * Throws IMAGE_INVALID (naming the field), JSON_SYNTAX, LIMIT_EXCEEDED.
 */
export function parseConfig(bytes: Uint8Array, layerCount: number, what: string): ParsedConfig {
  checkManifestSize(bytes.length, what);
  const place: JsonPlace = { code: 'IMAGE_INVALID', what, path: '' };
  const top = readObject(parseJsonBytes(bytes, what), place);
  refuseKeyVariants(top, TOP_KEYS, place);
  const variant = optionalField(top, 'variant', place, readString);
  const platform: Platform = {
    os: requiredField(top, 'os', place, readString),
    architecture: requiredField(top, 'architecture', place, readString),
    ...(variant === undefined || variant === '' ? {} : { variant }),
  };
  const diffIds = requiredField(top, 'rootfs', place, readDiffIds);
  if (diffIds.length !== layerCount) {
    throw invalidAt(below(place, 'rootfs.diff_ids'), 'does not fit the layers of the manifest', {
      want: `${layerCount} diff IDs`,
      got: `${diffIds.length}`,
    });
  }
  const run = optionalField(top, 'config', place, readObject) ?? {};
  return { config: readRunConfig(run, platform, below(place, 'config')), diffIds };
}

/**
 * The `config` object of an image config, with the platform that stands beside it. Null and absent are the same.
 * Throws the place's code.
 */
export function readRunConfig(run: JsonObject, platform: Platform, place: JsonPlace): ImageConfig {
  refuseKeyVariants(run, RUN_CONFIG_KEYS, place);
  const strings = arrayOf(readString);
  return withoutAbsent({
    ...platform,
    user: optionalField(run, 'User', place, readString),
    env: optionalField(run, 'Env', place, strings),
    entrypoint: optionalField(run, 'Entrypoint', place, strings),
    cmd: optionalField(run, 'Cmd', place, strings),
    workingDir: optionalField(run, 'WorkingDir', place, readString),
    stopSignal: optionalField(run, 'StopSignal', place, readString),
    tty: optionalField(run, 'Tty', place, readBoolean),
    volumes: optionalField(run, 'Volumes', place, readVolumes),
    labels: optionalField(run, 'Labels', place, readLabels),
  });
}

/** The inverse of readRunConfig, without the platform. */
export function buildRunConfig(config: ImageConfig): JsonObject {
  const volumes = config.volumes?.map((path) => [path, {}] as const);
  const present = withoutAbsent({
    User: config.user,
    Env: config.env,
    Entrypoint: config.entrypoint,
    Cmd: config.cmd,
    WorkingDir: config.workingDir,
    StopSignal: config.stopSignal,
    Tty: config.tty,
    Volumes: volumes === undefined ? undefined : recordOf(volumes),
    Labels: config.labels === undefined ? undefined : recordOf(sortedEntries(config.labels)),
  });
  return present as JsonObject;
}

const readDiffIds: JsonReader<readonly DiffId[]> = (value, place) => {
  const rootfs = readObject(value, place);
  refuseKeyVariants(rootfs, ROOTFS_KEYS, place);
  const type = requiredField(rootfs, 'type', place, readString);
  if (type !== 'layers') {
    throw invalidAt(below(place, 'type'), 'is unknown', {
      want: 'layers',
      got: type.slice(0, 200),
    });
  }
  return requiredField(
    rootfs,
    'diff_ids',
    place,
    arrayOf((id, at) => parseDiffId(id, `${at.what}: ${at.path}`)),
  );
};

/** The keys of `Volumes`; their values are empty objects (Go's `map[string]struct{}`). */
const readVolumes: JsonReader<readonly string[]> = (value, place) => {
  const object = readObject(value, place);
  for (const key of Object.keys(object)) optionalField(object, key, place, readObject);
  return Object.keys(object).sort(compareBytes);
};

const readLabels: JsonReader<Readonly<Record<string, string>>> = (value, place) => {
  const object = readObject(value, place);
  return recordOf(
    Object.keys(object).map((key) => [key, requiredField(object, key, place, readString)] as const),
  );
};

function sortedEntries(labels: Readonly<Record<string, string>>): (readonly [string, string])[] {
  return Object.entries(labels).sort(([a], [b]) => compareBytes(a, b));
}
