/** A CCE policy as generators write it, for tests that change parts of it. */
import type { CceContainer } from '../../../src/policy/aci/cce-document.js';

const CAPS = ['CAP_CHOWN', 'CAP_KILL'];

export const CONTAINER = {
  allow_elevated: false,
  allow_stdio_access: true,
  capabilities: { ambient: [], bounding: CAPS, effective: CAPS, inheritable: [], permitted: CAPS },
  command: ['/bin/web', '--port', '8080'],
  env_rules: [
    { pattern: 'PATH=/usr/bin:/bin', required: true, strategy: 'string' },
    { pattern: 'TERM=xterm', required: false, strategy: 'string' },
    { pattern: 'HOSTNAME=.+', required: false, strategy: 're2' },
  ],
  exec_processes: [
    { command: ['/bin/probe'], signals: [9] },
    { command: ['ls'], signals: [] },
  ],
  id: 'contoso.azurecr.io/web:1',
  layers: ['1'.repeat(64), '2'.repeat(64)],
  mounts: [
    {
      destination: '/data',
      options: ['rbind', 'rshared', 'rw'],
      source: 'sandbox:///tmp/atlas/emptydir/.+',
      type: 'bind',
    },
  ],
  name: 'web',
  no_new_privileges: false,
  seccomp_profile_sha256: '',
  signals: [15],
  user: {
    group_idnames: [{ pattern: '', strategy: 'any' }],
    umask: '0022',
    user_idname: { pattern: '1000', strategy: 'id' },
  },
  working_dir: '/app',
} as const satisfies CceContainer;

const POINTS = [
  ...['mount_device', 'unmount_device', 'rw_mount_device', 'rw_unmount_device'],
  ...['mount_overlay', 'unmount_overlay', 'create_container', 'exec_in_container'],
  ...['exec_external', 'shutdown_container', 'signal_container_process', 'plan9_mount'],
  ...['plan9_unmount', 'get_properties', 'dump_stacks', 'runtime_logging', 'load_fragment'],
  ...['scratch_mount', 'scratch_unmount'],
];

/** The text with these values in place of its own; a value of undefined leaves the name out. */
export function policyText(changes: Readonly<Record<string, unknown>> = {}): string {
  const values: Record<string, unknown> = {
    api_version: '0.11.0',
    framework_version: '0.5.0',
    fragments: [],
    containers: [CONTAINER],
    allow_properties_access: true,
    allow_dump_stacks: false,
    allow_runtime_logging: false,
    allow_environment_variable_dropping: false,
    allow_unencrypted_scratch: false,
    allow_capability_dropping: false,
    ...changes,
  };
  const data = Object.entries(values).filter(([, value]) => value !== undefined);
  return [
    'package policy',
    '',
    'import future.keywords.every',
    'import future.keywords.in',
    '',
    ...data.map(([name, value]) => `${name} := ${JSON.stringify(value)}`),
    ...POINTS.map((point) => `${point} := data.framework.${point}`),
    'reason := {"errors": data.framework.errors}',
  ].join('\n');
}
