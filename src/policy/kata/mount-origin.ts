/** Where the content of a mount comes from, by its source in the policy (spec kata-policy-data section 9). */
import type { MountData } from './data.js';

export type MountOrigin =
  | 'kernel'
  | 'memory'
  | 'guest-directory'
  | 'guest-path'
  | 'host-share'
  | 'block-device'
  | 'other';

interface OriginRow {
  readonly origin: MountOrigin;
  readonly source: RegExp;
  readonly words: string;
}

const KERNEL_TYPES: readonly string[] = ['proc', 'sysfs', 'cgroup', 'mqueue', 'devpts', 'tmpfs'];

const ORIGINS: readonly OriginRow[] = [
  { origin: 'host-share', source: /^\$\(sfprefix\)/, words: 'shared by the host' },
  {
    origin: 'host-share',
    source: /^\^\$\(cpath\)\/(?:sandbox-|watchable\/)/,
    words: 'shared by the host',
  },
  {
    origin: 'host-share',
    source: /^\^\/run\/kata-containers\/shared\/containers\//,
    words: 'shared by the host',
  },
  {
    origin: 'guest-directory',
    source: /^\^\$\(cpath\)\/\$\(sandbox-id\)\//,
    words: 'a directory of the guest',
  },
  {
    origin: 'memory',
    source: /^\^?\/run\/kata-containers\/sandbox\/(?:ephemeral\/|shm$)/,
    words: 'memory of the guest',
  },
  { origin: 'block-device', source: /^\$\(spath\)\//, words: 'a block device from the host' },
  { origin: 'block-device', source: /^$/, words: 'a block device from the host, or any source' },
  { origin: 'guest-path', source: /^\/(?:dev|sys)(?:\/|$)/, words: 'a path of the guest' },
];

/** The origin of a mount, and words for it. */
export function originOf({ source, type_ }: MountData): {
  readonly origin: MountOrigin;
  readonly words: string;
} {
  if (KERNEL_TYPES.includes(type_)) return { origin: 'kernel', words: 'the kernel of the guest' };
  const row = ORIGINS.find((one) => one.source.test(source));
  if (row === undefined) return { origin: 'other', words: 'a source that matches the pattern' };
  return { origin: row.origin, words: row.words };
}

/** Destinations that every container gets from the host: names, addresses and tokens, nothing that it runs. */
export const USUAL_SHARES: readonly string[] = [
  '/etc/hosts',
  '/etc/hostname',
  '/etc/resolv.conf',
  '/dev/termination-log',
  '/var/run/secrets/kubernetes.io/serviceaccount',
  '/var/run/secrets/azure/tokens',
];
