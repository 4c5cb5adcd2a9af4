/** Kinds of Kubernetes objects: where those that make pods keep the pod, and those without pods (section 3). */
import type { PodWorkloadKind } from '../../workload/pod.js';

/** Path from the object to what holds `metadata` and `spec` of its pods; the policy annotation goes there. */
export const POD_PATHS: Readonly<Record<PodWorkloadKind, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

const words = (list: string) => new Set(list.split(/\s+/));

/** Kinds of Kubernetes itself that hold no pods, by API group (of any version); the core group is ''. */
const PODLESS_KINDS: Readonly<Record<string, ReadonlySet<string>>> = {
  '': words(
    'Binding ComponentStatus ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume PersistentVolumeClaim ResourceQuota Secret Service ServiceAccount',
  ),
  'admissionregistration.k8s.io': words(
    'MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration',
  ),
  'apiextensions.k8s.io': words('CustomResourceDefinition'),
  'apiregistration.k8s.io': words('APIService'),
  apps: words('ControllerRevision'),
  autoscaling: words('HorizontalPodAutoscaler'),
  'certificates.k8s.io': words('CertificateSigningRequest ClusterTrustBundle'),
  'coordination.k8s.io': words('Lease'),
  'discovery.k8s.io': words('EndpointSlice'),
  'events.k8s.io': words('Event'),
  'flowcontrol.apiserver.k8s.io': words('FlowSchema PriorityLevelConfiguration'),
  'gateway.networking.k8s.io': words(
    'BackendTLSPolicy Gateway GatewayClass GRPCRoute HTTPRoute ReferenceGrant TCPRoute TLSRoute UDPRoute',
  ),
  'kustomize.config.k8s.io': words('Component Kustomization'),
  'networking.k8s.io': words('Ingress IngressClass IPAddress NetworkPolicy ServiceCIDR'),
  'node.k8s.io': words('RuntimeClass'),
  policy: words('PodDisruptionBudget PodSecurityPolicy'),
  'rbac.authorization.k8s.io': words('ClusterRole ClusterRoleBinding Role RoleBinding'),
  'resource.k8s.io': words('DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice'),
  'scheduling.k8s.io': words('PriorityClass'),
  'snapshot.storage.k8s.io': words('VolumeSnapshot VolumeSnapshotClass VolumeSnapshotContent'),
  'storage.k8s.io': words(
    'CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment VolumeAttributesClass',
  ),
};

/** Kinds that the reference passes through whatever their apiVersion says. */
const REFERENCE_PODLESS_KINDS = words(
  'ClusterRole ClusterRoleBinding ConfigMap LimitRange Namespace PersistentVolume PersistentVolumeClaim PodDisruptionBudget PriorityClass ResourceQuota Role RoleBinding Secret Service ServiceAccount',
);

/** `workload`: makes pods. `podless`: known to make none. `foreign`: a podless name in another API group. */
export type KindClass = 'workload' | 'list' | 'podless' | 'foreign' | 'unknown';

/** True for the kinds of which policies are made. */
export function isWorkloadKind(kind: string): kind is PodWorkloadKind {
  return Object.hasOwn(POD_PATHS, kind);
}

/** What is known about a kind of an API version such as `apps/v1`. */
export function classifyKind(apiVersion: string, kind: string): KindClass {
  if (isWorkloadKind(kind)) return 'workload';
  if (kind === 'List') return 'list';
  const slash = apiVersion.indexOf('/');
  const group = slash === -1 ? '' : apiVersion.slice(0, slash);
  const kinds = Object.hasOwn(PODLESS_KINDS, group) ? PODLESS_KINDS[group] : undefined;
  if (REFERENCE_PODLESS_KINDS.has(kind)) return kinds?.has(kind) ? 'podless' : 'foreign';
  return kinds?.has(kind) ? 'podless' : 'unknown';
}
