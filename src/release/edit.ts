/**
 * Rolling upgrades: a measurement joins an existing release policy, or leaves it. Only policies are edited in which
 * every entry binds exactly one measurement, directly and with all its conditions required; others are refused.
 */
import type { Sha256Hex } from '../core/digest.js';
import { ToolError } from '../core/error.js';
import {
  type AuthorityNode,
  type ClaimNode,
  type ConditionNode,
  isGroup,
  type ReleasePolicyDocument,
} from './grammar.js';

const HOST_DATA = 'x-ms-sevsnpvm-hostdata';

export interface ReleasePolicyEdit {
  readonly add: readonly Sha256Hex[];
  readonly remove: readonly Sha256Hex[];
}

/**
 * The policy with the measurements added (one entry for each kind of entry that there is, behind the last of its kind)
 * and removed. `what` names the policy. Throws RELEASE_POLICY_INVALID where an entry does not bind one measurement, a
 * measurement to remove is not there, or none would be left.
 */
export function editReleasePolicy(
  policy: ReleasePolicyDocument,
  { add, remove }: ReleasePolicyEdit,
  what: string,
): ReleasePolicyDocument {
  const entries = policy.anyOf.map((entry) => ({ entry, measurement: measurementOf(entry, what) }));
  for (const measurement of remove) {
    if (entries.some((one) => one.measurement === measurement)) continue;
    throw new ToolError(
      'RELEASE_POLICY_INVALID',
      `${what} does not hold the measurement to remove`,
      {
        got: measurement,
        hints: [`it holds ${[...new Set(entries.map((one) => one.measurement))].join(', ')}`],
      },
    );
  }
  const kinds = new Map<string, AuthorityNode[]>();
  for (const { entry } of entries) {
    const kind = kindOf(entry);
    kinds.set(kind, [...(kinds.get(kind) ?? []), entry]);
  }
  const anyOf = [...kinds.values()].flatMap((group) => {
    const [template] = group;
    const there = new Set(group.map((entry) => measurementOf(entry, what)));
    const added = add
      .filter((one) => !there.has(one))
      .map((one) => withMeasurement(template!, one));
    return [...group, ...added].filter((entry) => !remove.includes(measurementOf(entry, what)));
  });
  if (anyOf.length === 0) {
    throw new ToolError('RELEASE_POLICY_INVALID', `${what} would hold no measurement`, {
      hints: ['add the new measurement in the same command, or delete the key version instead'],
    });
  }
  return { version: '1.0.0', anyOf };
}

/** The one measurement that an entry binds. */
function measurementOf(entry: AuthorityNode, what: string): Sha256Hex {
  const bound = entry.conditions.filter(isHostData);
  const [only] = bound;
  if (entry.kind === 'allOf' && bound.length === 1 && only !== undefined) {
    return String(only.value) as Sha256Hex;
  }
  throw new ToolError(
    'RELEASE_POLICY_INVALID',
    `${what}: ${entry.path} does not bind exactly one measurement`,
    {
      where: `${what} ${entry.path}`,
      want: `allOf with one condition ${HOST_DATA} equals HEX`,
      hints: ['write the policy anew: `podseal release-policy create`'],
    },
  );
}

function isHostData(node: ConditionNode): node is ClaimNode {
  return !isGroup(node) && node.claim === HOST_DATA && node.operator === 'equals';
}

function withMeasurement(entry: AuthorityNode, measurement: Sha256Hex): AuthorityNode {
  const conditions = entry.conditions.map((node) =>
    isHostData(node) ? { ...node, value: measurement } : node,
  );
  return { ...entry, conditions };
}

/** Equal for entries that differ in their measurement alone. */
function kindOf(entry: AuthorityNode): string {
  return JSON.stringify(withMeasurement(entry, '' as Sha256Hex), (key, value) =>
    key === 'path' ? undefined : value,
  );
}
