/**
 * Guest versions that we generate kata agent policies for: one row each (spec kata-policy-data sections 1 and 12).
 * Every difference between guests is a column here, and the code asks for the column, never for the guest. Adding a
 * guest adds a row.
 */
import { ToolError } from '../../core/error.js';

/** Letter of the reference's code line; guests of one family share the shape of their settings. */
export type KataFamily = 'C' | 'V' | 'M' | 'U';

export interface KataGuest {
  /** Name of `--guest`. */
  readonly id: string;
  readonly family: KataFamily;
  /** Reference that it equals. */
  readonly reference: string;
  readonly target: 'aks' | 'kata';
  /** Taken when `--guest` is absent. */
  readonly isDefault: boolean;
  /** Our settings, below policies/kata/settings. */
  readonly settingsFile: string;
  /** Our rules, below policies/kata/rules; absent where the user has to name a rules file. */
  readonly rulesFile?: string;

  /** Annotation that carries the policy, and what its value is: base64(policy text) or base64(gzip(initdata)). */
  readonly annotationKey: string;
  readonly annotationValue: 'policy' | 'initdata';

  /** OCI.Version and pause image; absent: from the settings. */
  readonly ociVersion?: string;
  readonly pauseImage?: string;
  /** Namespace of a workload that names none: cluster_config.default_namespace, or "" (the rules allow any). */
  readonly defaultNamespace: 'setting' | 'any';
  /** Names of sandboxes: the Pod's name, a pattern of it, or a pattern for every kind. */
  readonly sandboxName: 'pod-name' | 'pod-pattern' | 'kind-pattern';

  /** Layer root hashes in storages: always, if common.image_layer_verification says so, or never. */
  readonly layerStorages: 'always' | 'setting' | 'never';
  readonly storageShared: boolean;
  readonly users: UserRules;
  readonly process: ProcessRules;
  readonly env: EnvRules;
  readonly mounts: MountRules;
  readonly volumes: VolumeRules;

  /** `devices` and `Linux.Devices` (volumeDevices). */
  readonly devices: boolean;
  readonly sysctls: boolean;
  /** GPUs by resource limits, and the `devices` section. */
  readonly gpus: boolean;
  readonly runtimeAnnotationPatterns: boolean;
  /** `cluster_config` and `devices` at the top of the document. */
  readonly clusterData: boolean;
  /** Settings with a `Linux` part must have both of its lists of paths. */
  readonly linuxPaths: boolean;
  /** The settings have cluster_config.guest_pull. */
  readonly guestPull: boolean;
}

/** Section 8.5, and section 9 of layer-hash-tarfs. */
export interface UserRules {
  /** Which members of the layers count, and how they combine. */
  readonly files: 'none' | 'passwd-first' | 'exact-names' | 'normalised-names';
  /** True: cluster_config.guest_pull switches the files off. */
  readonly filesOffWithGuestPull: boolean;
  readonly imageUser: 'numbers' | 'passwd-names' | 'passwd-group' | 'passwd-group-pause-own';
  /** Process.User of the settings. */
  readonly settingsUser: boolean;
  /** runAsGroup, fsGroup, supplementalGroups, pod allowPrivilegeEscalation, groups of /etc/group. */
  readonly groups: 'from-settings' | 'final-gid' | 'every-gid';
  /** Section 8.6. */
  readonly guestPullCheck: boolean;
}

export interface ProcessRules {
  /** `both`: DeprecatedArgs with references resolved, Args without. */
  readonly args: 'resolved' | 'both';
  readonly execCommands: 'joined' | 'words';
  readonly envMap: boolean;
}

export interface EnvRules {
  readonly withoutValue: 'refused' | 'empty';
  readonly labels: boolean;
  /** metadata.namespace of a workload without namespace. */
  readonly emptyNamespace: 'as-is' | 'placeholder';
  /** Missing annotations and resource fields: any value, or a regex of the settings. */
  readonly unknownValue: 'any' | 'settings-regex';
}

export interface MountRules {
  /** Pause container: /sys is writable if any container of the pod is privileged. */
  readonly pauseSysFollowsPod: boolean;
  /** Section 9.6. */
  readonly imageVolumes: 'none' | 'mount' | 'mount-and-storage';
}

/** Sections 9.4 and 9.5. */
export interface VolumeRules {
  /** Which settings a plain emptyDir takes: emptyDir; that or confidential_emptyDir; or by emptydir_type. */
  readonly emptyDir: 'plain' | 'confidential' | 'by-type';
  /** The volume's name follows both paths of an emptyDir: always, or where the setting leaves room for it. */
  readonly emptyDirName: 'always' | 'where-open';
  /** emptyDir honours readOnly. */
  readonly emptyDirReadOnly: boolean;
  /** Claims and azureFile honour readOnly and mountPropagation. */
  readonly claimOptions: boolean;
  /** Last part of a shared mount's path: text after the last slash, or the last part that is not empty, as regex. */
  readonly sharedName: 'after-slash' | 'last-part-escaped';
  readonly claimTemplates: 'before-volumes' | 'after-volumes' | 'after-image-volumes';
  /** Storage classes; absent: claims are shared mounts and `ephemeral` is unsupported. */
  readonly storageClasses?: {
    readonly source: string;
    readonly blockFstype: string;
    readonly smbFstype: string;
  };
  /** Pod fsGroup in the storages of emptyDir volumes. */
  readonly fsGroup: boolean;
  /** configMap and secret: by confidential_guest, or configMap with storages switched on separately. */
  readonly configVolume: 'confidential' | 'switch';
  /** Source of a configMap storage ends with the volume's name or with the last part of the mount path. */
  readonly configSource: 'volume-name' | 'mount-name';
}

const POLICY_ANNOTATION = 'io.katacontainers.config.agent.policy';
const INITDATA_ANNOTATION = 'io.katacontainers.config.hypervisor.cc_init_data';

/** Every annotation that carries a policy of one of the guests. */
export const POLICY_ANNOTATIONS: readonly string[] = [POLICY_ANNOTATION, INITDATA_ANNOTATION];

export const KATA_GUESTS: readonly KataGuest[] = [
  {
    id: 'azl3',
    family: 'C',
    reference: 'microsoft/kata-containers 3.2.0.azl3.genpolicy4',
    target: 'aks',
    isDefault: true,
    settingsFile: 'azl3.json',
    rulesFile: 'azl3.rego',
    annotationKey: POLICY_ANNOTATION,
    annotationValue: 'policy',
    ociVersion: '1.1.0-rc.1',
    pauseImage: 'mcr.microsoft.com/oss/v2/kubernetes/pause:3.6',
    defaultNamespace: 'setting',
    sandboxName: 'pod-name',
    layerStorages: 'always',
    storageShared: false,
    users: {
      files: 'none',
      filesOffWithGuestPull: false,
      imageUser: 'numbers',
      settingsUser: true,
      groups: 'from-settings',
      guestPullCheck: false,
    },
    process: { args: 'resolved', execCommands: 'joined', envMap: false },
    env: { withoutValue: 'refused', labels: false, emptyNamespace: 'as-is', unknownValue: 'any' },
    mounts: { pauseSysFollowsPod: false, imageVolumes: 'none' },
    volumes: {
      emptyDir: 'plain',
      emptyDirName: 'always',
      emptyDirReadOnly: false,
      claimOptions: true,
      sharedName: 'after-slash',
      claimTemplates: 'after-volumes',
      storageClasses: {
        source: '$(direct-vol-path)',
        blockFstype: '$(fs-type)',
        smbFstype: '$(fs-type)',
      },
      fsGroup: false,
      configVolume: 'confidential',
      configSource: 'volume-name',
    },
    devices: false,
    sysctls: false,
    gpus: false,
    runtimeAnnotationPatterns: false,
    clusterData: false,
    linuxPaths: true,
    guestPull: false,
  },
  {
    id: 'aks-3.15',
    family: 'V',
    reference: 'microsoft/kata-containers 3.15.0.aks0.genpolicy0',
    target: 'aks',
    isDefault: false,
    settingsFile: 'aks-3.15.json',
    rulesFile: 'aks-3.15.rego',
    annotationKey: POLICY_ANNOTATION,
    annotationValue: 'policy',
    defaultNamespace: 'any',
    sandboxName: 'pod-pattern',
    layerStorages: 'always',
    storageShared: false,
    users: {
      files: 'passwd-first',
      filesOffWithGuestPull: false,
      imageUser: 'passwd-names',
      settingsUser: true,
      groups: 'from-settings',
      guestPullCheck: false,
    },
    process: { args: 'both', execCommands: 'words', envMap: true },
    env: {
      withoutValue: 'refused',
      labels: false,
      emptyNamespace: 'placeholder',
      unknownValue: 'settings-regex',
    },
    mounts: { pauseSysFollowsPod: false, imageVolumes: 'mount-and-storage' },
    volumes: {
      emptyDir: 'confidential',
      emptyDirName: 'always',
      emptyDirReadOnly: true,
      claimOptions: true,
      sharedName: 'after-slash',
      claimTemplates: 'after-image-volumes',
      storageClasses: { source: '', blockFstype: 'ext4', smbFstype: 'cifs' },
      fsGroup: false,
      configVolume: 'confidential',
      configSource: 'volume-name',
    },
    devices: true,
    sysctls: true,
    gpus: false,
    runtimeAnnotationPatterns: false,
    clusterData: false,
    linuxPaths: false,
    guestPull: false,
  },
  {
    id: 'msft-main',
    family: 'M',
    reference: 'microsoft/kata-containers msft-main a207f85',
    target: 'aks',
    isDefault: false,
    settingsFile: 'msft-main.json',
    rulesFile: 'msft-main.rego',
    annotationKey: POLICY_ANNOTATION,
    annotationValue: 'policy',
    defaultNamespace: 'any',
    sandboxName: 'pod-pattern',
    layerStorages: 'setting',
    storageShared: false,
    users: {
      files: 'exact-names',
      filesOffWithGuestPull: true,
      imageUser: 'passwd-group',
      settingsUser: true,
      groups: 'final-gid',
      guestPullCheck: false,
    },
    process: { args: 'resolved', execCommands: 'words', envMap: false },
    env: {
      withoutValue: 'refused',
      labels: false,
      emptyNamespace: 'placeholder',
      unknownValue: 'any',
    },
    mounts: { pauseSysFollowsPod: false, imageVolumes: 'mount' },
    volumes: {
      emptyDir: 'confidential',
      emptyDirName: 'always',
      emptyDirReadOnly: true,
      claimOptions: false,
      sharedName: 'after-slash',
      claimTemplates: 'before-volumes',
      fsGroup: false,
      configVolume: 'confidential',
      configSource: 'volume-name',
    },
    devices: true,
    sysctls: true,
    gpus: false,
    runtimeAnnotationPatterns: false,
    clusterData: false,
    linuxPaths: false,
    guestPull: true,
  },
  {
    id: 'kata-4.1',
    family: 'U',
    reference: 'kata-containers/kata-containers 4.1.0',
    target: 'kata',
    isDefault: true,
    settingsFile: 'kata-4.1.json',
    rulesFile: 'kata-4.1.rego',
    annotationKey: INITDATA_ANNOTATION,
    annotationValue: 'initdata',
    defaultNamespace: 'any',
    sandboxName: 'kind-pattern',
    layerStorages: 'never',
    storageShared: true,
    users: {
      files: 'normalised-names',
      filesOffWithGuestPull: false,
      imageUser: 'passwd-group-pause-own',
      settingsUser: false,
      groups: 'every-gid',
      guestPullCheck: true,
    },
    process: { args: 'resolved', execCommands: 'words', envMap: false },
    env: {
      withoutValue: 'empty',
      labels: true,
      emptyNamespace: 'placeholder',
      unknownValue: 'any',
    },
    mounts: { pauseSysFollowsPod: true, imageVolumes: 'mount' },
    volumes: {
      emptyDir: 'by-type',
      emptyDirName: 'where-open',
      emptyDirReadOnly: true,
      claimOptions: false,
      sharedName: 'last-part-escaped',
      claimTemplates: 'before-volumes',
      fsGroup: true,
      configVolume: 'switch',
      configSource: 'mount-name',
    },
    devices: true,
    sysctls: true,
    gpus: true,
    runtimeAnnotationPatterns: true,
    clusterData: true,
    linuxPaths: false,
    guestPull: true,
  },
];

/** The guest named `id`. Throws USAGE_CONFLICT with the names that there are. */
export function findKataGuest(id: string): KataGuest {
  const guest = KATA_GUESTS.find((row) => row.id === id);
  if (guest !== undefined) return guest;
  throw new ToolError('USAGE_CONFLICT', `guest ${id} is not a kata guest`, {
    want: KATA_GUESTS.map((row) => row.id).join(', '),
    got: id,
  });
}

/** The guest that a target is generated for when `--guest` is absent. */
export function defaultKataGuest(target: KataGuest['target']): KataGuest {
  const guest = KATA_GUESTS.find((row) => row.target === target && row.isDefault);
  if (guest !== undefined) return guest;
  throw new ToolError('INTERNAL', `target ${target} has no default guest`);
}
