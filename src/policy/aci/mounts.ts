/** Mounts of a container (aci policy 6.8). */
import { type DataMap, mapOf } from '../../core/data.js';
import type { ContainerGroup, GroupContainer, GroupMount } from '../../workload/container-group.js';
import { DEFAULT_MOUNTS, MOUNT_SOURCES } from './constants.js';
import type { AciGuest } from './guests.js';

/** The mounts of the input, then the defaults unless the container is a side-car of the platform. */
export function buildMounts(
  group: ContainerGroup,
  { mounts }: GroupContainer,
  { sidecar, guest }: { readonly sidecar: boolean; readonly guest: AciGuest },
): readonly DataMap[] {
  const taken = new Set(mounts.map(({ destination }) => destination));
  const defaults = DEFAULT_MOUNTS[group.defaults].filter(
    ({ destination }) => !guest.mergesDefaultMounts || !taken.has(destination),
  );
  return [...mounts, ...(sidecar ? [] : defaults)].map(buildMount);
}

/** One mount of a policy. */
export function buildMount({ type, destination, readOnly, options = [] }: GroupMount): DataMap {
  return mapOf({
    destination,
    options: options.length > 0 ? options : ['rbind', 'rshared', readOnly ? 'ro' : 'rw'],
    source: MOUNT_SOURCES[type],
    type: 'bind',
  });
}
