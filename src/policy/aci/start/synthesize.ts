/**
 * Policy document -> the requests that the host sends while the container group starts, runs its probes and ends, in order
 * (spec aci-framework 6 and 7). They are made from the policy alone, with ids and devices as a host would choose them.
 */
import { createHash } from 'node:crypto';
import type { JsonObject, JsonValue } from '../../../core/json.js';
import type { CceDocument, CceExternalProcess } from '../cce-document.js';
import { type EffectiveContainer, effectiveContainer } from './effective.js';
import { type MountPlaces, sampleEnvironment, sampleId, sampleMount } from './samples.js';

export interface CceStartStep {
  /** Enforcement point. */
  readonly point: string;
  readonly input: JsonObject;
  /** What it is for: `sandbox`, `container NAME`. */
  readonly subject: string;
  /** The group has started when all requests of `start` were allowed; `probe` and `end` come later. */
  readonly phase: 'start' | 'probe' | 'end';
}

export interface CceStartOptions {
  /** Mounts that the runtime gives every container. */
  readonly defaultMounts: readonly JsonObject[];
  /** Fragments whose containers the group starts too. */
  readonly fragments?: readonly CceDocument[];
}

/** One container with what the host chose for it. */
interface Scope {
  readonly container: EffectiveContainer;
  readonly id: string;
  readonly subject: string;
  readonly isSandbox: boolean;
  readonly environment: readonly string[];
  readonly places: MountPlaces;
}

const STATE_DIR = '/run/gcs/c';
const SANDBOX = idOf('sandbox');
const SANDBOX_DIR = `${STATE_DIR}/${SANDBOX}`;
const DEVICE_PATTERN = '/run/mounts/scsi/m[0-9]+';
const SCRATCH_PATTERN = `${STATE_DIR}/[0-9a-fA-F]{64}`;
const SHARE_PATTERN = '/mounts/m[0-9]+';

/** The requests of one group; none for a document without containers. */
export function synthesizeCceStart(
  document: CceDocument,
  { defaultMounts, fragments = [] }: CceStartOptions,
): readonly CceStartStep[] {
  const scopes = scopesOf([document, ...fragments]);
  if (scopes.length === 0) return [];
  const devices = devicesOf(scopes);
  return [
    ...scratchDisk(),
    ...[...devices].map(mountDevice),
    ...scopes.flatMap((scope) => startOf(scope, devices, defaultMounts)),
    ...scopes.flatMap(probesOf),
    ...document.external_processes.map(externalOf),
    ...switchesOf(document),
    ...scopes.toReversed().flatMap(endOf),
    ...[...devices].map(([, target]) =>
      sandboxStep('unmount_device', { unmountTarget: target }, 'end'),
    ),
    sandboxStep('rw_unmount_device', { unmountTarget: SANDBOX_DIR }, 'end'),
  ];
}

/** The pause container is the sandbox and starts first. */
function scopesOf(documents: readonly CceDocument[]): readonly Scope[] {
  const containers = documents.flatMap(({ containers: own, framework_version: version }) =>
    own.map((container) => effectiveContainer(container, version)),
  );
  const isPause = ({ command }: (typeof containers)[number]) =>
    command?.length === 1 && command[0] === '/pause';
  const order = [...containers.keys()].sort(
    (a, b) => Number(isPause(containers[b]!)) - Number(isPause(containers[a]!)),
  );
  return order.map((index) => {
    const container = containers[index]!;
    const isSandbox = isPause(container) && index === order[0];
    const id = isSandbox ? SANDBOX : idOf(`container ${index}`);
    const name = container.name ?? container.id ?? String(index);
    return {
      container,
      id,
      subject: isSandbox ? 'sandbox' : `container ${name}`,
      isSandbox,
      environment: sampleEnvironment(container.env_rules),
      places: {
        sandboxDir: `${SANDBOX_DIR}/sandboxMounts`,
        hugePagesDir: `${SANDBOX_DIR}/hugepages`,
        share: `${STATE_DIR}/${id}/mounts/m0`,
      },
    };
  });
}

/** Mount target by root hash, one device for each hash. */
function devicesOf(scopes: readonly Scope[]): ReadonlyMap<string, string> {
  const hashes = new Set(scopes.flatMap(({ container }) => container.layers));
  return new Map([...hashes].map((hash, i) => [hash, `/run/mounts/scsi/m${i}`]));
}

function scratchDisk(): readonly CceStartStep[] {
  const input = {
    target: SANDBOX_DIR,
    encrypted: true,
    ensureFilesystem: true,
    filesystem: 'xfs',
    mountPathRegex: SCRATCH_PATTERN,
  };
  return [sandboxStep('rw_mount_device', input, 'start')];
}

function mountDevice([deviceHash, target]: readonly [string, string]): CceStartStep {
  return sandboxStep(
    'mount_device',
    { target, deviceHash, mountPathRegex: DEVICE_PATTERN },
    'start',
  );
}

function startOf(
  scope: Scope,
  devices: ReadonlyMap<string, string>,
  defaultMounts: readonly JsonObject[],
): readonly CceStartStep[] {
  const { container, id, places } = scope;
  const target = `${STATE_DIR}/${id}/rootfs`;
  const layerPaths = container.layers.toReversed().map((hash) => devices.get(hash) ?? '');
  const shares = (container.mounts ?? []).filter(({ source }) => source.startsWith('plan9://'));
  const share = { rootPrefix: STATE_DIR, mountPathPrefix: SHARE_PATTERN, target: places.share };
  return [
    step(scope, 'scratch_mount', { target: `${SANDBOX_DIR}/scratch/${id}`, encrypted: true }),
    step(scope, 'mount_overlay', { containerID: id, layerPaths, target }),
    ...(shares.length > 0 ? [step(scope, 'plan9_mount', share)] : []),
    step(scope, 'create_container', creation(scope, defaultMounts)),
  ];
}

function creation(scope: Scope, defaultMounts: readonly JsonObject[]): JsonObject {
  const { container, places } = scope;
  const mounts = (container.mounts ?? []).map((mount) => sampleMount(mount, places));
  return {
    ...processOf(scope, container.command),
    sandboxDir: places.sandboxDir,
    hugePagesDir: places.hugePagesDir,
    mounts: [...defaultMounts, ...mounts.filter((mount) => mount !== undefined)],
    devices: [],
    privileged: container.allow_elevated,
    seccompProfileSHA256: container.seccomp_profile_sha256,
    isSandboxContainer: scope.isSandbox,
  };
}

/** What creation and commands have in common. */
function processOf({ container, id, environment }: Scope, command: JsonValue): JsonObject {
  const [group] = container.user.group_idnames;
  return {
    containerID: id,
    argList: command,
    envList: environment,
    workingDir: container.working_dir,
    noNewPrivileges: container.no_new_privileges,
    user: sampleId(container.user.user_idname),
    groups: group === undefined ? [] : [sampleId(group)],
    umask: container.user.umask,
    capabilities: { ...container.capabilities },
  };
}

function probesOf(scope: Scope): readonly CceStartStep[] {
  const commands = new Map(
    scope.container.exec_processes.map((entry) => [JSON.stringify(entry.command), entry]),
  );
  return [...commands.values()].flatMap(({ command, signals }) => [
    step(scope, 'exec_in_container', processOf(scope, command), 'probe'),
    ...signals.map((signal) =>
      step(scope, 'signal_container_process', signalOf(scope.id, signal, false, command), 'probe'),
    ),
  ]);
}

function endOf(scope: Scope): readonly CceStartStep[] {
  const { container, id } = scope;
  const unmountTarget = `${STATE_DIR}/${id}/rootfs`;
  return [
    ...container.signals.map((signal) => {
      const input = signalOf(id, signal, true, container.command ?? []);
      return step(scope, 'signal_container_process', input, 'end');
    }),
    step(scope, 'shutdown_container', { containerID: id }, 'end'),
    step(scope, 'unmount_overlay', { unmountTarget }, 'end'),
  ];
}

function signalOf(
  containerID: string,
  signal: number | string,
  isInitProcess: boolean,
  argList: readonly JsonValue[],
): JsonObject {
  return { containerID, signal, isInitProcess, argList };
}

function externalOf({ command, env_rules, working_dir }: CceExternalProcess): CceStartStep {
  const input = {
    argList: command,
    envList: sampleEnvironment(env_rules),
    workingDir: working_dir,
  };
  return sandboxStep('exec_external', input, 'probe');
}

/** What the host asks of a running group, where the policy says that it may. */
function switchesOf({ flags }: CceDocument): readonly CceStartStep[] {
  const asked = [
    ['get_properties', flags.allow_properties_access],
    ['dump_stacks', flags.allow_dump_stacks],
    ['runtime_logging', flags.allow_runtime_logging],
  ] as const;
  return asked.flatMap(([point, isOn]) => (isOn ? [sandboxStep(point, {}, 'probe')] : []));
}

function step(
  { subject }: Scope,
  point: string,
  input: JsonObject,
  phase: CceStartStep['phase'] = 'start',
): CceStartStep {
  return { point, input, subject, phase };
}

function sandboxStep(point: string, input: JsonObject, phase: CceStartStep['phase']): CceStartStep {
  return { point, input, subject: 'sandbox', phase };
}

/** Ids as hosts have them: 64 hexadecimal digits, the same for the same part of any group. */
function idOf(part: string): string {
  return createHash('sha256').update(part).digest('hex');
}
