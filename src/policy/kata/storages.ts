/** Storages of a container's image layers (spec layer-hash-tarfs section 8). */
import { type DiffId, sha256Hex } from '../../core/digest.js';
import { ToolError } from '../../core/error.js';
import type { ContainerContext } from './context.js';
import type { StorageData } from './data.js';
import type { KataGuest } from './guests.js';

/** A storage without options of the driver and without group; `shared` where the guest has it. */
export function buildStorage(
  guest: KataGuest,
  fields: Partial<StorageData> & Pick<StorageData, 'driver' | 'mount_point'>,
): StorageData {
  return {
    driver: fields.driver,
    driver_options: fields.driver_options ?? [],
    source: fields.source ?? '',
    fstype: fields.fstype ?? '',
    options: fields.options ?? [],
    mount_point: fields.mount_point,
    fs_group: fields.fs_group ?? null,
    shared: guest.storageShared ? (fields.shared ?? false) : undefined,
  };
}

/**
 * One storage per layer, top layer first, then the overlay of all; none where the guest does not verify layers. Throws
 * IMAGE_FACTS_INVALID for a layer without a root hash.
 */
export function buildLayerStorages(context: ContainerContext): readonly StorageData[] {
  const { guest, settings, own } = context;
  if (!settings.verifiesLayers) return [];
  const { image } = context.image;
  const ids = computeLayerIds(image.layers.map((layer) => layer.diffId)).toReversed();
  const hashes = image.layers
    .map((layer, index) => rootHashOf(context, index, layer.diffId))
    .toReversed();
  return [
    ...hashes.map((_hash, index) =>
      buildStorage(guest, {
        driver: 'blk',
        fstype: 'tar',
        options: [`$(hash${index})`],
        mount_point: `$(layer${index})`,
      }),
    ),
    buildStorage(guest, {
      driver: 'overlayfs',
      fstype: 'fuse3.kata-overlay',
      options: [ids.join(':'), hashes.join(':')],
      mount_point: own.rootPath,
    }),
  ];
}

/** Layer ids from diff ids, base layer first: hex SHA-256 of each chain id (OCI image spec). */
export function computeLayerIds(diffIds: readonly DiffId[]): readonly string[] {
  let chainId: string | undefined;
  return diffIds.map((diffId) => {
    chainId = chainId === undefined ? diffId : `sha256:${sha256Hex(`${chainId} ${diffId}`)}`;
    return sha256Hex(chainId);
  });
}

function rootHashOf(context: ContainerContext, index: number, diffId: DiffId): string {
  const hash = context.image.layers[index]?.rootHashes.tarfs;
  if (hash !== undefined) return hash;
  throw new ToolError(
    'IMAGE_FACTS_INVALID',
    `image ${context.image.image.reference} has no tarfs root hash for layer ${index + 1}`,
    {
      where: context.container.imageAt,
      want: `the root hash of the layer with diff ID ${diffId}`,
      hints: ['hash the layers of the image, or complete the image facts'],
    },
  );
}
