/** Field tables of a pod and its parts, but for volumes (kata policy data, section 10). */
import { each, type FieldTable, harmless, read, refused } from './field-rules.js';

const SELINUX = 'the guest applies no SELinux, AppArmor or Windows options';
const HOST_NAMESPACE = 'a guest has no namespace of its host, and the policy cannot name one';

/** Metadata of any object. What the API server fills in says nothing about the pod. */
export const METADATA: FieldTable = {
  ...each(read(), 'name generateName namespace labels annotations'),
  ...each(
    harmless,
    'creationTimestamp deletionGracePeriodSeconds deletionTimestamp finalizers generation managedFields ownerReferences resourceVersion selfLink uid',
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
    'activeDeadlineSeconds affinity dnsConfig dnsPolicy enableServiceLinks hostAliases hostname hostnameOverride imagePullSecrets nodeName nodeSelector os overhead preemptionPolicy priority priorityClassName readinessGates resources restartPolicy schedulerName schedulingGates serviceAccount setHostnameAsFQDN subdomain terminationGracePeriodSeconds tolerations topologySpreadConstraints',
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
};

export const POD_SECURITY_CONTEXT: FieldTable = {
  runAsUser: read(),
  sysctls: read('VMU', 'its policy does not hold sysctls'),
  ...each(
    read('MU', 'its policy holds no groups of the manifest'),
    'runAsGroup fsGroup supplementalGroups',
  ),
  allowPrivilegeEscalation: read('MU'),
  ...each(harmless, 'runAsNonRoot seccompProfile'),
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
  volumeDevices: read('VMU', 'its policy holds no block devices'),
  ...each(
    harmless,
    'imagePullPolicy ports resizePolicy restartPolicy restartPolicyRules stdin stdinOnce terminationMessagePolicy',
  ),
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
  ...each(harmless, 'runAsNonRoot seccompProfile'),
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

export const PROBE: FieldTable = {
  exec: read(),
  ...each(
    harmless,
    'httpGet tcpSocket grpc initialDelaySeconds timeoutSeconds periodSeconds failureThreshold successThreshold terminationGracePeriodSeconds',
  ),
};

export const LIFECYCLE: FieldTable = { ...each(read(), 'postStart preStop'), stopSignal: harmless };

/** The kubelet sends requests and waits; only exec reaches into the guest. */
export const HOOK: FieldTable = { exec: read(), ...each(harmless, 'httpGet tcpSocket sleep') };

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
  ...each(harmless, 'containerName divisor'),
};
export const ENVIRONMENT_FROM: FieldTable = each(read(), 'configMapRef secretRef prefix');
export const OBJECT_REFERENCE: FieldTable = each(read(), 'name optional');
