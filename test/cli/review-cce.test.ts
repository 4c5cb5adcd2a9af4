/** `podseal show`, `diff` and `audit` for policies of container groups, as a user runs them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONTAINER, policyText } from '../policy/aci/sample-policy.js';
import { podseal, temporaryFolder } from '../support/cli.js';

const PASSWORD = 'swordfish-2222';
const base64 = (text: string) => Buffer.from(text).toString('base64');

const template = (policy: string) =>
  JSON.stringify({
    resources: [
      {
        type: 'Microsoft.ContainerInstance/containerGroups',
        apiVersion: '2023-05-01',
        name: 'shop',
        properties: { confidentialComputeProperties: { ccePolicy: base64(policy) } },
      },
    ],
  });

const pod = (policy: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    microsoft.containerinstance.virtualnode.ccepolicy: ${base64(policy)}\nspec:\n  containers: [{name: web, image: "contoso.azurecr.io/web:1"}]\n`;

/** A folder with one policy in each form, and one with a secret and a shell. */
function folder(): string {
  const cwd = temporaryFolder();
  const open = policyText({
    containers: [
      {
        ...CONTAINER,
        env_rules: [
          { pattern: `DB_PASSWORD=${PASSWORD}`, required: false, strategy: 'string' },
          { pattern: '.+=.+', required: false, strategy: 're2' },
        ],
        exec_processes: [{ command: ['/bin/sh'], signals: [] }],
      },
    ],
  });
  const files = {
    'policy.rego': policyText(),
    'policy.b64': base64(policyText()),
    'template.json': template(policyText()),
    'pod.yaml': pod(policyText()),
    'open.rego': open,
    'broken.rego': policyText({ containers: 'none' }),
    'empty.json': JSON.stringify({ resources: [] }),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  return cwd;
}

describe('podseal audit of CCE policies', () => {
  it('finds the same in each form of a policy', async () => {
    const cwd = folder();
    for (const file of ['policy.rego', 'policy.b64', 'template.json', 'pod.yaml']) {
      const { status, stdout } = await podseal(['audit', file, '--json'], { cwd });
      expect(status, file).toBe(0);
      const { findings } = JSON.parse(stdout);
      expect(findings, file).toContainEqual(
        expect.objectContaining({ id: 'exec-allowed', path: 'containers[0].exec_processes[0]' }),
      );
    }
  });

  it('ends with 11 for what is grave, without the secret', async () => {
    const cwd = folder();
    for (const form of [[], ['--json'], ['--sarif']]) {
      const args = ['audit', 'open.rego', '--fail-on', 'critical', ...form];
      const { status, stdout } = await podseal(args, { cwd });
      expect(status).toBe(11);
      for (const id of ['exec-any', 'env-pattern-open', 'secret-in-policy']) {
        expect(stdout).toContain(id);
      }
      expect(stdout).not.toContain(PASSWORD);
    }
    const passed = await podseal(['audit', 'policy.rego', '--fail-on', 'high'], { cwd });
    expect(passed.status).toBe(0);
  });

  it('ends with 3 for what cannot be read, and for templates without a policy', async () => {
    const cwd = folder();
    for (const file of ['broken.rego', 'empty.json']) {
      const { status, stderr } = await podseal(['audit', file], { cwd });
      expect([status, stderr]).toEqual([3, expect.stringContaining('[POLICY_UNREADABLE]')]);
    }
  });
});
