/**
 * A CCE policy or fragment as data (spec aci-framework 4.1 to 4.3): field names are those of the policy text. A field that
 * the text does not have is absent here too; what its absence means depends on the framework version.
 */
import type { JsonValue } from '../../core/json.js';

/** How a pattern is compared: `string` and `re2` in environments, `any`, `id`, `name`, `re2` for users. */
export interface CceIdRule {
  readonly pattern: string;
  readonly strategy: string;
}

/** A variable that is allowed: by the whole `NAME=VALUE` text, by name and value, or by either. */
export interface CceEnvRule {
  readonly pattern?: string;
  readonly strategy?: string;
  readonly name?: string;
  readonly name_strategy?: string;
  readonly value?: string;
  readonly value_strategy?: string;
  readonly required?: boolean;
}

export interface CceMount {
  readonly destination: string;
  readonly options: readonly string[];
  readonly source: string;
  readonly type: string;
}

/** Numbers on Linux, names on Windows. */
export type CceSignal = number | string;

export interface CceExecProcess {
  readonly command: readonly JsonValue[];
  readonly signals: readonly CceSignal[];
}

/** Names in upper case with `CAP_`. */
export interface CceCapabilities {
  readonly ambient: readonly string[];
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly inheritable: readonly string[];
  readonly permitted: readonly string[];
}

export interface CceUser {
  readonly user_idname: CceIdRule;
  readonly group_idnames: readonly CceIdRule[];
  /** Four octal digits. */
  readonly umask: string;
}

export interface CceContainer {
  readonly id?: string;
  /** Null: the input gave none. */
  readonly name?: string | null;
  /** Null: neither the input nor the image has one. Elements are texts in any policy that can start. */
  readonly command: readonly JsonValue[] | null;
  readonly env_rules: readonly CceEnvRule[];
  /** dm-verity root hashes in lower-case hex, base layer first. */
  readonly layers: readonly string[];
  /** Absent on Windows. */
  readonly mounts?: readonly CceMount[];
  readonly exec_processes: readonly CceExecProcess[];
  readonly signals?: readonly CceSignal[];
  /** A name on Windows. */
  readonly user?: CceUser | string;
  /** Null: the defaults of the guest. */
  readonly capabilities?: CceCapabilities | null;
  /** Lower-case hex, or empty for none. */
  readonly seccomp_profile_sha256?: string;
  readonly allow_elevated?: boolean;
  readonly working_dir: string;
  readonly allow_stdio_access: boolean;
  readonly no_new_privileges?: boolean;
  /** Windows: digests of the mounted CIM. */
  readonly mounted_cim?: readonly string[];
  /** Windows, as written. */
  readonly registry_changes?: JsonValue;
}

/** True for a container of a Windows guest. */
export function isWindowsContainer({ mounted_cim: cim, user }: CceContainer): boolean {
  return cim !== undefined || typeof user === 'string';
}

export interface CceExternalProcess {
  readonly command: readonly JsonValue[];
  readonly env_rules: readonly CceEnvRule[];
  readonly working_dir: string;
  readonly allow_stdio_access: boolean;
}

export interface CceFragmentEntry {
  readonly issuer: string;
  readonly feed: string;
  /** A number, numeric text, or a semantic version. */
  readonly minimum_svn: number | string;
  /** Words such as `containers` and `fragments`; `namespace` keeps the whole module. */
  readonly includes: readonly string[];
  readonly parameters?: { readonly [name: string]: JsonValue };
  readonly required_receipts?: readonly string[];
}

export interface CcePlatformRule {
  readonly env_rules?: readonly CceEnvRule[];
  readonly mounts?: readonly CceMount[];
}

export interface CceTrustList {
  readonly issuer: string;
  readonly subject: string;
  readonly minimum_svn: number | string;
  readonly allowed_ledgers: readonly string[];
}

/** Switches of a policy, in the order in which they are listed; absent in a text means false. */
export const CCE_FLAGS = [
  'allow_properties_access',
  'allow_dump_stacks',
  'allow_runtime_logging',
  'allow_host_network',
  'allow_environment_variable_dropping',
  'allow_unencrypted_scratch',
  'allow_capability_dropping',
  'allow_log_provider_dropping',
] as const;

export type CceFlag = (typeof CCE_FLAGS)[number];

/** What decides an enforcement point: the framework's rule of some name, or a constant answer. */
export type CcePoint =
  | { readonly kind: 'framework'; readonly rule: string }
  | { readonly kind: 'constant'; readonly value: JsonValue };

export interface CceDocument {
  /** `policy`; for a fragment its namespace. */
  readonly packageName: string;
  readonly api_version?: string;
  readonly framework_version?: string;
  /** Fragments only. */
  readonly svn?: number | string;
  /** Fragments only, as written. */
  readonly parameters_api?: { readonly [name: string]: JsonValue };
  readonly containers: readonly CceContainer[];
  readonly external_processes: readonly CceExternalProcess[];
  readonly fragments: readonly CceFragmentEntry[];
  readonly platform_rules: readonly CcePlatformRule[];
  readonly transparency_trust_lists: readonly CceTrustList[];
  /** Windows. */
  readonly allowed_log_providers: readonly string[];
  readonly flags: Readonly<Record<CceFlag, boolean>>;
  /** By the name of the enforcement point, in the order of the text; `reason` is not among them. */
  readonly points: ReadonlyMap<string, CcePoint>;
  /** The text gives its denials the reasons of the framework. */
  readonly givesReasons: boolean;
}

/** Fields of containers and the framework version that has them first: for older policies guests take defaults (4.4). */
export const FIELD_VERSIONS = {
  no_new_privileges: '0.2.0',
  user: '0.2.1',
  capabilities: '0.2.2',
  seccomp_profile_sha256: '0.2.3',
} as const satisfies Partial<Record<keyof CceContainer, string>>;
