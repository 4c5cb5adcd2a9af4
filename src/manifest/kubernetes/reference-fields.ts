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

function integers(names: string): Readonly<Record<string, ReferenceType>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, 'integer'] as const));
}

const METADATA = object('name generateName labels annotations namespace uid');

const EXEC = object('command');
const HOOK = object('', { exec: EXEC });
const PROBE = object('', {
  ...integers('initialDelaySeconds timeoutSeconds periodSeconds failureThreshold successThreshold'),
  exec: EXEC,
  httpGet: object('port host path scheme', { httpHeaders: listOf(object('name value')) }),
  tcpSocket: object('port host'),
});

const ENVIRONMENT_VARIABLE = object('name value', {
  valueFrom: object('', {
    configMapKeyRef: object('key name', { optional: 'boolean' }),
    secretKeyRef: object('key name', { optional: 'boolean' }),
    fieldRef: object('fieldPath apiVersion'),
    resourceFieldRef: object('resource'),
  }),
});
const NAMED = object('name', { optional: 'boolean' });

const CONTAINER = object(
  'name image imagePullPolicy command args restartPolicy serviceAccountName terminationMessagePath',
  {
    envFrom: listOf(object('prefix', { configMapRef: NAMED, secretRef: NAMED })),
    env: listOf(ENVIRONMENT_VARIABLE),
    lifecycle: object('', { postStart: HOOK, preStop: HOOK }),
    livenessProbe: PROBE,
    readinessProbe: PROBE,
    startupProbe: PROBE,
    ports: listOf(object('hostIP name protocol', integers('containerPort hostPort'))),
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

const LABEL_SELECTOR = object('matchLabels', {
  matchExpressions: listOf(object('key operator values')),
});
const AFFINITY_TERM = object('topologyKey', { labelSelector: LABEL_SELECTOR });
const REQUIRED_TERMS = {
  requiredDuringSchedulingIgnoredDuringExecution: listOf(AFFINITY_TERM),
};
const PREFERRED_TERM = object('', { weight: 'integer', podAffinityTerm: AFFINITY_TERM });

const POD_SPEC = object(
  'runtimeClassName nodeSelector restartPolicy nodeName serviceAccountName serviceAccount hostname dnsPolicy priorityClassName',
  {
    affinity: object('', {
      podAffinity: object('', REQUIRED_TERMS),
      podAntiAffinity: object('', {
        ...REQUIRED_TERMS,
        preferredDuringSchedulingIgnoredDuringExecution: listOf(PREFERRED_TERM),
      }),
    }),
    dnsConfig: object('nameservers searches', { options: listOf(object('name value')) }),
    terminationGracePeriodSeconds: 'integer',
    tolerations: listOf(object('key operator value effect', integers('tolerationSeconds'))),
    topologySpreadConstraints: listOf(
      object('topologyKey whenUnsatisfiable matchLabelKeys nodeAffinityPolicy nodeTaintsPolicy', {
        ...integers('maxSkew minDomains'),
        labelSelector: LABEL_SELECTOR,
      }),
    ),
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

const JOB_SPEC = object('', { backoffLimit: 'integer', template: POD_TEMPLATE });

const withSpec = (spec: ReferenceObject) => object('apiVersion kind', { metadata: METADATA, spec });

/** Kinds that the reference does not look into. */
const OPAQUE =
  'ClusterRole ClusterRoleBinding LimitRange Namespace PersistentVolume PersistentVolumeClaim PodDisruptionBudget PriorityClass ResourceQuota Role RoleBinding Service ServiceAccount';

/** The object of each kind that the reference takes; the items of a List are objects of their own. */
export const REFERENCE_KINDS: Readonly<Record<string, ReferenceType>> = {
  ...Object.fromEntries(OPAQUE.split(' ').map((kind) => [kind, 'any'] as const)),
  Pod: withSpec(POD_SPEC),
  Deployment: withSpec(
    object('', {
      replicas: 'integer',
      selector: LABEL_SELECTOR,
      strategy: UPDATE,
      template: POD_TEMPLATE,
    }),
  ),
  StatefulSet: withSpec(
    object('serviceName podManagementPolicy', {
      ...integers('replicas revisionHistoryLimit minReadySeconds'),
      selector: LABEL_SELECTOR,
      template: POD_TEMPLATE,
      volumeClaimTemplates: listOf(CLAIM),
      updateStrategy: object('type', {
        rollingUpdate: object('maxUnavailable', integers('partition')),
      }),
      persistentVolumeClaimRetentionPolicy: object('whenDeleted whenScaled'),
    }),
  ),
  DaemonSet: withSpec(
    object('', {
      ...integers('minReadySeconds revisionHistoryLimit'),
      selector: LABEL_SELECTOR,
      template: POD_TEMPLATE,
      updateStrategy: UPDATE,
    }),
  ),
  ReplicaSet: withSpec(
    object('', {
      ...integers('replicas minReadySeconds'),
      selector: LABEL_SELECTOR,
      template: POD_TEMPLATE,
    }),
  ),
  ReplicationController: withSpec(
    object('selector', { ...integers('replicas minReadySeconds'), template: POD_TEMPLATE }),
  ),
  Job: withSpec(JOB_SPEC),
  CronJob: withSpec(
    object('schedule concurrencyPolicy timeZone', {
      ...integers(
        'failedJobsHistoryLimit startingDeadlineSeconds successfulJobsHistoryLimit backoffLimit',
      ),
      suspend: 'boolean',
      jobTemplate: object('', { metadata: METADATA, spec: JOB_SPEC }),
    }),
  ),
  // The reference takes binaryData as lists of numbers, which Kubernetes does not have.
  ConfigMap: object('apiVersion kind data', {
    binaryData: object(''),
    immutable: 'boolean',
    metadata: METADATA,
  }),
  Secret: object('apiVersion kind data type', { immutable: 'boolean', metadata: METADATA }),
  List: object('apiVersion kind items'),
};
