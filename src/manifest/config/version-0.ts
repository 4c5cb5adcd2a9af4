/** The first form of the JSON configuration, brought into the form of today (aci policy 10.2). */
import { type DataMap, type DataValue, isList, isTruthy, lookUp, mapOf } from '../../core/data.js';
import { below, type JsonPlace } from '../../core/json-read.js';
import { readExecHandler, readWords } from '../group/fields.js';
import { readMaps } from '../group/fragments.js';
import type { GroupReading } from '../group/reading.js';

/** True if the first container names its image as the first form does. */
export function isVersion0(config: DataMap): boolean {
  const containers = lookUp(config, 'containers');
  return isList(containers) && lookUp(containers[0], 'containerImage') !== null;
}

/** The configuration in today's form. Fragments are left out, as the reference does it, with a notice. */
export function convertVersion0(config: DataMap, place: JsonPlace, reading: GroupReading): DataMap {
  if (isTruthy(lookUp(config, 'fragments'))) {
    reading.notices({
      code: 'fragments-left-out',
      message: `${place.what} has the first form of a configuration, whose fragments are not imported`,
    });
  }
  const at = below(place, 'containers');
  const containers = readMaps(lookUp(config, 'containers'), at);
  return mapOf({ containers: containers.map((one, i) => convertContainer(one, below(at, i))) });
}

function convertContainer(container: DataMap, place: JsonPlace): DataMap {
  const get = (key: string) => lookUp(container, key);
  const list = (key: string) => readMaps(get(key), below(place, key));
  const exec = readWords(get('execProcesses'), below(place, 'execProcesses'));
  const probes = ['livenessProbe', 'readinessProbe'].flatMap((key) =>
    readExecHandler(get(key), below(place, key)),
  );
  const processes = [...(exec.length > 0 ? [{ command: exec, signals: [] }] : []), ...probes];
  return mapOf({
    name: get('name'),
    properties: mapOf({
      image: get('containerImage'),
      environmentVariables: list('environmentVariables').map(convertVariable),
      execProcesses: processes.map(({ command, signals }) => mapOf({ command, signals })),
      volumeMounts: list('mounts').map(convertMount),
      command: get('command'),
      workingDir: get('workingDir'),
      securityContext: convertSecurity(get('securityContext'), get('allow_elevated')),
    }),
  });
}

function convertVariable(variable: DataMap): DataMap {
  return mapOf({
    name: lookUp(variable, 'name'),
    value: lookUp(variable, 'value'),
    regex: lookUp(variable, 'strategy') === 're2',
  });
}

/** A mount that does not say is read-only. */
function convertMount(mount: DataMap): DataMap {
  const readOnly = lookUp(mount, 'readonly');
  return mapOf({
    mountType: lookUp(mount, 'mountType'),
    mountPath: lookUp(mount, 'mountPath'),
    readOnly: readOnly === null ? true : readOnly,
  });
}

function convertSecurity(context: DataValue, elevated: DataValue): DataValue {
  if (elevated === null) return context;
  const members = context instanceof Map ? (context as DataMap) : new Map<string, DataValue>();
  return new Map([...members, ['privileged', elevated]]);
}
