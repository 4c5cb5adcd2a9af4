/** Namespaces, paths, devices and kernel settings of a container (spec kata-policy-data section 8.7). */
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import { type ContainerContext, isPrivileged } from './context.js';
import type { AgentDeviceData, DeviceNodeData, LinuxData } from './data.js';

const MASKED_PATHS = [
  '/proc/acpi',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
];
const READONLY_PATHS = [
  '/proc/asound',
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

/** Annotations that the runtime may set to any valid value. */
const RUNTIME_ANNOTATIONS: readonly (readonly [string, string])[] = [
  ['^io\\.kubernetes\\.container\\.terminationMessagePath$', '^/.*$'],
  ['^io\\.kubernetes\\.container\\.terminationMessagePolicy$', '^(File|FallbackToLogsOnError)$'],
];

export function buildLinux(context: ContainerContext): LinuxData {
  const { guest, own } = context;
  const paths = (always: readonly string[], standard: readonly string[]) =>
    always.length > 0 ? always : isPrivileged(context.container) ? [] : standard;
  return {
    Namespaces: buildNamespaces(context),
    MaskedPaths: paths(own.maskedPaths, MASKED_PATHS),
    ReadonlyPaths: paths(own.readonlyPaths, READONLY_PATHS),
    Devices: guest.devices ? [...volumeDeviceNodes(context), ...own.devices] : undefined,
    Sysctl: guest.sysctls ? buildSysctls(context) : undefined,
  };
}

function buildNamespaces(context: ContainerContext): readonly DeviceNodeData[] {
  const isOnHost = context.isPause && context.workload.pod.hostNetwork;
  const types = isOnHost ? ['ipc', 'mount'] : ['ipc', 'uts', 'mount'];
  return types.map((Type) => ({ Type, Path: '' }));
}

function volumeDeviceNodes(context: ContainerContext): readonly DeviceNodeData[] {
  return context.container.volumeDevices.map(({ devicePath }) => ({ Type: '', Path: devicePath }));
}

/** Settings first, then the pod's; every container has them all. */
function buildSysctls(context: ContainerContext): ReadonlyMap<string, string> | undefined {
  const sysctls = new Map(context.own.sysctls);
  for (const { name, value } of context.workload.pod.securityContext?.sysctls ?? []) {
    sysctls.set(name, value);
  }
  return sysctls.size === 0 ? undefined : sysctls;
}

/**
 * Agent devices: volume devices, then GPUs. Throws MANIFEST_UNSUPPORTED for a path that is reserved for GPUs, and
 * LIMIT_EXCEEDED.
 */
export function buildDevices(context: ContainerContext): readonly AgentDeviceData[] | undefined {
  if (!context.guest.devices) return undefined;
  const { container } = context;
  const { vfio } = context.settings;
  for (const { devicePath } of container.volumeDevices) {
    if (vfio === undefined || !devicePath.startsWith(vfio.devicePath)) continue;
    throw new ToolError('MANIFEST_UNSUPPORTED', `volume device ${devicePath} has a reserved path`, {
      where: container.at,
      want: `a path that does not start with ${vfio.devicePath}`,
      hints: ['GPUs are given by resources.limits, not as volume devices'],
    });
  }
  const device = (type_: string, container_path: string): AgentDeviceData => ({
    id: '',
    type_,
    vm_path: '',
    container_path,
    options: [],
  });
  return [
    ...container.volumeDevices.map(({ devicePath }) => device('', devicePath)),
    ...Array.from({ length: countGpus(context) }, () =>
      device(vfio?.gpuDeviceType ?? '', vfio?.devicePath ?? ''),
    ),
  ];
}

/** Regexes of annotations that only the runtime knows, and of GPUs; none for the pause container. */
export function buildRuntimeAnnotations(
  context: ContainerContext,
): ReadonlyMap<string, string> | undefined {
  if (!context.guest.runtimeAnnotationPatterns) return undefined;
  if (context.isPause) return new Map();
  const { vfio } = context.settings;
  const gpus: readonly (readonly [string, string])[] =
    vfio !== undefined && countGpus(context) > 0
      ? [[vfio.annotationKeyRegex, vfio.gpuAnnotationValueRegex]]
      : [];
  return new Map([...RUNTIME_ANNOTATIONS, ...gpus]);
}

/** Sum of the GPU limits; one that is not a plain integer makes all of them count as none. */
function countGpus(context: ContainerContext): number {
  const { container, settings } = context;
  const texts = (settings.vfio?.gpuResourceKeys ?? []).flatMap(
    (key) => container.limits?.get(key) ?? [],
  );
  if (!texts.every((text) => /^\+?[0-9]+$/.test(text))) return 0;
  const count = texts.reduce((sum, text) => sum + Number(text), 0);
  if (count <= LIMITS.gpus) return count;
  throw new ToolError('LIMIT_EXCEEDED', `container ${container.name} asks for too many GPUs`, {
    where: container.at,
    want: `at most ${LIMITS.gpus}`,
    got: String(count),
  });
}
