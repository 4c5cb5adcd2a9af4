/** Container definitions: container objects that users hand over, completed with defaults (aci policy 11.2). */
import {
  type DataMap,
  type DataValue,
  isList,
  isMap,
  kindOfData,
  mapOf,
  textOfData,
} from '../../core/data.js';
import { compareKeys } from '../../core/data-json.js';
import { below, invalidAt, type JsonPlace } from '../../core/json-read.js';
import { capabilitySets, sortCapabilities } from './capabilities.js';
import { DEFAULT_WORKING_DIR, UNPRIVILEGED_CAPABILITIES } from './constants.js';
import { buildUser } from './user.js';

/** Members of an object in the order by which lists of such objects are sorted, with their defaults. */
type Shape = readonly (readonly [key: string, missing?: DataValue])[];

const CONTAINER: Readonly<Record<string, DataValue>> = {
  allow_elevated: false,
  allow_stdio_access: true,
  capabilities: capabilitySets(sortCapabilities(UNPRIVILEGED_CAPABILITIES)),
  command: null,
  env_rules: [],
  exec_processes: [],
  id: null,
  layers: [],
  mounts: [],
  name: null,
  no_new_privileges: false,
  seccomp_profile_sha256: '',
  signals: [],
  user: buildUser({}),
  working_dir: DEFAULT_WORKING_DIR,
};

const ENV_RULE: Shape = [['pattern'], ['strategy'], ['required', false]];
const ID_NAME: Shape = [['pattern'], ['strategy']];
const EXEC_PROCESS: Shape = [['command'], ['signals', []], ['allow_stdio_access', true]];
const MOUNT: Shape = [['destination'], ['options', []], ['source'], ['type']];
const CAPABILITIES: Shape = ['ambient', 'bounding', 'effective', 'inheritable', 'permitted'].map(
  (key) => [key, []] as const,
);
const USER: Shape = [['user_idname'], ['group_idnames'], ['umask']];

/**
 * The object with every member of a container. Lists without an order of their own are sorted by the text of their
 * items; `platform` is accepted and left out. Throws MANIFEST_INVALID for an unknown member.
 */
export function completeDefinition(definition: DataMap, what: string): DataMap {
  const name = definition.get('name') ?? definition.get('id') ?? null;
  const place: JsonPlace = {
    code: 'MANIFEST_INVALID',
    what,
    path: `definition of ${name === null ? 'a container' : textOfData(name)}`,
  };
  for (const key of definition.keys()) {
    if (Object.hasOwn(CONTAINER, key) || key === 'platform') continue;
    throw invalidAt(below(place, key), 'is not a member of a container', {
      want: Object.keys(CONTAINER).join(', '),
    });
  }
  const members = Object.entries(CONTAINER).map(([key, missing]): [string, DataValue] => {
    const value = definition.get(key) ?? missing;
    const complete = Object.hasOwn(COMPLETE, key) ? COMPLETE[key] : undefined;
    return [key, complete === undefined ? value : complete(value, below(place, key))];
  });
  return new Map(members);
}

const COMPLETE: Readonly<Record<string, (value: DataValue, place: JsonPlace) => DataValue>> = {
  capabilities: (value, place) =>
    mapMembers(shaped(value, CAPABILITIES, place), (set, key) =>
      sorted(readItems(set, below(place, key)), textOfData),
    ),
  env_rules: (value, place) => shapedList(value, ENV_RULE, place),
  exec_processes: (value, place) => shapedList(value, EXEC_PROCESS, place),
  mounts: (value, place) =>
    sorted(
      readItems(value, place).map((item, i) => sortMember(item, MOUNT, 'options', below(place, i))),
      (item) => keyOf(item, MOUNT),
    ),
  signals: (value, place) => sorted(readItems(value, place), textOfData),
  user: completeUser,
};

function completeUser(value: DataValue, place: JsonPlace): DataValue {
  const user = shaped(value, USER, place);
  const any = buildUser({});
  return mapOf({
    group_idnames: shapedList(
      user.get('group_idnames') ?? any.get('group_idnames') ?? [],
      ID_NAME,
      below(place, 'group_idnames'),
    ),
    umask: user.get('umask') ?? any.get('umask') ?? null,
    user_idname: shaped(
      user.get('user_idname') ?? any.get('user_idname') ?? null,
      ID_NAME,
      below(place, 'user_idname'),
    ),
  });
}

function sortMember(value: DataValue, shape: Shape, key: string, place: JsonPlace): DataMap {
  const object = shaped(value, shape, place);
  return new Map([
    ...object,
    [key, sorted(readItems(object.get(key) ?? [], below(place, key)), textOfData)],
  ]);
}

function shapedList(value: DataValue, shape: Shape, place: JsonPlace): DataValue {
  const items = readItems(value, place).map((item, i) => shaped(item, shape, below(place, i)));
  return sorted(items, (item) => keyOf(item, shape));
}

function keyOf(item: DataMap, shape: Shape): string {
  return shape.map(([key]) => textOfData([item.get(key) ?? null])).join(', ');
}

/** The map with defaults for what is missing. */
function shaped(value: DataValue, shape: Shape, place: JsonPlace): DataMap {
  if (!isMap(value)) throw invalidAt(place, 'is not a map', { got: kindOfData(value) });
  for (const key of value.keys()) {
    if (shape.some(([known]) => known === key)) continue;
    throw invalidAt(below(place, key), 'is not known here', {
      want: shape.map(([known]) => known).join(', '),
    });
  }
  const missing = shape.flatMap(([key, preset]): [string, DataValue][] =>
    preset === undefined || value.has(key) ? [] : [[key, preset]],
  );
  return new Map([...value, ...missing]);
}

function readItems(value: DataValue, place: JsonPlace): readonly DataValue[] {
  if (isList(value)) return value;
  throw invalidAt(place, 'is not a list', { got: kindOfData(value) });
}

function mapMembers(map: DataMap, change: (value: DataValue, key: string) => DataValue): DataMap {
  return new Map([...map].map(([key, value]) => [key, change(value, key)] as const));
}

function sorted<T>(items: readonly T[], keyOfItem: (item: T) => string): T[] {
  return items
    .map((item) => ({ item, key: keyOfItem(item) }))
    .sort((a, b) => compareKeys(a.key, b.key))
    .map(({ item }) => item);
}
