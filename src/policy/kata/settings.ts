/**
 * Settings file -> settings, checked and resolved for one guest (spec kata-policy-data section 5.3): which of several
 * volume settings apply is decided here, so that the stages behind it do not ask again.
 */
import { type JsonObject, parseJson } from '../../core/json.js';
import {
  arrayOf,
  below,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  optionalField,
  readBoolean,
  readCount,
  readObject,
  readString,
  requiredField,
} from '../../core/json-read.js';
import type { DeviceNodeData, PrintableObject, StorageData, UserData } from './data.js';
import type { KataGuest } from './guests.js';
import {
  CLUSTER_FIELDS,
  COMMON_FIELDS,
  copyOf,
  REQUEST_FIELDS,
  readStringMap,
  readStrings,
  storageOf,
} from './settings-fields.js';
import { readVolumeSettings, type VolumeSettings } from './settings-volumes.js';

export interface KataSettings {
  readonly ociVersion: string;
  readonly pauseImage: string;
  /** Namespace of a workload that names none; "" allows any. */
  readonly defaultNamespace: string;
  readonly guestPull: boolean;
  /** Layer root hashes go into the policy. */
  readonly verifiesLayers: boolean;
  readonly pauseContainer: ContainerSettings;
  readonly otherContainer: ContainerSettings;
  readonly volumes: VolumeSettings;
  readonly mountDestinations: readonly string[];
  readonly sandboxStorages: readonly StorageData[];
  readonly capabilities: CapabilitySettings;
  /** Where the guest has storage classes. */
  readonly storageClasses?: StorageClassSettings;
  /** request_defaults.CreateContainerRequest.allow_env_regex_map; empty where the guest has none. */
  readonly envRegexes: ReadonlyMap<string, string>;
  readonly vfio?: VfioSettings;
  /** Copied into the document. */
  readonly common: PrintableObject;
  readonly requestDefaults: PrintableObject;
  readonly clusterConfig?: PrintableObject;
}

/** `pause_container` and `other_container`. */
export interface ContainerSettings {
  readonly rootPath: string;
  readonly mounts: readonly MountSettings[];
  readonly annotations: ReadonlyMap<string, string>;
  readonly user?: UserData;
  readonly args: readonly string[];
  readonly deprecatedArgs: readonly string[];
  readonly env: readonly string[];
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly devices: readonly DeviceNodeData[];
  readonly sysctls: ReadonlyMap<string, string>;
}

export interface MountSettings {
  readonly destination: string;
  /** "" if absent. */
  readonly source: string;
  readonly type: string;
  readonly options: readonly string[];
}

export interface CapabilitySettings {
  readonly standard: readonly string[];
  readonly privileged: readonly string[];
}

export interface StorageClassSettings {
  readonly block: readonly string[];
  /** Mount options by class. */
  readonly smb: ReadonlyMap<string, readonly string[]>;
}

export interface VfioSettings {
  readonly devicePath: string;
  readonly annotationKeyRegex: string;
  readonly gpuAnnotationValueRegex: string;
  readonly gpuDeviceType: string;
  readonly gpuResourceKeys: readonly string[];
}

/** The value of common.image_layer_verification that asks for root hashes. */
const VERIFY_TARFS = 'host-tarfs-dm-verity';

/**
 * Settings for `guest` from the JSON text of a settings file; `file` names it in errors. Throws JSON_SYNTAX, and
 * SETTINGS_INVALID with the path of the field.
 */
export function parseSettings(text: string, file: string, guest: KataGuest): KataSettings {
  const top: JsonPlace = { code: 'SETTINGS_INVALID', what: file, path: '' };
  const object = readObject(parseJson(text, file), top);
  const part = <T>(name: string, read: JsonReader<T>) => requiredField(object, name, top, read);
  return {
    ...part('kata_config', readKataConfig(guest)),
    ...part('cluster_config', readClusterConfig(guest)),
    ...part('common', readCommon(guest)),
    ...part('request_defaults', readRequestDefaults(guest)),
    pauseContainer: part('pause_container', readContainer(guest)),
    otherContainer: part('other_container', readContainer(guest)),
    volumes: readVolumeSettings(object, top, guest),
    mountDestinations: part('mount_destinations', readStrings),
    sandboxStorages: part('sandbox', readSandbox(guest)),
    ...(guest.gpus ? { vfio: part('devices', readDevices) } : {}),
  };
}

function readKataConfig(guest: KataGuest): JsonReader<Pick<KataSettings, 'ociVersion'>> {
  return (value, place) => {
    const object = readObject(value, place);
    return {
      ociVersion: guest.ociVersion ?? requiredField(object, 'oci_version', place, readString),
    };
  };
}

function readClusterConfig(
  guest: KataGuest,
): JsonReader<
  Pick<KataSettings, 'pauseImage' | 'defaultNamespace' | 'guestPull' | 'clusterConfig'>
> {
  return (value, place) => {
    const object = readObject(value, place);
    const text = (name: string) => requiredField(object, name, place, readString);
    return {
      pauseImage: guest.pauseImage ?? text('pause_container_image'),
      defaultNamespace: guest.defaultNamespace === 'setting' ? text('default_namespace') : '',
      guestPull: guest.guestPull && requiredField(object, 'guest_pull', place, readBoolean),
      ...(guest.clusterData ? { clusterConfig: copyOf(CLUSTER_FIELDS)(value, place) } : {}),
    };
  };
}

function readCommon(
  guest: KataGuest,
): JsonReader<Pick<KataSettings, 'common' | 'verifiesLayers' | 'capabilities' | 'storageClasses'>> {
  return (value, place) => {
    const object = readObject(value, place);
    const strings = (name: string) => requiredField(object, name, place, readStrings);
    return {
      common: copyOf(COMMON_FIELDS[guest.family])(value, place),
      verifiesLayers:
        guest.layerStorages === 'always' ||
        (guest.layerStorages === 'setting' && object.image_layer_verification === VERIFY_TARFS),
      capabilities: {
        standard: strings('default_caps'),
        privileged: strings('privileged_caps'),
      },
      ...(guest.volumes.storageClasses === undefined
        ? {}
        : { storageClasses: readStorageClasses(object, place) }),
    };
  };
}

function readStorageClasses(common: JsonObject, place: JsonPlace): StorageClassSettings {
  const smb = requiredField(common, 'smb_storage_classes', place, arrayOf(readSmbClass));
  return {
    block: requiredField(common, 'virtio_blk_storage_classes', place, readStrings),
    smb: firstOfEach(smb),
  };
}

const readSmbClass: JsonReader<readonly [string, readonly string[]]> = (value, place) => {
  const object = readObject(value, place);
  return [
    requiredField(object, 'name', place, readString),
    requiredField(object, 'mount_options', place, readStrings),
  ];
};

function readRequestDefaults(
  guest: KataGuest,
): JsonReader<Pick<KataSettings, 'requestDefaults' | 'envRegexes'>> {
  return (value, place) => {
    const requestDefaults = copyOf(REQUEST_FIELDS[guest.family])(value, place);
    const create = below(place, 'CreateContainerRequest');
    const object = requiredField(
      readObject(value, place),
      'CreateContainerRequest',
      place,
      readObject,
    );
    const envRegexes = optionalField(object, 'allow_env_regex_map', create, readStringMap);
    return {
      requestDefaults,
      envRegexes:
        guest.env.unknownValue === 'settings-regex' ? (envRegexes ?? new Map()) : new Map(),
    };
  };
}

function readContainer(guest: KataGuest): JsonReader<ContainerSettings> {
  return (value, place) => {
    const object = readObject(value, place);
    const container = readContainerParts(object, place);
    const linux = partOf(object, 'Linux', place);
    if (!guest.linuxPaths || object.Linux === undefined) return container;
    for (const name of ['MaskedPaths', 'ReadonlyPaths']) {
      requiredField(linux, name, below(place, 'Linux'), readStrings);
    }
    return container;
  };
}

/** A part that may be left out, but not be null. */
function partOf(object: JsonObject, name: string, place: JsonPlace): JsonObject {
  return object[name] === undefined ? {} : requiredField(object, name, place, readObject);
}

function readContainerParts(object: JsonObject, place: JsonPlace): ContainerSettings {
  const root = requiredField(object, 'Root', place, readObject);
  const processPlace = below(place, 'Process');
  const process = partOf(object, 'Process', place);
  const linuxPlace = below(place, 'Linux');
  const linux = partOf(object, 'Linux', place);
  const list = (from: JsonObject, at: JsonPlace, name: string) =>
    optionalField(from, name, at, readStrings) ?? [];
  const user = optionalField(process, 'User', processPlace, readUser);
  return {
    rootPath: requiredField(root, 'Path', below(place, 'Root'), readString),
    mounts: requiredField(object, 'Mounts', place, arrayOf(readMount)),
    annotations: optionalField(object, 'Annotations', place, readStringMap) ?? new Map(),
    ...(user === undefined ? {} : { user }),
    args: list(process, processPlace, 'Args'),
    deprecatedArgs: list(process, processPlace, 'DeprecatedArgs'),
    env: list(process, processPlace, 'Env'),
    maskedPaths: list(linux, linuxPlace, 'MaskedPaths'),
    readonlyPaths: list(linux, linuxPlace, 'ReadonlyPaths'),
    devices: optionalField(linux, 'Devices', linuxPlace, arrayOf(readDeviceNode)) ?? [],
    sysctls: optionalField(linux, 'Sysctl', linuxPlace, readStringMap) ?? new Map(),
  };
}

const readMount: JsonReader<MountSettings> = (value, place) => {
  const object = readObject(value, place);
  return {
    destination: requiredField(object, 'destination', place, readString),
    source: optionalField(object, 'source', place, readString) ?? '',
    type: requiredField(object, 'type_', place, readString),
    options: requiredField(object, 'options', place, readStrings),
  };
};

const readUser: JsonReader<UserData> = (value, place) => {
  const object = readObject(value, place);
  return {
    UID: requiredField(object, 'UID', place, readId),
    GID: requiredField(object, 'GID', place, readId),
    AdditionalGids: requiredField(object, 'AdditionalGids', place, arrayOf(readId)),
    Username: requiredField(object, 'Username', place, readString),
  };
};

const readId: JsonReader<number> = (value, place) => {
  const id = readCount(value, place);
  if (id <= 0xffff_ffff) return id;
  throw invalidAt(place, 'is out of range', { want: 'at most 4294967295', got: String(id) });
};

const readDeviceNode: JsonReader<DeviceNodeData> = (value, place) => {
  const object = readObject(value, place);
  return {
    Type: requiredField(object, 'Type', place, readString),
    Path: requiredField(object, 'Path', place, readString),
  };
};

function readSandbox(guest: KataGuest): JsonReader<readonly StorageData[]> {
  return (value, place) =>
    requiredField(
      readObject(value, place),
      'storages',
      place,
      arrayOf(storageOf(guest.storageShared)),
    );
}

/** Of two classes of one name the first counts. */
function firstOfEach<T>(entries: readonly (readonly [string, T])[]): ReadonlyMap<string, T> {
  return new Map(entries.toReversed());
}

const readDevices: JsonReader<VfioSettings> = (value, place) => {
  const vfio = requiredField(readObject(value, place), 'vfio', place, readObject);
  const at = below(place, 'vfio');
  const nvidia = requiredField(vfio, 'nvidia', at, readObject);
  const nvidiaAt = below(at, 'nvidia');
  return {
    devicePath: requiredField(vfio, 'device_path', at, readString),
    annotationKeyRegex: requiredField(vfio, 'anno_key_regex', at, readString),
    gpuAnnotationValueRegex: requiredField(nvidia, 'gpu_anno_value_regex', nvidiaAt, readString),
    gpuDeviceType: requiredField(nvidia, 'gpu_gk_device_type', nvidiaAt, readString),
    gpuResourceKeys: requiredField(nvidia, 'pgpu_resource_keys', nvidiaAt, readStrings),
  };
};
