/**
 * How a field of a Kubernetes object is treated, as data. Each object has a table; a field that is not in it is
 * unknown. Guest letters are those of kata policy data, section 1; the fields those of section 10 and of Kubernetes.
 */

/** Line of guest versions: azl3 (C), aks-3.15 (V), msft-main (M), upstream kata 4.1 (U). */
export type GuestFamily = 'C' | 'V' | 'M' | 'U';

export const GUEST_NAMES: Readonly<Record<GuestFamily, string>> = {
  C: 'azl3',
  V: 'aks-3.15',
  M: 'msft-main',
  U: 'kata-4.1',
};

export interface FieldRule {
  /** `read`: part of the workload. `none`: cannot change what the policy must allow. `refused`: cannot be expressed. */
  readonly effect: 'read' | 'none' | 'refused';
  /** Letters of the guests that may have the field. */
  readonly known: string;
  /** Why the others cannot. */
  readonly reason: string;
  readonly remedy?: string;
  /** The value that means the same as leaving the field out. */
  readonly unless?: string | boolean;
  /** True if a policy made without the field would never fit: --ignore-unsupported does not help. */
  readonly firm?: boolean;
}

export type FieldTable = Readonly<Record<string, FieldRule>>;

const ALL = 'CVMU';

/** Part of the workload; `known` leaves out the guests whose policy has no place for it. */
export function read(known: string = ALL, reason = 'its policy has no place for it'): FieldRule {
  return { effect: 'read', known, reason };
}

/** Without effect on what the guest sees, whether or not the reference generators know it. */
export const harmless: FieldRule = { effect: 'none', known: ALL, reason: '' };

/** Known to Kubernetes; `known` names guests that take it all the same. */
export function refused(
  reason: string,
  details: Pick<FieldRule, 'remedy' | 'unless' | 'firm'> & { readonly known?: string } = {},
): FieldRule {
  return { effect: 'refused', known: '', reason, ...details };
}

/** One table from a rule and a list of names, e.g. `each(harmless, 'nodeName tolerations')`. */
export function each(rule: FieldRule, names: string): FieldTable {
  return Object.fromEntries(names.split(/\s+/).map((name) => [name, rule]));
}
