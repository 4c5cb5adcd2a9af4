/** How each guest version asks its policy: spec kata-policy-rules sections 1, 2, 4 and 5, one row per agent. */
import { ToolError } from '../core/error.js';
import type { RegoDialect } from './ports.js';

/** What the agent makes of a CopyFileRequest before it asks. */
export type CopyFileForm = 'file-type' | 'link-source' | 'as-received';

export interface AgentVariant {
  /** Name of `--guest`, and of agents that we do not generate for. */
  readonly id: string;
  /** Language that its engine reads by default. */
  readonly dialect: RegoDialect;
  /** Rules may answer with `{allowed, ops}` and so keep state; else with booleans only. */
  readonly keepsState: boolean;
  /** AllowRequestsFailingPolicy turns a failed evaluation into an allow too. */
  readonly overridesFailures: boolean;
  readonly copyFile: CopyFileForm;
  /** CreateContainerRequest is wrapped as `{base, env_map}`. */
  readonly wrapsCreateContainer: boolean;
  /** Storages have the field `shared`. */
  readonly storageShared: boolean;
}

const AZL: Omit<AgentVariant, 'id'> = {
  dialect: 'v0',
  keepsState: false,
  overridesFailures: true,
  copyFile: 'link-source',
  wrapsCreateContainer: false,
  storageShared: false,
};
const AZL5 = { ...AZL, keepsState: true, overridesFailures: false, wrapsCreateContainer: true };

export const AGENT_VARIANTS: readonly AgentVariant[] = [
  { ...AZL, id: 'azl1' },
  { ...AZL, id: 'azl3' },
  { ...AZL5, id: 'azl5' },
  { ...AZL5, id: 'aks-3.15' },
  { ...AZL5, id: 'msft-main', wrapsCreateContainer: false, copyFile: 'as-received' },
  {
    id: 'kata-4.1',
    dialect: 'v1',
    keepsState: true,
    overridesFailures: false,
    copyFile: 'file-type',
    wrapsCreateContainer: false,
    storageShared: true,
  },
];

/** The agent of guest `id`. Throws USAGE_CONFLICT with the names that there are. */
export function findAgentVariant(id: string): AgentVariant {
  const variant = AGENT_VARIANTS.find((row) => row.id === id);
  if (variant !== undefined) return variant;
  throw new ToolError('USAGE_CONFLICT', `guest ${id} is not a kata guest`, {
    want: AGENT_VARIANTS.map((row) => row.id).join(', '),
    got: id,
  });
}
