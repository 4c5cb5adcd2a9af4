/**
 * What a comparison of a request with a policy finds: conditions that do not hold, each with both sides, what to do about
 * it in the YAML, and how the request would have to be for the condition to hold.
 */
import type { JsonObject, JsonValue } from '../../../core/json.js';
import { hideSecrets } from '../../../core/secret.js';
import type { ContainerData, KataPolicyData } from '../data.js';
import { ANNOTATIONS, type ContainerNames } from '../synthesize-names.js';
import type { CheckRules } from './rules.js';

export interface FailedCheck {
  /** Stable kebab-case name: `env`, `mount-source`. */
  readonly id: string;
  /** Path in the request, e.g. `OCI.Process.Env[3]`. */
  readonly path: string;
  /** One sentence, lower case, no full stop. */
  readonly message: string;
  /** What the policy allows, and what the request has; secrets are hidden. */
  readonly policy?: string;
  readonly request?: string;
  /** What to change, YAML first. */
  readonly fix: string;
  readonly repairs: readonly Repair[];
}

/** A value to set, an element to append (last part `-`), or without value one to remove. */
export interface Repair {
  readonly path: readonly (string | number)[];
  readonly value?: JsonValue;
}

/** What a check looks at. */
export interface CheckScope {
  readonly data: KataPolicyData;
  readonly container: ContainerData;
  readonly index: number;
  readonly rules: CheckRules;
  /** The request, every field present. */
  readonly message: JsonObject;
  /** Names as the request has them; where it has none that can be, made up. */
  readonly names: ContainerNames;
  /** Names that the policy takes. */
  readonly made: ContainerNames;
  /** `pstate` of the agent. */
  readonly state: JsonObject;
}

export type Check = (scope: CheckScope) => readonly FailedCheck[];

/** A value as text for people: short, on one line, secrets hidden. */
export function shown(value: JsonValue | undefined, name = ''): string {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'string' ? hideSecrets(value, name) : JSON.stringify(value);
  const plain = typeof value === 'string' ? JSON.stringify(text) : hideSecrets(text);
  return plain.length > SHOWN_MAX ? `${plain.slice(0, SHOWN_MAX)}...` : plain;
}

const SHOWN_MAX = 300;

/** The container as a part of the pod's YAML. */
export function yamlOf(container: ContainerData): string {
  const name = container.OCI.Annotations?.get(ANNOTATIONS.containerName);
  return name === undefined ? 'the pod' : `spec.containers[name=${name}]`;
}

/** A path as text: `OCI.Mounts[3].source`, keys with other characters in quotes. */
export function pathText(path: readonly (string | number)[]): string {
  const parts = path.map((part) => {
    if (typeof part === 'number') return `[${part}]`;
    return /^[A-Za-z_][A-Za-z0-9_]*$/.test(part) ? `.${part}` : `["${part}"]`;
  });
  return parts.join('').replace(/^\./, '');
}
