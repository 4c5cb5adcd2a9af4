/**
 * What each family's settings file holds, as tables (spec kata-policy-data sections 5.3 and 6.3 to 6.6): the parts that
 * are copied into the policy document, in output order. Unknown fields are ignored; a missing one is an error unless
 * the table gives a value or leaves it out.
 */
import type { JsonValue } from '../../core/json.js';
import {
  arrayOf,
  below,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  readBoolean,
  readCount,
  readObject,
  readString,
  requiredField,
} from '../../core/json-read.js';
import type { FsGroupData, Printable, PrintableObject, StorageData } from './data.js';
import type { KataFamily } from './guests.js';

/** One field of a copied object. */
export interface Field {
  readonly name: string;
  readonly read: JsonReader<Printable>;
  /** What stands for an absent field; `omit` leaves it out. Absent: the field is required. */
  readonly absent?: Printable | 'omit';
}

export type FieldTable = readonly Field[];

export const readStrings: JsonReader<readonly string[]> = arrayOf(readString);

/** A map of strings, in the order of the text. */
export const readStringMap: JsonReader<ReadonlyMap<string, string>> = (value, place) =>
  new Map(
    Object.entries(readObject(value, place)).map(([key, text]) => [
      key,
      readString(text, below(place, key)),
    ]),
  );

/** A reader of an object by a table: known fields only, in the table's order. */
export function copyOf(table: FieldTable): JsonReader<PrintableObject> {
  return (value, place) => {
    const object = readObject(value, place);
    return Object.fromEntries(
      table.map((field) => [field.name, readField(object[field.name], field, place)]),
    );
  };
}

function readField(
  value: JsonValue | undefined,
  field: Field,
  place: JsonPlace,
): Printable | undefined {
  const at = below(place, field.name);
  if (value !== undefined && (value !== null || field.absent === undefined)) {
    return field.read(value, at);
  }
  if (field.absent === undefined) throw invalidAt(at, 'is missing');
  return field.absent === 'omit' ? undefined : field.absent;
}

/** A storage of `sandbox.storages`; `shared` is read where the guest has it. */
export function storageOf(hasShared: boolean): JsonReader<StorageData> {
  return (value, place) => {
    const object = readObject(value, place);
    const field = <T>(name: string, read: JsonReader<T>) =>
      requiredField(object, name, place, read);
    const shared = object.shared;
    return {
      driver: field('driver', readString),
      driver_options: field('driver_options', readStrings),
      source: field('source', readString),
      fstype: field('fstype', readString),
      options: field('options', readStrings),
      mount_point: field('mount_point', readString),
      fs_group: readFsGroup(object.fs_group, below(place, 'fs_group')),
      shared: hasShared
        ? shared === undefined
          ? false
          : readBoolean(shared, below(place, 'shared'))
        : undefined,
    };
  };
}

function readFsGroup(value: JsonValue | undefined, place: JsonPlace): FsGroupData | null {
  if (value === undefined) throw invalidAt(place, 'is missing', { want: 'null or an object' });
  if (value === null) return null;
  const object = readObject(value, place);
  return {
    group_id: requiredField(object, 'group_id', place, readCount),
    group_change_policy: requiredField(object, 'group_change_policy', place, readCount),
  };
}

const text = (name: string): Field => ({ name, read: readString });
const flag = (name: string): Field => ({ name, read: readBoolean });
const count = (name: string): Field => ({ name, read: readCount });
const texts = (name: string): Field => ({ name, read: readStrings });
const wordLists = (name: string): Field => ({ name, read: arrayOf(readStrings) });
const object = (name: string, table: FieldTable): Field => ({ name, read: copyOf(table) });
const objects = (name: string, table: FieldTable): Field => ({
  name,
  read: arrayOf(copyOf(table)),
});

const CAPABILITIES = [texts('default_caps'), texts('privileged_caps')];
const STORAGE_CLASSES = [
  texts('virtio_blk_storage_classes'),
  objects('smb_storage_classes', [text('name'), texts('mount_options')]),
];

/** `common` (section 6.3). */
export const COMMON_FIELDS: Readonly<Record<KataFamily, FieldTable>> = {
  C: [
    ...['cpath', 'sfprefix', 'spath', 'ipv4_a', 'ip_p', 'svc_name', 'dns_label'].map(text),
    ...['s_source1', 's_source2'].map(text),
    ...CAPABILITIES,
    ...STORAGE_CLASSES,
  ],
  V: [
    ...['cpath', 'mount_source_cpath', 'sfprefix', 'spath', 'ipv4_a', 'ip_p', 'svc_name'].map(text),
    ...['dns_label', 's_source1', 's_source2', 'dns_subdomain', 'pod_uid'].map(text),
    ...CAPABILITIES,
    ...STORAGE_CLASSES,
  ],
  M: [
    ...['cpath', 'mount_source_cpath', 'sfprefix', 'ipv4_a', 'ip_p'].map(text),
    ...['svc_name_downward_env', 'dns_label'].map(text),
    ...CAPABILITIES,
    text('image_layer_verification'),
  ],
  U: [
    ...['cpath', 'root_path', 'sfprefix', 'spath', 'ipv4_a', 'ip_p'].map(text),
    ...['svc_name_downward_env', 'dns_label'].map(text),
    ...CAPABILITIES,
  ],
};

/** Deprecated where there is allowed_commands: null counts as absent, and the list must be empty. */
const readNoCommands: JsonReader<Printable> = (value, place) => {
  const commands = readStrings(value, place);
  if (commands.length === 0) return commands;
  throw invalidAt(place, 'is deprecated and not empty', {
    want: 'the commands in allowed_commands, each as a list of words',
    got: `${commands.length} commands`,
  });
};

const EXEC_BY_WORDS = object('ExecProcessRequest', [
  { name: 'commands', read: readNoCommands, absent: 'omit' },
  wordLists('allowed_commands'),
  texts('regex'),
]);
const ROUTES_AND_INTERFACES = [
  object('UpdateRoutesRequest', [texts('forbidden_device_names'), texts('forbidden_source_regex')]),
  object('UpdateInterfaceRequest', [
    count('allow_raw_flags'),
    texts('forbidden_names'),
    texts('forbidden_hw_addrs'),
  ]),
];
const ENV_REGEX = object('CreateContainerRequest', [texts('allow_env_regex')]);
const STREAMS = [
  'CloseStdinRequest',
  'ReadStreamRequest',
  'UpdateEphemeralMountsRequest',
  'WriteStreamRequest',
].map(flag);

/** `request_defaults` (section 6.5). */
export const REQUEST_FIELDS: Readonly<Record<KataFamily, FieldTable>> = {
  C: [
    ENV_REGEX,
    texts('CopyFileRequest'),
    object('ExecProcessRequest', [texts('commands'), texts('regex')]),
    ...STREAMS,
  ],
  V: [
    object('CreateContainerRequest', [
      texts('allow_env_regex'),
      { name: 'allow_env_regex_map', read: readStringMap },
    ]),
    texts('CopyFileRequest'),
    EXEC_BY_WORDS,
    ...ROUTES_AND_INTERFACES,
    ...STREAMS,
  ],
  M: [ENV_REGEX, texts('CopyFileRequest'), EXEC_BY_WORDS, ...ROUTES_AND_INTERFACES, ...STREAMS],
  U: [
    ENV_REGEX,
    texts('CopyFileRequest'),
    EXEC_BY_WORDS,
    ...ROUTES_AND_INTERFACES,
    object('AddARPNeighborsRequest', [
      texts('forbidden_device_names'),
      texts('forbidden_cidrs_regex'),
      { name: 'allowed_states', read: arrayOf(readCount) },
    ]),
    ...STREAMS,
    flag('GetDiagnosticDataRequest'),
  ],
};

/** `cluster_config` as it is copied into documents that carry it (section 6.6). */
export const CLUSTER_FIELDS: FieldTable = [
  text('pause_container_image'),
  flag('guest_pull'),
  text('emptydir_type'),
  { name: 'cgroup_mount_extras_allowed', read: readStrings, absent: [] },
];
