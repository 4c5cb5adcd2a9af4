import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../src/core/digest.js';
import { ToolError } from '../../../src/core/error.js';
import { LIMITS } from '../../../src/core/limits.js';
import { readKataPolicy } from '../../../src/policy/kata/read-policy.js';
import { type GoldenPolicyText, goldenPolicies } from '../../support/golden-policies.js';
import { editJson, type Json, type JsonPath } from '../../support/json-edit.js';
import { openGolden } from '../../support/kata-golden.js';
import { vectorsDir } from '../../support/vectors.js';

const RULES = 'package agent_policy\n\ndefault SetPolicyRequest := false\n';
let golden: readonly GoldenPolicyText[];
let json: string;

beforeAll(async () => {
  golden = await goldenPolicies();
  json = golden.find(({ name, family }) => name === 'kind-pod-demo' && family === 'C')!.data;
});

function failureOf(text: string): ToolError {
  try {
    readKataPolicy(text, 'p.rego');
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
  throw new Error('the text was read');
}

describe('reading policy texts', () => {
  it('gives rules and data of every golden policy back', () => {
    expect(golden.length).toBeGreaterThan(100);
    expect(new Set(golden.map(({ family }) => family))).toEqual(new Set(['C', 'V', 'M', 'U']));
    const { rules } = openGolden();
    for (const { text, data } of golden) {
      const policy = readKataPolicy(text, 'p.rego');
      expect(policy.rules.text).toBe(rules);
      expect(policy.rules.sha256).toBe(sha256Hex(rules));
      expect(JSON.stringify(policy.document?.json, null, 2)).toBe(data);
      expect(policy.document?.unknown).toEqual([]);
    }
  });

  it('reads rules without data', () => {
    const policy = readKataPolicy('package agent_policy\ndefault SetPolicyRequest := true', 'p');
    expect(policy.document).toBeUndefined();
    expect(policy.rules.answers.SetPolicyRequest).toBe('allowed');
  });

  const vectors = vectorsDir('kata-golden');
  it.runIf(vectors !== undefined)('reads the data of the reference', () => {
    const files = readdirSync(vectors!, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /policy_data-[CVMU](-[0-9]+)?\.json$/.test(name),
    );
    expect(files.length).toBeGreaterThan(200);
    for (const file of files) {
      const text = readFileSync(join(vectors!, file), 'utf8');
      const { document } = readKataPolicy(`${RULES}\npolicy_data := ${text}`, file);
      expect(document?.unknown).toEqual([]);
    }
  });
});

describe('texts that could be taken in two ways', () => {
  const good = (rules: string) => `${rules}\npolicy_data := ${json}`;

  it.each([
    ['in a comment', '# policy_data := {}\n#\npackage agent_policy\n# policy_data := {}\n'],
    ['in a text', 'package agent_policy\nx := "a\\"\\\\ policy_data := {}"\n'],
    ['in a raw text of several lines', 'package agent_policy\nx := `\npolicy_data := {}\n`\n'],
    ['as part of another name', 'package agent_policy\nmy_policy_data := 1\npolicy_data2 := 2\n'],
    ['used in a body', 'package agent_policy\nx if policy_data.common.cpath == "x"\n'],
    [
      'used in a body on lines of its own',
      'package agent_policy\nx if\n  policy_data.common["cpath"][0].a != "x"\n',
    ],
  ])('the name %s does not count', (_what, rules) => {
    const policy = readKataPolicy(good(rules), 'p.rego');
    expect(policy.rules.text).toBe(rules);
    expect(policy.document?.data.containers).toHaveLength(2);
  });

  it.each([
    ['a second line', 'package agent_policy\npolicy_data := {}\n'],
    ['an indented line', 'package agent_policy\n  policy_data := {}\n'],
    ['an unusual form', 'package agent_policy\npolicy_data:={}\n'],
    ['=', 'package agent_policy\npolicy_data = {}\n'],
    ['a default', 'package agent_policy\ndefault policy_data := {}\n'],
    ['a partial rule', 'package agent_policy\npolicy_data["containers"] := []\n'],
    ['a reference', 'package agent_policy\npolicy_data.containers := []\n'],
    ['an import', 'package agent_policy\nimport data.other as policy_data\n'],
    ['a local variable', 'package agent_policy\nx if { policy_data := input }\n'],
    ['a variable of a loop', 'package agent_policy\nx if { some policy_data in input.x }\n'],
    ['with', 'package agent_policy\nx if y with data.agent_policy.policy_data as {}\n'],
    ['a semicolon', 'package agent_policy\nx := 1; policy_data := {}\n'],
  ])('refuses %s beside the data', (_what, rules) => {
    const error = failureOf(good(rules));
    expect(error.code).toBe('POLICY_UNREADABLE');
    expect(error.where).toMatch(/^p\.rego:[0-9]+:[0-9]+/);
  });

  it('says where the second definition stands', () => {
    const error = failureOf(good('package agent_policy\n\n  policy_data := {}\n'));
    expect(error.message).toBe(
      'the policy text cannot be read: policy_data is defined in more than one way',
    );
    expect(error.where).toBe('p.rego:3:3');
  });

  it.each([
    ['rules behind the data', (text: string) => `${text}\ndefault SetPolicyRequest := true\n`],
    ['a second definition behind it', (text: string) => `${text}\npolicy_data := {}`],
    ['a comment behind it', (text: string) => `${text} # end`],
    ['a duplicate key', (text: string) => text.replace('"common"', '"containers"')],
    ['a comma too many', (text: string) => text.replace('"common"', ',"common"')],
    ['nothing', (text: string) => text.slice(0, text.lastIndexOf('policy_data := ') + 15)],
  ])('refuses %s', (_what, change) => {
    expect(failureOf(change(`${RULES}\npolicy_data := ${json}`)).code).toBe('POLICY_UNREADABLE');
  });

  it('gives positions in the whole text', () => {
    expect(failureOf('package agent_policy\n\npolicy_data := {\n  "a" 1\n}').where).toBe(
      'p.rego:4:7',
    );
  });

  it.each([
    ['another package', 'package policy\napi_version := "0.10.0"\n', 'package agent_policy'],
    ['a longer package', 'package agent_policy.x\n', 'package agent_policy'],
    ['no package', 'default SetPolicyRequest := true\n', 'package agent_policy'],
  ])('refuses %s', (_what, text, want) => {
    const error = failureOf(text);
    expect(error).toMatchObject({ code: 'POLICY_UNREADABLE', want });
  });

  it.each([
    ['a byte order mark', '\ufeffpackage agent_policy\n'],
    ['a bracket without end', 'package agent_policy\nx := [\n'],
    ['brackets that do not match', 'package agent_policy\nx := [1)\n'],
    ['a text without end', 'package agent_policy\nx := "a\n'],
    ['a raw text without end', 'package agent_policy\nx := `a\n'],
    ['a template string', 'package agent_policy\nx := $"{policy_data}"\n'],
  ])('refuses %s', (_what, text) => {
    expect(failureOf(text).code).toBe('POLICY_UNREADABLE');
  });
});

describe('data that does not fit', () => {
  const textWith = (path: JsonPath, value: Json | undefined) =>
    `${RULES}\npolicy_data := ${editJson(json, path, value)}`;

  it.each<[string, JsonPath, Json | undefined]>([
    ['containers[1].OCI.Process.User.UID', ['containers', 1, 'OCI', 'Process', 'User', 'UID'], '0'],
    ['containers[1].OCI.Process.Env[0]', ['containers', 1, 'OCI', 'Process', 'Env', 0], 1],
    ['containers[1].OCI.Process.Args', ['containers', 1, 'OCI', 'Process', 'Args'], null],
    ['containers[1].storages', ['containers', 1, 'storages'], undefined],
    ['containers[1].storages[0].fs_group', ['containers', 1, 'storages', 0, 'fs_group'], undefined],
    ['containers[1].exec_commands[1]', ['containers', 1, 'exec_commands'], ['a', ['b']]],
    ['containers[1].sandbox_pidns', ['containers', 1, 'sandbox_pidns'], 0],
    ['common.cpath', ['common', 'cpath'], 1],
    ['common.default_caps', ['common', 'default_caps'], undefined],
    ['request_defaults.ReadStreamRequest', ['request_defaults', 'ReadStreamRequest'], 'true'],
    ['sandbox', ['sandbox'], undefined],
    ['containers', ['containers'], {}],
  ])('refuses a wrong %s', (where, path, value) => {
    const error = failureOf(textWith(path, value));
    expect(error.code).toBe('POLICY_UNREADABLE');
    expect(error.where).toBe(`p.rego ${where}`);
  });

  it('keeps unknown fields, with their values', () => {
    const hooks = readKataPolicy(textWith(['containers', 1, 'OCI', 'Hooks'], { a: [1] }), 'p');
    expect(hooks.document?.unknown).toEqual([
      { path: 'containers[1].OCI.Hooks', value: { a: [1] } },
    ]);
    const odd = readKataPolicy(textWith(['common', 'a.b'], null), 'p');
    expect(odd.document?.unknown).toEqual([{ path: 'common.a.b', value: null }]);
    expect(odd.document?.json.common).toHaveProperty(['a.b'], null);
  });

  it('takes as many containers as the limit', () => {
    const [, container] = (JSON.parse(json) as { containers: Json[] }).containers;
    const text = (count: number) => textWith(['containers'], Array<Json>(count).fill(container!));
    const { document } = readKataPolicy(text(LIMITS.policyContainers), 'p');
    expect(document?.data.containers).toHaveLength(LIMITS.policyContainers);
    expect(failureOf(text(LIMITS.policyContainers + 1)).want).toBe('at most 1000');
  });

  it('takes a text as long as the limit', () => {
    const head = 'package agent_policy\n#';
    const text = head + '#'.repeat(LIMITS.policyTextBytes - head.length);
    expect(readKataPolicy(text, 'p').rules.text).toHaveLength(LIMITS.policyTextBytes);
    expect(failureOf(`${text}#`).code).toBe('LIMIT_EXCEEDED');
  });
});
