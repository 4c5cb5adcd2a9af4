/** A policy in the terms of its reader: who runs, from what image, as whom, with what, and what the host may do. */
import type { JsonValue } from '../../core/json.js';
import { hideInWords, hideSecrets } from '../../core/secret.js';
import { CONTAINER_NAME, IMAGE_NAME, SANDBOX_NAME, SANDBOX_NAMESPACE } from './annotations.js';
import type { ContainerData, KataPolicyData, MountData, StorageData } from './data.js';
import { isKnownRules, nameOfRules } from './known-rules.js';
import { readLayers } from './layers.js';
import { annotationOf, isSandbox, nameOfContainer } from './match-containers.js';
import { type MountOrigin, originOf } from './mount-origin.js';
import { type Freedom, meaningOfArgument, meaningOfValue, splitVariable } from './placeholders.js';
import type { KataPolicy } from './read-policy.js';
import { describeRequests, probeCommands, type RequestDescription } from './requests.js';
import type { UnknownField } from './shape.js';

/** A text with what may stand in its place; secrets are hidden. */
export interface DescribedText {
  readonly text: string;
  readonly freedom: Freedom;
  readonly words?: string;
}

export interface ContainerDescription {
  readonly index: number;
  /** `container web`. */
  readonly name: string;
  readonly isSandbox: boolean;
  readonly image: {
    readonly reference?: string;
    /** Root hashes of its layers, top layer first; absent where nothing binds the image. */
    readonly layers?: readonly { readonly id: string; readonly rootHash: string }[];
  };
  readonly user: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  readonly command: readonly DescribedText[];
  readonly workingDirectory: string;
  readonly terminal: boolean;
  readonly environment: readonly (DescribedText & { readonly name: string })[];
  readonly capabilities: readonly string[];
  readonly mayGainPrivileges: boolean;
  readonly readOnlyRoot: boolean;
  readonly sharesProcesses: boolean;
  readonly mounts: readonly DescribedMount[];
  readonly storages: readonly StorageData[];
  readonly execCommands: readonly string[];
  readonly devices: readonly string[];
  readonly sysctls: readonly string[];
  readonly annotations: readonly { readonly key: string; readonly value: string }[];
  readonly annotationPatterns: readonly string[];
}

export interface DescribedMount {
  readonly destination: string;
  readonly isReadOnly: boolean;
  readonly origin: MountOrigin;
  readonly words: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface KataDescription {
  readonly rules: { readonly name: string; readonly sha256: string; readonly isKnown: boolean };
  /** Pattern of the pod's name; absent for any. */
  readonly podName?: string;
  /** Empty for any; absent where there is no data. */
  readonly namespace?: string;
  readonly requests: readonly RequestDescription[];
  readonly containers: readonly ContainerDescription[];
  readonly unknown: readonly UnknownField[];
}

/** The description of a policy; `ownRules` names our rules by the digest of their content. */
export function describeKataPolicy(
  policy: KataPolicy,
  ownRules: ReadonlyMap<string, string>,
): KataDescription {
  const { rules, document } = policy;
  const first = document?.data.containers[0];
  const podName = first === undefined ? undefined : annotationOf(first, SANDBOX_NAME);
  const namespace = first === undefined ? undefined : annotationOf(first, SANDBOX_NAMESPACE);
  const isKnown = isKnownRules(rules.sha256, ownRules);
  return {
    rules: { name: nameOfRules(rules.sha256, ownRules), sha256: rules.sha256, isKnown },
    ...(podName === undefined ? {} : { podName }),
    ...(namespace === undefined ? {} : { namespace }),
    requests: describeRequests(policy, isKnown),
    containers: document === undefined ? [] : describeContainers(document.data),
    unknown: document?.unknown ?? [],
  };
}

function describeContainers(data: KataPolicyData): readonly ContainerDescription[] {
  return data.containers.map((container, index) => describeContainer(container, index, data));
}

function describeContainer(
  data: ContainerData,
  index: number,
  policy: KataPolicyData,
): ContainerDescription {
  const { Process, Root, Linux, Mounts = [] } = data.OCI;
  const { reference, layers, storages } = describeImage(data);
  return {
    index,
    name: nameOfContainer({ index, data, json: null }),
    isSandbox: isSandbox(data),
    image: {
      ...(reference === undefined ? {} : { reference }),
      ...(layers === undefined ? {} : { layers }),
    },
    user: {
      uid: Process.User.UID,
      gid: Process.User.GID,
      groups: Process.User.AdditionalGids,
    },
    command: describeWords(Process.Args ?? []),
    workingDirectory: Process.Cwd ?? '',
    terminal: Process.Terminal,
    environment: (Process.Env ?? []).map(describeVariable),
    capabilities: describeCapabilities(data, policy),
    mayGainPrivileges: !Process.NoNewPrivileges,
    readOnlyRoot: Root.Readonly,
    sharesProcesses: data.sandbox_pidns,
    mounts: Mounts.map(describeMount),
    storages,
    execCommands: probeCommands(data),
    devices: [
      ...(data.devices ?? []).map((device) => device.container_path),
      ...(Linux.Devices ?? []).map((device) => device.Path),
    ],
    sysctls: [...(Linux.Sysctl ?? [])].map(([name, value]) => `${name}=${value}`),
    annotations: describeAnnotations(data),
    annotationPatterns: [...(data.runtime_anno_patterns ?? [])].map(
      ([key, value]) => `${key} = ${value}`,
    ),
  };
}

function describeImage(data: ContainerData) {
  const layers = readLayers(data.storages as readonly JsonValue[]);
  return {
    reference: annotationOf(data, IMAGE_NAME),
    layers: layers?.hashes.map((rootHash, i) => ({ id: layers.ids[i] ?? '', rootHash })),
    storages: (layers?.others ?? data.storages) as readonly StorageData[],
  };
}

function describeWords(words: readonly string[]): readonly DescribedText[] {
  const hidden = hideInWords(words);
  return words.map((word, i) => ({ text: hidden[i] ?? '', ...meaningOfArgument(word) }));
}

function describeVariable(text: string): DescribedText & { readonly name: string } {
  const { name, value = '' } = splitVariable(text);
  return { name, text: hideSecrets(value, name), ...meaningOfValue(value) };
}

/** Names of the bounding set, placeholders resolved. */
function describeCapabilities(data: ContainerData, policy: KataPolicyData): readonly string[] {
  return data.OCI.Process.Capabilities.Bounding.flatMap((name) => {
    const list = CAPABILITY_LISTS[name];
    return list === undefined ? [name] : (policy.common[list] as readonly string[]);
  });
}

const CAPABILITY_LISTS: Readonly<Record<string, 'default_caps' | 'privileged_caps'>> = {
  '$(default_caps)': 'default_caps',
  '$(privileged_caps)': 'privileged_caps',
};

function describeMount(mount: MountData): DescribedMount {
  return {
    destination: mount.destination,
    isReadOnly: mount.options.includes('ro'),
    ...originOf(mount),
    source: mount.source,
    options: mount.options,
  };
}

const TOLD_ELSEWHERE: readonly string[] = [
  CONTAINER_NAME,
  IMAGE_NAME,
  SANDBOX_NAME,
  SANDBOX_NAMESPACE,
];

function describeAnnotations(data: ContainerData): ContainerDescription['annotations'] {
  return [...(data.OCI.Annotations ?? [])]
    .filter(([key]) => !TOLD_ELSEWHERE.includes(key))
    .map(([key, value]) => ({ key, value: hideSecrets(value, key) }));
}
