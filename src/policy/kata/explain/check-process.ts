/** The process of a container against the policy's (spec kata-policy-rules section 9.5). */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { hideInAssignment, hideInWords } from '../../../core/secret.js';
import { splitVariable } from '../placeholders.js';
import { fillValues, replacePlaceholders } from '../synthesize-names.js';
import {
  type Check,
  type CheckScope,
  type FailedCheck,
  type Repair,
  shown,
  yamlOf,
} from './check.js';
import { isVariableAllowed, plausibleValue, wantedValues, wordsFor } from './variables.js';
import { objectOf, textOf, textsOf } from './view.js';

const PROCESS = ['OCI', 'Process'];
/** Variables that kubelet makes of the services of the namespace. */
const SERVICE_VARIABLE = /^[A-Z0-9_]+_(?:SERVICE_(?:HOST|PORT)(?:_|$)|PORT(?:_|$))/;

function processOf(message: JsonObject): JsonObject {
  return objectOf(objectOf(message.OCI).Process);
}

/** Each argument must be the policy's, with the pod's name where the policy has its placeholder. */
export const checkArguments: Check = (scope) => {
  const wanted = wantedArguments(scope);
  const given = textsOf(processOf(scope.message).Args);
  const isFree = (text: string | undefined) => text?.includes('$(node-name)') === true;
  const differs = (i: number) => !isFree(wanted[i]) && wanted[i] !== given[i];
  if (scope.container.OCI.Process.Args === undefined) return [noArguments(scope, given)];
  const at = [...wanted, ...given].findIndex((_, i) => differs(i));
  if (wanted.length === given.length && at < 0) return [];
  const message =
    wanted.length === given.length
      ? `argument ${at + 1} differs`
      : `the command has ${given.length} words, that of the policy ${wanted.length}`;
  const fix = `set ${yamlOf(scope.container)}.command and .args to what runs and write the policy again; if the YAML sets neither, the image has another entry point than when the policy was written`;
  const filled = wanted.map((text) => fillValues(text, scope.names));
  return [
    {
      id: 'args',
      path: at < 0 ? 'OCI.Process.Args' : `OCI.Process.Args[${at}]`,
      message,
      policy: shown(hideInWords(wanted)),
      request: shown(hideInWords(given)),
      fix,
      repairs: [{ path: [...PROCESS, 'Args'], value: filled }],
    },
  ];
};

/** Rules compare lists; a policy without one allows no command, not even an empty one. */
function noArguments({ container }: CheckScope, given: readonly string[]): FailedCheck {
  return {
    id: 'args',
    path: 'OCI.Process.Args',
    message: 'the policy has no command, with which its rules allow no container',
    policy: 'no Args',
    request: shown(hideInWords(given)),
    fix: `set ${yamlOf(container)}.command, since neither the YAML nor the image has one, and write the policy again`,
    repairs: [],
  };
}

function wantedArguments({ container, rules, message, names }: CheckScope): readonly string[] {
  const wanted = container.OCI.Process.Args ?? [];
  const variables = textsOf(processOf(message).Env).map((text) => {
    const { name, value } = splitVariable(text);
    return [name, value ?? ''] as const;
  });
  const values = rules.resolvesArguments ? Object.fromEntries(variables) : {};
  return wanted.map((text) =>
    replacePlaceholders(replacePlaceholders(text, values).replaceAll('$$', '$'), {
      'sandbox-name': names.sandboxName,
    }),
  );
}

interface PlainField {
  readonly id: string;
  readonly field: 'Cwd' | 'NoNewPrivileges' | 'Terminal';
  readonly message: string;
  readonly fix: (yaml: string) => string;
}

const PLAIN: readonly PlainField[] = [
  {
    id: 'working-directory',
    field: 'Cwd',
    message: 'the working directory differs',
    fix: () => 'the image has another WORKDIR than when the policy was written: write it again',
  },
  {
    id: 'no-new-privileges',
    field: 'NoNewPrivileges',
    message: 'whether the process may gain privileges differs',
    fix: (yaml) =>
      `set ${yaml}.securityContext.allowPrivilegeEscalation and write the policy again`,
  },
  {
    id: 'terminal',
    field: 'Terminal',
    message: 'whether the process has a terminal differs',
    fix: (yaml) => `set ${yaml}.tty and write the policy again`,
  },
];

/** Checks of the fields `Cwd`, `NoNewPrivileges` and `Terminal` of a process at `path`. */
export function checkPlainFields(
  scope: CheckScope,
  process: JsonObject,
  path: readonly string[],
): readonly FailedCheck[] {
  const wanted = scope.container.OCI.Process;
  return PLAIN.flatMap(({ id, field, message, fix }) => {
    const value: JsonValue = wanted[field] ?? '';
    if (process[field] === value) return [];
    return [
      {
        id,
        path: [...path, field].join('.'),
        message,
        policy: shown(value),
        request: shown(process[field]),
        fix: fix(yamlOf(scope.container)),
        repairs: [{ path: [...path, field], value }],
      },
    ];
  });
}

export const checkProcessFields: Check = (scope) =>
  checkPlainFields(scope, processOf(scope.message), PROCESS);

/** Ids of a user at `path`; of groups the set counts. */
export function checkUserFields(
  scope: CheckScope,
  process: JsonObject,
  path: readonly string[],
): readonly FailedCheck[] {
  const { UID, GID, AdditionalGids } = scope.container.OCI.Process.User;
  const user = objectOf(process.User);
  const groups = Array.isArray(user.AdditionalGids) ? user.AdditionalGids.map(Number) : [];
  const yaml = yamlOf(scope.container);
  const failure = (field: string, value: JsonValue, setting: string): FailedCheck => ({
    id: 'user',
    path: [...path, 'User', field].join('.'),
    message: `${field} differs`,
    policy: shown(value),
    request: shown(user[field]),
    fix: `set ${setting} and write the policy again; without it the image's USER counts, so the image may have changed`,
    repairs: [{ path: [...path, 'User', field], value }],
  });
  const failed: FailedCheck[] = [];
  if (user.UID !== UID) failed.push(failure('UID', UID, `${yaml}.securityContext.runAsUser`));
  if (!scope.rules.comparesGroups) return failed;
  if (user.GID !== GID) failed.push(failure('GID', GID, `${yaml}.securityContext.runAsGroup`));
  if (!isSameSet(groups.map(String), AdditionalGids.map(String))) {
    const setting = 'spec.securityContext.supplementalGroups or fsGroup';
    failed.push(failure('AdditionalGids', AdditionalGids, setting));
  }
  return failed;
}

export const checkUser: Check = (scope) =>
  checkUserFields(scope, processOf(scope.message), PROCESS);

/** Each variable of the request must be allowed; those of the policy may be absent. */
export function checkVariables(
  scope: CheckScope,
  process: JsonObject,
  path: readonly string[],
): readonly FailedCheck[] {
  return textsOf(process.Env).flatMap((text, i) => {
    if (isVariableAllowed(text, scope)) return [];
    const { name, value } = splitVariable(text);
    const wanted = wantedValues(scope, name);
    const at = [...path, 'Env', i];
    const [first] = wanted;
    const isJoined = wanted.some((one) => plausibleValue(one, scope) === value);
    const repair: Repair =
      first === undefined || isJoined
        ? { path: at }
        : { path: at, value: `${name}=${plausibleValue(first, scope)}` };
    return [
      {
        id: 'env',
        path: `${path.join('.')}.Env[${i}]`,
        message: variableProblem(name, wanted, isJoined),
        policy:
          wanted.length === 0
            ? 'no such variable'
            : wanted
                .map((one) =>
                  hideInAssignment(`${name}=${one}`) === `${name}=${one}`
                    ? wordsFor(one)
                    : shown(one, name),
                )
                .join(' or '),
        request: shown(value ?? text, name),
        fix: isJoined
          ? `take ${yamlOf(scope.container)}.env[name=${name}] out and let the container's command join the texts, with a variable that holds nothing but the reference`
          : variableFix(name, value, wanted, yamlOf(scope.container)),
        repairs: [repair],
      },
    ];
  });
}

/** `isJoined`: it has the value that the policy stands for, and is refused all the same. */
function variableProblem(name: string, wanted: readonly string[], isJoined: boolean): string {
  if (wanted.length === 0) return `variable ${name} is not in the policy`;
  if (!isJoined) return `variable ${name} has another value`;
  return `variable ${name} joins other text and a value that only the running pod has, which guests of this version do not take`;
}

function variableFix(
  name: string,
  value: string | undefined,
  wanted: readonly string[],
  yaml: string,
): string {
  const entry = `${yaml}.env[name=${name}]`;
  if (wanted.length > 0)
    return `set ${entry}.value to ${shown(value, name)} and write the policy again, or give the pod the value of the policy`;
  if (SERVICE_VARIABLE.test(name)) {
    return 'a service of the namespace brings it: set spec.enableServiceLinks: false, or allow it by allow_env_regex of the settings';
  }
  return `add ${entry} and write the policy again; if the YAML has it nowhere, a webhook or the image adds it`;
}

export const checkEnvironment: Check = (scope) =>
  checkVariables(scope, processOf(scope.message), PROCESS);

const CAPABILITY_SETS = ['Ambient', 'Bounding', 'Effective', 'Inheritable', 'Permitted'] as const;

export const checkCapabilities: Check = (scope) => {
  const wanted = scope.container.OCI.Process.Capabilities;
  const given = objectOf(processOf(scope.message).Capabilities);
  return CAPABILITY_SETS.flatMap((set) => {
    const has = textsOf(given[set]);
    const allowed = expandCapabilities(wanted[set], scope);
    const fits = (list: readonly string[]) =>
      isSameCapabilities(list, has, scope.rules.capabilities);
    if (fits(allowed) || fits(wanted[set])) return [];
    const extra = has.filter((name) => !allowed.includes(name));
    const absent = allowed.filter((name) => !has.includes(name));
    return [
      {
        id: 'capabilities',
        path: `OCI.Process.Capabilities.${set}`,
        message: `the ${set.toLowerCase()} capabilities differ${listed(' by more', extra)}${listed(' by fewer', absent)}`,
        policy: shown(allowed),
        request: shown(has),
        fix: `set ${yamlOf(scope.container)}.securityContext.capabilities (or .privileged) and write the policy again`,
        repairs: [{ path: [...PROCESS, 'Capabilities', set], value: allowed }],
      },
    ];
  });
};

function listed(word: string, names: readonly string[]): string {
  return names.length === 0 ? '' : `${word}: ${names.slice(0, 5).join(', ')}`;
}

function expandCapabilities(wanted: readonly string[], { data }: CheckScope): readonly string[] {
  const { default_caps: standard, privileged_caps: privileged } = data.common;
  const lists: Readonly<Record<string, unknown>> = {
    '$(default_caps)': standard,
    '$(privileged_caps)': privileged,
  };
  const list = wanted.length === 1 ? lists[wanted[0] ?? ''] : undefined;
  return Array.isArray(list) ? list.map(String) : wanted;
}

function isSameCapabilities(
  wanted: readonly string[],
  given: readonly string[],
  by: CheckScope['rules']['capabilities'],
): boolean {
  if (by === 'lists') return wanted.join(' ') === given.join(' ');
  const plain = (names: readonly string[]) => names.map((name) => name.replace(/^CAP_/, ''));
  return isSameSet(plain(wanted), plain(given));
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return [...new Set(a)].toSorted().join(' ') === [...new Set(b)].toSorted().join(' ');
}

/** The text of a field of the request that names a path. */
export function pathOf(message: JsonObject, part: string, field: string): string {
  return textOf(objectOf(objectOf(message.OCI)[part])[field]);
}
