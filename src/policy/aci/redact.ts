/** A CCE policy with the values of some variables replaced by names: for reviews that show values. */
import type { CceEnvRule } from './cce-document.js';
import type { CceReading } from './read-policy.js';

/** The policy with each value of the `variables` as `nameOf` gives it; patterns and empty values stay. */
export function withoutCceSecrets(
  reading: CceReading,
  variables: ReadonlySet<string>,
  nameOf: (value: string) => string,
): CceReading {
  if (reading.kind === 'custom' || variables.size === 0) return reading;
  const { document } = reading;
  const hide = (rule: CceEnvRule) => hideRule(rule, variables, nameOf);
  const containers = document.containers.map((one) => ({
    ...one,
    env_rules: one.env_rules.map(hide),
  }));
  return { kind: 'document', document: { ...document, containers } };
}

function hideRule(
  rule: CceEnvRule,
  variables: ReadonlySet<string>,
  nameOf: (value: string) => string,
): CceEnvRule {
  const { pattern, strategy, name, value, value_strategy: valueStrategy } = rule;
  const at = pattern?.indexOf('=') ?? -1;
  const [own, text] = [pattern?.slice(0, at) ?? '', pattern?.slice(at + 1) ?? ''];
  const hidesPattern = strategy === 'string' && at > 0 && variables.has(own) && text !== '';
  const hidesValue =
    valueStrategy === 'string' && variables.has(name ?? '') && (value ?? '') !== '';
  return {
    ...rule,
    ...(hidesPattern ? { pattern: `${own}=${nameOf(text)}` } : {}),
    ...(hidesValue ? { value: nameOf(value ?? '') } : {}),
  };
}
