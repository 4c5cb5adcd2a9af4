/**
 * `volumes` of a settings file, resolved for one guest: which of the emptyDir and configMap settings apply (spec
 * kata-policy-data sections 5.3 and 9.4).
 */
import type { JsonObject } from '../../core/json.js';
import {
  below,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  readBoolean,
  readObject,
  readString,
  requiredField,
} from '../../core/json-read.js';
import type { KataGuest, VolumeRules } from './guests.js';
import { readStrings } from './settings-fields.js';

export interface VolumeSettings {
  readonly emptyDir: EmptyDirForm;
  readonly emptyDirMemory: EmptyDirForm;
  readonly config: ConfigVolumeSettings;
  /** Mount source of emptyDir volumes with subPathExpr: that of `configMap`. */
  readonly configMountSource: string;
  /** configMap and secret volumes get a storage. */
  readonly storesConfig: boolean;
  /** Where the guest has image volumes. */
  readonly image?: ImageVolumeSettings;
}

/** `block` is a device with a file system of its own, `shared-fs` has no storage. */
export type EmptyDirForm =
  | { readonly kind: 'local' | 'block'; readonly setting: EmptyDirSettings }
  | { readonly kind: 'shared-fs' };

export interface EmptyDirSettings {
  readonly mountType: string;
  readonly mountSource: string;
  readonly mountPoint: string;
  readonly driver: string;
  readonly driverOptions: readonly string[];
  readonly source: string;
  readonly fstype: string;
  readonly options: readonly string[];
  readonly shared: boolean;
}

export interface ConfigVolumeSettings {
  readonly mountType: string;
  readonly mountSource: string;
  readonly mountPoint: string;
  readonly driver: string;
  readonly fstype: string;
  readonly options: readonly string[];
}

export interface ImageVolumeSettings {
  readonly mountSource: string;
  readonly driver: string;
  readonly source: string;
  readonly fstype: string;
  readonly options: readonly string[];
}

interface Source {
  readonly volumes: JsonObject;
  readonly volumesAt: JsonPlace;
  readonly kata: JsonObject;
  readonly kataAt: JsonPlace;
  readonly cluster: JsonObject;
  readonly clusterAt: JsonPlace;
}

/** The volume settings in a whole settings object at `top`. Throws SETTINGS_INVALID. */
export function readVolumeSettings(
  object: JsonObject,
  top: JsonPlace,
  guest: KataGuest,
): VolumeSettings {
  const from: Source = {
    volumes: requiredField(object, 'volumes', top, readObject),
    volumesAt: below(top, 'volumes'),
    kata: requiredField(object, 'kata_config', top, readObject),
    kataAt: below(top, 'kata_config'),
    cluster: requiredField(object, 'cluster_config', top, readObject),
    clusterAt: below(top, 'cluster_config'),
  };
  const volume = <T>(name: string, read: JsonReader<T>) =>
    requiredField(from.volumes, name, from.volumesAt, read);
  return {
    emptyDir: EMPTY_DIRS[guest.volumes.emptyDir](from, readEmptyDir(guest)),
    emptyDirMemory: { kind: 'local', setting: volume('emptyDir_memory', readEmptyDir(guest)) },
    ...CONFIG_VOLUMES[guest.volumes.configVolume](from),
    configMountSource: volume('configMap', readConfigVolume).mountSource,
    ...(guest.mounts.imageVolumes === 'none'
      ? {}
      : { image: volume('image_volume', readImageVolume) }),
  };
}

type EmptyDirChoice = (from: Source, read: JsonReader<EmptyDirSettings>) => EmptyDirForm;

const EMPTY_DIRS: Readonly<Record<VolumeRules['emptyDir'], EmptyDirChoice>> = {
  plain: (from, read) => ({
    kind: 'local',
    setting: requiredField(from.volumes, 'emptyDir', from.volumesAt, read),
  }),
  confidential: (from, read) => {
    const field = (name: string) => requiredField(from.volumes, name, from.volumesAt, read);
    const plain = field('emptyDir');
    const confidential = field('confidential_emptyDir');
    return { kind: 'local', setting: isConfidential(from) ? confidential : plain };
  },
  'by-type': chooseByType,
};

function chooseByType(from: Source, read: JsonReader<EmptyDirSettings>): EmptyDirForm {
  const field = (name: string) => requiredField(from.volumes, name, from.volumesAt, read);
  field('emptyDir');
  const choices: Readonly<Record<string, EmptyDirForm>> = {
    'block-encrypted': { kind: 'block', setting: field('emptyDir_encrypted') },
    'block-plain': { kind: 'block', setting: field('emptyDir_plain') },
    'shared-fs': { kind: 'shared-fs' },
  };
  const type = requiredField(from.cluster, 'emptydir_type', from.clusterAt, readString);
  const choice = Object.hasOwn(choices, type) ? choices[type] : undefined;
  if (choice !== undefined) return choice;
  throw invalidAt(below(from.clusterAt, 'emptydir_type'), 'is not a known type', {
    want: Object.keys(choices).join(', '),
    got: type,
  });
}

type ConfigChoice = (from: Source) => Pick<VolumeSettings, 'config' | 'storesConfig'>;

const CONFIG_VOLUMES: Readonly<Record<VolumeRules['configVolume'], ConfigChoice>> = {
  confidential: (from) => {
    const field = (name: string) =>
      requiredField(from.volumes, name, from.volumesAt, readConfigVolume);
    const plain = field('configMap');
    const confidential = field('confidential_configMap');
    return isConfidential(from)
      ? { config: confidential, storesConfig: false }
      : { config: plain, storesConfig: true };
  },
  switch: (from) => ({
    config: requiredField(from.volumes, 'configMap', from.volumesAt, readConfigVolume),
    storesConfig: requiredField(
      from.kata,
      'enable_configmap_secret_storages',
      from.kataAt,
      readBoolean,
    ),
  }),
};

function isConfidential(from: Source): boolean {
  return requiredField(from.kata, 'confidential_guest', from.kataAt, readBoolean);
}

function readEmptyDir(guest: KataGuest): JsonReader<EmptyDirSettings> {
  return (value, place) => {
    const object = readObject(value, place);
    const text = (name: string) => requiredField(object, name, place, readString);
    const texts = (name: string) => requiredField(object, name, place, readStrings);
    return {
      mountType: text('mount_type'),
      mountSource: text('mount_source'),
      mountPoint: text('mount_point'),
      driver: text('driver'),
      driverOptions: guest.storageShared ? texts('driver_options') : [],
      source: text('source'),
      fstype: text('fstype'),
      options: texts('options'),
      shared: guest.storageShared && requiredField(object, 'shared', place, readBoolean),
    };
  };
}

const readConfigVolume: JsonReader<ConfigVolumeSettings> = (value, place) => {
  const object = readObject(value, place);
  const text = (name: string) => requiredField(object, name, place, readString);
  return {
    mountType: text('mount_type'),
    mountSource: text('mount_source'),
    mountPoint: text('mount_point'),
    driver: text('driver'),
    fstype: text('fstype'),
    options: requiredField(object, 'options', place, readStrings),
  };
};

const readImageVolume: JsonReader<ImageVolumeSettings> = (value, place) => {
  const object = readObject(value, place);
  const text = (name: string) => requiredField(object, name, place, readString);
  text('mount_type');
  return {
    mountSource: text('mount_source'),
    driver: text('driver'),
    source: text('source'),
    fstype: text('fstype'),
    options: requiredField(object, 'options', place, readStrings),
  };
};
