/** Devices, namespaces, paths and kernel settings of a request (spec kata-policy-rules sections 9.10 and 9.11). */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { sameJson } from '../../../core/json-equal.js';
import { synthesizeDevices } from '../synthesize-volumes.js';
import {
  type Check,
  type CheckScope,
  type FailedCheck,
  type Repair,
  shown,
  yamlOf,
} from './check.js';
import { listOf, objectOf, textOf, textsOf } from './view.js';

const LINUX = ['OCI', 'Linux'];
const GPU_ANNOTATION = /^cdi\.k8s\.io\/vfio[0-9]+$/;

function linuxOf(message: JsonObject): JsonObject {
  return objectOf(objectOf(message.OCI).Linux);
}

export const checkProcessNamespace: Check = ({ container, message }) => {
  const value = container.sandbox_pidns;
  if (message.sandbox_pidns === value) return [];
  return [
    {
      id: 'process-namespace',
      path: 'sandbox_pidns',
      message: 'whether the containers of the pod see the processes of each other differs',
      policy: shown(value),
      request: shown(message.sandbox_pidns),
      fix: 'set spec.shareProcessNamespace and write the policy again',
      repairs: [{ path: ['sandbox_pidns'], value }],
    },
  ];
};

export const checkVersion: Check = ({ container, message }) => {
  const value = container.OCI.Version;
  const given = objectOf(message.OCI).Version;
  if (given === value) return [];
  return [
    {
      id: 'oci-version',
      path: 'OCI.Version',
      message: 'containerd speaks another version of the OCI specification',
      policy: shown(value),
      request: shown(given),
      fix: 'write the policy for the guest version of the node (--guest), or set kata_config.oci_version in the settings',
      repairs: [{ path: ['OCI', 'Version'], value }],
    },
  ];
};

/** Volume devices by their path; GPUs by number, with the annotations that name them. */
export const checkDevices: Check = (scope) => {
  if (!scope.rules.checksDevices) return [];
  const { devices: wanted, annotations } = synthesizeDevices(scope);
  const given = listOf(scope.message.devices).map(objectOf);
  const prefix = vfioPrefix(scope);
  const isGpu = (device: JsonObject) =>
    prefix !== undefined && textOf(device.container_path).startsWith(prefix);
  const paths = wanted.filter((one) => !isGpu(one)).map((one) => one.container_path ?? null);
  const failed = given.flatMap((device, i) =>
    isGpu(device) || paths.includes(device.container_path ?? null)
      ? []
      : [unknownDevice(device, i, scope)],
  );
  const gpus = given.filter(isGpu);
  const named = Object.keys(objectOf(objectOf(scope.message.OCI).Annotations)).filter((key) =>
    GPU_ANNOTATION.test(key),
  );
  const count = annotations.length;
  if (gpus.length === count && named.length === count)
    return [...failed, ...otherGpus(gpus, scope), ...otherNumbers(gpus, named, scope)];
  if (gpus.length === 0 && (count === 0 || named.length === count)) return failed;
  return [...failed, gpuCount(count, gpus.length, named.length, scope)];
};

function vfioPrefix({ data }: CheckScope): string | undefined {
  const vfio = objectOf(data.devices?.vfio as JsonValue | undefined);
  return typeof vfio.device_path === 'string' ? vfio.device_path : undefined;
}

function unknownDevice(device: JsonObject, i: number, { container }: CheckScope): FailedCheck {
  return {
    id: 'device',
    path: `devices[${i}]`,
    message: `the policy has no device at ${textOf(device.container_path)}`,
    policy: 'no such device',
    request: shown(device),
    fix: `add the device to ${yamlOf(container)}.volumeDevices and write the policy again, or remove it`,
    repairs: [{ path: ['devices', i] }],
  };
}

/** GPUs whose number, type or address on the bus has another form. */
function otherGpus(gpus: readonly JsonObject[], scope: CheckScope): readonly FailedCheck[] {
  const { devices } = synthesizeDevices(scope);
  const [model] = devices.slice(-1);
  const address =
    /^[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7]=[0-9a-fA-F]{2}\/[0-9a-fA-F]{2}$/;
  const prefix = vfioPrefix(scope) ?? '';
  return gpus.flatMap((gpu, i) => {
    const number = textOf(gpu.container_path).slice(prefix.length);
    const options = textsOf(gpu.options);
    const fits =
      /^[0-9]+$/.test(number) &&
      gpu.id === `vfio${number}` &&
      gpu.type_ === model?.type_ &&
      gpu.vm_path === model?.vm_path &&
      options.length > 0 &&
      options.every((option) => address.test(option));
    return fits
      ? []
      : [gpuFailure(`GPU ${i + 1} has another form`, scope, [shown(model), shown(gpu)])];
  });
}

/** Devices and annotations must name the same GPUs, each once. */
function otherNumbers(
  gpus: readonly JsonObject[],
  annotations: readonly string[],
  scope: CheckScope,
): readonly FailedCheck[] {
  const prefix = vfioPrefix(scope) ?? '';
  const devices = gpus.map((gpu) => textOf(gpu.container_path).slice(prefix.length)).toSorted();
  const named = annotations.map((key) => key.replace('cdi.k8s.io/vfio', '')).toSorted();
  if (new Set(devices).size === devices.length && sameJson(devices, named)) return [];
  const message = 'devices and annotations do not name the same GPUs';
  return [gpuFailure(message, scope, [`annotations for ${shown(devices)}`, shown(named)])];
}

function gpuCount(
  wanted: number,
  devices: number,
  annotations: number,
  scope: CheckScope,
): FailedCheck {
  const given = `${devices} devices, ${annotations} annotations`;
  return gpuFailure('the number of GPUs differs', scope, [`${wanted} of each`, given]);
}

function gpuFailure(
  message: string,
  scope: CheckScope,
  [policy, request]: readonly [string, string],
): FailedCheck {
  const { devices, annotations } = synthesizeDevices(scope);
  const given = objectOf(objectOf(scope.message.OCI).Annotations);
  const others = Object.entries(given).filter(([key]) => !GPU_ANNOTATION.test(key));
  const repairs: readonly Repair[] = [
    { path: ['devices'], value: devices },
    { path: ['OCI', 'Annotations'], value: Object.fromEntries([...others, ...annotations]) },
  ];
  return {
    id: 'gpu',
    path: 'devices',
    message,
    policy,
    request,
    fix: `set the GPU limits in ${yamlOf(scope.container)}.resources.limits and write the policy again`,
    repairs,
  };
}

export const checkNamespaces: Check = ({ container, message, rules }) => {
  const wanted = container.OCI.Linux.Namespaces.map(({ Type, Path }) => ({ Type, Path }));
  const given = listOf(linuxOf(message).Namespaces).map(objectOf);
  const left = LEFT_OUT[rules.namespaces];
  const compared = given.filter(({ Type }) => !left.includes(textOf(Type)));
  const plain = rules.capabilities === 'sets' ? plainType : (entry: JsonObject) => entry;
  const isSame = sameJson(compared.map(plain), wanted.map(plain));
  if (isSame) return [];
  const path = [...LINUX, 'Namespaces'];
  const kept = given.filter(({ Type }) => left.includes(textOf(Type)));
  return [
    {
      id: 'namespaces',
      path: path.join('.'),
      message: 'the container shares other namespaces',
      policy: shown(wanted),
      request: shown(given),
      fix: 'set spec.hostNetwork and write the policy again; everything else is chosen by the runtime on the node',
      repairs: [{ path, value: [...wanted, ...kept] }],
    },
  ];
};

const LEFT_OUT: Readonly<Record<CheckScope['rules']['namespaces'], readonly string[]>> = {
  all: [],
  'but-network': ['network'],
  'but-network-and-cgroup': ['network', 'cgroup'],
};

/** `mount` and `mnt` are two words for one type. */
function plainType({ Type, Path }: JsonObject): JsonObject {
  const type = textOf(Type);
  return { Type: type.toLowerCase() === 'mount' ? 'mnt' : type, Path: Path ?? '' };
}

/** Paths that the policy hides must be hidden; more may be. */
export const checkHiddenPaths: Check = ({ container, message }) => {
  const wanted = container.OCI.Linux;
  const given = linuxOf(message);
  const masked = textsOf(given.MaskedPaths);
  const readOnly = textsOf(given.ReadonlyPaths);
  const rows = [
    ['MaskedPaths', wanted.MaskedPaths, masked, masked],
    ['ReadonlyPaths', wanted.ReadonlyPaths, readOnly, [...readOnly, ...masked]],
  ] as const;
  return rows.flatMap(([field, paths, own, found]) => {
    const absent = paths.filter((path) => !found.includes(path));
    if (absent.length === 0) return [];
    const path = [...LINUX, field];
    return [
      {
        id: 'hidden-paths',
        path: path.join('.'),
        message: `paths are open that the policy has ${field === 'MaskedPaths' ? 'hidden' : 'read-only'}`,
        policy: shown(absent),
        request: 'not in the list',
        fix: `set ${yamlOf(container)}.securityContext.privileged (or procMount) and write the policy again`,
        repairs: [{ path, value: [...own, ...absent] }],
      },
    ];
  });
};

export const checkLinuxDevices: Check = ({ container, message, rules }) => {
  if (!rules.checksDevices) return [];
  const paths = (container.OCI.Linux.Devices ?? []).map(({ Path }) => Path);
  return listOf(linuxOf(message).Devices).flatMap((value, i) => {
    const device = objectOf(value);
    if (paths.includes(textOf(device.Path))) return [];
    return [
      {
        id: 'device',
        path: `OCI.Linux.Devices[${i}]`,
        message: `the policy has no device node ${textOf(device.Path)}`,
        policy: shown(paths),
        request: shown(device.Path),
        fix: `add it to ${yamlOf(container)}.volumeDevices and write the policy again, or remove it`,
        repairs: [{ path: [...LINUX, 'Devices', i] }],
      },
    ];
  });
};

export const checkSysctls: Check = ({ container, message, rules }) => {
  if (rules.sysctls === 'none') return [];
  const wanted = container.OCI.Linux.Sysctl;
  if (wanted === undefined) return [noSysctls()];
  return Object.entries(objectOf(linuxOf(message).Sysctl)).flatMap(([name, value]) => {
    if (wanted?.get(name) === value) return [];
    const path = [...LINUX, 'Sysctl', name];
    const allowed = wanted?.get(name);
    return [
      {
        id: 'sysctl',
        path: `OCI.Linux.Sysctl["${name}"]`,
        message: `kernel setting ${name} differs`,
        policy: shown(allowed),
        request: shown(value),
        fix: `set ${name} in spec.securityContext.sysctls and write the policy again, or remove it`,
        repairs: [allowed === undefined ? { path } : { path, value: allowed }],
      },
    ];
  });
};

/** Rules look a setting up in the policy's; where it has none at all, they fail even for a request without. */
function noSysctls(): FailedCheck {
  return {
    id: 'sysctl',
    path: 'OCI.Linux.Sysctl',
    message: 'the policy has no kernel settings at all, with which its rules allow no container',
    policy: 'no Linux.Sysctl',
    fix: 'set at least one sysctl in the settings (other_container.Linux.Sysctl and pause_container) and write the policy again',
    repairs: [],
  };
}
