/** Persistent volume claims, ephemeral volumes and claim templates (spec kata-policy-data section 9.5). */
import type { Claim, VolumeMount } from '../../workload/pod.js';
import { type ContainerContext, noteDefect } from './context.js';
import type { StorageData } from './data.js';
import type { MountPlan } from './mounts.js';
import { askedOptions, bindAt, claimOptions, nameOfMount, sharedBind } from './shared-mounts.js';
import { buildStorage } from './storages.js';

/** Mount point of a volume that is attached to the guest as a device or network share. */
const DIRECT_VOLUME = '$(spath)/$(b64-direct-vol-path)';
/** Where guests without storage classes see the claims of a StatefulSet. */
const CLAIM_TEMPLATE_SOURCE = '^/run/kata-containers/shared/containers/$(bundle-id)-[a-z0-9]{16}-';

/** Adds a claim of a storage class: a direct volume where the settings know the class, else a shared mount. */
export function addClaim(
  plan: MountPlan,
  mount: VolumeMount,
  storageClass: string | undefined,
): void {
  const { context } = plan;
  const storage = directStorage(context, storageClass);
  if (storage !== undefined) {
    plan.storages.push(storage);
    plan.mounts.upsert(bindAt(mount, DIRECT_VOLUME, askedOptions(mount)));
    return;
  }
  if (context.guest.volumes.storageClasses !== undefined && storageClass !== undefined) {
    context.notices({
      code: 'storage-class-unknown',
      message: `storage class ${storageClass} is not in the settings, so its volume counts as a shared mount`,
      where: mount.at,
    });
  }
  plan.mounts.upsert(sharedBind(context, mount, claimOptions(context, mount)));
}

/** The claim of a name; the references do not look into a List. */
export function findClaim(context: ContainerContext, name: string): Claim | undefined {
  const { asReference, attachments, guest } = context;
  const claims = attachments.claims.filter((claim) => claim.name === name);
  const found = claims.find(({ inList }) => !(asReference && inList));
  if (found === undefined && claims.length > 0 && guest.volumes.storageClasses !== undefined) {
    noteDefect(context, `the claim ${name} of a List is not looked at`);
  }
  return found;
}

/** Adds the mounts of the StatefulSet's claim templates, in the order of the container's mounts. */
export function addClaimTemplates(plan: MountPlan): void {
  const { container, guest, workload } = plan.context;
  for (const mount of container.volumeMounts) {
    for (const template of workload.claimTemplates) {
      if (template.name !== mount.name) continue;
      if (guest.volumes.storageClasses !== undefined) {
        addClaim(plan, mount, template.storageClassName);
      } else {
        const source = `${CLAIM_TEMPLATE_SOURCE}${nameOfMount(mount)}$`;
        plan.mounts.append(bindAt(mount, source, ['rbind', 'rprivate', 'rw']));
      }
    }
  }
}

function directStorage(
  context: ContainerContext,
  storageClass: string | undefined,
): StorageData | undefined {
  const rules = context.guest.volumes.storageClasses;
  const known = context.settings.storageClasses;
  if (rules === undefined || known === undefined || storageClass === undefined) return undefined;
  const shared = { source: rules.source, mount_point: DIRECT_VOLUME };
  if (known.block.includes(storageClass)) {
    return buildStorage(context.guest, { ...shared, driver: 'blk', fstype: rules.blockFstype });
  }
  const options = known.smb.get(storageClass);
  if (options === undefined) return undefined;
  return buildStorage(context.guest, {
    ...shared,
    driver: 'smb',
    fstype: rules.smbFstype,
    options,
  });
}
