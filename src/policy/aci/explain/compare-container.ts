/**
 * A request to create a container, or to run a command in one, against one candidate of the policy: the conditions that it
 * fails (spec aci-framework 6.9, 6.10 and 7), with what to change in the template or manifest.
 */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { isJsonObject, sameJson } from '../../../core/json-equal.js';
import { type FailedCheck, shown } from '../../kata/explain/check.js';
import {
  allowedCapabilities,
  CAPABILITY_KINDS,
  idAllows,
  type MatchScope,
  memberOf,
  mountAllowed,
  mountMisfits,
  objectsOf,
  ruleAllows,
  ruleName,
  textsOf,
} from './matching.js';

/** What else decides on an exec: how the container was started. */
export interface ContainerScope extends MatchScope {
  readonly container: JsonObject;
  readonly isPrivileged: boolean;
  readonly dropsVariables: boolean;
  readonly dropsCapabilities: boolean;
}

const REGENERATE = 'then write the policy anew with podseal policy';
const FROM_IMAGE = `the image may be another than the policy's: name it by digest, ${REGENERATE}`;

/** What a request to create a container fails of this candidate. */
export function compareCreate(scope: ContainerScope): readonly FailedCheck[] {
  return [
    ...command(scope),
    ...workingDir(scope),
    ...environment(scope),
    ...mounts(scope),
    ...user(scope),
    ...privileged(scope),
    ...newPrivileges(scope),
    ...capabilities(scope),
    ...seccomp(scope),
    ...devices(scope),
  ];
}

/** What a command in a running container fails of this candidate. */
export function compareExec(scope: ContainerScope): readonly FailedCheck[] {
  return [
    ...execCommand(scope),
    ...workingDir(scope),
    ...environment(scope),
    ...user(scope),
    ...newPrivileges(scope),
    ...capabilities(scope),
  ];
}

/** What a process outside of containers fails of this entry of external_processes. */
export function compareExternal(scope: ContainerScope): readonly FailedCheck[] {
  return [...command(scope), ...workingDir(scope), ...environment(scope)];
}

/** A member of the container that the request has to have. */
export function equal(
  { container, input }: ContainerScope,
  [field, key]: readonly [field: string, key: string],
  told: Pick<FailedCheck, 'id' | 'message' | 'fix'>,
): readonly FailedCheck[] {
  const wanted = container[field];
  const given = input[key];
  if (sameJson(wanted, given)) return [];
  return [
    {
      ...told,
      path: key,
      policy: shown(wanted),
      request: shown(given),
      repairs: wanted === undefined ? [] : [{ path: [key], value: wanted }],
    },
  ];
}

/** The arguments of the first process. */
export function command(scope: ContainerScope): readonly FailedCheck[] {
  return equal(scope, ['command', 'argList'], {
    id: 'command',
    message: 'the command is another',
    fix: `set command (in YAML command and args) of the container to what is run; without it the image's counts and ${FROM_IMAGE}`,
  });
}

/** The folder that it starts in. */
export function workingDir(scope: ContainerScope): readonly FailedCheck[] {
  return equal(scope, ['working_dir', 'workingDir'], {
    id: 'working-dir',
    message: 'the working directory is another',
    fix: `set workingDir of the container (YAML); in templates the image's counts and ${FROM_IMAGE}`,
  });
}

function seccomp(scope: ContainerScope): readonly FailedCheck[] {
  return equal(scope, ['seccomp_profile_sha256', 'seccompProfileSHA256'], {
    id: 'seccomp',
    message: 'the seccomp profile is another',
    fix: `give securityContext.seccompProfile the profile that the container runs with, ${REGENERATE}`,
  });
}

/** Variables that no rule allows, and required ones that are missing. */
export function environment(scope: ContainerScope): readonly FailedCheck[] {
  const { container, input, matches, dropsVariables } = scope;
  const rules = objectsOf(container.env_rules);
  const entries = textsOf(input.envList);
  const unknown = entries.flatMap((entry, index): readonly FailedCheck[] => {
    if (dropsVariables || rules.some((rule) => ruleAllows(rule, entry, matches))) return [];
    return [unknownVariable(entry, index, rules)];
  });
  const missing = rules.flatMap((rule): readonly FailedCheck[] => {
    const isThere = entries.some((entry) => ruleAllows(rule, entry, matches));
    return rule.required !== true || isThere ? [] : [missingVariable(rule)];
  });
  return [...unknown, ...missing];
}

function unknownVariable(entry: string, index: number, rules: readonly JsonObject[]): FailedCheck {
  const [name = ''] = entry.split('=', 1);
  const same = rules.filter((rule) => ruleName(rule) === name);
  const allowed = same.map((rule) => shown(rule.pattern ?? rule.value, name));
  return {
    id: 'env',
    path: `envList[${index}]`,
    message:
      same.length === 0
        ? `no rule allows the variable ${shown(name)}`
        : `the variable ${shown(name)} has another value`,
    policy: allowed.length === 0 ? 'no rule with this name' : allowed.join(' or '),
    request: shown(entry, name),
    fix: `set the variable in environmentVariables (YAML env) as it is at run time, ${REGENERATE}; allow_environment_variable_dropping leaves unknown ones out`,
    repairs: [{ path: ['envList', index] }],
  };
}

function missingVariable(rule: JsonObject): FailedCheck {
  const { pattern, strategy } = rule;
  const canRepair = strategy === 'string' && typeof pattern === 'string';
  return {
    id: 'env-required',
    path: 'envList',
    message: `the required variable ${shown(ruleName(rule))} is missing`,
    policy: shown(pattern ?? rule.value, ruleName(rule)),
    request: 'nothing',
    fix: `the variable must be set when the container starts; the image may have lost it, ${FROM_IMAGE}`,
    repairs: canRepair ? [{ path: ['envList', '-'], value: pattern }] : [],
  };
}

function mounts(scope: ContainerScope): readonly FailedCheck[] {
  const { container, input } = scope;
  const given = Array.isArray(input.mounts) ? input.mounts : [];
  return given.flatMap((one: JsonValue, index): readonly FailedCheck[] => {
    const mount = isJsonObject(one) ? one : {};
    if (mountAllowed(container, mount, scope)) return [];
    const nearest = objectsOf(container.mounts).find(
      ({ destination }) => destination === mount.destination,
    );
    const misfits = nearest === undefined ? [] : mountMisfits(nearest, mount, scope);
    return [
      {
        id: 'mount',
        path: `mounts[${index}]`,
        message:
          nearest === undefined
            ? `no mount at ${shown(mount.destination)} is allowed`
            : `the mount at ${shown(mount.destination)} differs in ${misfits.join(', ')}`,
        policy: nearest === undefined ? 'no mount there' : shown(nearest),
        request: shown(one),
        fix: `add the volume and its mount (volumeMounts, mountPath ${shown(mount.destination)}, readOnly as it is used) to the container, ${REGENERATE}`,
        repairs: [{ path: ['mounts', index] }],
      },
    ];
  });
}

function user(scope: ContainerScope): readonly FailedCheck[] {
  const { container, input, matches } = scope;
  const wanted = memberOf(container, 'user');
  const rule = memberOf(wanted, 'user_idname');
  const rules = objectsOf(wanted.group_idnames);
  const fix = `set securityContext.runAsUser and runAsGroup to what the container runs as, ${REGENERATE}; without them USER of the image counts`;
  const found: FailedCheck[] = [];
  if (!idAllows(rule, memberOf(input, 'user'), matches)) {
    found.push({
      id: 'user',
      path: 'user',
      message: 'the user is another',
      policy: shown(rule),
      request: shown(input.user),
      fix,
      repairs: repairId(['user'], rule),
    });
  }
  for (const [index, group] of objectsOf(input.groups).entries()) {
    if (rules.some((one) => idAllows(one, group, matches))) continue;
    found.push({
      id: 'group',
      path: `groups[${index}]`,
      message: 'a group is not allowed',
      policy: shown(rules as readonly JsonValue[]),
      request: shown(group),
      fix,
      repairs: [{ path: ['groups', index] }],
    });
  }
  if (wanted.umask !== input.umask) {
    found.push({
      id: 'umask',
      path: 'umask',
      message: 'the umask is another',
      policy: shown(wanted.umask),
      request: shown(input.umask),
      fix: 'policies allow one umask (0022): start the container with it',
      repairs: wanted.umask === undefined ? [] : [{ path: ['umask'], value: wanted.umask }],
    });
  }
  return found;
}

function repairId(
  path: readonly string[],
  { strategy, pattern }: JsonObject,
): FailedCheck['repairs'] {
  if (pattern === undefined || (strategy !== 'id' && strategy !== 'name')) return [];
  return [{ path: [...path, strategy], value: pattern }];
}

function privileged({ container, input }: ContainerScope): readonly FailedCheck[] {
  if (input.privileged !== true || container.allow_elevated === true) return [];
  return [
    {
      id: 'privileged',
      path: 'privileged',
      message: 'the container must not be privileged',
      policy: 'not privileged',
      request: 'privileged',
      fix: `set securityContext.privileged true if it has to be, ${REGENERATE}; else start it without`,
      repairs: [{ path: ['privileged'], value: false }],
    },
  ];
}

function newPrivileges({ container, input }: ContainerScope): readonly FailedCheck[] {
  if (container.no_new_privileges === false || input.noNewPrivileges === true) return [];
  return [
    {
      id: 'no-new-privileges',
      path: 'noNewPrivileges',
      message: 'the container must not gain new privileges',
      policy: shown(container.no_new_privileges),
      request: shown(input.noNewPrivileges),
      fix: `set securityContext.allowPrivilegeEscalation as the container is started (true, or left out, allows it), ${REGENERATE}`,
      repairs: [{ path: ['noNewPrivileges'], value: true }],
    },
  ];
}

function capabilities(scope: ContainerScope): readonly FailedCheck[] {
  const { container, input, isPrivileged, dropsCapabilities } = scope;
  const allowed = allowedCapabilities(container, isPrivileged);
  const given = memberOf(input, 'capabilities');
  return CAPABILITY_KINDS.flatMap((kind): readonly FailedCheck[] => {
    const wanted = textsOf(allowed[kind]);
    const names = textsOf(given[kind]);
    const extra = dropsCapabilities ? [] : names.filter((name) => !wanted.includes(name));
    const missing = wanted.filter((name) => !names.includes(name));
    if (extra.length === 0 && missing.length === 0 && Array.isArray(given[kind])) return [];
    return [
      {
        id: 'capabilities',
        path: `capabilities.${kind}`,
        message: capabilityMessage(kind, extra, missing),
        policy: shown(wanted as readonly JsonValue[]),
        request: shown(given[kind]),
        fix: `set securityContext.capabilities add and drop to what the container runs with (names with CAP_), ${REGENERATE}`,
        repairs: [{ path: ['capabilities', kind], value: wanted as readonly JsonValue[] }],
      },
    ];
  });
}

function capabilityMessage(
  kind: string,
  extra: readonly string[],
  missing: readonly string[],
): string {
  const parts = [
    ...(extra.length === 0 ? [] : [`too many: ${extra.join(', ')}`]),
    ...(missing.length === 0 ? [] : [`missing: ${missing.join(', ')}`]),
  ];
  return `the ${kind} capabilities differ${parts.length === 0 ? '' : ` (${parts.join('; ')})`}`;
}

function devices({ input }: ContainerScope): readonly FailedCheck[] {
  if (!Array.isArray(input.devices) || input.devices.length === 0) return [];
  return [
    {
      id: 'devices',
      path: 'devices',
      message: 'the request brings devices',
      policy: 'none',
      request: shown(input.devices),
      fix: 'no policy allows devices: take them out of the container',
      repairs: [{ path: ['devices'], value: [] }],
    },
  ];
}

/** The arguments of a command in a running container. */
export function execCommand({ container, input }: ContainerScope): readonly FailedCheck[] {
  const commands = objectsOf(container.exec_processes).map(({ command: one }) => one ?? null);
  if (commands.some((one) => sameJson(one, input.argList))) return [];
  const [first] = commands;
  return [
    {
      id: 'exec-command',
      path: 'argList',
      message: 'the command is not one of those that may be run in the container',
      policy: commands.length === 0 ? 'no command' : shown(commands),
      request: shown(input.argList),
      fix: `add it as livenessProbe.exec or readinessProbe.exec (in JSON configurations execProcesses), ${REGENERATE}; --debug-mode allows shells`,
      repairs: first === undefined ? [] : [{ path: ['argList'], value: first }],
    },
  ];
}
