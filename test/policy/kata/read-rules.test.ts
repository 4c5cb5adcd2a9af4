import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readKataPolicy } from '../../../src/policy/kata/read-policy.js';
import { QUERIES, type RuleAnswer } from '../../../src/policy/kata/read-rules.js';

const RULES = join(import.meta.dirname, '../../../policies/kata/rules');

function answerOf(rules: string): RuleAnswer {
  const text = `package agent_policy\n${rules}`;
  return readKataPolicy(text, 'p').rules.answers.SetPolicyRequest;
}

describe('answers of rules', () => {
  it.each<[string, RuleAnswer]>([
    ['', 'none'],
    ['# default SetPolicyRequest := true', 'none'],
    ['x := "default SetPolicyRequest := true"', 'none'],
    ['default SetPolicyRequest := false', 'denied'],
    ['default SetPolicyRequest = false', 'denied'],
    ['default SetPolicyRequest := true', 'allowed'],
    ['default SetPolicyRequest := {"allowed": true}', 'allowed'],
    ['default SetPolicyRequest := false\nSetPolicyRequest if input.policy == "x"', 'checked'],
    [
      'default SetPolicyRequest := false\nSetPolicyRequest := {"allowed": true} if { input.x }',
      'checked',
    ],
    ['default SetPolicyRequest := false\nSetPolicyRequest { input.x }', 'checked'],
    ['default SetPolicyRequest := false\nSetPolicyRequest := true', 'allowed'],
    ['default SetPolicyRequest := false\nSetPolicyRequest { true }', 'allowed'],
    ['default SetPolicyRequest := false\nSetPolicyRequest if true', 'allowed'],
    ['default SetPolicyRequest := false\nSetPolicyRequest if { true }\nx := 1', 'allowed'],
    ['SetPolicyRequest := true if {\n  true\n}', 'allowed'],
    ['SetPolicyRequest if {\n  input.x\n}', 'checked'],
    ['x if {\n  SetPolicyRequest\n}', 'none'],
  ])('%j: %s', (rules, answer) => {
    expect(answerOf(rules)).toBe(answer);
  });

  it.each(readdirSync(RULES).filter((name) => name.endsWith('.rego')))(
    'of our own %s refuse to replace the policy and to go on after a failure',
    (name) => {
      const { answers } = readKataPolicy(readFileSync(join(RULES, name), 'utf8'), name).rules;
      for (const query of QUERIES) expect(answers[query], query).not.toBe('none');
      expect(answers).toMatchObject({
        AllowRequestsFailingPolicy: 'denied',
        SetPolicyRequest: 'denied',
        CreateContainerRequest: 'checked',
        ExecProcessRequest: 'checked',
        CopyFileRequest: 'checked',
        ReadStreamRequest: 'checked',
      });
    },
  );
});
