/** Security version numbers as the guest compares them (aci-framework 10.5). */
import { compareSemver, isSemver } from '../core/semver.js';

/** A number or text as a policy, fragment or header gives it. */
export type Svn = number | string | bigint;

/** Outcome of comparing an SVN with a minimum. */
export type SvnOrder = 'at-least' | 'below' | 'different-types' | 'unreadable';

/** Signs and leading zeros are allowed, as the guest's number texts have them. */
const NUMBER = /^[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/** Compares two SVNs: both numbers (or numeric texts), or both semantic versions. */
export function compareSvn(svn: Svn, minimum: Svn): SvnOrder {
  const isVersion = (value: Svn) => typeof value === 'string' && isSemver(value);
  if (isVersion(svn) && isVersion(minimum)) {
    return (compareSemver(String(svn), String(minimum)) ?? -1) >= 0 ? 'at-least' : 'below';
  }
  const [left, right] = [numberOf(svn), numberOf(minimum)];
  if (left !== undefined && right !== undefined) return left >= right ? 'at-least' : 'below';
  const known = (value: Svn) => isVersion(value) || numberOf(value) !== undefined;
  return known(svn) && known(minimum) ? 'different-types' : 'unreadable';
}

/** True if both are numbers and equal; a number and a numeric text may be. */
export function isSameSvn(a: Svn, b: Svn): boolean {
  const [left, right] = [numberOf(a), numberOf(b)];
  return left !== undefined && left === right;
}

/** Integers of any size exactly, others as doubles. */
function numberOf(value: Svn): bigint | number | undefined {
  if (typeof value === 'bigint') return value;
  const text = String(value);
  if (/^[+-]?[0-9]{1,300}$/.test(text)) return BigInt(text.replace('+', ''));
  return NUMBER.test(text) ? Number(text) : undefined;
}
