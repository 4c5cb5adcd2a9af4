/** A CCE policy in the terms of its reader: what the host may do, then each container. Secrets are hidden. */
import { hideInWords, hideSecrets } from '../../core/secret.js';
import { nameOfCceContainer, textsOf } from './audit-container.js';
import {
  CCE_FLAGS,
  type CceContainer,
  type CceFlag,
  type CceFragmentEntry,
  type CceIdRule,
} from './cce-document.js';
import { tellRule } from './differences-container.js';
import { originOfCceMount } from './mount-origin.js';
import { effectivePoints, isOpenPoint, type PointTable } from './points.js';
import type { CceReading } from './read-policy.js';

export interface CceContainerDescription {
  readonly index: number;
  /** `container web`. */
  readonly name: string;
  /** The image as it was named, where the policy says. */
  readonly image?: string;
  /** dm-verity root hashes, base layer first. */
  readonly layers: readonly string[];
  readonly user: string;
  readonly command: readonly string[];
  readonly workingDirectory: string;
  /** `NAME=value`, with a note for patterns and required ones. */
  readonly environment: readonly string[];
  readonly mounts: readonly {
    readonly destination: string;
    readonly isReadOnly: boolean;
    readonly words: string;
    readonly source: string;
  }[];
  readonly execCommands: readonly string[];
  readonly signals: readonly (number | string)[];
  /** Bounding set; absent for the defaults of the guest. */
  readonly capabilities?: readonly string[];
  readonly isPrivileged: boolean;
  readonly mayGainPrivileges: boolean;
  readonly hostReadsOutput: boolean;
  readonly seccompProfile: string;
}

export interface CceDescription {
  /** Why only an engine can tell what the policy decides; the rest is empty then. */
  readonly ownRules?: string;
  readonly apiVersion?: string;
  readonly frameworkVersion?: string;
  readonly flags: Readonly<Partial<Record<CceFlag, boolean>>>;
  /** Requests that are allowed whatever they hold. */
  readonly openRequests: readonly string[];
  /** Of parameters the names alone: values may be secrets. */
  readonly fragments: readonly (Omit<CceFragmentEntry, 'parameters'> & {
    readonly parameters?: readonly string[];
  })[];
  readonly externalProcesses: readonly string[];
  readonly containers: readonly CceContainerDescription[];
}

/** The description of a policy. */
export function describeCcePolicy(reading: CceReading, points: PointTable): CceDescription {
  if (reading.kind === 'custom') {
    return {
      ownRules: reading.problem,
      flags: {},
      openRequests: [],
      fragments: [],
      externalProcesses: [],
      containers: [],
    };
  }
  const { api_version: api, framework_version: framework, ...document } = reading.document;
  return {
    ...(api === undefined ? {} : { apiVersion: api }),
    ...(framework === undefined ? {} : { frameworkVersion: framework }),
    flags: Object.fromEntries(CCE_FLAGS.map((flag) => [flag, document.flags[flag]])),
    openRequests: [...effectivePoints(reading.document, points)].flatMap(([name, point]) =>
      isOpenPoint(point) ? [name] : [],
    ),
    fragments: document.fragments.map(({ parameters, ...entry }) => ({
      ...entry,
      ...(parameters === undefined ? {} : { parameters: Object.keys(parameters) }),
    })),
    externalProcesses: document.external_processes.map(({ command }) => tellCommand(command)),
    containers: document.containers.map(describeContainer),
  };
}

function describeContainer(data: CceContainer, index: number): CceContainerDescription {
  const { capabilities } = data;
  return {
    index,
    name: nameOfCceContainer(data, index),
    ...(data.id === undefined ? {} : { image: data.id }),
    layers: [...data.layers, ...(data.mounted_cim ?? [])],
    user: tellUser(data.user),
    command: hideInWords(textsOf(data.command ?? [])),
    workingDirectory: data.working_dir,
    environment: data.env_rules.map(tellRule),
    mounts: (data.mounts ?? []).map((mount) => ({
      destination: mount.destination,
      isReadOnly: mount.options.includes('ro'),
      words: originOfCceMount(mount).words,
      source: hideSecrets(mount.source),
    })),
    execCommands: data.exec_processes.map(({ command }) => tellCommand(command)),
    signals: data.signals ?? [],
    ...(capabilities === null || capabilities === undefined
      ? {}
      : { capabilities: capabilities.bounding }),
    isPrivileged: data.allow_elevated === true,
    mayGainPrivileges: data.no_new_privileges !== true,
    hostReadsOutput: data.allow_stdio_access,
    seccompProfile: data.seccomp_profile_sha256 ?? '',
  };
}

function tellCommand(command: CceContainer['exec_processes'][number]['command']): string {
  return JSON.stringify(hideInWords(textsOf(command)));
}

function tellUser(user: CceContainer['user']): string {
  if (user === undefined) return 'not said';
  if (typeof user === 'string') return user;
  const groups = user.group_idnames.map(tellId).join(', ') || 'none';
  return `${tellId(user.user_idname)}; groups: ${groups}; umask ${user.umask}`;
}

function tellId({ strategy, pattern }: CceIdRule): string {
  if (strategy === 'any') return 'any';
  return strategy === 're2' ? `any that matches ${pattern}` : pattern;
}
