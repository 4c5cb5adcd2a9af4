/** Mounts of a virtual-node container that its pod asks for (aci policy 9.5). */
import {
  type DataMap,
  type DataValue,
  exactly,
  isList,
  isTruthy,
  lookUp,
} from '../../core/data.js';
import { below, type JsonPlace } from '../../core/json-read.js';
import type { NoticeSink } from '../../core/notice.js';
import type { GroupMount } from '../../workload/container-group.js';
import { readFilledText, readReadOnly } from '../group/fields.js';
import { readMaps } from '../group/fragments.js';

/** Volumes that nobody writes to. */
const READ_ONLY_KINDS = ['configMap', 'secret', 'downwardAPI', 'projected'];

/** Names of volumes -> whether their mounts are read-only whatever the mount says. */
export type PodVolumes = ReadonlyMap<DataValue, boolean>;

/** The volumes of a pod and the claim templates of its document; of equal names the first counts. */
export function readVolumes(
  volumes: DataValue,
  claimTemplates: DataValue,
  place: JsonPlace,
): PodVolumes {
  const found: [DataValue, boolean][] = [
    ...readMaps(volumes, below(place, 'volumes')).map((volume): [DataValue, boolean] => [
      exactly(volume, 'name'),
      READ_ONLY_KINDS.some((kind) => volume.has(kind)) || isTruthy(exactly(volume, 'readOnly')),
    ]),
    ...readMaps(claimTemplates, below(place, 'volumeClaimTemplates')).map(
      (template): [DataValue, boolean] => [
        exactly(exactly(template, 'metadata'), 'name'),
        isReadOnlyClaim(template),
      ],
    ),
  ];
  return new Map(found.toReversed());
}

function isReadOnlyClaim(template: DataMap): boolean {
  const modes = exactly(exactly(template, 'spec'), 'accessModes');
  const forced = isList(modes) && modes.includes('ReadOnlyMany');
  return forced || isTruthy(exactly(template, 'readOnly'));
}

/** The mounts in order. A volume that the pod does not have is accepted. Throws the code of `place`. */
export function readVolumeMounts(
  value: DataValue,
  volumes: PodVolumes,
  place: JsonPlace,
  notices: NoticeSink,
): readonly GroupMount[] {
  return readMaps(value, place).map((mount, i) => {
    const at = below(place, i);
    const written = lookUp(mount, 'readOnly');
    const wanted = readReadOnly(written, below(at, 'readOnly'));
    const forced = volumes.get(lookUp(mount, 'name')) ?? false;
    if (forced && written === false) {
      notices({
        code: 'mount-read-only',
        message: `${at.path}: the volume is read-only, so the mount is too`,
        where: at.what,
      });
    }
    return {
      type: 'emptyDir',
      destination: readFilledText(lookUp(mount, 'mountPath'), below(at, 'mountPath')),
      readOnly: forced || wanted,
    };
  });
}
