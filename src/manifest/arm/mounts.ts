/** Volumes and volume mounts of a container of a template -> mounts (aci policy 8.6). */
import {
  type DataValue,
  isMap,
  isTruthy,
  kindOfData,
  lookUp,
  textOfData,
} from '../../core/data.js';
import { below, invalidAt, type JsonPlace } from '../../core/json-read.js';
import { type GroupMount, MOUNT_TYPES, type MountType } from '../../workload/container-group.js';
import { readFilledText, readListIfAny, readReadOnly } from '../group/fields.js';
import type { GroupTexts } from './group.js';

const CONFIG_MAP_PATH = '/mnt/configmap';

/** The mounts that a container's properties ask for, in order; without defaults. Throws the code of `place`. */
export function readMounts(
  properties: DataValue,
  volumes: readonly DataValue[],
  place: JsonPlace,
  texts: GroupTexts,
): readonly GroupMount[] {
  const at = below(place, 'volumeMounts');
  const mounts = (readListIfAny(lookUp(properties, 'volumeMounts'), at) ?? []).map((mount, index) =>
    readMount(mount, volumes, below(at, index), texts),
  );
  if (!isTruthy(lookUp(properties, 'configMap'))) return mounts;
  return [...mounts, { type: 'emptyDir', destination: CONFIG_MAP_PATH, readOnly: false }];
}

function readMount(
  mount: DataValue,
  volumes: readonly DataValue[],
  place: JsonPlace,
  texts: GroupTexts,
): GroupMount {
  if (!isMap(mount)) throw invalidAt(place, 'is not a map', { got: kindOfData(mount) });
  const name = lookUp(mount, 'name');
  const volume = volumes.find((one) => lookUp(one, 'name') === name);
  if (volume === undefined) {
    throw invalidAt(below(place, 'name'), 'names no volume of the group', {
      got: textOfData(name).slice(0, 200),
    });
  }
  const pathAt = below(place, 'mountPath');
  const destination = readFilledText(lookUp(mount, 'mountPath'), pathAt);
  const readOnly = lookUp(mount, 'readOnly');
  return {
    type: mountType(volume, below(place, 'name')),
    destination: readFilledText(texts.replace(destination, pathAt), pathAt),
    readOnly: readReadOnly(readOnly, below(place, 'readOnly')),
  };
}

/** The last key of a volume that is a type; keys are exact. */
function mountType(volume: DataValue, place: JsonPlace): MountType {
  const keys = isMap(volume) ? [...volume.keys()] : [];
  const type = keys.findLast((key): key is MountType =>
    (MOUNT_TYPES as readonly string[]).includes(key),
  );
  if (type !== undefined) return type;
  throw invalidAt(place, 'names a volume of no known type', {
    want: MOUNT_TYPES.join(', '),
    got: keys.filter((key) => key.toLowerCase() !== 'name').join(', '),
  });
}
