/** Audit of one container of a CCE policy: image, commands, variables, secrets, privileges, user, mounts. */
import { mutableTagOf, ruleOfTag } from '../../core/image-tag.js';
import type { JsonValue } from '../../core/json.js';
import { hideSecrets, optionBefore } from '../../core/secret.js';
import {
  type AuditSubject,
  capabilityHit,
  secretHits,
  variableHits,
} from '../review/audit-hits.js';
import { type PatternReach, reachOf, reachOfVariables } from '../review/patterns.js';
import type { CceAuditId, CceHit } from './audit-rules.js';
import type { CceContainer, CceEnvRule, CceUser } from './cce-document.js';
import {
  DEFAULT_ENV_RULES,
  PAUSE_LAYER,
  UNPRIVILEGED_CAPABILITIES,
  VIRTUAL_NODE_ENV_RULES,
} from './constants.js';
import { originOfCceMount } from './mount-origin.js';

type Check = (container: CceContainer) => readonly CceHit[];

/** What is known of the containers beside the policy. */
export interface ContainersContext extends Pick<AuditSubject, 'secrets'> {
  /** Images whose names are judged elsewhere. */
  readonly toldImages?: ReadonlySet<string>;
}

/** All hits of the containers of a policy; what most of them have is told once, with all their names. */
export function auditCceContainers(
  containers: readonly CceContainer[],
  context: ContainersContext,
): readonly CceHit[] {
  const hits = containers.flatMap((container, index) =>
    auditContainer(container, context).map((hit) => ({
      ...hit,
      title: titleOf(container, index),
      path: `containers[${index}].${hit.path ?? ''}`,
    })),
  );
  const byKind = new Map<string, (typeof hits)[number][]>();
  for (const hit of hits) {
    const { id, severity, message } = hit;
    const kind = TOLD_ONCE.includes(id) ? [id, severity, message] : [byKind.size];
    const key = JSON.stringify(kind);
    byKind.set(key, [...(byKind.get(key) ?? []), hit]);
  }
  return [...byKind.values()].map((same) => {
    const { title: _, ...hit } = same[0]!;
    return { ...hit, part: partOf(same.map(({ title }) => title)) };
  });
}

/** Every container has these: by default, or in debug mode. */
const TOLD_ONCE: readonly string[] = [
  'exec-any',
  'stdio-readable',
  'new-privileges-allowed',
  'seccomp-missing',
  'user-any',
] satisfies readonly CceAuditId[];

/** Names in one finding. */
const SHOWN_NAMES = 10;

function partOf(titles: readonly string[]): string {
  if (titles.length === 1) return `container ${titles[0]}`;
  const rest = titles.length - SHOWN_NAMES;
  const shown = titles.slice(0, SHOWN_NAMES).join(', ');
  return `containers ${shown}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function auditContainer(
  container: CceContainer,
  { toldImages, secrets }: ContainersContext,
): readonly CceHit[] {
  const checks = isPause(container) ? PAUSE_CHECKS : [...PAUSE_CHECKS, ...WORKLOAD_CHECKS];
  const { id, name } = container;
  const isTold = id !== undefined && toldImages?.has(id) === true;
  return [
    ...checks.flatMap((check) => check(container)),
    ...auditVariables(container, secrets?.get(name ?? '')),
    ...(isTold ? [] : auditTag(container)),
  ];
}

/** `container web`: by name, else by id, else by its place. */
export function nameOfCceContainer(container: CceContainer, index: number): string {
  return `container ${titleOf(container, index)}`;
}

function titleOf({ name, id }: CceContainer, index: number): string {
  return name || id || `number ${index}`;
}

/** The container of the platform that holds the namespaces of a group; every group has the same. */
function isPause({ layers, command }: CceContainer): boolean {
  return layers.length === 1 && layers[0] === PAUSE_LAYER && command?.join(' ') === '/pause';
}

const auditImage: Check = ({ layers, mounted_cim: cim }) => {
  if (layers.length > 0 || (cim ?? []).length > 0) return [];
  const message = 'no layer hashes tie the container to an image: the host decides what runs';
  return [{ id: 'image-unbound', message, path: 'layers' }];
};

const auditTag: Check = ({ id }) => {
  const tag = id === undefined ? undefined : mutableTagOf(id);
  if (id === undefined || tag === undefined) return [];
  const message = `image ${id} is named by the tag ${tag}: if it moves, the container no longer starts`;
  return [{ id: ruleOfTag(tag), message, path: 'id' }];
};

const SHELL = /(?:^|[\\/])(?:(?:ba|da|a|k|z|c|tc|fi)?sh|busybox|cmd|powershell|pwsh)(?:\.exe)?$/i;

const auditExec: Check = ({ exec_processes: processes, allow_stdio_access: hasStdio }) =>
  processes.map(({ command }, i): CceHit => {
    const words = textsOf(command);
    const path = `exec_processes[${i}]`;
    const program = words[0] ?? '';
    const isOpenShell =
      SHELL.test(program) && words.slice(1).every((word) => /^-[il]+$/.test(word));
    if (!isOpenShell) {
      const message = `the host may run ${JSON.stringify(program)} with fixed arguments`;
      return { id: 'exec-allowed', message, path, severity: 'low' };
    }
    if (hasStdio) {
      const message = `the host may start the shell ${program} and write any command to it`;
      return { id: 'exec-any', message, path };
    }
    return { id: 'exec-allowed', message: `the host may start the shell ${program}`, path };
  });

const auditStdio: Check = ({ allow_stdio_access: hasStdio }) =>
  hasStdio
    ? [
        {
          id: 'stdio-readable',
          message: 'the host may read the output and write to the input',
          path: 'allow_stdio_access',
        },
      ]
    : [];

const USUAL_RULES: ReadonlySet<string> = new Set(
  [...DEFAULT_ENV_RULES, ...VIRTUAL_NODE_ENV_RULES].map(({ pattern }) => pattern),
);

/** Rules that leave names or values of variables to the host. */
export const auditEnv = ({ env_rules: rules }: Pick<CceContainer, 'env_rules'>) =>
  rules.flatMap((rule, i): readonly CceHit[] => {
    const reach = USUAL_RULES.has(rule.pattern ?? '') ? 'bounded' : reachOfRule(rule);
    const path = `env_rules[${i}]`;
    const [name, value] = assignmentOf(rule);
    if (reach === 'free') {
      const told = value === '' ? name : `${name}=${hideSecrets(value, name)}`;
      const message = `the host may set any variable that matches ${hideSecrets(told)}`;
      return [{ id: 'env-pattern-open', message, path }];
    }
    if (reach !== 'free-end') return [];
    const message = `variable ${name} may have any value that matches ${hideSecrets(value, name)}`;
    return [{ id: 'env-any-value', message, path }];
  });

/** Guests anchor patterns at both ends. A rule of both shapes accepts what either of them does. */
function reachOfRule(rule: CceEnvRule): PatternReach {
  const whole =
    rule.strategy === 're2' && rule.pattern !== undefined
      ? reachOfVariables(anchored(rule.pattern))
      : 'bounded';
  const halves = reachOfHalves(rule);
  return whole === 'free' || halves === 'bounded' ? whole : halves;
}

function reachOfHalves(rule: CceEnvRule): PatternReach {
  if (rule.name_strategy === 're2' && reachOf(anchored(rule.name ?? '')) !== 'bounded')
    return 'free';
  const isFree = rule.value_strategy === 're2' && reachOf(anchored(rule.value ?? '')) !== 'bounded';
  return isFree ? 'free-end' : 'bounded';
}

function anchored(pattern: string): string {
  return `^${pattern.replace(/^\^?(?:\(\?[is]+\))?\^?/, '').replace(/\$$/, '')}$`;
}

/** Variables that take one value each; `origins` says of some where it comes from. */
export function auditVariables(
  { env_rules: rules }: Pick<CceContainer, 'env_rules'>,
  origins?: ReadonlyMap<string, string>,
): readonly CceHit[] {
  return rules.flatMap((rule, i) => {
    const [name, value] = assignmentOf(rule);
    const isOne = [rule.strategy, rule.value_strategy].includes('string');
    const origin = isOne ? origins?.get(name) : undefined;
    return variableHits(name, value, `env_rules[${i}]`, origin);
  });
}

/** Secrets in the words of a command. */
export function auditWords(command: readonly JsonValue[]): readonly CceHit[] {
  return textsOf(command).flatMap((word, i, all) =>
    secretHits(word, optionBefore(all, i), `word ${i + 1} of the command`, `command[${i}]`),
  );
}

const auditSecrets: Check = ({ command, exec_processes: processes }) => {
  const words = auditWords(command ?? []);
  const probes = processes.flatMap(({ command: probe }, i) =>
    textsOf(probe).flatMap((word, j, all) =>
      secretHits(word, optionBefore(all, j), 'a command of a probe', `exec_processes[${i}]`),
    ),
  );
  return [...words, ...probes];
};

/** Name and value of a rule, patterns included. */
export function assignmentOf(rule: CceEnvRule): readonly [name: string, value: string] {
  if (rule.pattern === undefined) return [rule.name ?? '', rule.value ?? ''];
  const at = rule.pattern.indexOf('=');
  return at < 0 ? [rule.pattern, ''] : [rule.pattern.slice(0, at), rule.pattern.slice(at + 1)];
}

/** The words of a command that are texts; others match nothing. */
export function textsOf(command: readonly JsonValue[]): readonly string[] {
  return command.map((word) => (typeof word === 'string' ? word : JSON.stringify(word)));
}

const auditPrivileges: Check = (container) => {
  const { allow_elevated: elevated, capabilities } = container;
  if (elevated === true) {
    const message = 'the container may run with all privileges';
    return [{ id: 'privileged-container', message, path: 'allow_elevated' }];
  }
  const path = 'capabilities';
  if (capabilities === null) {
    const message = 'the container has the default capabilities of the guest';
    return [{ id: 'capabilities-of-guest', message, path }];
  }
  return [...new Set(Object.values(capabilities ?? {}).flat() as readonly string[])]
    .filter((name) => !UNPRIVILEGED_CAPABILITIES.includes(name))
    .map((name) => capabilityHit(name, path));
};

const auditProcess: Check = (container) => {
  const { no_new_privileges: bounded, seccomp_profile_sha256: seccomp, user } = container;
  // Windows containers have a name, and none of the rest.
  if (typeof user === 'string' || container.mounted_cim !== undefined) return [];
  const hits: CceHit[] = [];
  if (bounded !== true) {
    const message = 'processes may gain privileges';
    hits.push({ id: 'new-privileges-allowed', message, path: 'no_new_privileges' });
  }
  if (seccomp === undefined || seccomp === '') {
    const message = 'no seccomp profile bounds the system calls';
    hits.push({ id: 'seccomp-missing', message, path: 'seccomp_profile_sha256' });
  }
  return [...hits, ...auditUser(user)];
};

/** Generators write `any` for an image that names no user, and also where the input names a group alone. */
function auditUser(user: CceUser | undefined): readonly CceHit[] {
  const id = user?.user_idname;
  const isAny = id?.strategy === 'any';
  if (!isAny && !(id?.strategy === 're2' && reachOf(anchored(id.pattern)) !== 'bounded')) return [];
  const message = 'the host chooses the user, root included';
  const hit: CceHit = { id: 'user-any', message, path: 'user.user_idname' };
  const namesGroup = user?.group_idnames.some(({ strategy }) => strategy !== 'any') === true;
  return [isAny && !namesGroup ? hit : { ...hit, severity: 'medium' }];
}

/** Mounts whose content the host provides. */
export const auditMounts = ({ mounts = [] }: Pick<CceContainer, 'mounts'>) =>
  mounts.flatMap((mount, i): readonly CceHit[] => {
    const { origin, words } = originOfCceMount(mount);
    const path = `mounts[${i}]`;
    const { destination, options } = mount;
    const access = options.includes('ro') ? 'read-only' : 'writable';
    if (origin === 'open') {
      const message = `${destination} takes any source (${access})`;
      return [{ id: 'mount-source-open', message, path }];
    }
    if (origin !== 'shared') return [];
    const message = `the content of ${destination} is ${words} (${access})`;
    return [{ id: 'host-shared-mount', message, path }];
  });

/** What is looked for in the pause container, too: all else of it is as the platform has it. */
const PAUSE_CHECKS: readonly Check[] = [
  auditImage,
  auditExec,
  auditEnv,
  auditSecrets,
  auditPrivileges,
  auditMounts,
];
const WORKLOAD_CHECKS: readonly Check[] = [auditStdio, auditProcess];
