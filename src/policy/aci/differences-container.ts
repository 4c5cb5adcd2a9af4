/** In what two containers of CCE policies differ: a table by field, and rules for variables by their names. */
import type { JsonValue } from '../../core/json.js';
import { canonicalJson, isJsonObject } from '../../core/json-equal.js';
import { hideSecrets } from '../../core/secret.js';
import { compareMounts } from '../review/compare-keyed.js';
import { allows, grants, switched } from '../review/compare-values.js';
import {
  type Comparator,
  type CompareTable,
  differs,
  fieldOf,
  type Pair,
  type Report,
  shown,
} from '../review/compare-walk.js';
import { assignmentOf } from './audit-container.js';
import type { CceContainer, CceEnvRule } from './cce-document.js';

const renamed: Comparator = ({ before, after, path }, report) => {
  if (before === after) return;
  const message = 'the container has another name';
  report({ kind: 'renamed', field: 'name', message, path, ...shown(before, after) });
};

/** Another value, where `open` stands for any. */
function bounded(field: string, noun: string, isOpen: (value?: JsonValue) => boolean): Comparator {
  return (pair, report) =>
    differs(field, noun)(pair, (difference) => {
      const [old, fresh] = [isOpen(pair.before), isOpen(pair.after)];
      const kind = old === fresh ? 'changed' : fresh ? 'widened' : 'narrowed';
      report({ ...difference, kind });
    });
}

const isAnyone = (value?: JsonValue) => fieldOf(value, 'strategy') === 'any';
const isNoProfile = (value?: JsonValue) => value === undefined || value === '';

const SETS = ['ambient', 'bounding', 'effective', 'inheritable', 'permitted'] as const;

/** Set by set; null are the defaults of the guest. */
function compareCapabilities({ before, after, path }: Pair, report: Report): void {
  if (!isJsonObject(before) || !isJsonObject(after)) {
    differs('capability', 'the capabilities')({ before, after, path }, report);
    return;
  }
  for (const name of SETS) {
    const pair = { before: before[name], after: after[name], path: `${path}.${name}` };
    grants('capability', `the ${name} capabilities`)(pair, report);
  }
}

/** How each field of a container is compared; variables are compared by compareEnvRules. */
export const CONTAINER_TABLE: CompareTable = {
  name: renamed,
  env_rules: () => undefined,
  id: differs('image', 'the image'),
  layers: differs('image-layers', 'the layers of the image'),
  mounted_cim: differs('image-layers', 'the file systems of the image'),
  command: differs('command', 'the command'),
  working_dir: differs('directory', 'the working directory'),
  exec_processes: allows('exec', 'a process that the host may run'),
  signals: allows('signal', 'a signal of the host'),
  mounts: compareMounts,
  'user.user_idname': bounded('user', 'the user', isAnyone),
  'user.group_idnames': allows('user', 'a group of the user'),
  'user.umask': differs('user', 'the umask'),
  seccomp_profile_sha256: bounded('seccomp', 'the seccomp profile', isNoProfile),
  capabilities: compareCapabilities,
  allow_elevated: switched('privileged', {
    on: 'the container may run with all privileges now',
    off: 'the container may no longer run with all privileges',
    wider: true,
  }),
  no_new_privileges: switched('privileges', {
    on: 'processes may no longer gain privileges',
    off: 'processes may gain privileges now',
    wider: false,
  }),
  allow_stdio_access: switched('stdio', {
    on: 'the host may read the output and write to the input now',
    off: 'the host may no longer read the output or write to the input',
    wider: true,
  }),
  registry_changes: differs('registry', 'the changes of the registry'),
};

/** Rules for variables as sets; those of one name with exact values on both sides are a changed value. */
export function compareEnvRules(
  before: CceContainer,
  after: CceContainer,
  path: string,
  report: Report,
): void {
  const removed = withoutThose(before.env_rules, after.env_rules);
  for (const rule of withoutThose(after.env_rules, before.env_rules)) {
    const name = nameOf(rule);
    const index = removed.findIndex((other) => nameOf(other) === name);
    const [old] = index === -1 ? [] : removed.splice(index, 1);
    const at = { field: 'env', path: `${path}.env_rules`, after: tellRule(rule) };
    if (old === undefined) {
      report({ ...at, kind: 'added', message: `variable ${name} is allowed now` });
    } else report({ ...at, ...changeOf(old, rule, name), before: tellRule(old) });
  }
  for (const rule of removed) {
    const message = `variable ${nameOf(rule)} is no longer allowed`;
    const at = { field: 'env', path: `${path}.env_rules`, before: tellRule(rule) };
    report({ ...at, kind: 'removed', message });
  }
}

function changeOf(before: CceEnvRule, after: CceEnvRule, name: string) {
  const isSame = textOf({ ...before, required: false }) === textOf({ ...after, required: false });
  if (isSame) {
    const isRequired = after.required === true;
    const message = `variable ${name} ${isRequired ? 'must be set now' : 'may be left out now'}`;
    return { kind: isRequired ? 'narrowed' : 'widened', message } as const;
  }
  const [old, fresh] = [isPattern(before), isPattern(after)];
  if (old === fresh) {
    const noun = fresh ? 'pattern' : 'value';
    return { kind: 'changed', message: `variable ${name} has another ${noun}` } as const;
  }
  return fresh
    ? ({
        kind: 'widened',
        message: `variable ${name} may have any value of a pattern now`,
      } as const)
    : ({ kind: 'narrowed', message: `variable ${name} has one value now` } as const);
}

function isPattern({ strategy, name_strategy: name, value_strategy: value }: CceEnvRule): boolean {
  return [strategy, name, value].includes('re2');
}

function nameOf(rule: CceEnvRule): string {
  return assignmentOf(rule)[0];
}

function textOf(rule: CceEnvRule): string {
  return canonicalJson(rule as unknown as JsonValue);
}

/** `NAME=value`, secrets hidden. */
export function tellRule(rule: CceEnvRule): string {
  const [name, value] = assignmentOf(rule);
  const notes = [...(isPattern(rule) ? ['pattern'] : []), ...(rule.required ? ['required'] : [])];
  const text = `${hideSecrets(name)}=${hideSecrets(value, name)}`;
  return notes.length === 0 ? text : `${text} (${notes.join(', ')})`;
}

function withoutThose(rules: readonly CceEnvRule[], others: readonly CceEnvRule[]): CceEnvRule[] {
  const texts = new Set(others.map(textOf));
  return rules.filter((rule) => !texts.has(textOf(rule)));
}
