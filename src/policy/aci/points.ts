/**
 * What decides the enforcement points of a policy in effect (spec aci-framework 2.1, 3.2): a point that the policy does not
 * define is refused, but allowed without any check where its api_version is older than the point.
 */
import { isJsonObject } from '../../core/json-equal.js';
import { compareSemver } from '../../core/semver.js';
import {
  type CceContainer,
  type CceDocument,
  type CcePoint,
  FIELD_VERSIONS,
} from './cce-document.js';

/** A point that guests do not refuse to a policy which is older than the point and does not define it. */
export interface LenientPoint {
  /** The api version that has it first. */
  readonly introduced: string;
  /** The rule of the framework decides; else it is allowed without any check. */
  readonly isChecked: boolean;
}

/** By name. */
export type LenientPoints = ReadonlyMap<string, LenientPoint>;

/** What guests ask policies about. */
export interface PointTable {
  /** Names of all enforcement points. */
  readonly pointNames: ReadonlySet<string>;
  readonly lenientPoints: LenientPoints;
}

/** Every other package is a fragment, which is asked nothing. */
export const POLICY_PACKAGE = 'policy';

/** What decides a point: the policy, or the default of guests for a policy before version `introduced`. */
export type EffectivePoint = CcePoint | { readonly kind: 'default'; readonly introduced: string };

/** The points of a policy and those that guests allow although it does not define them; none of a fragment. */
export function effectivePoints(
  { points, packageName, api_version: version }: CceDocument,
  { pointNames, lenientPoints }: PointTable,
): ReadonlyMap<string, EffectivePoint> {
  if (packageName !== POLICY_PACKAGE) return new Map();
  const missing = [...lenientPoints].filter(
    ([name, { introduced }]) =>
      !points.has(name) && version !== undefined && compareSemver(version, introduced) === -1,
  );
  return new Map<string, EffectivePoint>([
    ...[...points].filter(([name]) => pointNames.has(name)),
    ...missing.map(([name, { introduced, isChecked }]): [string, EffectivePoint] => [
      name,
      isChecked ? { kind: 'framework', rule: name } : { kind: 'default', introduced },
    ]),
  ]);
}

/** True where nothing is checked: a constant `{"allowed": true}` (whatever is not false counts), or a default. */
export function isOpenPoint(point: EffectivePoint): boolean {
  if (point.kind !== 'constant') return point.kind === 'default';
  const { value } = point;
  return isJsonObject(value) ? (value.allowed ?? false) !== false : value === true;
}

/** Fields of containers that guests do not read in a policy of a framework version: their defaults permit more. */
export function ignoredFields(version: string | undefined): readonly (keyof CceContainer)[] {
  const fields = Object.entries(FIELD_VERSIONS) as [keyof CceContainer, string][];
  return fields.flatMap(([field, first]) =>
    version !== undefined && compareSemver(version, first) === -1 ? [field] : [],
  );
}
