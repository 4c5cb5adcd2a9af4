/**
 * The policy document of the kata agent: the data behind `policy_data := `. Property names and their order are those of
 * the format (spec kata-policy-data section 6); what is undefined is left out. A Map prints sorted by the bytes of its
 * keys.
 */

/** Anything that a policy document holds. */
export type Printable =
  | null
  | boolean
  | number
  | string
  | readonly Printable[]
  | ReadonlyMap<string, Printable>
  | PrintableObject;

export type PrintableObject = { readonly [key: string]: Printable | undefined };

export type MountData = {
  readonly destination: string;
  readonly source: string;
  readonly type_: string;
  readonly options: readonly string[];
};

export type StorageData = {
  readonly driver: string;
  readonly driver_options: readonly string[];
  readonly source: string;
  readonly fstype: string;
  readonly options: readonly string[];
  readonly mount_point: string;
  readonly fs_group: FsGroupData | null;
  /** Guests of family U only. */
  readonly shared?: boolean | undefined;
};

export type FsGroupData = { readonly group_id: number; readonly group_change_policy: number };

export type UserData = {
  readonly UID: number;
  readonly GID: number;
  readonly AdditionalGids: readonly number[];
  readonly Username: string;
};

export type CapabilitiesData = {
  readonly Ambient: readonly string[];
  readonly Bounding: readonly string[];
  readonly Effective: readonly string[];
  readonly Inheritable: readonly string[];
  readonly Permitted: readonly string[];
};

export type ProcessData = {
  readonly Terminal: boolean;
  readonly User: UserData;
  readonly DeprecatedArgs?: readonly string[] | undefined;
  readonly Args?: readonly string[] | undefined;
  readonly Env?: readonly string[] | undefined;
  readonly Cwd?: string | undefined;
  readonly Capabilities: CapabilitiesData;
  readonly NoNewPrivileges: boolean;
};

export type DeviceNodeData = { readonly Type: string; readonly Path: string };

export type LinuxData = {
  readonly Namespaces: readonly DeviceNodeData[];
  readonly MaskedPaths: readonly string[];
  readonly ReadonlyPaths: readonly string[];
  readonly Devices?: readonly DeviceNodeData[] | undefined;
  readonly Sysctl?: ReadonlyMap<string, string> | undefined;
};

export type OciData = {
  readonly Version: string;
  readonly Process: ProcessData;
  readonly Root: { readonly Path: string; readonly Readonly: boolean };
  readonly Mounts?: readonly MountData[] | undefined;
  readonly Annotations?: ReadonlyMap<string, string> | undefined;
  readonly Linux: LinuxData;
};

export type AgentDeviceData = {
  readonly id: string;
  readonly type_: string;
  readonly vm_path: string;
  readonly container_path: string;
  readonly options: readonly string[];
};

export type ContainerData = {
  readonly OCI: OciData;
  readonly storages: readonly StorageData[];
  readonly devices?: readonly AgentDeviceData[] | undefined;
  readonly sandbox_pidns: boolean;
  /** One text per command (family C) or its words. */
  readonly exec_commands: readonly string[] | readonly (readonly string[])[];
  readonly env_map?: ReadonlyMap<string, string> | undefined;
  readonly runtime_anno_patterns?: ReadonlyMap<string, string> | undefined;
};

export type KataPolicyData = {
  readonly containers: readonly ContainerData[];
  readonly common: PrintableObject;
  readonly sandbox: { readonly storages: readonly StorageData[] };
  readonly request_defaults: PrintableObject;
  readonly devices?: PrintableObject | undefined;
  readonly cluster_config?: PrintableObject | undefined;
};
