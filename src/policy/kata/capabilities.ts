/** Capabilities of a process (spec kata-policy-data sections 8.1 and 8.2). */
import type { ContainerSecurityContext } from '../../workload/pod.js';
import type { CapabilitiesData } from './data.js';
import type { CapabilitySettings } from './settings.js';

const STANDARD = '$(default_caps)';
const PRIVILEGED = '$(privileged_caps)';

/**
 * The five lists. Names are taken as written: `ALL` in `add` is the name CAP_ALL, and a name with prefix or in lower
 * case matches nothing, as in the reference.
 */
export function buildCapabilities(
  context: ContainerSecurityContext | undefined,
  settings: CapabilitySettings,
): CapabilitiesData {
  const base = context?.privileged === true ? settings.privileged : settings.standard;
  const list = changeCapabilities(base, context?.capabilities);
  const named = nameList(list, settings);
  return { Ambient: [], Bounding: named, Effective: named, Inheritable: [], Permitted: named };
}

/** All of `drop` first, then all of `add`. */
function changeCapabilities(
  base: readonly string[],
  change: ContainerSecurityContext['capabilities'],
): readonly string[] {
  let list = [...base];
  for (const name of change?.drop ?? []) {
    list = name === 'ALL' ? [] : list.filter((capability) => capability !== `CAP_${name}`);
  }
  for (const name of change?.add ?? []) {
    if (!list.includes(`CAP_${name}`)) list.push(`CAP_${name}`);
  }
  return list;
}

function nameList(list: readonly string[], settings: CapabilitySettings): readonly string[] {
  if (isSameList(list, settings.standard)) return [STANDARD];
  if (isSameList(list, settings.privileged)) return [PRIVILEGED];
  return list;
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}
