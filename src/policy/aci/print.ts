/** Policy document -> policy text (aci policy 7.1, 7.7). The compact text is what the platform hashes. */
import { printCompact, printPretty, printText } from '../../core/data-json.js';
import type { AciPolicyDocument } from './document.js';

/** Enforcement points that a policy hands to the framework, in order. */
const POINTS = [
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

/** The text, without a final line end. `pretty`: containers over many lines; fragments always are. */
export function printAciPolicy(
  document: AciPolicyDocument,
  { pretty = false }: { readonly pretty?: boolean } = {},
): string {
  const containers = (pretty ? printPretty : printCompact)(document.containers);
  const head = (name: string) => `package ${name}\n`;
  const versions = `${assign('api_version', printText(document.guest.apiVersion))}\n${assign('framework_version', printText(document.guest.frameworkVersion))}\n`;
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
    flagLines(document.debugMode),
    pointLines(document.guest.rwMountDevice),
    assign('reason', '{"errors": data.framework.errors}'),
  ].join('\n');
}

function flagLines(debugMode: boolean): string {
  const flags: readonly (readonly [string, boolean])[] = [
    ['allow_properties_access', true],
    ['allow_dump_stacks', debugMode],
    ['allow_runtime_logging', debugMode],
    ['allow_environment_variable_dropping', true],
    ['allow_unencrypted_scratch', false],
    ['allow_capability_dropping', true],
  ];
  return flags.map(([name, value]) => `${assign(name, String(value))}\n`).join('');
}

function pointLines(rwMountDevice: boolean): string {
  const points = rwMountDevice ? [...POINTS, 'rw_mount_device'] : POINTS;
  return points.map((point) => `${assign(point, `data.framework.${point}`)}\n`).join('');
}

function assign(name: string, value: string): string {
  return `${name} := ${value}`;
}
