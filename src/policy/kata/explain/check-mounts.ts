/** Root file system and mounts of a request against the policy's (spec kata-policy-rules sections 9.6 to 9.8, 12.2). */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { sameJson } from '../../../core/json-equal.js';
import type { MountData } from '../data.js';
import { ANNOTATIONS, BUNDLES, fillPath, pathPattern } from '../synthesize-names.js';
import { synthesizeVolumes } from '../synthesize-volumes.js';
import {
  type Check,
  type CheckScope,
  type FailedCheck,
  type Repair,
  shown,
  yamlOf,
} from './check.js';
import { isAccepted } from './patterns.js';
import { listOf, objectOf, textOf, textsOf } from './view.js';

const BUNDLE_PLACE = /\$\((?:root_path|bundle-id)\)/;
const BUNDLE_ID = /^(?:[0-9a-f]{64}|[a-z0-9][a-z0-9.-]*)$/;
const RUNTIME = 'nothing in the YAML: the runtime on the node chooses the path';

/** In guests that take the bundle id from an annotation, that must be one. */
export const checkBundle: Check = ({ message, names, rules }) => {
  if (rules.bundle !== 'annotation') return [];
  const path = ['OCI', 'Annotations', ANNOTATIONS.bundlePath];
  const given = textOf(objectOf(objectOf(message.OCI).Annotations)[ANNOTATIONS.bundlePath]);
  const form = rules.pairsMounts ? BUNDLE_ID : /^[a-z0-9]{64}$/;
  if (form.test(given.replaceAll(`${BUNDLES}/`, ''))) return [];
  return [
    {
      id: 'bundle-id',
      path: `OCI.Annotations["${ANNOTATIONS.bundlePath}"]`,
      message: 'the path of the bundle does not end with an id',
      policy: `${BUNDLES}/ and 64 characters of a-z and 0-9`,
      request: shown(given),
      fix: RUNTIME,
      repairs: [{ path, value: `${BUNDLES}/${names.containerId}` }],
    },
  ];
};

/** The root must be where the policy has it, under the id of the bundle. */
export const checkRoot: Check = (scope) => {
  const { container, data, message, names, rules } = scope;
  const root = objectOf(objectOf(message.OCI).Root);
  const failed: FailedCheck[] = [];
  const wanted = fillPath(container.OCI.Root.Path, data, names);
  if (rules.bundle === 'root-path' && !BUNDLE_PLACE.test(container.OCI.Root.Path)) {
    failed.push(rootWithoutBundle(container.OCI.Root.Path));
  }
  if (!BUNDLE_ID.test(names.containerId) || root.Path !== wanted) {
    const annotation = ['OCI', 'Annotations', ANNOTATIONS.bundlePath];
    const path = ['OCI', 'Root', 'Path'];
    failed.push({
      id: 'root-path',
      path: path.join('.'),
      message: 'the root file system is at another path',
      policy: shown(container.OCI.Root.Path),
      request: shown(root.Path),
      fix:
        rules.bundle === 'annotation'
          ? `${RUNTIME}, and it must be the one of annotation ${annotation[2]}`
          : RUNTIME,
      repairs: [{ path, value: wanted }],
    });
  }
  const { Readonly: readOnly } = container.OCI.Root;
  if (root.Readonly === readOnly) return failed;
  return [
    ...failed,
    {
      id: 'read-only-root',
      path: 'OCI.Root.Readonly',
      message: 'whether the root file system can be written differs',
      policy: shown(readOnly),
      request: shown(root.Readonly),
      fix: `set ${yamlOf(container)}.securityContext.readOnlyRootFilesystem and write the policy again`,
      repairs: [{ path: ['OCI', 'Root', 'Readonly'], value: readOnly }],
    },
  ];
};

/** The id of the bundle is taken from the root path; where the policy has none in it, nothing is allowed. */
function rootWithoutBundle(wanted: string): FailedCheck {
  return {
    id: 'root-path',
    path: 'OCI.Root.Path',
    message: 'the root path of the policy has no place for the id of the bundle',
    policy: shown(wanted),
    request: 'any path',
    fix: 'set Root.Path of pause_container and other_container in the settings to $(root_path), and write the policy again',
    repairs: [],
  };
}

/** Each mount of the request must be one of the policy's. */
export const checkMounts: Check = (scope) => {
  const wanted = scope.container.OCI.Mounts ?? [];
  const given = listOf(objectOf(scope.message.OCI).Mounts).map(objectOf);
  const seen = new Set<string>();
  return given.flatMap((mount, i) => {
    const destination = textOf(mount.destination);
    const isAgain = scope.rules.pairsMounts && seen.has(destination);
    seen.add(destination);
    if (!isAgain && wanted.some((one) => isMountAllowed(one, mount, scope))) return [];
    const same = isAgain ? [] : wanted.filter((one) => one.destination === destination);
    return [same.length === 0 ? unknownMount(mount, i, scope) : otherMount(same, mount, i, scope)];
  });
};

function unknownMount(mount: JsonObject, i: number, { container }: CheckScope): FailedCheck {
  return {
    id: 'mount',
    path: `OCI.Mounts[${i}]`,
    message: `the policy has no${container.OCI.Mounts?.some((one) => one.destination === mount.destination) ? ' second' : ''} mount at ${textOf(mount.destination)}`,
    policy: 'no such mount',
    request: shown(mount),
    fix: `add the volume mount ${shown(mount.destination)} to ${yamlOf(container)}.volumeMounts and write the policy again, or remove it; if the YAML has it nowhere, a webhook or a VOLUME of the image adds it`,
    repairs: [{ path: ['OCI', 'Mounts', i] }],
  };
}

const FIELDS = ['type_', 'options', 'source'] as const;

/** The policy has mounts there, but each differs: told of the one that differs least. */
function otherMount(
  wanted: readonly MountData[],
  mount: JsonObject,
  i: number,
  scope: CheckScope,
): FailedCheck {
  const differences = wanted.map((one) => ({
    one,
    fields: FIELDS.filter((field) =>
      field === 'source'
        ? !isSourceAllowed(one, textOf(mount.source), scope)
        : !sameJson(one[field], mount[field]),
    ),
  }));
  const [nearest] = differences.toSorted((a, b) => a.fields.length - b.fields.length);
  const fields = nearest?.fields ?? [];
  const field = fields[0] ?? 'source';
  const made = synthesizeVolumes(scope).mounts.find((one) => one.destination === mount.destination);
  const repair: Repair = { path: ['OCI', 'Mounts', i], value: made ?? mount };
  return {
    id: `mount-${field === 'type_' ? 'type' : field}`,
    path: `OCI.Mounts[${i}].${field}`,
    message: `the mount at ${textOf(mount.destination)} has other ${fields.map(nameOf).join(' and ') || 'contents'}`,
    policy: fields.map((one) => shown(nearest?.one[one])).join(', '),
    request: fields.map((one) => shown(mount[one])).join(', '),
    fix: fixOf(field, textOf(mount.destination), yamlOf(scope.container)),
    repairs: [repair],
  };
}

function nameOf(field: (typeof FIELDS)[number]): string {
  return field === 'type_' ? 'type' : field;
}

function fixOf(field: (typeof FIELDS)[number], destination: string, yaml: string): string {
  const mount = `${yaml}.volumeMounts[mountPath=${destination}]`;
  if (field === 'options') {
    return `set readOnly and mountPropagation of ${mount} (or privileged, for /sys) and write the policy again`;
  }
  return `the volume behind ${mount} is of another kind or name than in the policy: write it again`;
}

/** True if the policy mount `wanted` allows `mount`. */
function isMountAllowed(wanted: MountData, mount: JsonObject, scope: CheckScope): boolean {
  if (wanted.source !== '' && sameJson({ ...wanted }, mount)) return true;
  const options = textsOf(mount.options);
  if (wanted.destination !== mount.destination || wanted.type_ !== mount.type_) return false;
  if (!isSourceAllowed(wanted, textOf(mount.source), scope)) return false;
  return sameJson(wanted.options, options) || areSpecialOptions(wanted, options, scope);
}

/** Kernel file systems whose options may differ: /sys may be less open, cgroups may have extras of the settings. */
function areSpecialOptions(
  wanted: MountData,
  options: readonly string[],
  { data }: CheckScope,
): boolean {
  const extras = data.cluster_config?.cgroup_mount_extras_allowed;
  if (data.cluster_config === undefined) return false;
  const added = options.filter((option) => !wanted.options.includes(option));
  const absent = wanted.options.filter((option) => !options.includes(option));
  if (wanted.type_ === 'sysfs') {
    return added.join() === 'ro' && (absent.join() === 'rw' || absent.length === 0);
  }
  const allowed = Array.isArray(extras) ? extras : [];
  return (
    wanted.type_ === 'cgroup' && absent.length === 0 && added.every((one) => allowed.includes(one))
  );
}

function isSourceAllowed(wanted: MountData, given: string, scope: CheckScope): boolean {
  const { data, names, message } = scope;
  const isVolume = wanted.source === '' || wanted.source.includes('$(b64-direct-vol-path)');
  if (isVolume) return pointsOf(message.storages).includes(given);
  return isAccepted(patternOf(pathPattern(wanted.source, data, names)), given);
}

/** In guests where the shared directory is itself a pattern, so is every path below it. */
function patternOf(text: string): string {
  return text.includes('(?:') && !text.startsWith('^') ? `^${text}$` : text;
}

function pointsOf(storages: JsonValue | undefined): readonly string[] {
  return listOf(storages).map((storage) => textOf(objectOf(storage).mount_point));
}
