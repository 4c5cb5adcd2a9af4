/**
 * A request part by part in the place of the same part of a request that the policy allows: whatever makes it refuse
 * stands in that part. For reasons that a comparison does not find.
 */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { sameJson } from '../../../core/json-equal.js';
import { synthesizeContainer } from '../synthesize-container.js';
import { type FailedCheck, shown } from './check.js';
import { type Comparison, scopeOf } from './compare-container.js';
import { listOf, objectOf, textOf } from './view.js';

type Path = readonly string[];

/** Parts that a policy can look at by themselves, in the order of the specification. */
const PARTS: readonly Path[] = [
  ['shared_mounts'],
  ['string_user'],
  ['sandbox_pidns'],
  ...['Version', 'Hooks', 'Solaris', 'Windows', 'Annotations', 'Root', 'Mounts', 'Hostname'].map(
    (field) => ['OCI', field],
  ),
  ...[
    'Args',
    'Cwd',
    'NoNewPrivileges',
    'User',
    'Env',
    'Capabilities',
    'Terminal',
    'SelinuxLabel',
    'ApparmorProfile',
    'Rlimits',
    'OOMScoreAdj',
    'ConsoleSize',
  ].map((field) => ['OCI', 'Process', field]),
  ...[
    'UIDMappings',
    'GIDMappings',
    'Sysctl',
    'Resources',
    'CgroupsPath',
    'Namespaces',
    'Devices',
    'Seccomp',
    'RootfsPropagation',
    'MaskedPaths',
    'ReadonlyPaths',
    'MountLabel',
    'IntelRdt',
  ].map((field) => ['OCI', 'Linux', field]),
  ['storages'],
  ['devices'],
];

/** The request that the container at `index` is made for, under the ids and in the network of the given one. */
export function expectedContainer(comparison: Comparison, index: number): JsonObject | undefined {
  const scope = scopeOf(comparison, index);
  if (scope === undefined) return undefined;
  const { message } = comparison;
  const made = synthesizeContainer(scope);
  const networks = listOf(objectOf(objectOf(message.OCI).Linux).Namespaces).filter(
    (one) => textOf(objectOf(one).Type) === 'network',
  );
  const linux = objectOf(objectOf(made.OCI).Linux);
  const base = withPart(
    made,
    ['OCI', 'Linux', 'Namespaces'],
    [...listOf(linux.Namespaces), ...networks],
  );
  return { ...base, container_id: message.container_id ?? '', exec_id: message.exec_id ?? '' };
}

/** Each part in which the request differs from an expected one, and the expected one with that part. */
export function exchangeParts(
  expected: JsonObject,
  message: JsonObject,
): readonly { readonly path: Path; readonly request: JsonObject }[] {
  return PARTS.flatMap((path) => {
    const given = partOf(message, path);
    if (given === undefined || sameJson(given, partOf(expected, path))) return [];
    return [{ path, request: withPart(expected, path, given) }];
  });
}

/** What to say of a part of which only the policy knows what is wrong. */
export function unseenReason(path: Path, expected: JsonObject, message: JsonObject): FailedCheck {
  const value = partOf(expected, path) ?? null;
  return {
    id: 'unseen',
    path: path.join('.'),
    message: `the policy refuses something in ${path.join('.')} for a reason that only its rules know`,
    policy: `for example ${shown(value)}`,
    request: shown(partOf(message, path)),
    fix: 'compare both; the rules of this policy look at more than those that podseal knows',
    repairs: [{ path, value }],
  };
}

function partOf(value: JsonValue, path: Path): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((part, key) => objectOf(part)[key], value);
}

function withPart(message: JsonObject, [key, ...rest]: Path, value: JsonValue): JsonObject {
  if (key === undefined) return message;
  const inner = rest.length === 0 ? value : withPart(objectOf(message[key]), rest, value);
  return { ...message, [key]: inner };
}
