/** Reviews of policies that podseal generates itself, for templates, virtual nodes and configurations of each profile. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { podseal, temporaryFolder } from '../support/cli.js';
import { SARIF_SCHEMA } from '../support/sarif-schema.js';

const GUESTS = ['confcom-2.0.1', 'confcom-1.3.1', 'confcom-fork-1.2.8'];

const FACTS = JSON.stringify({
  format: 'podseal.image-facts/v1',
  images: ['web', 'worker'].map((name, i) => ({
    references: [`example.org/${name}:1`],
    platform: 'linux/amd64',
    config: { Cmd: ['serve'], Env: ['PATH=/bin'], User: '1000:1000' },
    layers: [{ rootHashes: { ext4: String(i).repeat(64) } }],
  })),
});

/** Characters beyond the basic plane stand in front of the policy: columns count UTF-16 code units. */
const TEMPLATE = `{
  // what runs
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "resources": [
    {
      "type": "Microsoft.ContainerInstance/containerGroups",
      "name": "shop",
      "properties": {
        /* \u{1F512} */ "confidentialComputeProperties": { "ccePolicy": "" },
        "containers": [
          { "name": "web", "properties": { "image": "example.org/web:1" } },
          {
            "name": "worker",
            "properties": {
              "image": "example.org/worker:1",
              "command": ["work", "--all"],
              "environmentVariables": [
                { "name": "LEVEL", "value": "info" },
                { "name": "DB", "secureValue": "tiger" }
              ],
              "volumeMounts": [{ "name": "share", "mountPath": "/share", "readOnly": true }]
            }
          }
        ],
        "volumes": [{ "name": "share", "azureFile": { "shareName": "s", "storageAccountName": "a" } }]
      }
    }
  ]
}
`;

const POD = `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  nodeSelector: {virtualization: virtualnode2}
  containers:
    - {name: web, image: "example.org/web:1"}
    - name: worker
      image: example.org/worker:1
      command: [work, --all]
      env:
        - {name: LEVEL, value: info}
        - {name: DB, valueFrom: {secretKeyRef: {name: db, key: key}}}
---
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: shop}
immutable: true
stringData: {key: tiger}
`;

const CONFIG = JSON.stringify({
  containers: ['web', 'worker'].map((name) => ({
    name,
    properties: { image: `example.org/${name}:1` },
  })),
});

function folder() {
  const cwd = temporaryFolder();
  const write = (name: string, text: string) => writeFileSync(join(cwd, name), text);
  const files = { 'arm.json': TEMPLATE, 'pod.yaml': POD, 'config.json': CONFIG, 'f.json': FACTS };
  for (const [name, text] of Object.entries(files)) write(name, text);
  const run = (...args: string[]) => podseal(args, { cwd });
  const policy = (...args: string[]) =>
    run('policy', ...args, '--image-facts', 'f.json', '--offline', '--quiet');
  return { run, policy, write, read: (name: string) => readFileSync(join(cwd, name), 'utf8') };
}

interface Told {
  readonly id: string;
  readonly severity: string;
  readonly subject: string;
  readonly place: object;
}

/** What the two containers have in each profile. */
const PLAIN = [
  ['info', 'generator-defaults', ''],
  ['info', 'stdio-readable', 'containers web, worker'],
  ['info', 'new-privileges-allowed', 'containers web, worker'],
  ['info', 'seccomp-missing', 'containers web, worker'],
];

const SECRET = ['high', 'secret-in-policy', 'container worker'];

const tags = (prefix = 'container') =>
  ['web', 'worker'].map((name) => ['low', 'image-mutable-tag', `${prefix} ${name}`]);

const partsOf = (findings: readonly Told[], workload: string) =>
  findings.map(({ id, severity, subject }) => [
    severity,
    id,
    subject.replace(workload, '').replace(/^, /, ''),
  ]);

describe.each(GUESTS)('policies of %s', (guest) => {
  const floor = guest === 'confcom-2.0.1' ? [] : [['low', 'fragment-svn', PLATFORM]];

  it('in a template', async () => {
    const { run, policy, read, write } = folder();
    expect((await policy('arm.json', '--guest', guest)).status).toBe(0);
    expect((await policy('arm.json', '--guest', guest, '--check')).status).toBe(0);
    const { status, stdout } = await run('audit', 'arm.json', '--json', '--fail-on', 'medium');
    const { findings } = JSON.parse(stdout) as { findings: Told[] };
    const share = ['low', 'host-shared-mount', 'container worker'];
    expect(stdout).toContain('variable DB has its value from a secureValue');
    expect(stdout).not.toContain('tiger');
    expect([status, sorted(partsOf(findings, 'containerGroup shop'))]).toEqual([
      11,
      sorted([...PLAIN, ...tags(), share, SECRET, ...floor]),
    ]);
    const shown = await run('show', 'arm.json');
    expect(shown.stdout).toContain('["work","--all"]');
    expect(shown.stdout).toContain('DB=(secret 1)');
    const changed = read('arm.json').replace('"--all"', '"--none"').replace('tiger', 'lion');
    write('changed.json', changed);
    const check = await policy('changed.json', '--guest', guest, '--check');
    expect([check.status, check.stdout]).toEqual([
      11,
      expect.stringContaining('changed  container worker: the command differs'),
    ]);
    expect(check.stdout).toContain('before: ["work","--all"]');
    expect(check.stdout).toContain('after:  ["work","--none"]');
    expect(check.stdout).toMatch(
      /variable DB has another value\n.*before: DB=\(secret 1\)\n.*after: {2}DB=\(secret 2\)/,
    );
    expect(shown.stdout + check.stdout).not.toMatch(/tiger|lion/);
  });

  it('in a pod of a virtual node, a tag told once, where it stands', async () => {
    const { run, policy } = folder();
    expect((await policy('pod.yaml', '--guest', guest)).status).toBe(0);
    expect((await policy('pod.yaml', '--guest', guest, '--check')).status).toBe(0);
    const { stdout } = await run('audit', 'pod.yaml', '--json');
    const { findings } = JSON.parse(stdout) as { findings: Told[] };
    expect(sorted(partsOf(findings, 'Pod shop/web'))).toEqual(
      sorted([...PLAIN, ...tags(), SECRET, ...floor]),
    );
    expect(stdout).toContain('variable DB has its value from Secret/db');
    expect(stdout).not.toContain('tiger');
    const [first] = findings.filter(({ id }) => id === 'image-mutable-tag');
    expect(first?.place).toEqual({ file: 'pod.yaml', line: 7, column: 26 });
    const shown = await run('show', 'pod.yaml', '--json');
    expect(shown.stdout).toContain('DB=(secret 1)');
    expect(shown.stdout).not.toContain('tiger');
    const debug = await policy('pod.yaml', '--guest', guest, '--check', '--debug-mode', '--json');
    const { policies, summary } = JSON.parse(debug.stdout);
    expect([debug.status, summary]).toMatchObject([11, { added: 4, widened: 2, changed: 0 }]);
    expect(policies).toMatchObject([{ workload: 'Pod shop/web', isSame: false }]);
  });

  it('of a configuration', async () => {
    const { run, policy, write } = folder();
    for (const [file, options] of [
      ['a.rego', []],
      ['b.rego', ['--no-stdio']],
    ] as const) {
      write(file, (await policy('config.json', '--guest', guest, '--print', ...options)).stdout);
    }
    const diff = await run('diff', 'a.rego', 'b.rego', '--json');
    expect([diff.status, JSON.parse(diff.stdout).summary]).toMatchObject([11, { narrowed: 3 }]);
    const narrowed = await run('diff', 'a.rego', 'b.rego', '--fail-on', 'widened');
    expect(narrowed.status).toBe(0);
    const audit = await run('audit', 'b.rego', '--json');
    const found = partsOf(JSON.parse(audit.stdout).findings, '');
    const closed = PLAIN.filter(([, id]) => id !== 'stdio-readable');
    expect(sorted(found)).toEqual(sorted([...closed, ...tags(), ...floor]));
  });
});

const PLATFORM = 'fragment mcr.microsoft.com/aci/aci-cc-infra-fragment';
const sorted = (rows: readonly (readonly string[])[]) =>
  rows.map((row) => row.join(' ')).toSorted();

describe('SARIF', () => {
  it.each([
    ['arm.json', '"ccePolicy": '],
    ['pod.yaml', 'virtualnode.ccepolicy: '],
  ])('of %s has the place of the policy', async (file, key) => {
    const { run, policy, read } = folder();
    await policy(file);
    const { stdout } = await run('audit', file, '--sarif');
    const log = JSON.parse(stdout);
    const ajv = new Ajv({ strict: true, formats: { uri: true, 'uri-reference': true } });
    expect(ajv.validate(SARIF_SCHEMA, log), JSON.stringify(ajv.errors)).toBe(true);
    const before = read(file).slice(0, read(file).indexOf(key) + key.length);
    const region = {
      startLine: before.split('\n').length,
      startColumn: before.length - before.lastIndexOf('\n'),
    };
    const [run0] = log.runs;
    expect(run0.results).toContainEqual(
      expect.objectContaining({
        ruleId: 'stdio-readable',
        locations: [
          expect.objectContaining({
            physicalLocation: { artifactLocation: { uri: file }, region },
          }),
        ],
      }),
    );
    const { rules } = run0.tool.driver;
    for (const { ruleId, ruleIndex } of run0.results) expect(rules[ruleIndex].id).toBe(ruleId);
    const remedy = rules.find(({ id }: { id: string }) => id === 'stdio-readable').help.text;
    expect(remedy).toContain('--no-stdio');
  });
});

describe('podseal audit of a template', () => {
  it('finds the group without a policy, also beside one that has it', async () => {
    const { run, policy, read, write } = folder();
    const bare = await run('audit', 'arm.json', '--json', '--fail-on', 'critical');
    const { findings } = JSON.parse(bare.stdout);
    expect([bare.status, findings]).toMatchObject([
      11,
      [{ id: 'group-without-policy', place: { file: 'arm.json', line: 9 } }],
    ]);
    await policy('arm.json');
    const [before, resource] = read('arm.json').split('"resources": [');
    const other = TEMPLATE.slice(TEMPLATE.indexOf('    {'), TEMPLATE.lastIndexOf('\n  ]'));
    write('two.json', `${before}"resources": [${other.replace('shop', 'store')},${resource}`);
    const two = await run('audit', 'two.json', '--json', '--fail-on', 'critical');
    expect(two.status).toBe(11);
    expect(JSON.parse(two.stdout).findings[0]).toMatchObject({
      id: 'group-without-policy',
      subject: 'containerGroup store',
    });
  });
});

describe('podseal policy --check', () => {
  it('refuses an input that has no place for a policy', async () => {
    const { policy } = folder();
    const { status, stdout, stderr } = await policy('config.json', '--check');
    expect([status, stdout]).toEqual([3, '']);
    expect(stderr).toContain('[MANIFEST_NOT_EDITABLE]');
    expect(stderr).toContain('podseal diff');
  });

  it.each(['aks', 'kata', 'vn2'])(
    'target %s: finding nothing to check is no success',
    async (target) => {
      const { run, write } = folder();
      write('service.yaml', 'apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {}\n');
      const args = ['policy', 'service.yaml', '--target', target] as const;
      for (const more of [[], ['--json']]) {
        const { status, stdout, stderr } = await run(...args, '--check', ...more);
        expect([status, stdout]).toEqual([3, '']);
        expect(stderr).toContain('MANIFEST_INVALID');
        expect(stderr).toContain('service.yaml: no workload gets a policy');
      }
      const written = await run(...args);
      expect([written.status, written.stderr]).toEqual([
        0,
        expect.stringContaining('[no-workload]'),
      ]);
    },
  );

  it('says so in its help', async () => {
    const { run } = folder();
    const { stdout } = await run('policy', '--help');
    expect(stdout.replace(/\s+/g, ' ')).toContain('3 if no workload gets one');
  });
});
