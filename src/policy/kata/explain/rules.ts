/** How the checks of a guest's rules differ (spec kata-policy-rules sections 9, 10 and 12): one row per guest version. */
import { ToolError } from '../../../core/error.js';

export interface CheckRules {
  /** Name of `--guest`. */
  readonly id: string;
  /** Sandbox names are compared, or found by a pattern. */
  readonly sandboxName: 'name' | 'pattern';
  /** An empty namespace in the policy allows any. */
  readonly anyNamespace: boolean;
  /** Kernel settings of a request: none at all, or those of the policy. */
  readonly sysctls: 'none' | 'listed';
  /** Where the bundle id comes from. */
  readonly bundle: 'annotation' | 'root-path';
  /** Group ids are compared, not the user id alone. */
  readonly comparesGroups: boolean;
  readonly capabilities: 'lists' | 'sets';
  readonly namespaces: 'all' | 'but-network' | 'but-network-and-cgroup';
  readonly checksDevices: boolean;
  /** A policy mount may be used once only. */
  readonly pairsMounts: boolean;
  /** Where variables may have the pod's name, and where its namespace. */
  readonly nameInVariables: 'anywhere' | 'alone';
  readonly namespaceInVariables: 'anywhere' | 'alone' | 'never';
  /** Values that only the node knows must be the whole value. */
  readonly freeValuesAlone: boolean;
  /** `env_map` stands beside the variables, and arguments keep references to it. */
  readonly resolvesArguments: boolean;
  /** File system types of storages are compared. */
  readonly comparesFstype: boolean;
  /** Layers come from a device on the bus, and their overlay from nothing. */
  readonly checksLayerSources: boolean;
  /** Storages with which the guest pulls the image itself: none, any, or one at the root path. */
  readonly guestPull: 'none' | 'any' | 'at-root';
  /** Files with a part of two characters in their path are refused, since two dots are meant. */
  readonly refusesShortNames: boolean;
  /** A process needs the namespace that an earlier request has pinned. */
  readonly execNeedsNamespace: boolean;
  /** Processes are bound to the container that runs under the id. */
  readonly bindsExec: boolean;
}

const AZL: Omit<CheckRules, 'id'> = {
  sandboxName: 'name',
  anyNamespace: false,
  sysctls: 'none',
  bundle: 'annotation',
  comparesGroups: false,
  capabilities: 'lists',
  namespaces: 'all',
  checksLayerSources: false,
  guestPull: 'none',
  refusesShortNames: false,
  execNeedsNamespace: false,
  checksDevices: false,
  pairsMounts: false,
  nameInVariables: 'anywhere',
  namespaceInVariables: 'never',
  freeValuesAlone: false,
  resolvesArguments: false,
  comparesFstype: false,
  bindsExec: false,
};

const AZL5: Omit<CheckRules, 'id'> = {
  ...AZL,
  anyNamespace: true,
  checksLayerSources: true,
  nameInVariables: 'alone',
  namespaceInVariables: 'alone',
  freeValuesAlone: true,
  resolvesArguments: true,
  comparesFstype: true,
  execNeedsNamespace: true,
};
const LATER = {
  sandboxName: 'pattern',
  anyNamespace: true,
  sysctls: 'listed',
  comparesFstype: true,
  execNeedsNamespace: true,
} as const;

export const CHECK_RULES: readonly CheckRules[] = [
  { ...AZL, id: 'azl1' },
  { ...AZL, id: 'azl3' },
  { ...AZL5, id: 'azl5' },
  {
    ...AZL5,
    ...LATER,
    id: 'aks-3.15',
    namespaces: 'but-network',
    refusesShortNames: true,
    checksDevices: true,
  },
  {
    ...AZL,
    ...LATER,
    id: 'msft-main',
    nameInVariables: 'alone',
    namespaceInVariables: 'anywhere',
    guestPull: 'any',
    refusesShortNames: true,
    comparesGroups: true,
    namespaces: 'but-network',
    checksDevices: true,
    pairsMounts: true,
    bindsExec: true,
  },
  {
    ...AZL,
    ...LATER,
    id: 'kata-4.1',
    nameInVariables: 'alone',
    namespaceInVariables: 'anywhere',
    bundle: 'root-path',
    guestPull: 'at-root',
    comparesGroups: true,
    capabilities: 'sets',
    namespaces: 'but-network-and-cgroup',
    checksDevices: true,
    pairsMounts: true,
    bindsExec: true,
  },
];

/** The row of a guest. Throws USAGE_CONFLICT with the names that there are. */
export function findCheckRules(id: string): CheckRules {
  const rules = CHECK_RULES.find((row) => row.id === id);
  if (rules !== undefined) return rules;
  throw new ToolError('USAGE_CONFLICT', `guest ${id} is not a kata guest`, {
    want: CHECK_RULES.map((row) => row.id).join(', '),
    got: id,
  });
}
