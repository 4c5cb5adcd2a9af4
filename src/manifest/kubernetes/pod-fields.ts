/** Field tables of a pod and its parts, but for volumes (kata policy data, section 10). */
import { each, type FieldTable, harmless, none, read, refused } from './field-rules.js';

const SELINUX = 'the guest applies no SELinux, AppArmor or Windows options';
const HOST_NAMESPACE = 'a guest has no namespace of its host, and the policy cannot name one';

/** Metadata of any object. What the API server fills in says nothing about the pod. */
export const METADATA: FieldTable = {
  ...each(read(), 'name generateName namespace labels annotations'),
  uid: harmless,
  ...each(
    none(),
    'creationTimestamp deletionGracePeriodSeconds deletionTimestamp finalizers generation managedFields ownerReferences resourceVersion selfLink',
  ),
};

export const POD_TEMPLATE: FieldTable = each(read(), 'metadata spec');

export const POD_SPEC: FieldTable = {
  ...each(
    read(),
    'containers initContainers volumes securityContext runtimeClassName hostNetwork shareProcessNamespace serviceAccountName',
  ),
  ...each(
    harmless,
    'nodeSelector restartPolicy imagePullSecrets affinity nodeName serviceAccount terminationGracePeriodSeconds tolerations hostname dnsConfig dnsPolicy topologySpreadConstraints priorityClassName',
  ),
  ...each(none('U'), 'preemptionPolicy priority schedulerName resources'),
  ...each(
    none(),
    'activeDeadlineSeconds enableServiceLinks hostAliases overhead readinessGates schedulingGates setHostnameAsFQDN subdomain workloadRef',
  ),
  automountServiceAccountToken: refused(
    'the policy always lets the host mount a service account token',
    { unless: true, remedy: 'use a service account without rights' },
  ),
  hostPID: refused(HOST_NAMESPACE, { unless: false, remedy: 'remove it, or set it to false' }),
  hostIPC: refused(HOST_NAMESPACE, { unless: false, remedy: 'remove it, or set it to false' }),
  hostUsers: refused('the guest does not map user namespaces', {
    unless: true,
    remedy: 'remove it, or set it to true',
  }),
  ephemeralContainers: refused('containers added later are in no policy', {
    remedy: 'add the debugging tools to a container of the pod',
  }),
  resourceClaims: refused('devices of resource claims are in no policy'),
  hostnameOverride: none(),
  os: refused('guests run Linux', { remedy: 'remove it' }),
};

export const POD_SECURITY_CONTEXT: FieldTable = {
  runAsUser: read(),
  sysctls: read('VMU', 'its policy does not hold sysctls'),
  ...each(
    read('MU', 'its policy holds no groups of the manifest'),
    'runAsGroup fsGroup supplementalGroups',
  ),
  allowPrivilegeEscalation: read('MU'),
  ...each(none(), 'runAsNonRoot seccompProfile'),
  fsGroupChangePolicy: refused('the policy holds the default only', {
    unless: 'Always',
    remedy: 'remove it, or set it to Always',
  }),
  supplementalGroupsPolicy: refused('the policy holds the default only', {
    unless: 'Merge',
    remedy: 'remove it, or set it to Merge',
  }),
  ...each(refused(SELINUX), 'appArmorProfile seLinuxOptions seLinuxChangePolicy windowsOptions'),
};

export const SYSCTL: FieldTable = each(read(), 'name value');

export const CONTAINER: FieldTable = {
  ...each(
    read(),
    'name image securityContext volumeMounts env envFrom resources command args lifecycle livenessProbe readinessProbe startupProbe serviceAccountName tty terminationMessagePath',
  ),
  ...each(harmless, 'imagePullPolicy ports restartPolicy stdin'),
  volumeDevices: read('VMU', 'its policy holds no block devices'),
  terminationMessagePolicy: none('U'),
  ...each(none(), 'resizePolicy restartPolicyRules stdinOnce'),
  workingDir: refused('the policy allows the working directory of the image only', {
    remedy: 'set the directory in the image, or begin the command with sh -c "cd DIRECTORY && ..."',
  }),
};

export const CONTAINER_SECURITY_CONTEXT: FieldTable = {
  ...each(
    read(),
    'readOnlyRootFilesystem allowPrivilegeEscalation privileged capabilities runAsUser',
  ),
  runAsGroup: read('MU', 'its policy holds no groups of the manifest'),
  seccompProfile: harmless,
  runAsNonRoot: none(),
  procMount: refused('the policy holds the default mount of /proc only', {
    unless: 'Default',
    remedy: 'remove it, or set it to Default',
  }),
  ...each(refused(SELINUX), 'appArmorProfile seLinuxOptions windowsOptions'),
};

export const CAPABILITIES: FieldTable = each(read(), 'add drop');

export const RESOURCES: FieldTable = {
  limits: read(),
  requests: harmless,
  claims: refused('devices of resource claims are in no policy'),
};

const TIMING = 'initialDelaySeconds timeoutSeconds periodSeconds failureThreshold successThreshold';

export const PROBE: FieldTable = {
  exec: read(),
  ...each(harmless, `httpGet tcpSocket ${TIMING}`),
  ...each(none('U'), 'grpc terminationGracePeriodSeconds'),
};

export const LIFECYCLE: FieldTable = { ...each(read(), 'postStart preStop'), stopSignal: none() };

/** The kubelet sends requests and waits; only exec reaches into the guest. */
export const HOOK: FieldTable = { exec: read(), ...each(none(), 'httpGet tcpSocket sleep') };

export const EXEC: FieldTable = { command: read() };

export const VOLUME_MOUNT: FieldTable = {
  ...each(read(), 'name mountPath mountPropagation subPathExpr readOnly'),
  subPath: refused('kata guests do not mount parts of a volume', {
    remedy: 'mount the whole volume, or copy the file in an init container',
    firm: true,
  }),
  recursiveReadOnly: refused('the policy has no option for it', {
    unless: 'Disabled',
    remedy: 'remove it, or set it to Disabled',
  }),
};

export const VOLUME_DEVICE: FieldTable = each(read(), 'name devicePath');

export const ENVIRONMENT_VARIABLE: FieldTable = each(read(), 'name value valueFrom');

export const ENVIRONMENT_SOURCE: FieldTable = {
  ...each(read(), 'configMapKeyRef secretKeyRef fieldRef resourceFieldRef'),
  fileKeyRef: refused('the value is known at run time only'),
};

export const KEY_REFERENCE: FieldTable = each(read(), 'name key optional');
export const FIELD_REFERENCE: FieldTable = { fieldPath: read(), apiVersion: harmless };
export const RESOURCE_REFERENCE: FieldTable = {
  resource: read(),
  ...each(none(), 'containerName divisor'),
};
export const ENVIRONMENT_FROM: FieldTable = each(read(), 'configMapRef secretRef prefix');
export const OBJECT_REFERENCE: FieldTable = each(read(), 'name optional');
