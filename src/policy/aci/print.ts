/** Policy document -> policy text (aci policy 7.1, 7.7). The compact text is what the platform hashes. */
import { printCompact, printPretty, printText } from '../../core/data-json.js';
import type { AciPolicyDocument } from './document.js';

/** Enforcement points that a policy hands to the framework, in order. */
const POINTS: readonly string[] = [
  'mount_device',
  'unmount_device',
  'mount_overlay',
  'unmount_overlay',
  'create_container',
  'exec_in_container',
  'exec_external',
  'shutdown_container',
  'signal_container_process',
  'plan9_mount',
  'plan9_unmount',
  'get_properties',
  'dump_stacks',
  'runtime_logging',
  'load_fragment',
  'scratch_mount',
  'scratch_unmount',
];

/** Those that a Windows guest has, and its own. */
const WINDOWS_POINTS: readonly string[] = [
  'create_container',
  'exec_in_container',
  'exec_external',
  'shutdown_container',
  'signal_container_process',
  'get_properties',
  'dump_stacks',
  'runtime_logging',
  'load_fragment',
  'scratch_mount',
  'mount_cims',
];
/** Flags that only Linux guests know. */
const LINUX_FLAGS = ['allow_unencrypted_scratch', 'allow_capability_dropping'];

/** The text, without a final line end. `pretty`: containers over many lines; fragments always are. */
export function printAciPolicy(
  document: AciPolicyDocument,
  { pretty = false }: { readonly pretty?: boolean } = {},
): string {
  const containers = (pretty ? printPretty : printCompact)(document.containers);
  const windows = document.form === 'windows';
  const { apiVersion, frameworkVersion, windowsFrameworkVersion, rwMountDevice } = document.guest;
  const framework = windows ? (windowsFrameworkVersion ?? frameworkVersion) : frameworkVersion;
  const head = (name: string) => `package ${name}\n`;
  const versions = `${assign('api_version', printText(apiVersion))}\n${assign('framework_version', printText(framework))}\n`;
  if (document.form === 'sidecar') {
    return [head('microsoftcontainerinstance'), versions, assign('containers', containers)].join(
      '\n',
    );
  }
  return [
    head('policy'),
    'import future.keywords.every\nimport future.keywords.in\n',
    versions,
    `${assign('fragments', printPretty(document.fragments))}\n`,
    `${assign('containers', containers)}\n`,
    flagLines(document.debugMode, windows),
    pointLines(windows ? WINDOWS_POINTS : rwMountDevice ? [...POINTS, 'rw_mount_device'] : POINTS),
    assign('reason', '{"errors": data.framework.errors}'),
  ].join('\n');
}

function flagLines(debugMode: boolean, windows: boolean): string {
  const flags: readonly (readonly [string, boolean])[] = [
    ['allow_properties_access', true],
    ['allow_dump_stacks', debugMode],
    ['allow_runtime_logging', debugMode],
    ['allow_environment_variable_dropping', true],
    ['allow_unencrypted_scratch', false],
    ['allow_capability_dropping', true],
  ];
  const known = flags.filter(([name]) => !windows || !LINUX_FLAGS.includes(name));
  return known.map(([name, value]) => `${assign(name, String(value))}\n`).join('');
}

function pointLines(points: readonly string[]): string {
  return points.map((point) => `${assign(point, `data.framework.${point}`)}\n`).join('');
}

function assign(name: string, value: string): string {
  return `${name} := ${value}`;
}
