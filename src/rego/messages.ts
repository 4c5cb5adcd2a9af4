/**
 * Messages of the kata agent's protocol in the JSON form that a policy sees (spec kata-policy-rules section 5): for each
 * message its fields, in groups of one type. A trailing `?` means that null stands for an absent value; `[x]` is an array
 * of x and `{string}` a map of strings.
 */

/** Type of a field: a scalar, a message by name, `[type]`, `{string}`; with `?` it may be null. */
export type FieldType = string;

/** Fields of a message by name. */
export type MessageFields = Readonly<Record<string, FieldType>>;

type Group = readonly [type: FieldType, names: string];

const CONTAINER: Group = ['string', 'container_id'];
const PROCESS: Group = ['string', 'container_id exec_id'];
const PORTS: Group = ['uint32', 'stdin_port stdout_port stderr_port'];
const DEVICE_NUMBER: Group = ['int64', 'Major Minor'];

const GROUPS: Readonly<Record<string, readonly Group[]>> = {
  ARPNeighbor: [
    ['IPAddress?', 'toIPAddress'],
    ['string', 'device lladdr'],
    ['int32', 'state flags'],
  ],
  ARPNeighbors: [['[ARPNeighbor]', 'ARPNeighbors']],
  AddARPNeighborsRequest: [['ARPNeighbors?', 'neighbors']],
  AddSwapPathRequest: [['string', 'path']],
  AddSwapRequest: [['[uint32]', 'PCIPath']],
  Box: [['uint32', 'Height Width']],
  CloseStdinRequest: [PROCESS],
  CopyFileRequest: [
    ['string', 'path'],
    ['int64', 'file_size offset'],
    ['uint32', 'file_mode dir_mode'],
    ['int32', 'uid gid'],
    ['bytes', 'data'],
  ],
  CreateContainerRequest: [
    PROCESS,
    ['StringUser?', 'string_user'],
    ['[Device]', 'devices'],
    ['[Storage]', 'storages'],
    ['Spec?', 'OCI'],
    ['bool', 'sandbox_pidns'],
    ['[SharedMount]', 'shared_mounts'],
    PORTS,
  ],
  CreateSandboxRequest: [
    ['string', 'hostname sandbox_id guest_hook_path'],
    ['[string]', 'dns'],
    ['[Storage]', 'storages'],
    ['bool', 'sandbox_pidns'],
    ['[KernelModule]', 'kernel_modules'],
  ],
  DestroySandboxRequest: [],
  Device: [
    ['string', 'id type_ vm_path container_path'],
    ['[string]', 'options'],
  ],
  ExecProcessRequest: [PROCESS, ['StringUser?', 'string_user'], ['Process?', 'process'], PORTS],
  FSGroup: [
    ['uint32', 'group_id'],
    ['enum', 'group_change_policy'],
  ],
  GetDiagnosticDataRequest: [['string', 'log_type container_id']],
  GetIPTablesRequest: [['bool', 'is_ipv6']],
  GetMetricsRequest: [],
  GetOOMEventRequest: [],
  GuestDetailsRequest: [['bool', 'mem_block_size mem_hotplug_probe']],
  Hook: [
    ['string', 'Path'],
    ['[string]', 'Args Env'],
    ['int64', 'Timeout'],
  ],
  Hooks: [['[Hook]', 'Prestart Poststart Poststop CreateRuntime CreateContainer StartContainer']],
  IPAddress: [
    ['enum', 'family'],
    ['string', 'address mask'],
  ],
  Interface: [
    ['string', 'device name hwAddr devicePath type_'],
    ['[IPAddress]', 'IPAddresses'],
    ['uint64', 'mtu'],
    ['uint32', 'raw_flags'],
  ],
  KernelModule: [
    ['string', 'name'],
    ['[string]', 'parameters'],
  ],
  Linux: [
    ['[LinuxIDMapping]', 'UIDMappings GIDMappings'],
    ['{string}', 'Sysctl'],
    ['LinuxResources?', 'Resources'],
    ['string', 'CgroupsPath RootfsPropagation MountLabel'],
    ['[LinuxNamespace]', 'Namespaces'],
    ['[LinuxDevice]', 'Devices'],
    ['LinuxSeccomp?', 'Seccomp'],
    ['[string]', 'MaskedPaths ReadonlyPaths'],
    ['LinuxIntelRdt?', 'IntelRdt'],
  ],
  LinuxBlockIO: [
    ['uint32', 'Weight LeafWeight'],
    ['[LinuxWeightDevice]', 'WeightDevice'],
    ['[LinuxThrottleDevice]', 'ThrottleReadBpsDevice ThrottleWriteBpsDevice'],
    ['[LinuxThrottleDevice]', 'ThrottleReadIOPSDevice ThrottleWriteIOPSDevice'],
  ],
  LinuxCPU: [
    ['uint64', 'Shares Period RealtimePeriod'],
    ['int64', 'Quota RealtimeRuntime'],
    ['string', 'Cpus Mems'],
  ],
  LinuxCapabilities: [['[string]', 'Bounding Effective Inheritable Permitted Ambient']],
  LinuxDevice: [['string', 'Path Type'], DEVICE_NUMBER, ['uint32', 'FileMode UID GID']],
  LinuxDeviceCgroup: [['bool', 'Allow'], ['string', 'Type Access'], DEVICE_NUMBER],
  LinuxHugepageLimit: [
    ['string', 'Pagesize'],
    ['uint64', 'Limit'],
  ],
  LinuxIDMapping: [['uint32', 'HostID ContainerID Size']],
  LinuxIntelRdt: [['string', 'L3CacheSchema']],
  LinuxInterfacePriority: [
    ['string', 'Name'],
    ['uint32', 'Priority'],
  ],
  LinuxMemory: [
    ['int64', 'Limit Reservation Swap Kernel KernelTCP'],
    ['uint64', 'Swappiness'],
    ['bool', 'DisableOOMKiller'],
  ],
  LinuxNamespace: [['string', 'Type Path']],
  LinuxNetwork: [
    ['uint32', 'ClassID'],
    ['[LinuxInterfacePriority]', 'Priorities'],
  ],
  LinuxPids: [['int64', 'Limit']],
  LinuxResources: [
    ['[LinuxDeviceCgroup]', 'Devices'],
    ['LinuxMemory?', 'Memory'],
    ['LinuxCPU?', 'CPU'],
    ['LinuxPids?', 'Pids'],
    ['LinuxBlockIO?', 'BlockIO'],
    ['[LinuxHugepageLimit]', 'HugepageLimits'],
    ['LinuxNetwork?', 'Network'],
  ],
  LinuxSeccomp: [
    ['string', 'DefaultAction'],
    ['[string]', 'Architectures Flags'],
    ['[LinuxSyscall]', 'Syscalls'],
  ],
  LinuxSeccompArg: [
    ['uint64', 'Index Value ValueTwo'],
    ['string', 'Op'],
  ],
  LinuxSyscall: [
    ['[string]', 'Names'],
    ['string', 'Action'],
    ['[LinuxSeccompArg]', 'Args'],
    ['any?', 'ErrnoRet'],
  ],
  LinuxThrottleDevice: [DEVICE_NUMBER, ['uint64', 'Rate']],
  LinuxWeightDevice: [DEVICE_NUMBER, ['uint32', 'Weight LeafWeight']],
  ListInterfacesRequest: [],
  ListRoutesRequest: [],
  MemAgentCompactConfig: [
    ['bool?', 'disabled'],
    ['uint64?', 'period_secs compact_threshold compact_force_times'],
    ['uint32?', 'period_psi_percent_limit compact_psi_percent_limit compact_order'],
    ['int64?', 'compact_sec_max'],
  ],
  MemAgentMemcgConfig: [
    ['bool?', 'disabled swap'],
    ['uint32?', 'swappiness_max period_psi_percent_limit eviction_psi_percent_limit'],
    ['uint64?', 'period_secs eviction_run_aging_count_min'],
  ],
  MemHotplugByProbeRequest: [['[uint64]', 'memHotplugProbeAddr']],
  Mount: [
    ['string', 'destination source type_'],
    ['[string]', 'options'],
  ],
  OnlineCPUMemRequest: [
    ['bool', 'wait cpu_only'],
    ['uint32', 'nb_cpus'],
  ],
  POSIXRlimit: [
    ['string', 'Type'],
    ['uint64', 'Hard Soft'],
  ],
  PauseContainerRequest: [CONTAINER],
  Process: [
    ['bool', 'Terminal NoNewPrivileges'],
    ['Box?', 'ConsoleSize'],
    ['User?', 'User'],
    ['[string]', 'Args Env'],
    ['string', 'Cwd ApparmorProfile SelinuxLabel'],
    ['LinuxCapabilities?', 'Capabilities'],
    ['[POSIXRlimit]', 'Rlimits'],
    ['int64', 'OOMScoreAdj'],
  ],
  ReadStreamRequest: [PROCESS, ['uint32', 'len']],
  RemoveContainerRequest: [CONTAINER, ['uint32', 'timeout']],
  RemoveStaleVirtiofsShareMountsRequest: [],
  ReseedRandomDevRequest: [['bytes', 'data']],
  ResizeVolumeRequest: [
    ['string', 'volume_guest_path'],
    ['uint64', 'size'],
  ],
  ResumeContainerRequest: [CONTAINER],
  Root: [
    ['string', 'Path'],
    ['bool', 'Readonly'],
  ],
  Route: [
    ['string', 'dest gateway device source'],
    ['uint32', 'scope flags mtu'],
    ['enum', 'family'],
  ],
  Routes: [['[Route]', 'Routes']],
  SetGuestDateTimeRequest: [['int64', 'Sec Usec']],
  SetIPTablesRequest: [
    ['bool', 'is_ipv6'],
    ['bytes', 'data'],
  ],
  SetPolicyRequest: [['string', 'policy']],
  SharedMount: [['string', 'name src_ctr src_path dst_ctr dst_path']],
  SignalProcessRequest: [PROCESS, ['uint32', 'signal']],
  Solaris: [['string', 'dummy']],
  Spec: [
    ['string', 'Version Hostname'],
    ['Process?', 'Process'],
    ['Root?', 'Root'],
    ['[Mount]', 'Mounts'],
    ['Hooks?', 'Hooks'],
    ['{string}', 'Annotations'],
    ['Linux?', 'Linux'],
    ['Solaris?', 'Solaris'],
    ['Windows?', 'Windows'],
  ],
  StartContainerRequest: [CONTAINER],
  StatsContainerRequest: [CONTAINER],
  Storage: [
    ['string', 'driver source fstype mount_point'],
    ['[string]', 'driver_options options'],
    ['FSGroup?', 'fs_group'],
    ['bool', 'shared'],
  ],
  StringUser: [
    ['string', 'uid gid'],
    ['[string]', 'additionalGids'],
  ],
  TtyWinResizeRequest: [PROCESS, ['uint32', 'row column']],
  UpdateContainerRequest: [CONTAINER, ['LinuxResources?', 'resources']],
  UpdateEphemeralMountsRequest: [['[Storage]', 'storages']],
  UpdateInterfaceRequest: [['Interface?', 'interface']],
  UpdateRoutesRequest: [['Routes?', 'routes']],
  User: [
    ['uint32', 'UID GID'],
    ['[uint32]', 'AdditionalGids'],
    ['string', 'Username'],
  ],
  VolumeStatsRequest: [['string', 'volume_guest_path']],
  WaitProcessRequest: [PROCESS],
  Windows: [['string', 'dummy']],
  WriteStreamRequest: [PROCESS, ['bytes', 'data']],
};

/** Every message by name. */
export const MESSAGES: Readonly<Record<string, MessageFields>> = Object.fromEntries(
  Object.entries(GROUPS).map(([message, groups]) => [
    message,
    Object.fromEntries(
      groups.flatMap(([type, names]) => names.split(' ').map((name) => [name, type])),
    ),
  ]),
);

/** Names of the messages that a policy is asked about: the names of the queries. */
export const REQUEST_KINDS: readonly string[] = Object.keys(MESSAGES).filter(
  (name) => name.endsWith('Request') || name.startsWith('MemAgent'),
);
