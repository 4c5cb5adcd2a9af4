/** The CreateContainerRequest that a policy container is made for (spec kata-policy-rules sections 5, 9 and 12). */
import type { JsonObject } from '../../core/json.js';
import type { OciData } from './data.js';
import { ANNOTATIONS, BUNDLES, fillPath } from './synthesize-names.js';
import { synthesizeProcess } from './synthesize-process.js';
import { type ContainerScope, synthesizeDevices, synthesizeVolumes } from './synthesize-volumes.js';

/** Annotations of containers that only the runtime knows, where a policy gives patterns for them. */
const RUNTIME_ANNOTATIONS: readonly (readonly [string, string])[] = [
  ['io.kubernetes.container.terminationMessagePath', '/dev/termination-log'],
  ['io.kubernetes.container.terminationMessagePolicy', 'File'],
];

/** The whole message; the container's id is the name of its bundle. */
export function synthesizeContainer(scope: ContainerScope): JsonObject {
  const { container, names } = scope;
  const { mounts, storages } = synthesizeVolumes(scope);
  const { devices, annotations } = synthesizeDevices(scope);
  return {
    container_id: names.containerId,
    exec_id: names.containerId,
    string_user: null,
    devices,
    storages,
    OCI: {
      Version: container.OCI.Version,
      Process: synthesizeProcess(scope),
      Root: {
        Path: synthesizeRoot(scope),
        Readonly: container.OCI.Root.Readonly,
      },
      Hostname: names.hostName,
      Mounts: mounts,
      Hooks: null,
      Annotations: synthesizeAnnotations(scope, annotations),
      Linux: synthesizeLinux(scope),
      Solaris: null,
      Windows: null,
    },
    sandbox_pidns: container.sandbox_pidns,
    shared_mounts: [],
    stdin_port: 0,
    stdout_port: 0,
    stderr_port: 0,
  };
}

function synthesizeRoot({ container, data, names }: ContainerScope): string {
  return fillPath(container.OCI.Root.Path, data, names);
}

function synthesizeAnnotations(
  scope: ContainerScope,
  devices: readonly (readonly [string, string])[],
): JsonObject {
  const { container, names } = scope;
  const wanted = container.OCI.Annotations;
  const name = wanted?.get(ANNOTATIONS.containerName);
  const patterns = [...(container.runtime_anno_patterns?.keys() ?? [])];
  const common = {
    [ANNOTATIONS.bundlePath]: `${BUNDLES}/${names.containerId}`,
    [ANNOTATIONS.sandboxId]: names.sandboxId,
    [ANNOTATIONS.sandboxName]: names.sandboxName,
    [ANNOTATIONS.sandboxNamespace]: names.namespace,
    [ANNOTATIONS.sandboxUid]: names.podUid,
  };
  if (name === undefined) return { ...common, ...sandboxAnnotations(scope) };
  return {
    ...common,
    [ANNOTATIONS.kataType]: 'pod_container',
    [ANNOTATIONS.containerType]: 'container',
    [ANNOTATIONS.containerName]: name,
    [ANNOTATIONS.imageName]: wanted?.get(ANNOTATIONS.imageName) ?? '',
    ...Object.fromEntries(
      RUNTIME_ANNOTATIONS.filter(([key]) =>
        patterns.some((pattern) => pattern.endsWith(`${key.split('.').at(-1)}$`)),
      ),
    ),
    ...Object.fromEntries(devices),
  };
}

function sandboxAnnotations({ container, data, names }: ContainerScope): JsonObject {
  const network = container.OCI.Annotations?.get(ANNOTATIONS.networkNamespace);
  return {
    [ANNOTATIONS.kataType]: 'pod_sandbox',
    [ANNOTATIONS.containerType]: 'sandbox',
    'io.kubernetes.cri.sandbox-cpu-period': '100000',
    'io.kubernetes.cri.sandbox-cpu-quota': '0',
    'io.kubernetes.cri.sandbox-cpu-shares': '2',
    'io.kubernetes.cri.sandbox-memory': '0',
    [ANNOTATIONS.logDirectory]: `/var/log/pods/${names.namespace}_${names.sandboxName}_${names.podUid}`,
    [ANNOTATIONS.networkNamespace]: fillPath(network ?? '', data, names),
  };
}

function synthesizeLinux({ container, names }: ContainerScope): JsonObject {
  const wanted: OciData['Linux'] = container.OCI.Linux;
  const cpu = { Shares: 2, Quota: 0, Period: 0, RealtimeRuntime: 0, RealtimePeriod: 0 };
  return {
    UIDMappings: [],
    GIDMappings: [],
    Sysctl: Object.fromEntries(wanted.Sysctl ?? []),
    Resources: {
      Devices: [],
      Memory: null,
      CPU: { ...cpu, Cpus: '', Mems: '' },
      Pids: null,
      BlockIO: null,
      HugepageLimits: [],
      Network: null,
    },
    CgroupsPath: `/kubepods/besteffort/pod${names.podUid}/${names.containerId}`,
    Namespaces: wanted.Namespaces.map(({ Type, Path }) => ({ Type, Path })),
    Devices: (wanted.Devices ?? []).map(({ Type, Path }) => ({
      Path,
      Type: Type === '' ? 'b' : Type,
      Major: 254,
      Minor: 0,
      FileMode: 0o660,
      UID: 0,
      GID: 0,
    })),
    Seccomp: null,
    RootfsPropagation: '',
    MaskedPaths: wanted.MaskedPaths,
    ReadonlyPaths: wanted.ReadonlyPaths,
    MountLabel: '',
    IntelRdt: null,
  };
}
