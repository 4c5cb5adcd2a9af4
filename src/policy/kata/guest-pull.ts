/**
 * Check for guests that pull images themselves (spec kata-policy-data section 8.6): they do not read the image's user,
 * so what is not stated in the manifest must be root.
 */
import { ToolError } from '../../core/error.js';
import type { ContainerContext } from './context.js';
import type { UserData } from './data.js';

/** Throws MANIFEST_UNSUPPORTED naming the fields to set. Does nothing where the guest does not pull images. */
export function checkGuestPull(context: ContainerContext, user: UserData): void {
  const { container, guest, isPause, settings } = context;
  if (!guest.users.guestPullCheck || !settings.guestPull || isPause) return;
  const fields = findUnstated(context, user);
  if (fields.length === 0) return;
  throw new ToolError(
    'MANIFEST_UNSUPPORTED',
    `container ${container.name} runs as a user that only image ${container.image} names, but the guest pulls the image`,
    {
      where: container.at,
      want: `the user in the manifest: ${fields.join(', ')}`,
      got: `${user.UID}:${user.GID} with groups ${user.AdditionalGids.join(', ')}`,
      hints: [
        `set ${fields.join(', ')} in the securityContext of the ${fields.some(isPodField) ? 'pod' : 'container or pod'}`,
        'or set cluster_config.guest_pull to false in the settings if the host pulls the images',
      ],
    },
  );
}

/** Fields of the security context that would state what the image says. */
function findUnstated(context: ContainerContext, user: UserData): readonly string[] {
  const pod = context.workload.pod.securityContext;
  const own = context.container.securityContext;
  const fields: string[] = [];
  if (user.UID !== 0 && user.UID !== (own?.runAsUser ?? pod?.runAsUser)) {
    fields.push(`runAsUser: ${user.UID}`);
  }
  if (user.GID !== 0 && user.GID !== (own?.runAsGroup ?? pod?.runAsGroup)) {
    fields.push(`runAsGroup: ${user.GID}`);
  }
  const stated = new Set([user.GID, pod?.fsGroup, ...(pod?.supplementalGroups ?? [])]);
  const groups = user.AdditionalGids.filter((gid) => !stated.has(gid));
  if (groups.length > 0) fields.push(`supplementalGroups: [${groups.join(', ')}]`);
  return fields;
}

function isPodField(field: string): boolean {
  return field.startsWith('supplementalGroups');
}
