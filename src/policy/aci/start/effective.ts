/** Fields of a container that its policy's framework version does not have yet count as their defaults (spec aci-framework 4.4). */
import { compareSemver } from '../../../core/semver.js';
import {
  type CceCapabilities,
  type CceContainer,
  type CceSignal,
  type CceUser,
  FIELD_VERSIONS,
} from '../cce-document.js';
import { PRIVILEGED_CAPABILITIES, UNPRIVILEGED_CAPABILITIES } from '../constants.js';

/** What a guest compares requests with. */
export interface EffectiveContainer extends CceContainer {
  readonly user: CceUser;
  readonly capabilities: CceCapabilities;
  readonly seccomp_profile_sha256: string;
  readonly no_new_privileges: boolean;
  readonly allow_elevated: boolean;
  readonly signals: readonly CceSignal[];
}

const ANY = { pattern: '', strategy: 'any' };
const ANY_USER: CceUser = { user_idname: ANY, group_idnames: [ANY], umask: '0022' };

/** The container as guests read it in a policy of framework `version`; it starts privileged where it may. */
export function effectiveContainer(
  container: CceContainer,
  version: string | undefined,
): EffectiveContainer {
  const since = <T>(first: string, value: T | undefined, fallback: T): T => {
    const isOlder = version !== undefined && compareSemver(version, first) === -1;
    return isOlder ? fallback : (value ?? fallback);
  };
  const { user, capabilities } = container;
  const isElevated = container.allow_elevated === true;
  return {
    ...container,
    allow_elevated: isElevated,
    user: since(FIELD_VERSIONS.user, typeof user === 'string' ? undefined : user, ANY_USER),
    capabilities: since(
      FIELD_VERSIONS.capabilities,
      capabilities ?? undefined,
      defaultCapabilities(isElevated),
    ),
    seccomp_profile_sha256: since(
      FIELD_VERSIONS.seccomp_profile_sha256,
      container.seccomp_profile_sha256,
      '',
    ),
    no_new_privileges: since(FIELD_VERSIONS.no_new_privileges, container.no_new_privileges, false),
    signals: container.signals ?? [],
  };
}

function defaultCapabilities(isElevated: boolean): CceCapabilities {
  const names = isElevated ? PRIVILEGED_CAPABILITIES : UNPRIVILEGED_CAPABILITIES;
  return {
    ambient: [],
    bounding: names,
    effective: names,
    inheritable: isElevated ? names : [],
    permitted: names,
  };
}
