/** How two entries of `containers` are compared, field by field (spec kata-policy-rules sections 9 and 12). */
import type { DifferenceKind } from '../../core/finding.js';
import type { JsonValue } from '../../core/json.js';
import { canonicalJson, isJsonObject, sameJson } from '../../core/json-equal.js';
import { recordOf } from '../../core/record.js';
import { compareMounts } from '../review/compare-keyed.js';
import { allows, allowsKeys, forbids, grants, switched } from '../review/compare-values.js';
import {
  type Comparator,
  type CompareTable,
  comparePart,
  differs,
  elementsOf,
  fieldOf,
  keysOf,
  type Report,
  shown,
} from '../review/compare-walk.js';
import { CONTAINER_NAME, IMAGE_NAME, SANDBOX_NAME, SANDBOX_NAMESPACE } from './annotations.js';
import { compareEnv, compareWords, kindOfFreedom } from './compare-env.js';
import { compareStorages } from './compare-storages.js';
import { meaningOfValue, splitVariable } from './placeholders.js';

/** A user or group ID: 0 is root's. */
function compareId(field: string, noun: string): Comparator {
  return (pair, report) => {
    if (sameJson(pair.before, pair.after)) return;
    const kind = pair.after === 0 ? 'widened' : pair.before === 0 ? 'narrowed' : 'changed';
    report({ kind, field, message: `${noun} differs`, ...shown(pair.before, pair.after) });
  };
}

type NamedComparator = (
  before: string | undefined,
  after: string | undefined,
) => {
  readonly kind: DifferenceKind;
  readonly field: string;
  readonly message: string;
};

/** Annotations whose value decides; absence of a name or an empty namespace stands for any. */
const IDENTITY: Readonly<Record<string, NamedComparator>> = {
  [CONTAINER_NAME]: () => ({
    kind: 'renamed',
    field: 'container-name',
    message: 'the container has another name',
  }),
  [IMAGE_NAME]: () => ({ kind: 'changed', field: 'image', message: 'the image has another name' }),
  [SANDBOX_NAME]: (before, after) => ({
    kind: after === undefined ? 'widened' : before === undefined ? 'narrowed' : 'renamed',
    field: 'pod-name',
    message: after === undefined ? 'the pod may have any name now' : 'the pod has another name',
  }),
  [SANDBOX_NAMESPACE]: (before, after) => ({
    kind: after === '' ? 'widened' : before === '' ? 'narrowed' : 'changed',
    field: 'namespace',
    message:
      after === '' ? 'the pod may be in any namespace now' : 'the pod is in another namespace',
  }),
};

const compareAnnotations: Comparator = (pair, report) => {
  const rest = { before: withoutIdentity(pair.before), after: withoutIdentity(pair.after) };
  allowsKeys('annotation', 'annotation')({ ...pair, ...rest }, report);
  for (const [key, compare] of Object.entries(IDENTITY)) {
    const before = fieldOf(pair.before, key);
    const after = fieldOf(pair.after, key);
    if (sameJson(before, after)) continue;
    report({ ...compare(textOrNone(before), textOrNone(after)), ...shown(before, after) });
  }
};

function withoutIdentity(annotations: JsonValue | undefined): JsonValue | undefined {
  if (!isJsonObject(annotations)) return annotations;
  const rest = Object.entries(annotations).filter(([key]) => !Object.hasOwn(IDENTITY, key));
  return recordOf(rest);
}

function textOrNone(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** `env_map`: one value per name. */
const compareEnvMap: Comparator = (pair, report) => {
  for (const name of keysOf(pair.before, pair.after)) {
    const before = textOrNone(fieldOf(pair.before, name));
    const after = textOrNone(fieldOf(pair.after, name));
    if (before === after) continue;
    report({
      kind: kindOfEntry(before, after),
      field: 'env-map',
      message: `variable ${name} differs in the map of variables`,
      ...shown(before, after, name),
    });
  }
};

function kindOfEntry(before: string | undefined, after: string | undefined): DifferenceKind {
  if (before === undefined) return 'added';
  if (after === undefined) return 'removed';
  return kindOfFreedom(meaningOfValue(before).freedom, meaningOfValue(after).freedom);
}

/** Sets of capabilities that differ in the same way are told together. */
const compareCapabilities: Comparator = (pair, report) => {
  const sets = new Map<string, string[]>();
  for (const set of keysOf(pair.before, pair.after)) {
    const both = [fieldOf(pair.before, set) ?? null, fieldOf(pair.after, set) ?? null];
    const names = sets.get(canonicalJson(both)) ?? [];
    sets.set(canonicalJson(both), [...names, set]);
  }
  for (const names of sets.values()) {
    const set = names[0]!;
    const inner = {
      before: fieldOf(pair.before, set),
      after: fieldOf(pair.after, set),
      path: pair.path,
    };
    grants('capability', `the ${names.join(', ').toLowerCase()} capabilities`)(inner, report);
  }
};

const CONTAINER_TABLE: CompareTable = {
  'OCI.Version': differs('oci-version', 'the version of the runtime specification'),
  'OCI.Process.Terminal': differs('terminal', 'the terminal'),
  'OCI.Process.User.UID': compareId('user', 'the user ID'),
  'OCI.Process.User.GID': compareId('user', 'the group ID'),
  'OCI.Process.User.AdditionalGids': grants('user', 'the additional groups'),
  'OCI.Process.User.Username': differs('user', 'the user name'),
  'OCI.Process.Args': compareWords('command', 'the command'),
  'OCI.Process.DeprecatedArgs': compareWords('command', 'the resolved command'),
  'OCI.Process.Env': compareEnv,
  'OCI.Process.Cwd': differs('working-directory', 'the working directory'),
  'OCI.Process.NoNewPrivileges': switched('privilege-escalation', {
    on: 'the process can no longer gain privileges',
    off: 'the process may gain privileges now',
    wider: false,
  }),
  'OCI.Process.Capabilities': compareCapabilities,
  'OCI.Root.Path': differs('root-path', 'the path of the root file system'),
  'OCI.Root.Readonly': switched('root-file-system', {
    on: 'the root file system is read-only now',
    off: 'the root file system is writable now',
    wider: false,
  }),
  'OCI.Mounts': compareMounts,
  'OCI.Annotations': compareAnnotations,
  'OCI.Linux.Namespaces': differs('namespaces', 'the list of Linux namespaces'),
  'OCI.Linux.MaskedPaths': forbids('masked-path', 'a masked path'),
  'OCI.Linux.ReadonlyPaths': forbids('read-only-path', 'a read-only path'),
  'OCI.Linux.Devices': allows('device', 'a device file'),
  'OCI.Linux.Sysctl': allowsKeys('sysctl', 'kernel parameter'),
  storages: compareStorages,
  devices: allows('device', 'a device'),
  sandbox_pidns: switched('process-namespace', {
    on: 'the containers share their processes now',
    off: 'the containers no longer share their processes',
    wider: true,
  }),
  exec_commands: allows('exec-command', 'a command of a probe or hook'),
  env_map: compareEnvMap,
  runtime_anno_patterns: allowsKeys('annotation-pattern', 'annotation pattern'),
};

/** Reports all in which two containers differ; `path` is that of the second. */
export function compareContainers(
  before: JsonValue,
  after: JsonValue,
  path: string,
  report: Report,
): void {
  const isDerived = hasDerivedMap(before) && hasDerivedMap(after);
  const side = (container: JsonValue) => (isDerived ? withoutMap(container) : container);
  comparePart({ before: side(before), after: side(after), path }, CONTAINER_TABLE, report);
}

/** True if `env_map` only repeats `Env`. */
function hasDerivedMap(container: JsonValue): boolean {
  const env = elementsOf(fieldOf(fieldOf(fieldOf(container, 'OCI'), 'Process'), 'Env'));
  const entries = env.flatMap((text) => {
    const { name, value } = splitVariable(String(text));
    return value === undefined ? [] : [[name, value] as const];
  });
  return sameJson(fieldOf(container, 'env_map'), recordOf(entries));
}

function withoutMap(container: JsonValue): JsonValue {
  if (!isJsonObject(container)) return container;
  return recordOf(Object.entries(container).filter(([key]) => key !== 'env_map'));
}
