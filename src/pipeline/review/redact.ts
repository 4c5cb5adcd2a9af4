/** Policies whose values are to be shown: those of variables that a manifest keeps secret are replaced by names. */
import { secretNamer } from '../../core/secret.js';
import { withoutCceSecrets } from '../../policy/aci/redact.js';
import { withoutKataSecrets } from '../../policy/kata/redact.js';
import type { ReviewedPolicy } from './read.js';

/** The policies, in which equal values have one name. What one of them keeps secret is hidden in all. */
export function redactPolicies(policies: readonly ReviewedPolicy[]): readonly ReviewedPolicy[] {
  const variables = new Set(
    policies.flatMap(({ secrets }) =>
      [...(secrets?.values() ?? [])].flatMap((of) => [...of.keys()]),
    ),
  );
  const nameOf = secretNamer();
  return policies.map((one) =>
    one.family === 'cce'
      ? { ...one, policy: withoutCceSecrets(one.policy, variables, nameOf) }
      : { ...one, policy: withoutKataSecrets(one.policy, variables, nameOf, one.where) },
  );
}
