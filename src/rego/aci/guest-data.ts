/** What the guest puts beside a policy in the data document (spec aci-framework 3.1, 5.5 and 5.6). */
import type { JsonObject } from '../../core/json.js';

export type GuestOs = 'linux' | 'windows';

type MountRow = readonly [destination: string, type: string, source: string, options: string];

const DEFAULT_MOUNTS: readonly MountRow[] = [
  ['/proc', 'proc', 'proc', 'nosuid noexec nodev'],
  ['/dev', 'tmpfs', 'tmpfs', 'nosuid strictatime mode=755 size=65536k'],
  ['/dev/pts', 'devpts', 'devpts', 'nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5'],
  ['/dev/shm', 'tmpfs', 'shm', 'nosuid noexec nodev mode=1777 size=65536k'],
  ['/dev/mqueue', 'mqueue', 'mqueue', 'nosuid noexec nodev'],
  ['/sys', 'sysfs', 'sysfs', 'nosuid noexec nodev ro'],
  ['/run', 'tmpfs', 'tmpfs', 'nosuid strictatime mode=755 size=65536k'],
  ['/sys/fs/cgroup', 'cgroup', 'cgroup', 'nosuid noexec nodev relatime ro'],
  ['/sys/fs/cgroup', 'cgroup2', 'cgroup2', 'nosuid noexec nodev relatime ro'],
];
const PRIVILEGED_MOUNTS: readonly MountRow[] = [
  ['/sys/fs/cgroup', 'cgroup', 'cgroup', 'nosuid noexec nodev relatime rw'],
  ['/sys/fs/cgroup', 'cgroup2', 'cgroup2', 'nosuid noexec nodev relatime rw'],
  ['/sys', 'sysfs', 'sysfs', 'nosuid noexec nodev rw'],
];

/** Capabilities of a container without privileges, in the order of the guest. */
export const UNPRIVILEGED_CAPABILITIES: readonly string[] = namesOf(
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE',
);

/** Capabilities of a privileged container, in the order of the guest. */
export const PRIVILEGED_CAPABILITIES: readonly string[] = namesOf(
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE',
);

/** A mount of the data document. */
export interface GuestMount extends JsonObject {
  readonly destination: string;
  readonly options: readonly string[];
  readonly source: string;
  readonly type: string;
}

/** Members of the data document that are there from the start; the same object for the same system. */
export function startData(os: GuestOs): JsonObject {
  return START[os];
}

function makeStart(os: GuestOs): JsonObject {
  const isLinux = os === 'linux';
  return {
    defaultMounts: isLinux ? defaultMounts() : [],
    privilegedMounts: isLinux ? PRIVILEGED_MOUNTS.map(mountOf) : [],
    sandboxPrefix: 'sandbox://',
    hugePagesPrefix: 'hugepages://',
    plan9Prefix: 'plan9://',
    defaultUnprivilegedCapabilities: UNPRIVILEGED_CAPABILITIES,
    defaultPrivilegedCapabilities: PRIVILEGED_CAPABILITIES,
  };
}

const START: Readonly<Record<GuestOs, JsonObject>> = {
  linux: makeStart('linux'),
  windows: makeStart('windows'),
};

/** What the reference's policy simulator starts with instead. */
export function simulatorData(): JsonObject {
  const { plan9Prefix: _absent, ...data } = startData('linux');
  return { ...data, defaultMounts: [], privilegedMounts: [] };
}

/** Mounts that each Linux container gets from the runtime. */
export function defaultMounts(): readonly GuestMount[] {
  return DEFAULT_MOUNTS.map(mountOf);
}

function mountOf([destination, type, source, options]: MountRow): GuestMount {
  return { destination, options: options.split(' '), source, type };
}

function namesOf(names: string): readonly string[] {
  return names.split(' ').map((name) => `CAP_${name}`);
}
