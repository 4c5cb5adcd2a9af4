import { describe, expect, it } from 'vitest';
import { secretNamer } from '../../../src/core/secret.js';
import { readCcePolicy } from '../../../src/policy/aci/read-policy.js';
import { withoutCceSecrets } from '../../../src/policy/aci/redact.js';
import { CONTAINER, policyText } from './sample-policy.js';

const RULES = [
  { pattern: 'DB=tiger', strategy: 'string', required: false },
  { pattern: 'DB=t.+', strategy: 're2', required: false },
  { pattern: 'DB=', strategy: 'string', required: false },
  { pattern: 'OTHER=tiger', strategy: 'string', required: false },
  { pattern: 'DB', strategy: 'string', required: false },
  ...['tiger', 'lion'].map((value) => ({
    ...{ name: 'DB', name_strategy: 'string', value, value_strategy: 'string' },
    required: true,
  })),
];

describe('withoutCceSecrets', () => {
  const policy = readCcePolicy(
    policyText({ containers: [{ ...CONTAINER, env_rules: RULES }] }),
    'p.rego',
  );

  it('names single values of the variables, and nothing else', () => {
    const hidden = withoutCceSecrets(policy, new Set(['DB']), secretNamer());
    expect(hidden).toMatchObject({
      document: {
        containers: [
          {
            command: CONTAINER.command,
            env_rules: [
              { pattern: 'DB=(secret 1)', strategy: 'string' },
              ...RULES.slice(1, 5),
              { name: 'DB', value: '(secret 1)' },
              { name: 'DB', value: '(secret 2)' },
            ],
          },
        ],
      },
    });
  });

  it('leaves a policy without such variables as it is', () => {
    expect(withoutCceSecrets(policy, new Set(), secretNamer())).toBe(policy);
    expect(withoutCceSecrets(policy, new Set(['X']), secretNamer())).toEqual(policy);
  });
});
