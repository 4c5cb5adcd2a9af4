/**
 * Resource of type container group -> the workload model (aci policy 8.2, 8.5 to 8.7). Fields are found whatever their
 * case. How their texts become values is given: evaluated before, or replaced as the reference does it.
 */
import {
  type DataMap,
  type DataValue,
  isList,
  isMap,
  isTruthy,
  kindOfData,
  lookUp,
} from '../../core/data.js';
import { ToolError } from '../../core/error.js';
import { below, invalidAt, type JsonPlace } from '../../core/json-read.js';
import type { JsonDocument } from '../../core/json-tree.js';
import { locate } from '../../core/locate.js';
import type { NoticeSink } from '../../core/notice.js';
import type {
  ContainerGroup,
  GroupContainer,
  WildcardApproval,
} from '../../workload/container-group.js';
import { readExecHandler, readFilledText, readListIfAny, readWords } from '../group/fields.js';
import { readSecurity } from '../group/security.js';
import { readEnvironment } from './environment.js';
import { readMounts } from './mounts.js';
import { locatePath, type NodePath, nearestNode, printPath } from './nodes.js';

/** How texts of a group become values. Throw the code of `place`. */
export interface GroupTexts {
  /** The value of a field; parts of lists and maps as well. */
  readonly replace: (value: DataValue, place: JsonPlace) => DataValue;
  /** The reference of an image, and the id of the container, which may be another text. */
  readonly image: (
    text: string,
    place: JsonPlace,
  ) => { readonly image: string; readonly id: string };
  /** The rule of a variable and whether its value is known to be secret; or `open`: why the value is not known. */
  readonly variable: (
    name: string,
    value: DataValue,
    place: JsonPlace,
  ) => { readonly pattern: string; readonly isSecret?: boolean } | { readonly open: OpenValue };
}

/** Why a value is not known. */
export interface OpenValue {
  readonly reasons: readonly string[];
  /** Parameters that would make it known. */
  readonly parameters: readonly string[];
}

export interface GroupReading {
  readonly texts: GroupTexts;
  readonly approve: WildcardApproval;
  readonly notices: NoticeSink;
}

/** A container group in a template. */
export interface GroupResource {
  /** Its type in the proper spelling. */
  readonly kind: string;
  readonly value: DataMap;
  readonly document: JsonDocument;
  readonly path: NodePath;
}

const ZERO_SIDECAR_TAG = 'Annotate-zero-sidecar';

/** The model of a container group. Throws MANIFEST_INVALID and what `reading` throws. */
export function readContainerGroup(resource: GroupResource, reading: GroupReading): ContainerGroup {
  const { kind, value, document, path } = resource;
  const properties = lookUp(value, 'properties');
  const place = placeOf(resource, ['properties']);
  const confidential = lookUp(properties, 'confidentialComputeProperties');
  const policy = lookUp(confidential, 'ccePolicy');
  const name = groupName(value, reading.texts, placeOf(resource, ['name']));
  return {
    source: 'arm',
    kind,
    ...(name === undefined ? {} : { name }),
    os: readOs(lookUp(properties, 'osType'), below(place, 'osType')),
    defaults: 'aci',
    containers: readContainers(properties, resource, reading),
    fragments: [],
    standaloneFragments: readReferences(
      lookUp(confidential, 'standaloneFragments'),
      below(below(place, 'confidentialComputeProperties'), 'standaloneFragments'),
      reading,
    ),
    excludesInfrastructure: hasZeroSidecarTag(lookUp(value, 'tags')),
    placement: { kind: 'template', file: document.file, path },
    ...(typeof policy === 'string' && policy !== '' ? { existingPolicy: policy } : {}),
    at: locatePath(document, path),
  };
}

/** The place of a path below a resource: messages name the nearest line of the file. */
function placeOf({ document, path }: GroupResource, inner: NodePath): JsonPlace {
  const full = [...path, ...inner];
  const what = locate(document, nearestNode(document.root, full).start);
  return { code: 'MANIFEST_INVALID', what, path: printPath(full) };
}

/** A name that is not known is none, and one that cannot be replaced stays: it is for messages only. */
export function groupName(
  value: DataMap,
  { replace }: Pick<GroupTexts, 'replace'>,
  place: JsonPlace,
): string | undefined {
  const name = lookUp(value, 'name');
  if (typeof name !== 'string') return undefined;
  try {
    const replaced = replace(name, place);
    return typeof replaced === 'string' ? replaced : undefined;
  } catch (error) {
    if (error instanceof ToolError) return name;
    throw error;
  }
}

function readOs(value: DataValue, place: JsonPlace): 'linux' | 'windows' {
  if (!isTruthy(value)) return 'linux';
  const word = typeof value === 'string' ? value.toLowerCase() : '';
  if (word === 'linux' || word === 'windows') return word;
  throw invalidAt(place, 'is no operating system of container groups', {
    want: 'Linux or Windows',
    got: typeof value === 'string' ? value.slice(0, 100) : kindOfData(value),
  });
}

function readReferences(
  value: DataValue,
  place: JsonPlace,
  { texts }: GroupReading,
): readonly string[] {
  return (readListIfAny(value, place) ?? []).map((item, index) => {
    const at = below(place, index);
    return readFilledText(texts.replace(item, at), at);
  });
}

function hasZeroSidecarTag(tags: DataValue): boolean {
  const tag = lookUp(tags, ZERO_SIDECAR_TAG);
  return tag === true || (typeof tag === 'string' && tag.toLowerCase() === 'true');
}

function readContainers(
  properties: DataValue,
  resource: GroupResource,
  reading: GroupReading,
): readonly GroupContainer[] {
  const place = placeOf(resource, ['properties']);
  const lists = ['containers', 'initContainers'].map((key) => {
    const at = below(place, key);
    const list = readListIfAny(lookUp(properties, key), at);
    if (list === null && key === 'containers') {
      throw invalidAt(at, 'is empty or missing', { want: 'a list of containers' });
    }
    return (list ?? []).map((item, index) => [item, ['properties', key, index]] as const);
  });
  const volumes = readListIfAny(lookUp(properties, 'volumes'), below(place, 'volumes')) ?? [];
  return lists
    .flat()
    .map(([container, path]) =>
      readContainer(container, volumes, placeOf(resource, path), reading),
    );
}

function readContainer(
  container: DataValue,
  volumes: readonly DataValue[],
  place: JsonPlace,
  reading: GroupReading,
): GroupContainer {
  if (!isMap(container)) throw invalidAt(place, 'is not a map', { got: kindOfData(container) });
  const { texts, notices } = reading;
  const properties = lookUp(container, 'properties');
  const inner = below(place, 'properties');
  const at = (key: string) => below(inner, key);
  const writtenImage = readFilledText(lookUp(properties, 'image'), at('image'));
  const { image, id } = texts.image(writtenImage, at('image'));
  const command = readWords(lookUp(properties, 'command'), at('command'));
  const context = lookUp(properties, 'securityContext');
  const name = readName(lookUp(container, 'name'), below(place, 'name'), texts);
  return {
    name,
    id,
    image: readFilledText(image, at('image')),
    writtenImage,
    command: command.map((word, i) => texts.replace(word, below(at('command'), i))),
    args: [],
    env: readEnvironment(
      lookUp(properties, 'environmentVariables'),
      at('environmentVariables'),
      name === null ? reading : askingFor(name, reading),
    ),
    execProcesses: ['readinessProbe', 'livenessProbe'].flatMap((key) =>
      readProbe(lookUp(properties, key), at(key), texts),
    ),
    mounts: readMounts(properties, volumes, inner, texts),
    security: readSecurity(isTruthy(context) ? context : null, at('securityContext'), notices),
    at: `${place.what} ${place.path}`,
  };
}

/** Questions say which container they are about. */
function askingFor(container: string, reading: GroupReading): GroupReading {
  return { ...reading, approve: (question) => reading.approve({ ...question, container }) };
}

function readName(value: DataValue, place: JsonPlace, texts: GroupTexts): string | null {
  if (value === null) return null;
  const name = texts.replace(value, place);
  if (typeof name === 'string') return name;
  throw invalidAt(place, 'is not a text', { got: kindOfData(name) });
}

function readProbe(
  probe: DataValue,
  place: JsonPlace,
  texts: GroupTexts,
): ReturnType<typeof readExecHandler> {
  return readExecHandler(probe, place).map(({ command, signals }) => {
    const replaced = texts.replace(command, below(below(place, 'exec'), 'command'));
    return { command: isList(replaced) ? replaced : [], signals };
  });
}
