/**
 * The pod workload: what the kata targets (aks, kata) know of a manifest. Readonly data; absent is `undefined`.
 * `at` is where a part stands, `file:line:column path`, for messages only.
 */

export type PodWorkloadKind =
  | 'Pod'
  | 'Deployment'
  | 'StatefulSet'
  | 'DaemonSet'
  | 'Job'
  | 'CronJob'
  | 'ReplicaSet'
  | 'ReplicationController';

export interface PodWorkload {
  readonly kind: PodWorkloadKind;
  /** metadata.name and metadata.generateName of the document itself. */
  readonly name?: string;
  readonly generateName?: string;
  /** metadata.namespace of the document itself, not of a template. */
  readonly namespace?: string;
  /** Annotations and labels of the pod (template), values as text. */
  readonly annotations: ReadonlyMap<string, string>;
  readonly labels?: ReadonlyMap<string, string>;
  readonly pod: PodSpec;
  /** StatefulSet volumeClaimTemplates. */
  readonly claimTemplates: readonly ClaimTemplate[];
  /** Where the policy annotation goes. */
  readonly placement: Placement;
  readonly at: string;
}

/** Address of the annotations mapping: document of the file (0-based), path from its root, e.g. spec.template.metadata.annotations. */
export interface Placement {
  readonly file: string;
  readonly document: number;
  readonly path: readonly (string | number)[];
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers: readonly Container[];
  readonly volumes: readonly Volume[];
  readonly securityContext?: PodSecurityContext;
  readonly runtimeClassName?: string;
  readonly hostNetwork: boolean;
  readonly shareProcessNamespace: boolean;
  readonly serviceAccountName?: string;
}

export interface PodSecurityContext {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly fsGroup?: number;
  readonly supplementalGroups?: readonly number[];
  readonly allowPrivilegeEscalation?: boolean;
  readonly sysctls?: readonly { readonly name: string; readonly value: string }[];
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env: readonly EnvVar[];
  readonly envFrom: readonly EnvFrom[];
  readonly securityContext?: ContainerSecurityContext;
  readonly volumeMounts: readonly VolumeMount[];
  readonly volumeDevices: readonly { readonly devicePath: string; readonly name: string }[];
  /** exec words of livenessProbe, readinessProbe, startupProbe, postStart, preStop, in this order, where present. */
  readonly execCommands: readonly (readonly string[])[];
  /** resources.limits, values as text. */
  readonly limits?: ReadonlyMap<string, string>;
  readonly tty?: boolean;
  readonly terminationMessagePath?: string;
  /** The container-level key `serviceAccountName`, which Kubernetes does not have but the reference reads. */
  readonly serviceAccountName?: string;
  readonly at: string;
  /** Where the image string stands. */
  readonly imageAt: string;
}

export interface ContainerSecurityContext {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly privileged?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly capabilities?: { readonly add: readonly string[]; readonly drop: readonly string[] };
}

export interface EnvVar {
  readonly name: string;
  readonly source: EnvSource;
  readonly at: string;
}

export type EnvSource =
  | { readonly kind: 'value'; readonly value: string }
  /** Neither value nor valueFrom. */
  | { readonly kind: 'none' }
  | {
      readonly kind: 'config-map-key';
      readonly name: string;
      readonly key: string;
      readonly optional: boolean;
    }
  | {
      readonly kind: 'secret-key';
      readonly name: string;
      readonly key: string;
      readonly optional: boolean;
    }
  | { readonly kind: 'field'; readonly fieldPath: string }
  | { readonly kind: 'resource-field'; readonly resource: string };

export interface EnvFrom {
  readonly kind: 'config-map' | 'secret';
  readonly name: string;
  readonly optional: boolean;
  readonly prefix?: string;
  readonly at: string;
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
  readonly mountPropagation?: string;
  readonly subPath?: string;
  readonly subPathExpr?: string;
  readonly at: string;
}

export interface Volume {
  readonly name: string;
  readonly source: VolumeSource;
  readonly at: string;
}

export type VolumeSource =
  | { readonly kind: 'empty-dir'; readonly medium?: string }
  | { readonly kind: 'host-path'; readonly path: string }
  | { readonly kind: 'persistent-volume-claim'; readonly claimName: string }
  | { readonly kind: 'azure-file' }
  | { readonly kind: 'config-map' }
  | { readonly kind: 'secret' }
  | { readonly kind: 'projected' }
  | { readonly kind: 'downward-api' }
  | { readonly kind: 'ephemeral'; readonly storageClassName?: string };

export interface ClaimTemplate {
  readonly name: string;
  readonly storageClassName?: string;
}

/** Documents that workloads refer to, from all input files. */
export interface Attachments {
  readonly configMaps: readonly ConfigMap[];
  readonly secrets: readonly Secret[];
  readonly claims: readonly Claim[];
}

export interface ConfigMap {
  readonly name: string;
  readonly data: ReadonlyMap<string, string>;
}

/** `data` values are the base64 texts of the manifest. */
export interface Secret {
  readonly name: string;
  readonly data: ReadonlyMap<string, string>;
}

/** A PersistentVolumeClaim document. */
export interface Claim {
  readonly name: string;
  /** It stands in a List, where the references do not see it. */
  readonly inList: boolean;
  readonly storageClassName?: string;
}
