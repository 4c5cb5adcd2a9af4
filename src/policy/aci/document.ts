/** Container objects -> the policy document: fragments, flags, the pause container (aci policy 7). */
import { type DataMap, type DataValue, mapOf } from '../../core/data.js';
import { ToolError } from '../../core/error.js';
import type { ContainerGroup } from '../../workload/container-group.js';
import { capabilitySets } from './capabilities.js';
import {
  DEFAULT_WORKING_DIR,
  INFRASTRUCTURE,
  isSidecar,
  PAUSE_LAYER,
  PAUSE_PATH,
  UNPRIVILEGED_CAPABILITIES,
} from './constants.js';
import { type AciOptions, type BuiltContainer, holdsOnlySidecars } from './container.js';
import { completeDefinition } from './definition.js';
import { envRule } from './env.js';
import type { AciGuest } from './guests.js';
import { buildUser } from './user.js';

/** What a policy says, before it is text. */
export interface AciPolicyDocument {
  readonly guest: AciGuest;
  /** `sidecar`: the short text of a group that starts with a side-car of the platform. `windows`: other rules. */
  readonly form: 'policy' | 'sidecar' | 'windows';
  readonly fragments: readonly DataMap[];
  readonly containers: readonly DataMap[];
  readonly debugMode: boolean;
}

/** Which fragments a policy imports beside those of the group. */
export interface FragmentChoice {
  /** Checked entries of --fragments-json; they follow the infrastructure fragment. */
  readonly imports: readonly DataMap[];
  readonly excludeInfrastructure: boolean;
  /** minimum_svn of the infrastructure fragment instead of the guest's. */
  readonly infrastructureSvn?: string;
}

/** The document of a group. `containers` are those that no fragment covers. Throws USAGE_CONFLICT. */
export function buildAciDocument(
  group: ContainerGroup,
  containers: readonly BuiltContainer[],
  choice: FragmentChoice,
  options: AciOptions,
): AciPolicyDocument {
  if (options.os === 'windows') return buildWindowsDocument(group, containers, choice, options);
  const pause = holdsOnlySidecars(containers) ? [] : [buildPauseContainer(options)];
  const definitions = (group.definitions ?? []).map((one) => completeDefinition(one, group.at));
  return {
    guest: options.guest,
    form: startsWithSidecar(group, containers, options) ? 'sidecar' : 'policy',
    fragments: buildFragments(group, choice, options.guest),
    containers: [...containers.map(({ object }) => object), ...pause, ...definitions],
    debugMode: options.debugMode,
  };
}

/** Without pause container, whatever the containers are. */
function buildWindowsDocument(
  group: ContainerGroup,
  containers: readonly BuiltContainer[],
  choice: FragmentChoice,
  { guest, debugMode }: AciOptions,
): AciPolicyDocument {
  return {
    guest,
    form: 'windows',
    fragments: buildFragments(group, choice, guest),
    containers: containers.map(({ object }) => object),
    debugMode,
  };
}

function startsWithSidecar(
  group: ContainerGroup,
  containers: readonly BuiltContainer[],
  { notices }: AciOptions,
): boolean {
  const [first] = containers;
  if (first === undefined || !isSidecar(first.source.id)) return false;
  if (!containers.every(({ source }) => isSidecar(source.id))) {
    notices({
      code: 'sidecar-first',
      message:
        'the first container is a side-car of the platform, so the policy is that of a side-car: it has no fragments and no rules',
      where: group.at,
    });
  }
  return true;
}

/** The list of fragments: members other than those of a policy are left out of its entries. */
function buildFragments(
  group: ContainerGroup,
  choice: FragmentChoice,
  guest: AciGuest,
): readonly DataMap[] {
  const excluded = choice.excludeInfrastructure || group.excludesInfrastructure;
  const svn = choice.infrastructureSvn;
  const own = excluded ? [] : [infrastructureFragment(guest)];
  const all = [...group.fragments, ...own, ...choice.imports].map(
    (entry): DataMap => new Map(FRAGMENT_KEYS.flatMap((key) => memberOf(entry, key))),
  );
  if (svn === undefined) return all;
  if (!all.some(isInfrastructure)) {
    throw new ToolError(
      'USAGE_CONFLICT',
      'the svn of the infrastructure fragment cannot be set where the policy does not import it',
      { where: group.at },
    );
  }
  return all.map((entry) =>
    isInfrastructure(entry) ? new Map([...entry, ['minimum_svn', svn]]) : entry,
  );
}

const FRAGMENT_KEYS = ['feed', 'includes', 'issuer', 'minimum_svn'];

function memberOf(entry: DataMap, key: string): readonly (readonly [string, DataValue])[] {
  const value = entry.get(key);
  return value === undefined ? [] : [[key, value]];
}

/** The import of the platform's containers. */
export function infrastructureFragment(guest: AciGuest): DataMap {
  return mapOf({ ...INFRASTRUCTURE, minimum_svn: guest.infrastructureSvn });
}

/** True for an import of the platform's containers, of any svn. */
export function isInfrastructure(entry: DataMap): boolean {
  return entry.get('feed') === INFRASTRUCTURE.feed && entry.get('issuer') === INFRASTRUCTURE.issuer;
}

/** The container that holds a group's namespaces. Its capabilities are not sorted. */
function buildPauseContainer({ stdio }: AciOptions): DataMap {
  return mapOf({
    allow_elevated: false,
    allow_stdio_access: stdio,
    capabilities: capabilitySets(UNPRIVILEGED_CAPABILITIES),
    command: ['/pause'],
    env_rules: [envRule(PAUSE_PATH, 'string', true), envRule('TERM=xterm', 'string')],
    exec_processes: [],
    layers: [PAUSE_LAYER],
    mounts: [],
    name: 'pause-container',
    no_new_privileges: false,
    seccomp_profile_sha256: '',
    signals: [],
    user: buildUser({}),
    working_dir: DEFAULT_WORKING_DIR,
  });
}
