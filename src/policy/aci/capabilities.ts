/** Capabilities of a container (aci policy 6.2). */
import { type DataMap, mapOf } from '../../core/data.js';
import { compareKeys } from '../../core/data-json.js';
import type { GroupSecurity } from '../../workload/container-group.js';
import { PRIVILEGED_CAPABILITIES, UNPRIVILEGED_CAPABILITIES } from './constants.js';

/** The five sets, each sorted by code point: what is granted, then added, then dropped by exact name. */
export function buildCapabilities(security: GroupSecurity): DataMap {
  const { privileged, addCapabilities, dropCapabilities } = security;
  const base = privileged ? PRIVILEGED_CAPABILITIES : UNPRIVILEGED_CAPABILITIES;
  const granted = sortCapabilities(
    [...base, ...addCapabilities].filter((name) => !dropCapabilities.includes(name)),
  );
  return capabilitySets(granted, privileged ? granted : []);
}

/** The five sets of a policy. */
export function capabilitySets(
  granted: readonly string[],
  inheritable: readonly string[] = [],
): DataMap {
  return mapOf({
    ambient: [],
    bounding: granted,
    effective: granted,
    inheritable,
    permitted: granted,
  });
}

/** Each name once, in code-point order. */
export function sortCapabilities(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort(compareKeys);
}
