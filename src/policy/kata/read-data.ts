/**
 * JSON behind `policy_data := ` -> policy document of any guest family (spec kata-policy-data section 6): what one family
 * has and another has not is optional here.
 */
import type { JsonObject, JsonValue } from '../../core/json.js';
import { readBoolean, readCount, readString } from '../../core/json-read.js';
import { LIMITS } from '../../core/limits.js';
import type { KataPolicyData } from './data.js';
import {
  asItIs,
  fieldsOf,
  listOf,
  mapOf,
  optional,
  orNull,
  required,
  type ShapeReader,
  type UnknownField,
} from './shape.js';

/** What the JSON of a policy says. */
export interface KataDataReading {
  readonly data: KataPolicyData;
  /** The same as parsed, unknown fields included. */
  readonly json: JsonObject;
  /** Fields that no guest version has; no rules of a known version read them. */
  readonly unknown: readonly UnknownField[];
}

const text: ShapeReader<string> = readString;
const flag: ShapeReader<boolean> = readBoolean;
const count: ShapeReader<number> = readCount;
const texts = listOf(text);
const wordLists = listOf(texts);
const textMap = mapOf(text);

/** Family C has one text per command, the others its words. */
const commands: ShapeReader<KataPolicyData['containers'][number]['exec_commands']> = (
  value,
  place,
) => {
  const isJoined = Array.isArray(value) && typeof value[0] === 'string';
  return isJoined ? texts(value, place) : wordLists(value, place);
};

const storage = fieldsOf({
  driver: required(text),
  driver_options: required(texts),
  source: required(text),
  fstype: required(text),
  options: required(texts),
  mount_point: required(text),
  fs_group: required(
    orNull(fieldsOf({ group_id: required(count), group_change_policy: required(count) })),
  ),
  shared: optional(flag),
});

const processFields = fieldsOf({
  Terminal: required(flag),
  User: required(
    fieldsOf({
      UID: required(count),
      GID: required(count),
      AdditionalGids: required(listOf(count)),
      Username: required(text),
    }),
  ),
  DeprecatedArgs: optional(texts),
  Args: optional(texts),
  Env: optional(texts),
  Cwd: optional(text),
  Capabilities: required(
    fieldsOf({
      Ambient: required(texts),
      Bounding: required(texts),
      Effective: required(texts),
      Inheritable: required(texts),
      Permitted: required(texts),
    }),
  ),
  NoNewPrivileges: required(flag),
});

const mount = fieldsOf({
  destination: required(text),
  source: required(text),
  type_: required(text),
  options: required(texts),
});

const typeAndPath = fieldsOf({ Type: required(text), Path: required(text) });

const container = fieldsOf({
  OCI: required(
    fieldsOf({
      Version: required(text),
      Process: required(processFields),
      Root: required(fieldsOf({ Path: required(text), Readonly: required(flag) })),
      Mounts: optional(listOf(mount)),
      Annotations: optional(textMap),
      Linux: required(
        fieldsOf({
          Namespaces: required(listOf(typeAndPath)),
          MaskedPaths: required(texts),
          ReadonlyPaths: required(texts),
          Devices: optional(listOf(typeAndPath)),
          Sysctl: optional(textMap),
        }),
      ),
    }),
  ),
  storages: required(listOf(storage)),
  devices: optional(
    listOf(
      fieldsOf({
        id: required(text),
        type_: required(text),
        vm_path: required(text),
        container_path: required(text),
        options: required(texts),
      }),
    ),
  ),
  sandbox_pidns: required(flag),
  exec_commands: required(commands),
  env_map: optional(textMap),
  runtime_anno_patterns: optional(textMap),
});

const common = fieldsOf({
  cpath: optional(text),
  mount_source_cpath: optional(text),
  root_path: optional(text),
  sfprefix: optional(text),
  spath: optional(text),
  ipv4_a: optional(text),
  ip_p: optional(text),
  svc_name: optional(text),
  svc_name_downward_env: optional(text),
  dns_label: optional(text),
  s_source1: optional(text),
  s_source2: optional(text),
  dns_subdomain: optional(text),
  pod_uid: optional(text),
  default_caps: required(texts),
  privileged_caps: required(texts),
  virtio_blk_storage_classes: optional(texts),
  smb_storage_classes: optional(
    listOf(fieldsOf({ name: required(text), mount_options: required(texts) })),
  ),
  image_layer_verification: optional(text),
});

const requestDefaults = fieldsOf({
  CreateContainerRequest: required(
    fieldsOf({ allow_env_regex: required(texts), allow_env_regex_map: optional(textMap) }),
  ),
  CopyFileRequest: required(texts),
  ExecProcessRequest: required(
    fieldsOf({
      commands: optional(texts),
      allowed_commands: optional(wordLists),
      regex: required(texts),
    }),
  ),
  UpdateRoutesRequest: optional(
    fieldsOf({ forbidden_device_names: required(texts), forbidden_source_regex: required(texts) }),
  ),
  UpdateInterfaceRequest: optional(
    fieldsOf({
      allow_raw_flags: required(count),
      forbidden_names: required(texts),
      forbidden_hw_addrs: required(texts),
    }),
  ),
  AddARPNeighborsRequest: optional(
    fieldsOf({
      forbidden_device_names: required(texts),
      forbidden_cidrs_regex: required(texts),
      allowed_states: required(listOf(count)),
    }),
  ),
  CloseStdinRequest: required(flag),
  ReadStreamRequest: required(flag),
  UpdateEphemeralMountsRequest: required(flag),
  WriteStreamRequest: required(flag),
  GetDiagnosticDataRequest: optional(flag),
});

const clusterConfig = fieldsOf({
  pause_container_image: optional(text),
  guest_pull: optional(flag),
  emptydir_type: optional(text),
  cgroup_mount_extras_allowed: optional(texts),
});

const devices = fieldsOf({
  vfio: optional(
    fieldsOf({ device_path: required(text), nvidia: optional(mapOf((value) => value)) }),
  ),
});

const policyData = fieldsOf({
  containers: required(listOf(container, LIMITS.policyContainers)),
  common: required(asItIs(common)),
  sandbox: required(fieldsOf({ storages: required(listOf(storage)) })),
  request_defaults: required(asItIs(requestDefaults)),
  devices: optional(asItIs(devices)),
  cluster_config: optional(asItIs(clusterConfig)),
});

/**
 * The policy document in a parsed JSON value. `what` names the policy. Throws POLICY_UNREADABLE with the path of the
 * first field that does not fit.
 */
export function readKataData(value: JsonValue, what: string): KataDataReading {
  const unknown: UnknownField[] = [];
  const data = policyData(value, { code: 'POLICY_UNREADABLE', what, path: '', unknown });
  return { data, json: value as JsonObject, unknown };
}
