/**
 * The container group: what the ACI targets (aci, vn2) know of an ARM resource, a virtual-node workload, a JSON
 * configuration or an image name, before any image is read. One group gives one policy. Readonly data, complete for
 * emission byte by byte: lists are in the order of the policy, values that the generator passes through untouched are
 * data values (core/data.ts), and every expression has been replaced. What a policy adds by itself (default variables
 * and mounts, debug processes, the pause container, what the image says) is not in here.
 * `at` is where a part stands, `FILE PATH` or `FILE:LINE:COLUMN PATH`, for messages only.
 */
import type { DataMap, DataValue } from '../core/data.js';
import type { Placement } from './pod.js';

/**
 * `arm`: resource of a template. `vn2`: Kubernetes workload. `config`: JSON configuration. `image`: a bare reference.
 * `definitions`: finished container objects.
 */
export type GroupSource = 'arm' | 'vn2' | 'config' | 'image' | 'definitions';

export interface ContainerGroup {
  readonly source: GroupSource;
  /** Type of an ARM resource, kind of a Kubernetes object; `configuration`, `image`. */
  readonly kind: string;
  /** Name for messages and JSON output, expressions replaced; absent where there is none. */
  readonly name?: string;
  readonly namespace?: string;
  /** metadata.name of the pod (template) itself, by which the compatibility command asks about it (vn2). */
  readonly podName?: string;
  readonly os: 'linux' | 'windows';
  /** Default variables and mounts of containers: those of plain ACI or those of virtual nodes. */
  readonly defaults: 'aci' | 'vn2';
  /**
   * In the order of the policy: containers, then init containers. None only for a configuration with fragments alone,
   * whose policy holds the pause container, and for definitions.
   */
  readonly containers: readonly GroupContainer[];
  /** Container objects that go into the policy behind the pause container, completed with defaults (11.2). */
  readonly definitions?: readonly DataMap[];
  /**
   * Fragment entries of the input itself, which stand before the infrastructure fragment (JSON configuration:
   * `fragments`, then `standaloneFragments`). Checked by checkFragmentEntry where the reference checks them.
   */
  readonly fragments: readonly DataMap[];
  /** Registry references (NAME:TAG) of fragments that are to be pulled and imported (ARM standaloneFragments). */
  readonly standaloneFragments: readonly string[];
  /** True if the tag Annotate-zero-sidecar leaves the infrastructure fragment out. */
  readonly excludesInfrastructure: boolean;
  /** Where the policy goes; absent where it can only be printed. */
  readonly placement?: GroupPlacement;
  /** Base64 text of the policy that stands at `placement` now, as written; absent where there is none or it is empty. */
  readonly existingPolicy?: string;
  readonly at: string;
}

/** Address of a policy in an input. */
export type GroupPlacement =
  /** Annotation of a Kubernetes object (manifest/annotate.ts). */
  | ({ readonly kind: 'annotation' } & Placement)
  /** `path` leads to the resource in the template, e.g. resources, 0 (12.3). */
  | {
      readonly kind: 'template';
      readonly file: string;
      readonly path: readonly (string | number)[];
    };

export interface GroupContainer {
  /** Null for an ARM container without name; the image reference where a source has that default. */
  readonly name: string | null;
  /** The reference of the policy's `id`. ARM: expressions are replaced twice in it, once in `image`. */
  readonly id: string;
  /** The reference that is resolved; not empty. */
  readonly image: string;
  /** The image text before any expression was replaced: decides whether the container counts as a side-car. */
  readonly writtenImage: string;
  /** Empty if the input gives none: the image's is taken then. Items as they are, texts with expressions replaced. */
  readonly command: readonly DataValue[];
  /** Kubernetes args; empty for every other source. */
  readonly args: readonly DataValue[];
  readonly workingDir?: string;
  /** Rules of the input in its order, workload identity included; without those of the image and the defaults. */
  readonly env: readonly GroupEnvRule[];
  /** Of the input, then of probes and hooks in the order of the source; without those of debug mode. */
  readonly execProcesses: readonly GroupExecProcess[];
  /** Of the input, then those that the source adds (configMap, privileged, workload identity); without defaults. */
  readonly mounts: readonly GroupMount[];
  readonly security: GroupSecurity;
  readonly at: string;
}

/** `pattern` is `NAME=VALUE`, for `re2` `NAME=PATTERN`, unescaped. */
export interface GroupEnvRule {
  readonly pattern: string;
  readonly strategy: 'string' | 're2';
}

export interface GroupExecProcess {
  readonly command: readonly DataValue[];
  readonly signals: DataValue;
}

/** Kinds of volumes that a policy can hold; policy/aci/constants.ts has their sources. */
export const MOUNT_TYPES = [
  'azureFile',
  'secret',
  'secretsSource',
  'emptyDir',
  'resolvconf',
  'gitRepo',
] as const;

export type MountType = (typeof MOUNT_TYPES)[number];

export interface GroupMount {
  readonly type: MountType;
  /** Not empty. */
  readonly destination: string;
  readonly readOnly: boolean;
  /** Replaces rbind, rshared and rw or ro where it is not empty (JSON configuration only). */
  readonly options?: readonly DataValue[];
}

/** What manifest/group/security.ts reads of a securityContext. */
export interface GroupSecurity {
  readonly privileged: boolean;
  readonly allowPrivilegeEscalation: boolean;
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
  /** From 0. */
  readonly runAsUser?: bigint;
  readonly runAsGroup?: bigint;
  /** SHA-256 of the normalised profile as 64 hex digits (6.9); empty without a profile. */
  readonly seccompSha256: string;
}

/** A value that only the running group knows, for which the policy would have to allow any. */
export interface WildcardQuestion {
  /** As the reference asks it, a blank at its end. */
  readonly text: string;
  readonly variable: string;
  readonly at: string;
  /** Name of the container, where it has one. */
  readonly container?: string;
  /** Why the value is not known, e.g. `parameter tag has no value`. */
  readonly reasons?: readonly string[];
  /** Template parameters that would make it known. */
  readonly parameters?: readonly string[];
}

/**
 * Decides about a wildcard; readers ask it in the order of the input. It may throw what stops the reading until the
 * answer is known: readers must be callable again.
 */
export type WildcardApproval = (question: WildcardQuestion) => boolean;
