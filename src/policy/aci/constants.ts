/** What every ACI policy is made of beside its input (aci policy 19). */
import { type DataMap, mapOf } from '../../core/data.js';
import type { GroupEnvRule, GroupMount, MountType } from '../../workload/container-group.js';

const words = (text: string): readonly string[] => text.split(/\s+/);

/** Where the guest finds the files of a mount, as a pattern. */
export const MOUNT_SOURCES: Readonly<Record<MountType, string>> = {
  azureFile: 'sandbox:///tmp/atlas/azureFileVolume/.+',
  secret: 'sandbox:///tmp/atlas/secretsVolume/.+',
  secretsSource: 'plan9://',
  emptyDir: 'sandbox:///tmp/atlas/emptydir/.+',
  resolvconf: 'sandbox:///tmp/atlas/resolvconf/.+',
  gitRepo: 'sandbox:///tmp/atlas/gitRepoVolume/.+',
};

const emptyDir = (destination: string, readOnly = false): GroupMount => ({
  type: 'emptyDir',
  destination,
  readOnly,
});

/** Mounts of every container that is no side-car, in order, by `defaults` of the group. */
export const DEFAULT_MOUNTS: Readonly<Record<'aci' | 'vn2', readonly GroupMount[]>> = {
  aci: [{ type: 'resolvconf', destination: '/etc/resolv.conf', readOnly: false }],
  vn2: [
    emptyDir('/etc/resolv.conf'),
    emptyDir('/var/run/secrets/kubernetes.io/serviceaccount', true),
    emptyDir('/etc/hosts'),
    emptyDir('/dev/termination-log'),
    emptyDir('/etc/hostname'),
  ],
};

const anyValue = (name: string): GroupEnvRule => ({ pattern: `${name}=.+`, strategy: 're2' });

/** Variables that the platform sets in every container that is no side-car, in order. */
export const DEFAULT_ENV_RULES: readonly GroupEnvRule[] = [
  { pattern: 'TERM=xterm', strategy: 'string' },
  ...words(
    '(?i)(FABRIC)_.+ HOSTNAME T(E)?MP FabricPackageFileName HostedServiceName IDENTITY_API_VERSION IDENTITY_HEADER IDENTITY_SERVER_THUMBPRINT azurecontainerinstance_restarted_by',
  ).map(anyValue),
];

/** Variables that virtual nodes set for services, behind all others. */
export const VIRTUAL_NODE_ENV_RULES: readonly GroupEnvRule[] = [
  'SERVICE_HOST',
  'SERVICE_PORT',
  'SERVICE_PORT_[A-Z0-9_]+',
  'PORT',
  'PORT_[0-9]+_TCP',
  'PORT_[0-9]+_TCP_PROTO',
  'PORT_[0-9]+_TCP_PORT',
  'PORT_[0-9]+_TCP_ADDR',
].map((name) => anyValue(`[A-Z0-9_]+_${name}`));

/** In the order of the pause container, which is not sorted. */
export const UNPRIVILEGED_CAPABILITIES = words(
  'CAP_CHOWN CAP_DAC_OVERRIDE CAP_FSETID CAP_FOWNER CAP_MKNOD CAP_NET_RAW CAP_SETGID CAP_SETUID CAP_SETFCAP CAP_SETPCAP CAP_NET_BIND_SERVICE CAP_SYS_CHROOT CAP_KILL CAP_AUDIT_WRITE',
);

export const PRIVILEGED_CAPABILITIES = words(
  'CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF CAP_CHECKPOINT_RESTORE',
);

/** Processes that debug mode lets start in a container. */
export const DEBUG_COMMANDS: readonly string[] = ['/bin/sh', '/bin/bash'];

const SIDECARS: ReadonlySet<string> = new Set([
  ...words(
    'msi-atlas-adapter atlas-mount-azure-file-volume atlas-mount-secrets-volume atlas-netstats atlas-mount-resolv-conf atlas-mount-gitrepo-volume sc-proxy vk-metrics-sidecar configmaps-adapter-linux',
  ).map((name) => `mcr.microsoft.com/aci/${name}`),
  'k8s.gcr.io/pause',
]);

/** True for a reference to a side-car of the platform: its text before the first colon is one of their names. */
export function isSidecar(reference: string): boolean {
  const colon = reference.indexOf(':');
  return SIDECARS.has(colon === -1 ? reference : reference.slice(0, colon));
}

/** Signals that an image may name; the guest compares numbers. */
export const SIGNAL_NUMBERS: ReadonlyMap<string, bigint> = new Map(
  words(
    'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS',
  )
    .map((name, i) => [`SIG${name}`, BigInt(i + 1)] as const)
    .concat([
      ['SIGIOT', 6n],
      ['SIGUNUSED', 31n],
    ]),
);

export const UMASK = '0022';
export const DEFAULT_WORKING_DIR = '/';
export const WINDOWS_WORKING_DIR = 'C:\\';
/** What debug mode lets start in a Windows container. */
export const WINDOWS_SHELL = 'cmd.exe';
export const PAUSE_LAYER = '16b514057a06ad665f92c02863aca074fd5976c755d26bff16365299169e8415';
export const PAUSE_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Any user or group. */
export const ANY_ID: DataMap = mapOf({ pattern: '', strategy: 'any' });

/** The fragment with the containers of the platform, which every policy imports. */
export const INFRASTRUCTURE = {
  feed: 'mcr.microsoft.com/aci/aci-cc-infra-fragment',
  includes: ['containers', 'fragments'],
  issuer:
    'did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.3',
} as const;
