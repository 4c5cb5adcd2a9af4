/**
 * Mounts, storages and devices of a container as the runtime would send them for a policy container: layers as section
 * 12.3 of spec kata-policy-rules has them, volumes as sections 9.7 to 9.10 do.
 */
import type { JsonObject } from '../../core/json.js';
import type { ContainerData, KataPolicyData, MountData, StorageData } from './data.js';
import { ANNOTATIONS, type ContainerNames, fillPath, pathPattern } from './synthesize-names.js';

const OPTION = 'io.katacontainers.fs-opt.';
const LAYERS = '/run/kata-containers/sandbox/layers';
const LAYER_SOURCES = '/var/lib/containerd/io.containerd.snapshotter.v1.tardev/layers';
const DIRECT_VOLUME = '$(b64-direct-vol-path)';
const BLOCK_DEVICE = '$(b64_device_id)';

/** A container of a policy, and what its start is made up of. */
export interface ContainerScope {
  readonly data: KataPolicyData;
  readonly container: ContainerData;
  readonly names: ContainerNames;
}

export interface VolumeRequests {
  readonly mounts: readonly JsonObject[];
  readonly storages: readonly JsonObject[];
}

/** Mounts and storages; where two mounts of the policy have one destination, the later one is what the pod gets. */
export function synthesizeVolumes(scope: ContainerScope): VolumeRequests {
  const { container } = scope;
  const image = imageOf(container);
  const storages = container.storages.map((storage, index) =>
    synthesizeStorage(storage, { ...scope, image, index }),
  );
  const points = container.storages.flatMap((storage, index) =>
    isNamedBySource(storage) ? [String(storages[index]?.mount_point ?? '')] : [],
  );
  const all = container.OCI.Mounts ?? [];
  const mounts = all.map((mount) => synthesizeMount(mount, scope, points));
  return {
    mounts: mounts.filter((_, i) => !all.slice(i + 1).some((later) => isSamePlace(later, all[i]))),
    storages: [...synthesizeGuestPull(scope), ...storages],
  };
}

function isSamePlace(one: MountData, other: MountData | undefined): boolean {
  return one.destination === other?.destination;
}

/** A mount of a volume whose place follows from its source takes the next of these places. */
function synthesizeMount(mount: MountData, scope: ContainerScope, points: string[]): JsonObject {
  const isVolume = mount.source.includes(DIRECT_VOLUME) || mount.source === '';
  const point = isVolume ? points.shift() : undefined;
  return {
    destination: mount.destination,
    source: point ?? fillPath(mount.source, scope.data, scope.names),
    type_: mount.type_,
    options: mount.options,
  };
}

/** Ids and root hashes of the layers, top layer first, as the overlay of a container names them. */
interface ImageLayers {
  readonly ids: readonly string[];
  readonly hashes: readonly string[];
}

function imageOf(container: ContainerData): ImageLayers {
  const overlay = container.storages.find(({ driver }) => driver === 'overlayfs');
  const [ids, hashes] = (overlay?.options ?? []).map((option) => option.split(':'));
  return { ids: ids ?? [], hashes: hashes ?? [] };
}

interface StorageScope extends ContainerScope {
  readonly image: ImageLayers;
  readonly index: number;
}

function synthesizeStorage(storage: StorageData, scope: StorageScope): JsonObject {
  const special = SPECIAL_STORAGES.find(({ applies }) => applies(storage));
  const { data, names } = scope;
  return {
    driver: storage.driver,
    driver_options: storage.driver_options,
    source: fillPath(storage.source, data, names),
    fstype: storage.fstype,
    options: storage.options,
    mount_point: fillPath(storage.mount_point, data, names),
    fs_group: storage.fs_group,
    shared: storage.shared ?? false,
    ...special?.fields(storage, scope),
  };
}

interface SpecialStorage {
  applies(storage: StorageData): boolean;
  fields(storage: StorageData, scope: StorageScope): JsonObject;
}

/** Storages that a request gives in another form than the policy. */
const SPECIAL_STORAGES: readonly SpecialStorage[] = [
  { applies: ({ options }) => options[0]?.startsWith('$(hash') === true, fields: layerFields },
  { applies: ({ driver }) => driver === 'overlayfs', fields: overlayFields },
  { applies: ({ mount_point: point }) => point.includes(DIRECT_VOLUME), fields: directFields },
  { applies: ({ mount_point: point }) => point.includes(BLOCK_DEVICE), fields: blockFields },
];

function isNamedBySource({ mount_point: point }: StorageData): boolean {
  return point.includes(DIRECT_VOLUME) || point.includes(BLOCK_DEVICE);
}

function layerFields(
  { options, mount_point: point }: StorageData,
  scope: StorageScope,
): JsonObject {
  const { hashes, ids } = scope.image;
  return {
    source: `0001:00:${byteHex(scope.index + 1)}.0`,
    options: [
      'ro',
      `${OPTION}block_device=file`,
      `${OPTION}is-layer`,
      `${OPTION}root-hash=${hashes[numberIn(options[0])] ?? ''}`,
    ],
    mount_point: `${LAYERS}/${ids[numberIn(point)] ?? ''}`,
  };
}

/** The number of `$(hash12)` or `$(layer12)`. */
function numberIn(placeholder: string | undefined): number {
  return Number(/\d+/.exec(placeholder ?? '')?.[0] ?? '0');
}

function overlayFields(_storage: StorageData, { image }: StorageScope): JsonObject {
  const layers = image.ids.map((id, i) => {
    const text = `${id},tar,ro,${OPTION}block_device=file,${OPTION}is-layer,${OPTION}root-hash=${image.hashes[i] ?? ''}`;
    return `${OPTION}layer=${Buffer.from(text).toString('base64')}`;
  });
  const options = [
    `${OPTION}layer-src-prefix=${LAYER_SOURCES}`,
    ...layers,
    `${OPTION}overlay-rw`,
    `lowerdir=${image.ids.join(':')}`,
  ];
  return { source: 'none', options };
}

/** A volume of a storage class. Its place is the encoded source; the source has a form whose base64 is plain. */
function directFields(storage: StorageData, scope: StorageScope): JsonObject {
  const isShare = storage.driver === 'smb';
  const source = isShare
    ? `//account.file.core.windows.net/share${scope.index}`
    : `0001:00:${byteHex(scope.index + 1)}.0`;
  const credentials = ['addr=10.224.0.8', 'username=account,password=key'];
  return {
    source,
    fstype: storage.fstype.startsWith('$(') ? (isShare ? 'cifs' : 'ext4') : storage.fstype,
    options: isShare ? [...storage.options, ...credentials] : storage.options,
    mount_point: encodedPlace(storage, source, scope),
  };
}

/** An emptyDir on a block device: the address of the device on its bus. */
function blockFields(storage: StorageData, scope: StorageScope): JsonObject {
  const source = `${byteHex(scope.index >> 8)}/${byteHex(scope.index)}`;
  return { driver: 'blk', source, mount_point: encodedPlace(storage, source, scope) };
}

function encodedPlace({ mount_point: point }: StorageData, source: string, scope: StorageScope) {
  const name = Buffer.from(source).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
  return pathPattern(point, scope.data, scope.names)
    .replace(DIRECT_VOLUME, name)
    .replace(BLOCK_DEVICE, name);
}

function byteHex(number: number): string {
  return (number & 0xff).toString(16).padStart(2, '0');
}

/** Where the guest pulls images, each container brings one storage for its own. */
function synthesizeGuestPull({ data, container, names }: ContainerScope): readonly JsonObject[] {
  if (data.cluster_config?.guest_pull !== true) return [];
  const image =
    container.OCI.Annotations?.get(ANNOTATIONS.imageName) ??
    data.cluster_config.pause_container_image;
  return [
    {
      driver: 'image_guest_pull',
      driver_options: [`image_guest_pull={"metadata":{}}`],
      source: String(image ?? ''),
      fstype: 'overlay',
      options: [],
      mount_point: fillPath('$(root_path)', data, names),
      fs_group: null,
      shared: false,
    },
  ];
}

/** Devices, and the annotations that name the GPUs among them. */
export interface DeviceRequests {
  readonly devices: readonly JsonObject[];
  readonly annotations: readonly (readonly [string, string])[];
}

/** A volume device at its path; GPUs in the order of the bus. */
export function synthesizeDevices({ data, container }: ContainerScope): DeviceRequests {
  const prefix = vfioPrefix(data);
  const all = container.devices ?? [];
  const gpus = all.filter((device) => device.container_path === prefix);
  const volumes = all.filter((device) => device.container_path !== prefix);
  return {
    devices: [
      ...volumes.map(({ container_path }, i) => ({
        id: `drive-${i}`,
        type_: 'blk',
        vm_path: '',
        container_path,
        options: [],
      })),
      ...gpus.map(({ type_, vm_path }, i) => ({
        id: `vfio${i + 1}`,
        type_,
        vm_path,
        container_path: `${prefix}${i + 1}`,
        options: [`0000:${byteHex(0x65 + i)}:00.0=${byteHex(6 + i)}/00`],
      })),
    ],
    annotations: gpus.map((_, i) => [`cdi.k8s.io/vfio${i + 1}`, `nvidia.com/gpu=${i}`]),
  };
}

/** Path under which GPUs stand; undefined where the guest has none. */
function vfioPrefix(data: KataPolicyData): string | undefined {
  const vfio = data.devices?.vfio;
  if (typeof vfio !== 'object' || vfio === null || !('device_path' in vfio)) return undefined;
  return typeof vfio.device_path === 'string' ? vfio.device_path : undefined;
}
