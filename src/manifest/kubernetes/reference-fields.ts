/**
 * The fields that the reference generator of guest azl3 knows, by kind (kata policy data 3.1, 3.5 and 10): whatever is
 * not here ends its run. Where that section names no members, any value is let pass.
 */

/** What a field may be: anything, a boolean or an integer as the reference reads them, a list, or an object. */
export type ReferenceType = 'any' | 'boolean' | 'integer' | ReferenceList | ReferenceObject;

export interface ReferenceList {
  readonly kind: 'list';
  readonly of: ReferenceType;
}

export interface ReferenceObject {
  readonly kind: 'object';
  readonly fields: Readonly<Record<string, ReferenceType>>;
}

/** An object; `names` are fields of any value. */
function object(names: string, fields: Record<string, ReferenceType> = {}): ReferenceObject {
  const any = names === '' ? [] : names.split(' ').map((name) => [name, 'any'] as const);
  return { kind: 'object', fields: { ...Object.fromEntries(any), ...fields } };
}

const listOf = (of: ReferenceType): ReferenceList => ({ kind: 'list', of });

const METADATA = object('name generateName labels annotations namespace uid');

const EXEC = object('command');
const HOOK = object('', { exec: EXEC });
const PROBE = object(
  'initialDelaySeconds timeoutSeconds periodSeconds failureThreshold successThreshold',
  {
    exec: EXEC,
    httpGet: object('port host path scheme httpHeaders'),
    tcpSocket: object('port host'),
  },
);

const ENVIRONMENT_VARIABLE = object('name value', {
  valueFrom: object('configMapKeyRef secretKeyRef fieldRef', {
    resourceFieldRef: object('resource'),
  }),
});

const CONTAINER = object(
  'name image imagePullPolicy envFrom command args restartPolicy serviceAccountName terminationMessagePath',
  {
    env: listOf(ENVIRONMENT_VARIABLE),
    lifecycle: object('', { postStart: HOOK, preStop: HOOK }),
    livenessProbe: PROBE,
    readinessProbe: PROBE,
    startupProbe: PROBE,
    ports: listOf(object('containerPort hostIP hostPort name protocol')),
    resources: object('requests limits'),
    securityContext: object('runAsUser', {
      readOnlyRootFilesystem: 'boolean',
      allowPrivilegeEscalation: 'boolean',
      privileged: 'boolean',
      capabilities: object('add drop'),
      seccompProfile: object('type localhostProfile'),
    }),
    stdin: 'boolean',
    tty: 'boolean',
    volumeMounts: listOf(
      object('mountPath name mountPropagation subPathExpr subPath', { readOnly: 'boolean' }),
    ),
  },
);

const CLAIM = object('apiVersion kind', {
  metadata: METADATA,
  spec: object('accessModes storageClassName', { resources: object('requests') }),
});

const VOLUME = object('name', {
  emptyDir: object('medium sizeLimit'),
  hostPath: object('path type'),
  persistentVolumeClaim: object('claimName'),
  configMap: object('name', { items: listOf(object('key path')), optional: 'boolean' }),
  azureFile: object('secretName shareName', { readOnly: 'boolean' }),
  projected: object('', { defaultMode: 'integer' }),
  secret: object('secretName items', { defaultMode: 'integer' }),
  downwardAPI: object('', { items: listOf(object('path fieldRef')) }),
  ephemeral: object('', { volumeClaimTemplate: CLAIM }),
});

const POD_SPEC = object(
  'runtimeClassName nodeSelector restartPolicy nodeName serviceAccountName serviceAccount terminationGracePeriodSeconds tolerations hostname dnsConfig dnsPolicy topologySpreadConstraints priorityClassName',
  {
    affinity: object('podAffinity podAntiAffinity'),
    containers: listOf(CONTAINER),
    hostNetwork: 'boolean',
    imagePullSecrets: listOf(object('name')),
    initContainers: listOf(CONTAINER),
    securityContext: object('runAsUser'),
    shareProcessNamespace: 'boolean',
    volumes: listOf(VOLUME),
  },
);

const POD_TEMPLATE = object('', { metadata: METADATA, spec: POD_SPEC });

/** `25%` is no integer. */
const UPDATE = object('type', {
  rollingUpdate: object('', { maxSurge: 'integer', maxUnavailable: 'integer' }),
});

const JOB_SPEC = object('backoffLimit', { template: POD_TEMPLATE });

const withSpec = (spec: ReferenceObject) => object('apiVersion kind', { metadata: METADATA, spec });

/** Kinds that the reference does not look into. */
const OPAQUE =
  'ClusterRole ClusterRoleBinding LimitRange Namespace PersistentVolume PersistentVolumeClaim PodDisruptionBudget PriorityClass ResourceQuota Role RoleBinding Service ServiceAccount';

/** The object of each kind that the reference takes; the items of a List are objects of their own. */
export const REFERENCE_KINDS: Readonly<Record<string, ReferenceType>> = {
  ...Object.fromEntries(OPAQUE.split(' ').map((kind) => [kind, 'any'] as const)),
  Pod: withSpec(POD_SPEC),
  Deployment: withSpec(object('replicas selector', { strategy: UPDATE, template: POD_TEMPLATE })),
  StatefulSet: withSpec(
    object(
      'serviceName replicas selector updateStrategy revisionHistoryLimit minReadySeconds podManagementPolicy persistentVolumeClaimRetentionPolicy',
      { template: POD_TEMPLATE, volumeClaimTemplates: listOf(CLAIM) },
    ),
  ),
  DaemonSet: withSpec(
    object('selector minReadySeconds revisionHistoryLimit', {
      template: POD_TEMPLATE,
      updateStrategy: UPDATE,
    }),
  ),
  ReplicaSet: withSpec(object('selector replicas minReadySeconds', { template: POD_TEMPLATE })),
  ReplicationController: withSpec(
    object('replicas selector minReadySeconds', { template: POD_TEMPLATE }),
  ),
  Job: withSpec(JOB_SPEC),
  CronJob: withSpec(
    object(
      'schedule concurrencyPolicy failedJobsHistoryLimit startingDeadlineSeconds successfulJobsHistoryLimit suspend timeZone',
      { jobTemplate: object('', { metadata: METADATA, spec: JOB_SPEC }) },
    ),
  ),
  ConfigMap: object('apiVersion kind data binaryData immutable', { metadata: METADATA }),
  Secret: object('apiVersion kind data immutable type', { metadata: METADATA }),
  List: object('apiVersion kind items'),
};
