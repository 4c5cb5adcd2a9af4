/** Audit of one container of a policy: image, variables, secrets, privileges, mounts, identity. */
import { mutableTagOf, ruleOfTag } from '../../core/image-tag.js';
import type { JsonValue } from '../../core/json.js';
import { optionBefore, type SecretVariables } from '../../core/secret.js';
import { capabilityHit, secretHits, variableHits } from '../review/audit-hits.js';
import { reachOf } from '../review/patterns.js';
import { CONTAINER_NAME, IMAGE_NAME } from './annotations.js';
import type { Hit } from './audit-rules.js';
import type { ContainerData, KataPolicyData } from './data.js';
import { POLICY_ANNOTATIONS } from './guests.js';
import { readLayers } from './layers.js';
import { annotationOf, isSandbox, nameOfContainer } from './match-containers.js';
import { originOf, USUAL_SHARES } from './mount-origin.js';
import { meaningOfArgument, meaningOfValue, splitVariable } from './placeholders.js';
import type { KataStandards } from './standards.js';

/** A container in its policy. */
export interface AuditedContainer {
  readonly data: ContainerData;
  readonly index: number;
  readonly policy: KataPolicyData;
  readonly standards: KataStandards;
  /** Images whose names are judged elsewhere. */
  readonly toldImages: ReadonlySet<string>;
  readonly secrets?: SecretVariables | undefined;
}

/** All hits of one container. */
export function auditContainer(container: AuditedContainer): readonly Hit[] {
  const { data, index } = container;
  const part = nameOfContainer({ index, data, json: null });
  return CHECKS.flatMap((check) => check(container)).map((hit) => ({
    part,
    ...hit,
    path: `containers[${index}]${hit.path === undefined ? '' : `.${hit.path}`}`,
  }));
}

type Check = (container: AuditedContainer) => readonly Hit[];

const auditImage: Check = ({ data, toldImages }) => {
  const isBound = readLayers(data.storages as readonly JsonValue[]) !== undefined;
  const image = annotationOf(data, IMAGE_NAME);
  const name = image === undefined ? 'its image' : `image ${image}`;
  const isTold = image === undefined || toldImages.has(image) || toldImages.has(untagged(image));
  const unbound: Hit = {
    id: 'image-unbound',
    message: `no root hashes tie the container to ${name}: the host decides what runs`,
    path: 'storages',
    severity: isSandbox(data) ? 'medium' : 'high',
  };
  return [...(isBound ? [] : [unbound]), ...(isTold ? [] : auditReference(image, isBound))];
};

/** The name in a manifest: the generator adds a tag where there is none. */
function untagged(image: string): string {
  return image.replace(/:latest$/, '');
}

function auditReference(image: string, isBound: boolean): readonly Hit[] {
  const tag = mutableTagOf(image);
  if (tag === undefined) return [];
  const effect = isBound
    ? 'if it moves, the pod no longer starts'
    : 'what it stands for may change';
  return [
    {
      id: ruleOfTag(tag),
      message: `image ${image} is named by the tag ${tag}: ${effect}`,
      path: `OCI.Annotations["${IMAGE_NAME}"]`,
    },
  ];
}

/** Every container has this one; the host name says nothing. */
const USUAL_VARIABLE = 'HOSTNAME=$(host-name)';
const UNCHECKED: readonly string[] = ['$(todo-annotation)', '$(resource-field)'];

const auditValues: Check = ({ data }) => {
  const env = data.OCI.Process.Env ?? [];
  const path = 'OCI.Process.Env';
  const free = env.flatMap((text): readonly Hit[] => {
    const { name, value = '' } = splitVariable(text);
    const { freedom, words } = meaningOfValue(value);
    if (freedom !== 'any' || text === USUAL_VARIABLE) return [];
    const severity = UNCHECKED.some((one) => value.includes(one)) ? 'medium' : 'low';
    return [{ id: 'env-any-value', message: `variable ${name} may be ${words}`, path, severity }];
  });
  const args = (data.OCI.Process.Args ?? []).flatMap((word, i): readonly Hit[] => {
    const { freedom, words } = meaningOfArgument(word);
    if (freedom !== 'any') return [];
    const message = `word ${i + 1} of the command may be ${words}`;
    return [{ id: 'argument-any-value', message, path: `OCI.Process.Args[${i}]` }];
  });
  return [...free, ...args, ...auditDoubles(env)];
};

function auditDoubles(env: readonly string[]): readonly Hit[] {
  const counts = new Map<string, Set<string>>();
  for (const text of env) {
    const { name } = splitVariable(text);
    counts.set(name, (counts.get(name) ?? new Set()).add(text));
  }
  return [...counts]
    .filter(([, texts]) => texts.size > 1)
    .map(([name, texts]) => ({
      id: 'env-two-values',
      message: `variable ${name} may have any of ${texts.size} values`,
      path: 'OCI.Process.Env',
    }));
}

const auditSecrets: Check = ({ data, secrets }) => {
  const { Env = [], Args = [] } = data.OCI.Process;
  const origins = secrets?.get(annotationOf(data, CONTAINER_NAME) ?? '');
  const variables = Env.flatMap((text) => {
    const { name, value = '' } = splitVariable(text);
    const isOne = meaningOfValue(value).freedom === 'fixed';
    return variableHits(name, value, 'OCI.Process.Env', isOne ? origins?.get(name) : undefined);
  });
  const words = Args.flatMap((word, i) =>
    secretHits(
      word,
      optionBefore(Args, i),
      `word ${i + 1} of the command`,
      `OCI.Process.Args[${i}]`,
    ),
  );
  const probes = data.exec_commands.flatMap((command: string | readonly string[], i) =>
    (typeof command === 'string' ? [command] : command).flatMap((word, j, all) =>
      secretHits(word, optionBefore(all, j), 'a command of a probe or hook', `exec_commands[${i}]`),
    ),
  );
  const annotations = [...(data.OCI.Annotations ?? [])]
    .filter(([key]) => !POLICY_ANNOTATIONS.includes(key))
    .flatMap(([key, value]) =>
      secretHits(value, key, `annotation ${key}`, `OCI.Annotations[${JSON.stringify(key)}]`),
    );
  return [...variables, ...words, ...probes, ...annotations];
};

const auditPrivileges: Check = ({ data, policy }) => {
  const names = new Set(Object.values(data.OCI.Process.Capabilities).flat());
  const path = 'OCI.Process.Capabilities';
  if (names.has('$(privileged_caps)')) {
    return [{ id: 'privileged-container', message: 'the container has all privileges', path }];
  }
  const usual = new Set(['$(default_caps)', ...(policy.common.default_caps as readonly string[])]);
  return [...names].filter((name) => !usual.has(name)).map((name) => capabilityHit(name, path));
};

const auditMounts: Check = ({ data, policy }) => {
  const tiesBlockDevices = policy.cluster_config !== undefined;
  return (data.OCI.Mounts ?? []).flatMap((mount, i): readonly Hit[] => {
    const { origin } = originOf(mount);
    const path = `OCI.Mounts[${i}]`;
    const { destination, source } = mount;
    if (origin === 'host-share' && !USUAL_SHARES.includes(destination)) {
      return [
        {
          id: 'host-shared-mount',
          message: `the host provides the content of ${destination}`,
          path,
        },
      ];
    }
    if (origin === 'guest-path') {
      const message = `${source} of the guest is mounted at ${destination}`;
      return [{ id: 'guest-path-mounted', message, path }];
    }
    const isAnyPattern = origin === 'other' && reachOf(`^${source.replace(/^\^/, '')}`) === 'free';
    const isOpen = source === '' ? !tiesBlockDevices : isAnyPattern;
    return isOpen
      ? [{ id: 'mount-source-open', message: `${destination} takes any source`, path }]
      : [];
  });
};

const auditStorages: Check = ({ data }) =>
  data.storages.flatMap(
    ({ driver_options: options, mount_point: mountPoint }, i): readonly Hit[] => {
      const isDisk = options.includes('create_filesystem');
      if (!isDisk || options.some((option) => option.startsWith('encryption_key='))) return [];
      const message = `the volume at ${mountPoint} is not encrypted`;
      return [{ id: 'storage-unencrypted', message, path: `storages[${i}]` }];
    },
  );

const NETWORK_NAMESPACE = 'nerdctl/network-namespace';
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const OWN_NETWORK = `^/var/run/netns/cni-${UUID}$`;
const HOST_NETWORK = `^/var/run/netns/cnitest-${UUID}$`;

const auditIdentity: Check = ({ data, standards }) => {
  const sandbox = isSandbox(data);
  return [...(data.OCI.Annotations ?? [])].flatMap(([key, value]): readonly Hit[] => {
    const path = `OCI.Annotations[${JSON.stringify(key)}]`;
    if (POLICY_ANNOTATIONS.includes(key)) {
      return [{ id: 'policy-in-policy', message: `annotation ${key} holds another policy`, path }];
    }
    if (sandbox && key === NETWORK_NAMESPACE && value === HOST_NETWORK) {
      return [{ id: 'network-of-host', message: 'the pod uses the network of the node', path }];
    }
    const usual =
      key === NETWORK_NAMESPACE ? [OWN_NETWORK] : standards.annotationValues(key, sandbox);
    if (usual.length === 0 || usual.includes(value) || IDENTITY_KEYS.includes(key)) return [];
    const message = `annotation ${key} is not what generated policies check`;
    return [{ id: 'identity-changed', message, path }];
  });
};

/** The generator overwrites what the settings say. */
const IDENTITY_KEYS: readonly string[] = ['io.kubernetes.cri.sandbox-namespace'];

/** Patterns of annotations that the runtime or a device plugin sets. */
const USUAL_PATTERNS: Readonly<Record<string, string>> = {
  '^io\\.kubernetes\\.container\\.terminationMessagePath$': '^/.*$',
  '^io\\.kubernetes\\.container\\.terminationMessagePolicy$': '^(File|FallbackToLogsOnError)$',
  '^cdi\\.k8s\\.io/vfio[0-9]+$': '^nvidia\\.com/gpu=[0-9]+$',
};

const auditPatterns: Check = ({ data }) =>
  [...(data.runtime_anno_patterns ?? [])]
    .filter(([key, value]) => USUAL_PATTERNS[key] !== value)
    .map(([key, value]) => ({
      id: 'annotation-pattern-open',
      message: `the host may set annotations that match ${key} to values that match ${value}`,
      path: 'runtime_anno_patterns',
    }));

const CHECKS: readonly Check[] = [
  auditImage,
  auditValues,
  auditSecrets,
  auditPrivileges,
  auditMounts,
  auditStorages,
  auditIdentity,
  auditPatterns,
];
