/**
 * Volumes of a container -> mounts and storages (spec kata-policy-data sections 9.4 and 9.6). Volumes without a mount
 * and mounts without a volume have no effect.
 */
import { ToolError } from '../../core/error.js';
import type { Volume, VolumeMount } from '../../workload/pod.js';
import { addClaim, addClaimTemplates, findClaim } from './claims.js';
import type { MountData, StorageData } from './data.js';
import type { VolumeRules } from './guests.js';
import type { MountPlan } from './mounts.js';
import { afterLastSlash, escapeRegex, isBelow, lastPart } from './paths.js';
import type { EmptyDirForm, EmptyDirSettings, ImageVolumeSettings } from './settings-volumes.js';
import {
  askedAccess,
  askedOptions,
  bindAt,
  claimOptions,
  nameOfMount,
  READ_ONLY_BIND,
  sharedBind,
} from './shared-mounts.js';
import { buildStorage } from './storages.js';

/**
 * Adds the mounts and storages of the pod's volumes, the claim templates and the image's volumes, in the guest's
 * order. Throws MANIFEST_UNSUPPORTED for a mount path without a last part where one is needed.
 */
export function addVolumes(plan: MountPlan): void {
  const { claimTemplates } = plan.context.guest.volumes;
  if (claimTemplates === 'before-volumes') addClaimTemplates(plan);
  for (const volume of plan.context.workload.pod.volumes) {
    for (const mount of plan.context.container.volumeMounts) {
      if (mount.name === volume.name) addVolume(plan, mount, volume);
    }
  }
  if (claimTemplates === 'after-volumes') addClaimTemplates(plan);
  addImageVolumes(plan);
  if (claimTemplates === 'after-image-volumes') addClaimTemplates(plan);
}

function addVolume(plan: MountPlan, mount: VolumeMount, { source }: Volume): void {
  switch (source.kind) {
    case 'empty-dir':
      addEmptyDir(plan, mount, source.medium);
      break;
    case 'config-map':
    case 'secret':
      addConfigVolume(plan, mount);
      break;
    case 'host-path':
      plan.mounts.upsert(hostPathMount(plan, mount, source.path));
      break;
    case 'persistent-volume-claim': {
      addClaim(plan, mount, findClaim(plan.context, source.claimName)?.storageClassName);
      break;
    }
    case 'ephemeral':
      addClaim(plan, mount, source.storageClassName);
      break;
    case 'azure-file':
      plan.mounts.upsert(sharedBind(plan.context, mount, claimOptions(plan.context, mount)));
      break;
    case 'projected':
      plan.mounts.upsert(sharedBind(plan.context, mount, READ_ONLY_BIND));
      break;
    case 'downward-api': {
      const from = `$(sfprefix)${afterLastSlash(mount.mountPath)}$`;
      plan.mounts.upsert(bindAt(mount, from, READ_ONLY_BIND));
      break;
    }
  }
}

/** Devices and kernel files are those of the guest; other host paths are shared with it. */
function hostPathMount(plan: MountPlan, mount: VolumeMount, path: string): MountData {
  return isBelow(path, 'dev') || isBelow(path, 'sys')
    ? bindAt(mount, path, askedOptions(mount))
    : sharedBind(plan.context, mount, askedOptions(mount));
}

function addEmptyDir(plan: MountPlan, mount: VolumeMount, medium: string | undefined): void {
  const { guest, settings } = plan.context;
  const { volumes } = settings;
  const form: EmptyDirForm = medium === 'Memory' ? volumes.emptyDirMemory : volumes.emptyDir;
  const access = guest.volumes.emptyDirReadOnly ? askedAccess(mount) : 'rw';
  const options = ['rbind', 'rprivate', access];
  if (form.kind === 'shared-fs') {
    const names = [`^$(cpath)/sandbox-[0-9a-f]{16}-${escapeRegex(mount.name)}$`];
    names.push(`$(sfprefix)${escapeRegex(nameOfMount(mount))}$`);
    for (const source of names) plan.mounts.append(bindAt(mount, source, options));
  } else if (mount.subPathExpr !== undefined) {
    const source = `${volumes.configMountSource}${nameOfMount(mount)}$`;
    plan.mounts.append(bindAt(mount, source, options));
  } else {
    const { setting } = form;
    const paths = emptyDirPaths(setting, `${mount.name}$`, guest.volumes.emptyDirName);
    plan.storages.push(emptyDirStorage(plan, setting, paths.mountPoint, form.kind === 'block'));
    plan.mounts.append({ ...bindAt(mount, paths.source, options), type_: setting.mountType });
  }
}

/** Source of the mount and mount point of the storage; room is a mount point's final slash, and any source. */
function emptyDirPaths(
  { mountSource, mountPoint }: EmptyDirSettings,
  name: string,
  rule: VolumeRules['emptyDirName'],
): { readonly source: string; readonly mountPoint: string } {
  const always = rule === 'always';
  return {
    source: always || mountSource !== '' ? mountSource + name : mountSource,
    mountPoint: always || mountPoint.endsWith('/') ? mountPoint + name : mountPoint,
  };
}

/** The pod's fsGroup owns a block device by fs_group, a local directory by the mount option fsgid. */
function emptyDirStorage(
  plan: MountPlan,
  setting: EmptyDirSettings,
  mountPoint: string,
  isBlock: boolean,
): StorageData {
  const { guest, workload } = plan.context;
  const fsGroup = guest.volumes.fsGroup ? (workload.pod.securityContext?.fsGroup ?? 0) : 0;
  return buildStorage(guest, {
    driver: setting.driver,
    driver_options: setting.driverOptions,
    source: setting.source,
    fstype: setting.fstype,
    options: isBlock || fsGroup === 0 ? setting.options : [...setting.options, `fsgid=${fsGroup}`],
    mount_point: mountPoint,
    fs_group: isBlock && fsGroup > 0 ? { group_id: fsGroup, group_change_policy: 0 } : null,
    shared: setting.shared,
  });
}

function addConfigVolume(plan: MountPlan, mount: VolumeMount): void {
  const { guest, settings } = plan.context;
  const { config, storesConfig } = settings.volumes;
  const name = nameOfMount(mount);
  const mountPoint = `${config.mountPoint}${name}$`;
  if (storesConfig) {
    const sourceName = guest.volumes.configSource === 'volume-name' ? mount.name : name;
    plan.storages.push(
      buildStorage(guest, {
        driver: config.driver,
        source: `${config.mountSource}${sourceName}$`,
        fstype: config.fstype,
        options: config.options,
        mount_point: mountPoint,
      }),
    );
  }
  plan.mounts.append({
    ...bindAt(mount, mountPoint, config.options),
    type_: config.mountType,
  });
}

/** Volumes of the image at paths where nothing is mounted yet. */
function addImageVolumes(plan: MountPlan): void {
  const { image, settings } = plan.context;
  const setting = settings.volumes.image;
  if (setting === undefined) return;
  for (const path of image.image.config.volumes ?? []) {
    const destination = path.replace(/\/{2,}/g, '/');
    if (!plan.mounts.has(destination)) addImageVolume(plan, destination, setting);
  }
}

function addImageVolume(plan: MountPlan, destination: string, setting: ImageVolumeSettings): void {
  const { guest, image } = plan.context;
  const name = lastPart(destination);
  if (name === undefined) {
    throw new ToolError(
      'IMAGE_UNSUPPORTED',
      `image ${image.image.reference} has a volume without a name`,
      {
        where: plan.context.container.imageAt,
        want: 'a path such as /data',
        got: destination,
        hints: ['remove the VOLUME from the image'],
      },
    );
  }
  plan.mounts.append({
    destination,
    source: `${setting.mountSource}${name}$`,
    type_: setting.fstype,
    options: setting.options,
  });
  if (guest.mounts.imageVolumes !== 'mount-and-storage') return;
  plan.storages.push(
    buildStorage(guest, {
      driver: setting.driver,
      source: setting.source,
      fstype: setting.fstype,
      options: setting.options,
      mount_point: destination,
    }),
  );
}
