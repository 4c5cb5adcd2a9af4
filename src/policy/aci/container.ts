/** A container of a group and its image -> the container object of the policy (aci policy 6). */
import { type DataMap, type DataValue, mapOf } from '../../core/data.js';
import { ToolError } from '../../core/error.js';
import type { NoticeSink } from '../../core/notice.js';
import type { ImageConfig } from '../../image/types.js';
import type {
  ContainerGroup,
  GroupContainer,
  GroupExecProcess,
} from '../../workload/container-group.js';
import { buildCapabilities } from './capabilities.js';
import {
  DEBUG_COMMANDS,
  DEFAULT_WORKING_DIR,
  isSidecar,
  SIGNAL_NUMBERS,
  WINDOWS_SHELL,
  WINDOWS_WORKING_DIR,
} from './constants.js';
import { buildEnvRules, buildImageRules, envRule } from './env.js';
import type { AciGuest } from './guests.js';
import { buildMount, buildMounts } from './mounts.js';
import { buildUser } from './user.js';

/** What of an image goes into a policy. */
export interface GroupImage {
  readonly config: Pick<
    ImageConfig,
    'env' | 'entrypoint' | 'cmd' | 'workingDir' | 'user' | 'stopSignal'
  >;
  /** Root hashes (ext4), or hashes of Windows layers; base layer first, at least one. */
  readonly layers: readonly string[];
  /** Hashes of the file systems that a Windows guest mounts. */
  readonly mountedCim?: readonly string[];
}

/** What the user decides about all containers. */
export interface AciOptions {
  readonly guest: AciGuest;
  /** `linux` where it is absent. */
  readonly os?: 'linux' | 'windows';
  readonly debugMode: boolean;
  /** allow_stdio_access of every container. */
  readonly stdio: boolean;
  /** Leaves ids out, and names that equal them. */
  readonly omitId: boolean;
  readonly notices: NoticeSink;
}

/** A container object with what it was made from. */
export interface BuiltContainer {
  readonly source: GroupContainer;
  readonly object: DataMap;
}

/** The object of one container. Its members are not sorted: printing sorts them. Throws IMAGE_INVALID. */
export function buildContainer(
  group: ContainerGroup,
  source: GroupContainer,
  image: GroupImage,
  options: AciOptions,
): BuiltContainer {
  if (image.layers.length === 0) {
    throw new ToolError('IMAGE_INVALID', `image ${source.image} has no layers`, {
      where: source.at,
      hints: ['a container needs a file system: rebuild the image with at least one layer'],
    });
  }
  if (options.os === 'windows') {
    const object = buildWindowsObject(group, source, image, options);
    return { source, object: options.omitId ? withoutId(object) : object };
  }
  const sidecar = isSidecar(source.writtenImage);
  // Of side-cars only the layers and the working directory are taken, unless the image is all that there is.
  const whole = !sidecar || group.source === 'image';
  const config: GroupImage['config'] = whole ? image.config : {};
  const { security } = source;
  const object = mapOf({
    allow_elevated: security.privileged,
    allow_stdio_access: options.stdio,
    capabilities: buildCapabilities(security),
    command: whole ? commandOf(group, source, config) : [...source.command, ...source.args],
    env_rules: buildEnvRules(group, source, config.env, { sidecar, guest: options.guest }),
    exec_processes: execProcesses(group, source, options.debugMode),
    id: source.id,
    layers: image.layers,
    mounts: buildMounts(group, source, { sidecar, guest: options.guest }),
    name: source.name,
    no_new_privileges: !security.allowPrivilegeEscalation,
    seccomp_profile_sha256: security.seccompSha256,
    signals: signalsOf(source, config.stopSignal, options.notices),
    user: buildUser(security, config.user),
    working_dir: source.workingDir || image.config.workingDir || DEFAULT_WORKING_DIR,
  });
  return { source, object: options.omitId ? withoutId(object) : object };
}

/** The object of a Windows container (16): no defaults, and no rules that Linux alone has. */
function buildWindowsObject(
  group: ContainerGroup,
  source: GroupContainer,
  { config, layers, mountedCim = [] }: GroupImage,
  { stdio, debugMode, notices }: AciOptions,
): DataMap {
  const imageRules = buildImageRules(source.env, config.env);
  const shell: readonly GroupExecProcess[] = debugMode
    ? [{ command: [WINDOWS_SHELL], signals: [] }]
    : [];
  return mapOf({
    allow_stdio_access: stdio,
    command: commandOf(group, source, config),
    env_rules: [...source.env, ...imageRules].map((rule) => envRule(rule.pattern, rule.strategy)),
    exec_processes: [...source.execProcesses, ...shell].map(({ command, signals }) =>
      mapOf({ command, signals }),
    ),
    id: source.id,
    layers,
    mounted_cim: mountedCim,
    mounts: source.mounts.map(buildMount),
    name: source.name,
    signals: signalsOf(source, config.stopSignal, notices),
    user: config.user ?? '',
    working_dir: source.workingDir || config.workingDir || WINDOWS_WORKING_DIR,
  });
}

/** The command that runs (6.3). */
function commandOf(
  { source }: ContainerGroup,
  { command, args }: GroupContainer,
  { entrypoint, cmd }: GroupImage['config'],
): DataValue {
  if (command.length > 0) return [...command, ...args];
  const entry = entrypoint ?? [];
  if (args.length > 0) return [...entry, ...args];
  if (source === 'vn2') return [...entry, ...(cmd ?? [])];
  return entry.length > 0 ? [...entry, ...(cmd ?? [])] : (cmd ?? null);
}

function execProcesses(
  { source }: ContainerGroup,
  { execProcesses: own }: GroupContainer,
  debugMode: boolean,
): readonly DataMap[] {
  const debug: readonly GroupExecProcess[] =
    debugMode && source !== 'image'
      ? DEBUG_COMMANDS.map((program) => ({ command: [program], signals: [] }))
      : [];
  return [...own, ...debug].map(({ command, signals }) => mapOf({ command, signals }));
}

/** The number of the image's stop signal; a signal without a known name stays text, as the reference has it. */
function signalsOf(
  source: GroupContainer,
  stopSignal: string | undefined,
  notices: NoticeSink,
): readonly DataValue[] {
  if (!stopSignal) return [];
  const number = SIGNAL_NUMBERS.get(stopSignal.toUpperCase());
  if (number !== undefined) return [number];
  notices({
    code: 'stop-signal-text',
    message: `the stop signal ${stopSignal} of image ${source.image} goes into the policy as text, which no signal that the guest sends equals`,
    where: source.at,
  });
  return [stopSignal];
}

function withoutId(object: DataMap): DataMap {
  const id = object.get('id');
  const dropped = object.get('name') === id ? ['id', 'name'] : ['id'];
  return new Map([...object].filter(([key]) => !dropped.includes(key)));
}

/** True if nothing but side-cars is in the group, by the references that are resolved. */
export function holdsOnlySidecars(containers: readonly BuiltContainer[]): boolean {
  return containers.length > 0 && containers.every(({ source }) => isSidecar(source.image));
}
