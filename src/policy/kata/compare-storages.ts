/** Comparators of storages and image layers: matched by where they are mounted, not by their index. */
import { compareByKey, compareOptions, MOUNT_FIELDS } from '../review/compare-keyed.js';
import {
  type Comparator,
  type CompareTable,
  differs,
  elementsOf,
  fieldOf,
  showValue,
} from '../review/compare-walk.js';
import { type LayerBinding, readLayers } from './layers.js';

/** `storages` of a container: image layers as one, everything else by mount point. */
export const compareStorages: Comparator = (pair, report) => {
  const before = readLayers(elementsOf(pair.before));
  const after = readLayers(elementsOf(pair.after));
  if (before === undefined && after === undefined) return compareVolumes(pair, report);
  const layers = { before: before?.hashes ?? [], after: after?.hashes ?? [] };
  if (before?.text !== after?.text) {
    report({
      kind: before === undefined ? 'narrowed' : after === undefined ? 'widened' : 'changed',
      field: 'image-layers',
      message: layerWords(layers.before, layers.after),
      ...(before === undefined ? {} : { before: showLayers(before, after) }),
      ...(after === undefined ? {} : { after: showLayers(after, before) }),
    });
  }
  compareVolumes(
    {
      ...pair,
      before: before?.others ?? elementsOf(pair.before),
      after: after?.others ?? elementsOf(pair.after),
    },
    report,
  );
};

/** Storages that are no image layers. */
export const compareVolumes: Comparator = (pair, report) => {
  compareByKey(pair, report, {
    field: 'storage',
    noun: 'storage at',
    keyOf: (storage) => showValue(fieldOf(storage, 'mount_point') ?? null),
    fields: STORAGE_FIELDS,
  });
};

const STORAGE_FIELDS: CompareTable = {
  ...MOUNT_FIELDS,
  driver: differs('driver', 'the driver'),
  driver_options: compareOptions,
  fstype: differs('fstype', 'the file system'),
  fs_group: differs('fs-group', 'the group'),
  shared: differs('shared', 'the sharing'),
};

function layerWords(before: readonly string[], after: readonly string[]): string {
  if (after.length === 0) return 'the image is no longer bound to root hashes of its layers';
  if (before.length === 0) return 'the image is now bound to root hashes of its layers';
  const same = after.filter((hash) => before.includes(hash)).length;
  return `the image has other content: ${before.length} and ${after.length} layers, ${same} of them the same`;
}

/** The root hashes, top layer first; all that there is where they are not what differs. */
function showLayers(layers: LayerBinding, others: LayerBinding | undefined): string {
  const isHash = layers.hashes.join() !== others?.hashes.join();
  return isHash ? layers.hashes.join(', ') : layers.text;
}
