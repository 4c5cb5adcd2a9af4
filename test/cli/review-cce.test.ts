/** `podseal show`, `diff` and `audit` for policies of container groups, as a user runs them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONTAINER, policyText } from '../policy/aci/sample-policy.js';
import { podseal, temporaryFolder } from '../support/cli.js';
import { keepSecret } from '../support/secrets/record.js';

const PASSWORD = keepSecret('swordfish-2222', 'a password in a manifest');
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
    'parameters.rego': policyText({
      fragments: [
        {
          issuer: 'did:x509:0:sha256:x::eku:1.2',
          feed: 'example.org/f',
          minimum_svn: '1',
          includes: ['containers'],
          parameters: { DB_PASSWORD: PASSWORD },
        },
      ],
    }),
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

describe('podseal diff of CCE policies', () => {
  it('finds no difference between the forms of one policy', async () => {
    const cwd = folder();
    for (const file of ['policy.b64', 'template.json', 'pod.yaml']) {
      const { status, stdout } = await podseal(['diff', 'policy.rego', file], { cwd });
      expect([status, stdout], file).toEqual([0, expect.stringContaining('no difference')]);
    }
  });

  it('ends with 11 and says what differs, without the secret', async () => {
    const cwd = folder();
    const { status, stdout } = await podseal(['diff', 'policy.rego', 'open.rego', '--json'], {
      cwd,
    });
    expect(status).toBe(11);
    expect(JSON.parse(stdout)).toMatchObject({ format: 'podseal.diff/v1', summary: { added: 3 } });
    const text = await podseal(['diff', 'policy.rego', 'open.rego'], { cwd });
    const added = await podseal(['diff', 'policy.rego', 'parameters.rego'], { cwd });
    expect(added.stdout).toContain('fragment example.org/f: the import is new');
    expect(added.stdout).not.toContain(PASSWORD);
    expect(text.stdout).toContain('container web: variable DB_PASSWORD is allowed now');
    expect(stdout + text.stdout).not.toContain(PASSWORD);
  });

  it('does not compare policies of two kinds, nor files without a policy', async () => {
    const cwd = folder();
    writeFileSync(join(cwd, 'kata.rego'), 'package agent_policy\n');
    const mixed = await podseal(['diff', 'policy.rego', 'kata.rego'], { cwd });
    expect([mixed.status, mixed.stdout]).toEqual([2, '']);
    const none = await podseal(['diff', 'policy.rego', 'empty.json'], { cwd });
    expect(none.status).toBe(3);
  });
});

describe('podseal show of CCE policies', () => {
  it('says what each form of a policy allows', async () => {
    const cwd = folder();
    for (const file of ['policy.rego', 'policy.b64', 'template.json', 'pod.yaml']) {
      const { status, stdout } = await podseal(['show', file], { cwd });
      expect(status, file).toBe(0);
      for (const text of ['Container web', '1'.repeat(64), '/bin/probe', 'allow_dump_stacks']) {
        expect(stdout, file).toContain(text);
      }
    }
    const { stdout } = await podseal(['show', 'template.json', '--json'], { cwd });
    expect(JSON.parse(stdout)).toMatchObject({
      format: 'podseal.show/v1',
      policies: [
        { workload: 'containerGroup shop', family: 'cce', containers: [{ name: 'container web' }] },
      ],
    });
  });

  it('hides secrets, and says when only an engine can tell', async () => {
    const cwd = folder();
    for (const form of [[], ['--json'], ['--html']]) {
      const { status, stdout } = await podseal(['show', 'open.rego', ...form], { cwd });
      expect(status).toBe(0);
      expect(stdout).toContain('DB_PASSWORD');
      expect(stdout).not.toContain(PASSWORD);
    }
    const fragment = await podseal(['show', 'parameters.rego', '--json'], { cwd });
    expect(fragment.stdout).toContain('DB_PASSWORD');
    expect(fragment.stdout).not.toContain(PASSWORD);
    const own = policyText().replace('data.framework.exec_external', '{"allowed": input.x}');
    writeFileSync(join(cwd, 'own.rego'), own);
    expect((await podseal(['show', 'own.rego'], { cwd })).stdout).toContain('rules of its own');
    expect((await podseal(['show', 'empty.json'], { cwd })).status).toBe(3);
  });
});
