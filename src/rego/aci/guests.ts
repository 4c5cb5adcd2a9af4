/**
 * Guests that enforce CCE policies, one row per version of their framework, and the table of enforcement points
 * (spec aci-framework 2). Adding a guest adds a row.
 */
import { ToolError } from '../../core/error.js';
import type { JsonObject } from '../../core/json.js';
import { compareSemver } from '../../core/semver.js';
import type { RegoDialect } from '../ports.js';

export interface FrameworkGuest {
  /** Name of `--guest`. */
  readonly id: string;
  readonly apiVersion: string;
  readonly frameworkVersion: string;
  /** Language that its engine reads. */
  readonly dialect: RegoDialect;
  /** What its framework does that older ones did not; the rules read them by name. */
  readonly features: {
    /** Patterns match whole texts. */
    readonly anchors: boolean;
    readonly name_value_rules: boolean;
    /** Requests tell the pattern of mount targets. */
    readonly target_patterns: boolean;
    /** An overlay target in use is refused. */
    readonly overlay_targets: boolean;
    /** Devices of the request are refused. */
    readonly refuses_devices: boolean;
    /** The sandbox may have a writable /sys. */
    readonly sandbox_sysfs: boolean;
    readonly platform_rules: boolean;
    /** A fragment is asked about before its text is compiled. */
    readonly two_step_fragments: boolean;
    readonly parameters: boolean;
    readonly receipts: boolean;
  };
}

const ALL: FrameworkGuest['features'] = {
  anchors: true,
  name_value_rules: true,
  target_patterns: true,
  overlay_targets: true,
  refuses_devices: true,
  sandbox_sysfs: true,
  platform_rules: true,
  two_step_fragments: true,
  parameters: true,
  receipts: true,
};

const NONE = Object.fromEntries(
  Object.keys(ALL).map((name) => [name, false]),
) as unknown as FrameworkGuest['features'];

export const FRAMEWORK_GUESTS: readonly FrameworkGuest[] = [
  {
    id: 'framework-0.3.0',
    apiVersion: '0.10.0',
    frameworkVersion: '0.3.0',
    dialect: 'v0',
    // As in its last releases; those before hcsshim v0.14.0 have this version too, but add no anchors to patterns.
    features: { ...NONE, anchors: true },
  },
  {
    id: 'framework-0.5.0',
    apiVersion: '0.12.0',
    frameworkVersion: '0.5.0',
    dialect: 'v1',
    features: ALL,
  },
];

/** The guest that simulation takes where none is named: the newest. */
export const DEFAULT_FRAMEWORK_GUEST = 'framework-0.5.0';

/** The guest `id`. Throws USAGE_CONFLICT with the names that there are. */
export function findFrameworkGuest(id: string): FrameworkGuest {
  const guest = FRAMEWORK_GUESTS.find((row) => row.id === id);
  if (guest !== undefined) return guest;
  throw new ToolError('USAGE_CONFLICT', `guest ${id} does not enforce CCE policies`, {
    want: FRAMEWORK_GUESTS.map((row) => row.id).join(', '),
    got: id,
  });
}

/** An enforcement point: since which version of the api, and what counts for policies of before that. */
export interface EnforcementPoint {
  readonly introduced: string;
  readonly defaults: JsonObject;
  /** Older policies get the framework's own answer instead of the defaults. */
  readonly useFramework?: true;
  /** First guest that has it, where that is not told by `introduced`. */
  readonly since?: string;
}

const ALLOWED: JsonObject = { allowed: true };
const REFUSED: JsonObject = { allowed: false };

export const ENFORCEMENT_POINTS: Readonly<Record<string, EnforcementPoint>> = {
  mount_device: { introduced: '0.1.0', defaults: REFUSED },
  rw_mount_device: { introduced: '0.11.0', defaults: {}, useFramework: true },
  mount_blockdev: { introduced: '0.11.1', defaults: REFUSED },
  mount_overlay: { introduced: '0.1.0', defaults: REFUSED },
  mount_cims: { introduced: '0.11.0', defaults: REFUSED },
  // The table of the guest says 0.10.0, although it came with 0.11.0.
  registry_changes: { introduced: '0.10.0', defaults: REFUSED, since: '0.11.0' },
  create_container: {
    introduced: '0.1.0',
    defaults: { allowed: false, env_list: null, allow_stdio_access: false },
  },
  unmount_device: { introduced: '0.2.0', defaults: ALLOWED },
  rw_unmount_device: { introduced: '0.11.0', defaults: {}, useFramework: true },
  unmount_blockdev: { introduced: '0.11.1', defaults: REFUSED },
  unmount_overlay: { introduced: '0.6.0', defaults: ALLOWED },
  exec_in_container: { introduced: '0.2.0', defaults: { allowed: true, env_list: null } },
  exec_external: {
    introduced: '0.3.0',
    defaults: { allowed: true, env_list: null, allow_stdio_access: false },
  },
  shutdown_container: { introduced: '0.4.0', defaults: ALLOWED },
  signal_container_process: { introduced: '0.5.0', defaults: ALLOWED },
  plan9_mount: { introduced: '0.6.0', defaults: ALLOWED },
  plan9_unmount: { introduced: '0.6.0', defaults: ALLOWED },
  get_properties: { introduced: '0.7.0', defaults: ALLOWED },
  dump_stacks: { introduced: '0.7.0', defaults: ALLOWED },
  runtime_logging: { introduced: '0.8.0', defaults: ALLOWED },
  load_fragment: { introduced: '0.9.0', defaults: { allowed: false, add_module: false } },
  scratch_mount: { introduced: '0.10.0', defaults: ALLOWED },
  scratch_unmount: { introduced: '0.10.0', defaults: ALLOWED },
  log_provider: { introduced: '0.11.0', defaults: { allowed: true, providers_to_keep: null } },
  load_transparency_trust_list: { introduced: '0.12.0', defaults: REFUSED },
  host_network: { introduced: '0.12.0', defaults: REFUSED },
};

/** True for a point that this guest asks its policy about. */
export function knowsPoint(guest: FrameworkGuest, point: string): boolean {
  const row = Object.hasOwn(ENFORCEMENT_POINTS, point) ? ENFORCEMENT_POINTS[point] : undefined;
  const since = row?.since ?? row?.introduced;
  return since !== undefined && (compareSemver(guest.apiVersion, since) ?? -1) >= 0;
}

export interface PointInfo {
  readonly available: boolean;
  readonly defaults: JsonObject;
  readonly useFramework: boolean;
}

/** What a point means for a policy of `apiVersion` in this guest, or the text of the guest's error. */
export function lookUpPoint(
  guest: FrameworkGuest,
  point: string,
  apiVersion: string | undefined,
): PointInfo | string {
  if (apiVersion === undefined) return 'policy does not define api_version';
  const row = Object.hasOwn(ENFORCEMENT_POINTS, point) ? ENFORCEMENT_POINTS[point] : undefined;
  if (row === undefined) return `enforcement point rule ${point} does not exist`;
  if (!knowsPoint(guest, point)) return `enforcement point rule ${point} is invalid`;
  const order = compareSemver(apiVersion, row.introduced);
  if (order === undefined) return `enforcement point rule ${point} does not exist`;
  return {
    available: order >= 0,
    defaults: row.defaults,
    useFramework: row.useFramework === true,
  };
}
