/** Annotations and sandbox name of a container (spec kata-policy-data sections 7.2 and 7.3). */
import { ToolError } from '../../core/error.js';
import type { PodWorkload, PodWorkloadKind } from '../../workload/pod.js';
import type { ContainerContext } from './context.js';
import { type KataGuest, POLICY_ANNOTATIONS } from './guests.js';
import { escapeRegex } from './paths.js';

const CRI = 'io.kubernetes.cri.';
/** Annotations by which the rules know a pod and its containers. */
export const SANDBOX_NAME = `${CRI}sandbox-name`;
export const SANDBOX_NAMESPACE = `${CRI}sandbox-namespace`;
export const IMAGE_NAME = `${CRI}image-name`;
export const CONTAINER_NAME = `${CRI}container-name`;
const NETWORK_NAMESPACE = 'nerdctl/network-namespace';

/** Suffix that Kubernetes makes up. */
const SUFFIX = '[bcdfghjklmnpqrstvwxz2456789]+';

/** What follows the workload's name in the names of its pods. */
const KIND_SUFFIXES: Readonly<Record<PodWorkloadKind, string>> = {
  Pod: '',
  Deployment: `-${SUFFIX}-${SUFFIX}`,
  DaemonSet: `-${SUFFIX}`,
  ReplicaSet: `-${SUFFIX}`,
  ReplicationController: `-${SUFFIX}`,
  StatefulSet: '-[0-9]+',
  Job: `(-[0-9]+)?-${SUFFIX}`,
  CronJob: `-[0-9]+(-[0-9]+)?-${SUFFIX}`,
};

type NameRule = (workload: PodWorkload) => string | undefined;

const SANDBOX_NAMES: Readonly<Record<KataGuest['sandboxName'], NameRule>> = {
  'pod-name': (workload) => podOnly(workload, ({ name }) => name ?? '$(generated-name)'),
  'pod-pattern': (workload) =>
    podOnly(workload, ({ name, generateName }) =>
      name === undefined
        ? `^${escapeRegex(generateName ?? '')}[a-z0-9.-]*[a-z0-9]$`
        : `^${escapeRegex(name)}$`,
    ),
  'kind-pattern': ({ kind, name, generateName }) => {
    if (name === undefined && generateName === undefined) return undefined;
    const prefix = name ?? `${escapeRegex(generateName ?? '')}${SUFFIX}`;
    return `^${prefix}${KIND_SUFFIXES[kind]}$`;
  },
};

function podOnly(workload: PodWorkload, name: (workload: PodWorkload) => string) {
  if (workload.kind !== 'Pod') return undefined;
  if (workload.name !== undefined || workload.generateName !== undefined) return name(workload);
  throw new ToolError('MANIFEST_INVALID', 'the Pod has no name', {
    where: workload.at,
    want: 'metadata.name or metadata.generateName',
    hints: ['add metadata.name'],
  });
}

/**
 * OCI.Annotations: those of the pod, which win over those of the settings, then what the runtime sets. Throws
 * MANIFEST_INVALID for a Pod without a name where the guest needs one.
 */
export function buildAnnotations(context: ContainerContext): ReadonlyMap<string, string> {
  const { container, isPause, own, workload, namespace } = context;
  const annotations = new Map(context.annotations);
  const addIfAbsent = (key: string, value: string | undefined) => {
    if (value !== undefined && !annotations.has(key)) annotations.set(key, value);
  };
  for (const [key, value] of own.annotations) addIfAbsent(key, value);
  addIfAbsent(SANDBOX_NAME, SANDBOX_NAMES[context.guest.sandboxName](workload));
  if (!isPause) addIfAbsent(IMAGE_NAME, taggedName(container.image));
  annotations.set(SANDBOX_NAMESPACE, namespace);
  if (container.name !== '') addIfAbsent(CONTAINER_NAME, container.name);
  if (isPause) addIfAbsent(NETWORK_NAMESPACE, networkNamespace(workload));
  return annotations;
}

/** An image string without any colon gets `:latest`; a port or a digest counts as one, as in the reference. */
function taggedName(image: string): string {
  return image.includes(':') ? image : `${image}:latest`;
}

function networkNamespace(workload: PodWorkload): string {
  const prefix = workload.pod.hostNetwork ? 'cnitest' : 'cni';
  return `^/var/run/netns/${prefix}-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`;
}

/** What is odd about the pod's annotations: those that replace a check, and a policy of the other kind of guest. */
export function findOddAnnotations(
  annotations: ReadonlyMap<string, string>,
  reserved: ReadonlySet<string>,
): readonly { readonly code: string; readonly message: string }[] {
  return [...annotations.keys()].flatMap((key) => {
    if (POLICY_ANNOTATIONS.includes(key)) {
      return [
        {
          code: 'policy-in-policy',
          message: `annotation ${key} holds another policy, which becomes part of this one; remove it`,
        },
      ];
    }
    if (!reserved.has(key) || key === SANDBOX_NAMESPACE) return [];
    return [
      {
        code: 'annotation-replaces-check',
        message: `annotation ${key} replaces the value that the policy would check; remove it`,
      },
    ];
  });
}

/** Keys that the policy sets itself unless the pod does. */
export function reservedAnnotations(settings: ContainerContext['settings']): ReadonlySet<string> {
  return new Set([
    ...settings.pauseContainer.annotations.keys(),
    ...settings.otherContainer.annotations.keys(),
    SANDBOX_NAME,
    IMAGE_NAME,
    CONTAINER_NAME,
    NETWORK_NAMESPACE,
  ]);
}
