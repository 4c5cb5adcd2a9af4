/**
 * Storages of a request against the policy's (spec kata-policy-rules sections 9.9 and 12.3): each of the policy must be
 * there once and no other. What the policy would have is what a start under it would send.
 */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { sameJson } from '../../../core/json-equal.js';
import type { StorageData } from '../data.js';
import { fillPath, pathPattern } from '../synthesize-names.js';
import { synthesizeVolumes } from '../synthesize-volumes.js';
import { type Check, type CheckScope, type FailedCheck, shown, yamlOf } from './check.js';
import { isAccepted, isFound } from './patterns.js';
import { listOf, objectOf, textOf, textsOf } from './view.js';

const GUEST_PULL = 'image_guest_pull';
const BLOCK_DRIVERS = ['blk', 'scsi'];
const PCI_ADDRESS = /^[a-f0-9]{4}:[a-f0-9]{2}:[a-f0-9]{2}\.[a-f0-9]$/;
const BUS_ADDRESS = /^(?:[0-9]+:[0-9]+|[0-9a-f]{2}(?:\/[0-9a-f]{2})?)$/;

/** A storage of the policy, and the one that a start would send for it. */
interface Wanted {
  readonly storage: StorageData;
  readonly made: JsonObject;
}

export const checkStorages: Check = (scope) => {
  const wanted = wantedStorages(scope);
  const given = listOf(scope.message.storages).map(objectOf);
  const isOnce = scope.rules.guestPull === 'at-root';
  const pulls = given.flatMap((storage, i) => (isPull(storage, scope) ? [i] : []));
  const passed = isOnce ? pulls.slice(0, 1) : pulls;
  const counted = given.flatMap((storage, i) => (passed.includes(i) ? [] : [{ storage, i }]));
  const open = [...wanted];
  const unknown = counted.filter(({ storage }) => {
    const at = open.findIndex((one) => differencesOf(one, storage, scope).length === 0);
    if (at >= 0) open.splice(at, 1);
    return at < 0;
  });
  const differing = unknown.map(({ storage, i }) => {
    const nearest = takeNearest(open, storage, scope);
    return nearest === undefined
      ? unknownStorage(storage, i, scope)
      : otherStorage(nearest, storage, i, scope);
  });
  return [...differing, ...open.map((one) => missingStorage(one, scope))];
};

/** True for a storage with which the guest pulls the image, where the guest does so. */
function isPull(given: JsonObject, scope: CheckScope): boolean {
  const { guestPull } = scope.rules;
  if (guestPull === 'none' || given.driver !== GUEST_PULL) return false;
  const isPlain =
    given.fstype === 'overlay' && given.fs_group === null && sameJson(given.options, []);
  if (guestPull === 'any') return isPlain;
  const root = fillPath('$(root_path)', scope.data, scope.names);
  return isPlain && given.shared === false && given.mount_point === root;
}

function wantedStorages(scope: CheckScope): readonly Wanted[] {
  const { container } = scope;
  const made = synthesizeVolumes(scope).storages.filter(({ driver }) => driver !== GUEST_PULL);
  return container.storages.map((storage, i) => ({ storage, made: made[i] ?? {} }));
}

type Field =
  | 'shared'
  | 'driver'
  | 'driver_options'
  | 'fs_group'
  | 'fstype'
  | 'options'
  | 'source'
  | 'mount_point';

const FIELDS: readonly Field[] = [
  'driver',
  'shared',
  'driver_options',
  'fs_group',
  'fstype',
  'options',
  'source',
  'mount_point',
];

/** Fields in which a storage of the request is not what the policy allows. */
function differencesOf(wanted: Wanted, given: JsonObject, scope: CheckScope): readonly Field[] {
  return FIELDS.filter((field) => !FITS[field]?.(wanted, given, scope));
}

type Fits = (wanted: Wanted, given: JsonObject, scope: CheckScope) => boolean;

const FITS: Readonly<Record<Field, Fits>> = {
  driver: ({ storage, made }, given) =>
    isBlockVolume(storage)
      ? BLOCK_DRIVERS.includes(textOf(given.driver))
      : made.driver === given.driver,
  shared: ({ made }, given) => given.shared === undefined || made.shared === given.shared,
  driver_options: ({ made }, given) => sameJson(made.driver_options, given.driver_options),
  fs_group: ({ made }, given) => sameJson(made.fs_group, given.fs_group),
  fstype: ({ made }, given, { rules }) => !rules.comparesFstype || made.fstype === given.fstype,
  options: ({ storage, made }, given) =>
    storage.driver === 'smb'
      ? isShareMounted(storage.options, textsOf(given.options))
      : sameJson(made.options, given.options),
  source: ({ storage }, given, scope) => isSource(storage, textOf(given.source), scope),
  mount_point: ({ storage, made }, given, scope) => isMountPoint(storage, made, given, scope),
};

function isBlockVolume({ mount_point: point }: StorageData): boolean {
  return point.includes('$(b64_device_id)');
}

/** Options of the policy, then the address and the credentials. */
function isShareMounted(wanted: readonly string[], given: readonly string[]): boolean {
  const [address = '', credentials = ''] = given.slice(wanted.length);
  return (
    given.length === wanted.length + 2 &&
    sameJson(given.slice(0, wanted.length), wanted) &&
    address.startsWith('addr=') &&
    /^username=[^,]*,password=[^,]*$/.test(credentials)
  );
}

/** Sources of layers and of volumes of a storage class are made on the node. */
function isSource(
  storage: StorageData,
  given: string,
  { data, names, rules }: CheckScope,
): boolean {
  if (isBlockVolume(storage)) return BUS_ADDRESS.test(given);
  if (rules.checksLayerSources && storage.fstype === 'tar') return PCI_ADDRESS.test(given);
  if (rules.checksLayerSources && storage.driver === 'overlayfs') return given === 'none';
  const isMade = storage.source === '' || storage.source.startsWith('$(direct');
  return isMade || isAccepted(pathPattern(storage.source, data, names), given);
}

function isMountPoint(
  storage: StorageData,
  made: JsonObject,
  given: JsonObject,
  { data, names }: CheckScope,
): boolean {
  const point = textOf(given.mount_point);
  const { mount_point: wanted } = storage;
  if (wanted.startsWith('$(layer') || storage.driver === 'overlayfs')
    return made.mount_point === point;
  const name = Buffer.from(textOf(given.source)).toString('base64');
  const encoded = name.replaceAll('+', '-').replaceAll('/', '_');
  const pattern = pathPattern(wanted, data, names)
    .replace('$(b64-direct-vol-path)', encoded)
    .replace('$(b64_device_id)', encoded);
  return isAccepted(pattern, point) || (pattern.startsWith('^') && isFound(pattern, point));
}

/** The storage of the policy that differs least, if it is in the same place or of the same kind; it is taken out. */
function takeNearest(open: Wanted[], given: JsonObject, scope: CheckScope): Wanted | undefined {
  const ranked = open
    .map((one) => ({ one, fields: differencesOf(one, given, scope) }))
    .filter(({ fields }) => !fields.includes('driver') || !fields.includes('mount_point'))
    .toSorted((a, b) => a.fields.length - b.fields.length);
  const nearest = ranked[0]?.one;
  if (nearest !== undefined) open.splice(open.indexOf(nearest), 1);
  return nearest;
}

function otherStorage(
  wanted: Wanted,
  given: JsonObject,
  i: number,
  scope: CheckScope,
): FailedCheck {
  const fields = differencesOf(wanted, given, scope);
  const isLayer = wanted.storage.fstype === 'tar' || wanted.storage.driver === 'overlayfs';
  const values = (storage: JsonObject) => fields.map((field) => shown(storage[field])).join(', ');
  return {
    id: isLayer ? 'image-layer' : 'storage',
    path: `storages[${i}].${fields[0] ?? 'options'}`,
    message: isLayer
      ? `layer storage ${i + 1} of the image differs in ${fields.join(' and ')}`
      : `the storage at ${textOf(given.mount_point)} differs in ${fields.join(' and ')}`,
    policy: values(wanted.made),
    request: values(given),
    fix: fixOf(isLayer, scope),
    repairs: [{ path: ['storages', i], value: wanted.made }],
  };
}

function unknownStorage(given: JsonObject, i: number, scope: CheckScope): FailedCheck {
  const isLayer = given.fstype === 'tar' || given.driver === 'overlayfs';
  return {
    id: isLayer ? 'image-layer' : 'storage',
    path: `storages[${i}]`,
    message: isLayer
      ? 'the image has a layer that the policy does not know'
      : `the policy has no${scope.container.storages.length > 0 ? ' further' : ''} storage such as the one at ${textOf(given.mount_point)}`,
    policy: 'no such storage',
    request: shown(given),
    fix: fixOf(isLayer, scope),
    repairs: [{ path: ['storages', i] }],
  };
}

function missingStorage({ storage, made }: Wanted, scope: CheckScope): FailedCheck {
  const isLayer = storage.fstype === 'tar' || storage.driver === 'overlayfs';
  return {
    id: isLayer ? 'image-layer' : 'storage',
    path: 'storages',
    message: isLayer
      ? 'a layer of the image is missing'
      : `the storage at ${textOf(made.mount_point)} is missing`,
    policy: shown(made),
    request: 'no such storage',
    fix: fixOf(isLayer, scope),
    repairs: [{ path: ['storages', '-'], value: made as JsonValue }],
  };
}

function fixOf(isLayer: boolean, { container }: CheckScope): string {
  const yaml = yamlOf(container);
  return isLayer
    ? `the image of ${yaml}.image is not the one that the policy was written for: pin it by digest, and write the policy again`
    : `the volumes of ${yaml}.volumeMounts are others than in the policy: write it again`;
}
