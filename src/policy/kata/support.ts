/**
 * What a workload asks for and a guest cannot enforce (spec kata-policy-data section 10). The policy would leave it
 * out silently, so it is an error here even if the reader let it pass.
 */
import { ToolError } from '../../core/error.js';
import type { Container, PodWorkload } from '../../workload/pod.js';
import type { KataGuest } from './guests.js';

interface Feature {
  readonly name: string;
  readonly isKnown: (guest: KataGuest) => boolean;
  /** Places where the workload uses it. */
  readonly uses: (workload: PodWorkload) => readonly string[];
}

const hasGroups = (guest: KataGuest) => guest.users.groups !== 'from-settings';

const podField =
  (isSet: (context: NonNullable<PodWorkload['pod']['securityContext']>) => boolean) =>
  (workload: PodWorkload): readonly string[] => {
    const context = workload.pod.securityContext;
    return context !== undefined && isSet(context) ? [workload.at] : [];
  };

const containersWith =
  (isSet: (container: Container) => boolean) =>
  (workload: PodWorkload): readonly string[] =>
    [...workload.pod.initContainers, ...workload.pod.containers]
      .filter(isSet)
      .map((container) => container.at);

const FEATURES: readonly Feature[] = [
  {
    name: 'runAsGroup of the pod',
    isKnown: hasGroups,
    uses: podField((pod) => pod.runAsGroup !== undefined),
  },
  { name: 'fsGroup', isKnown: hasGroups, uses: podField((pod) => pod.fsGroup !== undefined) },
  {
    name: 'supplementalGroups',
    isKnown: hasGroups,
    uses: podField((pod) => pod.supplementalGroups !== undefined),
  },
  {
    name: 'allowPrivilegeEscalation of the pod',
    isKnown: hasGroups,
    uses: podField((pod) => pod.allowPrivilegeEscalation !== undefined),
  },
  {
    name: 'runAsGroup',
    isKnown: hasGroups,
    uses: containersWith((container) => container.securityContext?.runAsGroup !== undefined),
  },
  {
    name: 'sysctls',
    isKnown: (guest) => guest.sysctls,
    uses: podField((pod) => pod.sysctls !== undefined),
  },
  {
    name: 'volumeDevices',
    isKnown: (guest) => guest.devices,
    uses: containersWith((container) => container.volumeDevices.length > 0),
  },
  {
    name: 'an ephemeral volume',
    isKnown: (guest) => guest.volumes.storageClasses !== undefined,
    uses: ({ pod }) =>
      pod.volumes.filter(({ source }) => source.kind === 'ephemeral').map(({ at }) => at),
  },
];

/** Errors (MANIFEST_UNSUPPORTED) for all features that `guest` does not have. */
export function findUnsupported(workload: PodWorkload, guest: KataGuest): readonly ToolError[] {
  return FEATURES.filter((feature) => !feature.isKnown(guest)).flatMap((feature) =>
    feature.uses(workload).map(
      (where) =>
        new ToolError(
          'MANIFEST_UNSUPPORTED',
          `guest ${guest.id} does not support ${feature.name}`,
          {
            where,
            hints: ['remove the field', 'generate for a guest that supports it with --guest'],
          },
        ),
    ),
  );
}
