/** Mounts of a container that do not come from volumes (spec kata-policy-data sections 9.1, 9.2 and 9.6). */
import { ToolError } from '../../core/error.js';
import type { PodSpec } from '../../workload/pod.js';
import { type ContainerContext, hasReadOnlyRoot, isPrivileged, noteDefect } from './context.js';
import type { MountData, StorageData } from './data.js';
import { lastPart } from './paths.js';
import type { MountSettings } from './settings.js';

interface BaseMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
  /** The last option says whether the mount can be written: `rw` for privileged containers. */
  readonly hasAccess?: boolean;
  readonly notPause?: boolean;
}

const QUIET = ['nosuid', 'noexec', 'nodev'];

/** What the runtime mounts into every container, in order. */
const BASE_MOUNTS: readonly BaseMount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: QUIET },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: [...QUIET, 'mode=1777', 'size=65536k'],
  },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: QUIET },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: QUIET, hasAccess: true },
  {
    destination: '/sys/fs/cgroup',
    type: 'cgroup',
    source: 'cgroup',
    options: [...QUIET, 'relatime'],
    hasAccess: true,
    notPause: true,
  },
];

const TERMINATION_LOG = '/dev/termination-log';
/** Settings mounts that follow the root file system's access. */
const FOLLOW_ROOT = ['/etc/hostname', '/etc/resolv.conf'];

/** A list of mounts under construction. */
export class MountList {
  readonly mounts: MountData[] = [];

  append(mount: MountData): void {
    this.mounts.push(mount);
  }

  has(destination: string): boolean {
    return this.mounts.some((mount) => mount.destination === destination);
  }

  /** Replaces type, source and options of the mount at `destination`, else appends `mount`. */
  upsert(mount: MountData, destination = mount.destination): void {
    const index = this.mounts.findIndex((other) => other.destination === destination);
    if (index < 0) this.mounts.push(mount);
    else this.mounts[index] = { ...mount, destination };
  }
}

/** Where mounts and storages of a container gather. */
export interface MountPlan {
  readonly context: ContainerContext;
  readonly mounts: MountList;
  readonly storages: StorageData[];
}

/** The base mounts and those of the settings. Throws MANIFEST_UNSUPPORTED for a mount with subPath. */
export function buildMounts(context: ContainerContext): MountList {
  const list = new MountList();
  const access = hasWritableSys(context) ? 'rw' : 'ro';
  for (const mount of BASE_MOUNTS) {
    if (mount.notPause === true && context.isPause) continue;
    list.append({
      destination: mount.destination,
      source: mount.source,
      type_: mount.type,
      options: mount.hasAccess === true ? [...mount.options, access] : mount.options,
    });
  }
  refuseSubPaths(context);
  for (const setting of context.own.mounts) addSettingsMount(list, setting, context);
  return list;
}

function hasWritableSys(context: ContainerContext): boolean {
  return context.isPause && context.guest.mounts.pauseSysFollowsPod
    ? containersOf(context.workload.pod).some(isPrivileged)
    : isPrivileged(context.container);
}

function containersOf(pod: PodSpec): PodSpec['containers'] {
  return [...pod.initContainers, ...pod.containers];
}

function refuseSubPaths(context: ContainerContext): void {
  for (const mount of context.container.volumeMounts) {
    if (mount.subPath === undefined) continue;
    throw new ToolError('MANIFEST_UNSUPPORTED', `volume mount ${mount.mountPath} has a subPath`, {
      where: mount.at,
      want: 'a mount of the whole volume: kata containers do not support subPath',
      got: mount.subPath,
      hints: ['mount the whole volume, or use one volume per path'],
    });
  }
}

function addSettingsMount(
  list: MountList,
  setting: MountSettings,
  context: ContainerContext,
): void {
  const { asReference, container, settings, isPause } = context;
  const isWanted =
    settings.mountDestinations.includes(setting.destination) ||
    container.volumeMounts.some((mount) => mount.mountPath === setting.destination);
  if (!isWanted) return;
  const isTerminationLog = setting.destination === TERMINATION_LOG;
  const path = isTerminationLog ? container.terminationMessagePath : undefined;
  if (path === '' && asReference)
    noteDefect(context, 'the empty terminationMessagePath is a mount');
  const destination = asReference ? (path ?? setting.destination) : path || setting.destination;
  const followsRoot =
    !isPause && FOLLOW_ROOT.includes(setting.destination) && !list.has(setting.destination);
  const access = hasReadOnlyRoot(container) ? 'ro' : 'rw';
  const mount: MountData = {
    destination,
    source: settingsSource(setting, destination),
    type_: setting.type,
    options: followsRoot ? [...setting.options, access] : setting.options,
  };
  list.upsert(mount, setting.destination);
}

function settingsSource(setting: MountSettings, destination: string): string {
  const name = lastPart(destination);
  const isShared = setting.source === '' && setting.type === 'bind' && name !== undefined;
  return isShared ? `$(sfprefix)${name}$` : setting.source;
}
