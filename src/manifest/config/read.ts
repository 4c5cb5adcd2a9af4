/** JSON configuration of an ACI policy -> its container group (aci policy 10). */
import {
  type DataMap,
  type DataValue,
  isList,
  isMap,
  isTruthy,
  kindOfData,
  lookUp,
  textOfData,
} from '../../core/data.js';
import { parseJsonData } from '../../core/data-json.js';
import { below, invalidAt, type JsonPlace } from '../../core/json-read.js';
import { withoutAbsent } from '../../core/record.js';
import {
  type ContainerGroup,
  type GroupContainer,
  type GroupEnvRule,
  type GroupExecProcess,
  type GroupMount,
  MOUNT_TYPES,
  type MountType,
} from '../../workload/container-group.js';
import { readExecHandler, readFilledText, readReadOnly, readWords } from '../group/fields.js';
import { readFragmentEntries, readMaps } from '../group/fragments.js';
import {
  type GroupReading,
  PRIVILEGED_MOUNTS,
  WORKLOAD_IDENTITY_ENV,
  WORKLOAD_IDENTITY_LABEL,
  WORKLOAD_IDENTITY_MOUNT,
} from '../group/reading.js';
import { readSecurity } from '../group/security.js';
import { convertVersion0, isVersion0 } from './version-0.js';

/** Where the files of a container's configMap are. */
const CONFIG_MAP_MOUNT: GroupMount = {
  type: 'emptyDir',
  destination: '/mnt/configmap',
  readOnly: false,
};

/** The group of a configuration. Throws JSON_SYNTAX, MANIFEST_INVALID, LIMIT_EXCEEDED. */
export function readConfig(text: string, file: string, reading: GroupReading): ContainerGroup {
  const place: JsonPlace = { code: 'MANIFEST_INVALID', what: file, path: '' };
  const written = parseJsonData(text, file);
  if (!isMap(written)) throw invalidAt(place, 'is not a map', { got: kindOfData(written) });
  const config = isVersion0(written) ? convertVersion0(written, place, reading) : written;
  const at = (key: string) => below(place, key);
  const containers = readMaps(lookUp(config, 'containers'), at('containers'));
  const fragments = readFragmentEntries(lookUp(config, 'fragments'), at('fragments'));
  if (containers.length === 0 && fragments.length === 0) {
    throw invalidAt(place, 'has neither containers nor fragments');
  }
  const virtualNode = textOfData(lookUp(config, 'scenario')).toLowerCase() === 'vn2';
  const workloadIdentity = virtualNode && usesWorkloadIdentity(lookUp(config, 'labels'));
  const standalone = lookUp(config, 'standaloneFragments');
  return {
    source: 'config',
    kind: 'configuration',
    os: 'linux',
    defaults: virtualNode ? 'vn2' : 'aci',
    containers: containers.map((container, i) =>
      readContainer(container, below(at('containers'), i), {
        virtualNode,
        workloadIdentity,
        reading,
      }),
    ),
    fragments: [...fragments, ...readMaps(standalone, at('standaloneFragments'))],
    standaloneFragments: [],
    excludesInfrastructure: false,
    at: file,
  };
}

/** Any value counts but an empty one. */
function usesWorkloadIdentity(labels: DataValue): boolean {
  return isMap(labels) && isTruthy(labels.get(WORKLOAD_IDENTITY_LABEL));
}

interface ConfigContext {
  readonly virtualNode: boolean;
  readonly workloadIdentity: boolean;
  readonly reading: GroupReading;
}

function readContainer(
  container: DataMap,
  place: JsonPlace,
  context: ConfigContext,
): GroupContainer {
  const inside = below(place, 'properties');
  const properties = lookUp(container, 'properties');
  const at = (key: string) => below(inside, key);
  const get = (key: string) => lookUp(properties, key);
  const image = readFilledText(get('image'), at('image'));
  const securityContext = get('securityContext');
  const privileged = isTruthy(lookUp(securityContext, 'privileged'));
  return withoutAbsent({
    name: readName(lookUp(container, 'name'), image, below(place, 'name')),
    id: image,
    image,
    writtenImage: image,
    command: readWords(get('command'), at('command')),
    args: [],
    workingDir: readWorkingDir(get('workingDir'), at('workingDir')),
    env: [
      ...(context.workloadIdentity ? WORKLOAD_IDENTITY_ENV : []),
      ...readMaps(get('environmentVariables'), at('environmentVariables')).map((entry, i) =>
        readVariable(entry, below(at('environmentVariables'), i)),
      ),
    ],
    execProcesses: [
      ...readExecProcesses(get('execProcesses'), at('execProcesses')),
      ...readExecHandler(get('readinessProbe'), at('readinessProbe')),
      ...readExecHandler(get('livenessProbe'), at('livenessProbe')),
    ],
    mounts: [
      ...readMaps(get('volumeMounts'), at('volumeMounts')).map((mount, i) =>
        readMount(mount, below(at('volumeMounts'), i)),
      ),
      ...(isTruthy(get('configMap')) ? [CONFIG_MAP_MOUNT] : []),
      ...(context.virtualNode && privileged ? PRIVILEGED_MOUNTS : []),
      ...(context.workloadIdentity ? [WORKLOAD_IDENTITY_MOUNT] : []),
    ],
    security: readSecurity(securityContext, at('securityContext'), context.reading.notices),
    at: `${place.what} ${place.path}`,
  });
}

function readName(name: DataValue, image: string, place: JsonPlace): string {
  return isTruthy(name) ? readFilledText(name, place) : image;
}

function readWorkingDir(value: DataValue, place: JsonPlace): string | undefined {
  if (!isTruthy(value)) return undefined;
  if (typeof value === 'string' && value.startsWith('/')) return value;
  throw invalidAt(place, 'is not an absolute path', { got: textOfData(value).slice(0, 200) });
}

function readVariable(entry: DataMap, place: JsonPlace): GroupEnvRule {
  const name = lookUp(entry, 'name');
  if (!isTruthy(name)) throw invalidAt(below(place, 'name'), 'is empty or missing');
  const plain = lookUp(entry, 'value');
  const value = isTruthy(plain) ? plain : lookUp(entry, 'secureValue');
  const text = isTruthy(value) ? textOfData(value) : '';
  return {
    pattern: `${textOfData(name)}=${text}`,
    strategy: isTruthy(lookUp(entry, 'regex')) ? 're2' : 'string',
  };
}

function readExecProcesses(value: DataValue, place: JsonPlace): readonly GroupExecProcess[] {
  return readMaps(value, place).map((entry, i) => {
    const at = below(below(place, i), 'command');
    const command = lookUp(entry, 'command');
    const signals = lookUp(entry, 'signals');
    if (!isList(command)) throw invalidAt(at, 'is not a list', { got: kindOfData(command) });
    return { command, signals: isTruthy(signals) ? signals : [] };
  });
}

function readMount(mount: DataMap, place: JsonPlace): GroupMount {
  const type = lookUp(mount, 'mountType');
  const options = lookUp(mount, 'options');
  return {
    type: readMountType(type, below(place, 'mountType')),
    destination: readFilledText(lookUp(mount, 'mountPath'), below(place, 'mountPath')),
    readOnly: readReadOnly(lookUp(mount, 'readOnly'), below(place, 'readOnly')),
    ...(isTruthy(options) ? { options: readWords(options, below(place, 'options')) } : {}),
  };
}

function readMountType(value: DataValue, place: JsonPlace): MountType {
  const known = MOUNT_TYPES.find((type) => type === value);
  if (known !== undefined) return known;
  throw invalidAt(place, 'is not a kind of mount that a policy can hold', {
    want: MOUNT_TYPES.join(', '),
    got: textOfData(value).slice(0, 200),
  });
}
