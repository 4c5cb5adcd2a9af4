/** A container of a virtual-node pod -> its model (aci policy 9.2 to 9.6). */
import {
  type DataMap,
  type DataValue,
  isMap,
  isTruthy,
  kindOfData,
  lookUp,
} from '../../core/data.js';
import { below, invalidAt, type JsonPlace } from '../../core/json-read.js';
import type { GroupContainer, GroupExecProcess } from '../../workload/container-group.js';
import { readExecHandler, readFilledText, readWords } from '../group/fields.js';
import {
  type GroupReading,
  PRIVILEGED_MOUNTS,
  WORKLOAD_IDENTITY_ENV,
  WORKLOAD_IDENTITY_MOUNT,
} from '../group/reading.js';
import { readSecurity } from '../group/security.js';
import { readEnv } from './env.js';
import { type PodVolumes, readVolumeMounts } from './mounts.js';
import type { ReferencedObjects } from './references.js';

/** What containers of one pod share. */
export interface PodContext {
  readonly securityContext: DataValue;
  readonly workloadIdentity: boolean;
  readonly volumes: PodVolumes;
  readonly objects: ReferencedObjects;
  readonly reading: GroupReading;
}

/** Fields that the generator does not read although they change what runs. */
const IGNORED: readonly (readonly [key: string, effect: string])[] = [
  ['envFrom', 'its variables are not in the policy, and the guest drops them'],
  [
    'workingDir',
    'the policy has the working directory of the image, so the container will not start',
  ],
];

/** Throws MANIFEST_INVALID and MANIFEST_REFERENCE_MISSING. */
export function readContainer(
  container: DataMap,
  place: JsonPlace,
  pod: PodContext,
): GroupContainer {
  const { reading } = pod;
  const at = (key: string) => below(place, key);
  const image = readFilledText(lookUp(container, 'image'), at('image'));
  const name = readName(lookUp(container, 'name'), image, at('name'));
  noteIgnored(container, name, place, reading);
  const own = lookUp(container, 'securityContext');
  const context = mergeContexts(pod.securityContext, own, at('securityContext'));
  const privileged = lookUp(own, 'privileged') === true;
  const env = readEnv(lookUp(container, 'env'), at('env'), {
    objects: pod.objects,
    containerName: name,
    resources: lookUp(container, 'resources'),
    reading,
  });
  const volumeMounts = lookUp(container, 'volumeMounts');
  return {
    name,
    id: image,
    image,
    writtenImage: image,
    command: readWords(lookUp(container, 'command'), at('command')),
    args: readWords(lookUp(container, 'args'), at('args')),
    env: [...env, ...(pod.workloadIdentity ? WORKLOAD_IDENTITY_ENV : [])],
    execProcesses: readHandlers(container, place),
    mounts: [
      ...(pod.workloadIdentity ? [WORKLOAD_IDENTITY_MOUNT] : []),
      ...readVolumeMounts(volumeMounts, pod.volumes, at('volumeMounts'), reading.notices),
      ...(privileged ? PRIVILEGED_MOUNTS : []),
    ],
    security: readSecurity(context, at('securityContext'), reading.notices),
    at: `${place.what} ${place.path}`,
  };
}

function readName(name: DataValue, image: string, place: JsonPlace): string {
  if (!isTruthy(name)) return image;
  if (typeof name === 'string') return name;
  throw invalidAt(place, 'is not a text', { got: kindOfData(name) });
}

function noteIgnored(
  container: DataMap,
  name: string,
  place: JsonPlace,
  { notices }: GroupReading,
): void {
  for (const [key, effect] of IGNORED) {
    if (!isTruthy(lookUp(container, key))) continue;
    notices({
      code: 'field-left-out',
      message: `${key} of container ${name} is not read: ${effect}`,
      where: `${place.what} ${place.path}`,
    });
  }
}

/** The members of the pod's context with those of the container over them. */
function mergeContexts(pod: DataValue, own: DataValue, place: JsonPlace): DataMap {
  for (const context of [pod, own]) {
    if (isTruthy(context) && !isMap(context)) {
      throw invalidAt(place, 'is not a map', { got: kindOfData(context) });
    }
  }
  return new Map([...(isMap(pod) ? pod : []), ...(isMap(own) ? own : [])]);
}

/** Processes of probes, then of hooks. */
function readHandlers(container: DataMap, place: JsonPlace): readonly GroupExecProcess[] {
  const probes = ['livenessProbe', 'readinessProbe', 'startupProbe'].flatMap((key) =>
    readExecHandler(lookUp(container, key), below(place, key)),
  );
  const lifecycle = lookUp(container, 'lifecycle');
  const hooks = ['postStart', 'preStop'].flatMap((key) =>
    readExecHandler(lookUp(lifecycle, key), below(below(place, 'lifecycle'), key)),
  );
  return [...probes, ...hooks];
}
