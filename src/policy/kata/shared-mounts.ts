/** Bind mounts from the directory that the host shares with the guest (spec kata-policy-data section 9.4). */
import { ToolError } from '../../core/error.js';
import type { VolumeMount } from '../../workload/pod.js';
import type { ContainerContext } from './context.js';
import type { MountData } from './data.js';
import type { VolumeRules } from './guests.js';
import { afterLastSlash, escapeRegex, lastPart } from './paths.js';

export const READ_ONLY_BIND: readonly string[] = ['rbind', 'rprivate', 'ro'];
const READ_WRITE_BIND: readonly string[] = ['rbind', 'rprivate', 'rw'];

const SHARED_NAMES: Readonly<Record<VolumeRules['sharedName'], (mount: VolumeMount) => string>> = {
  'after-slash': (mount) => afterLastSlash(mount.mountPath),
  'last-part-escaped': (mount) => escapeRegex(nameOfMount(mount)),
};

/** A bind mount at the mount's path. */
export function bindAt(mount: VolumeMount, source: string, options: readonly string[]): MountData {
  return { destination: mount.mountPath, source, type_: 'bind', options };
}

/** A shared mount: its source is a regex that ends with the last part of the mount path, by the guest's rule. */
export function sharedBind(
  context: ContainerContext,
  mount: VolumeMount,
  options: readonly string[],
): MountData {
  const name = SHARED_NAMES[context.guest.volumes.sharedName](mount);
  return bindAt(mount, `$(sfprefix)${name}$`, options);
}

/** Options as the manifest asks for them. */
export function askedOptions(mount: VolumeMount): readonly string[] {
  const propagation = mount.mountPropagation === 'Bidirectional' ? 'rshared' : 'rprivate';
  return ['rbind', propagation, askedAccess(mount)];
}

/** Options of claims, which some guests give without asking the manifest. */
export function claimOptions(context: ContainerContext, mount: VolumeMount): readonly string[] {
  return context.guest.volumes.claimOptions ? askedOptions(mount) : READ_WRITE_BIND;
}

/** `ro` for readOnly: true. */
export function askedAccess(mount: VolumeMount): 'ro' | 'rw' {
  return mount.readOnly === true ? 'ro' : 'rw';
}

/** Last part of the mount path. Throws MANIFEST_UNSUPPORTED if it has none, as `/`. */
export function nameOfMount(mount: VolumeMount): string {
  const name = lastPart(mount.mountPath);
  if (name !== undefined) return name;
  throw new ToolError(
    'MANIFEST_UNSUPPORTED',
    `volume ${mount.name} is mounted at a path without a name`,
    {
      where: mount.at,
      want: 'a mountPath such as /data',
      got: mount.mountPath,
    },
  );
}
