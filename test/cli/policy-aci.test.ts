/** `podseal policy` for container groups and virtual nodes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/digest.js';
import { podseal, temporaryFolder } from '../support/cli.js';

const FACTS = JSON.stringify({
  format: 'podseal.image-facts/v1',
  images: ['web', 'worker'].map((name, i) => ({
    references: [`example.org/${name}:1`],
    platform: 'linux/amd64',
    config: { Cmd: ['serve'], Env: ['PATH=/bin'] },
    layers: [{ rootHashes: { ext4: String(i).repeat(64) } }],
  })),
});

const TEMPLATE = `{
  // what runs
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "parameters": { "level": { "type": "string" }, "tag": { "type": "string", "defaultValue": "1" } },
  "resources": [
    {
      "type": "Microsoft.ContainerInstance/containerGroups",
      "name": "[concat('we', 'b')]",
      "properties": {
        "osType": "Linux",
        "confidentialComputeProperties": { "ccePolicy": "" },
        "containers": [
          {
            "name": "web",
            "properties": {
              "image": "[concat('example.org/web:', parameters('tag'))]",
              "environmentVariables": [{ "name": "LEVEL", "value": "[parameters('level')]" }]
            }
          }
        ]
      }
    }
  ]
}
`;

const POD = `apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
spec:
  nodeSelector:
    virtualization: virtualnode2
  containers:
    - name: web
      image: example.org/web:1 # pinned
      env:
        - name: LEVEL
          valueFrom: {configMapKeyRef: {name: settings, key: level}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
`;

const CONFIG_MAP = `apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {level: info}
`;

const CONFIG = JSON.stringify({
  containers: [{ name: 'web', properties: { image: 'example.org/web:1' } }],
});

const FILES: Readonly<Record<string, string>> = {
  'template.json': TEMPLATE,
  'parameters.json': '{"parameters": {"level": {"value": "info"}}}',
  'pod.yaml': POD,
  'settings.yaml': CONFIG_MAP,
  'config.json': CONFIG,
  'facts.json': FACTS,
};

function workFolder() {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
  const known = ['--image-facts', 'facts.json', '--offline'];
  return {
    run: (...args: string[]) => podseal(['policy', ...args, ...known], { cwd: folder }),
    read: (name: string) => readFileSync(join(folder, name), 'utf8'),
    write: (name: string, text: string) => writeFileSync(join(folder, name), text),
  };
}

const PARAMETERS = ['--parameters', 'parameters.json'];
const SETTINGS = ['--config-map', 'settings.yaml'];

describe('templates', () => {
  it('gets its policy; comments and everything else stay', async () => {
    const { run, read } = workFolder();
    const result = await run('template.json', ...PARAMETERS);
    expect(result.status).toBe(0);
    expect(result.stderr).toContain('target aci, guest confcom-2.0.1');
    const text = read('template.json');
    const value = /"ccePolicy": "([^"]+)"/.exec(text)?.[1] ?? '';
    const policy = Buffer.from(value, 'base64').toString();
    expect(result.stdout).toBe(`${sha256Hex(policy)}\n`);
    expect(policy).toContain('{"pattern":"LEVEL=info","required":false,"strategy":"string"}');
    expect(policy).toContain('"id":"example.org/web:1"');
    expect(text.replace(value, '')).toBe(TEMPLATE);
  });

  it('is checked: 11 while the policy is missing or another, 0 once it is there', async () => {
    const { run, read } = workFolder();
    const check = (...more: string[]) => run('template.json', '--check', ...PARAMETERS, ...more);
    const missing = await check();
    expect([missing.status, missing.stdout]).toEqual([
      11,
      expect.stringContaining('the workload has no policy yet'),
    ]);
    expect(read('template.json')).toBe(TEMPLATE);
    await run('template.json', ...PARAMETERS);
    expect((await check()).status).toBe(0);
    const other = await check('--debug-mode', '--json');
    expect(other.status).toBe(11);
    expect(JSON.parse(other.stdout)).toMatchObject({
      format: 'podseal.diff/v1',
      before: 'template.json',
      after: 'generated',
      policies: [
        {
          workload: 'containerGroup web',
          isSame: false,
          differences: expect.arrayContaining([
            expect.objectContaining({ kind: 'widened', path: 'allow_dump_stacks' }),
          ]),
        },
      ],
    });
  });

  it('needs approval for values that are not known', async () => {
    const { run } = workFolder();
    const refused = await run('template.json', '--print');
    expect(refused.status).toBe(3);
    expect(refused.stderr).toContain('MANIFEST_REFERENCE_MISSING');
    expect(refused.stderr).toContain('--parameters');
    const approved = await run('template.json', '--print', '--approve-wildcards');
    expect(approved.status).toBe(0);
    expect(approved.stdout).toContain('{"pattern":"LEVEL=.*","required":false,"strategy":"re2"}');
  });
});

describe('virtual nodes', () => {
  it('get their policy; comments and everything else stay', async () => {
    const { run, read } = workFolder();
    const result = await run('pod.yaml', ...SETTINGS);
    expect([result.status, result.stderr]).toEqual([0, expect.stringContaining('target vn2')]);
    const text = read('pod.yaml');
    const value = /virtualnode\.ccepolicy: "([^"]+)"/.exec(text)?.[1] ?? '';
    expect(result.stdout).toBe(`${sha256Hex(Buffer.from(value, 'base64').toString())}\n`);
    expect(text.replace(/ {2}annotations:\n.*\n/, '')).toBe(POD);
    expect((await run('pod.yaml', '--check', ...SETTINGS)).status).toBe(0);
  });

  it('are told in JSON', async () => {
    const { run, read } = workFolder();
    const result = await run('pod.yaml', '--json', '--guest', 'confcom-1.3.1', ...SETTINGS);
    const { format, workloads } = JSON.parse(result.stdout);
    expect(format).toBe('podseal.policy/v1');
    expect(workloads).toEqual([
      {
        kind: 'Pod',
        name: 'web',
        namespace: 'shop',
        target: 'vn2',
        guest: 'confcom-1.3.1',
        policy: expect.stringContaining('api_version := "0.10.0"'),
        measurement: sha256Hex(workloads[0].policy),
        placement: {
          file: 'pod.yaml',
          document: 0,
          path: ['metadata', 'annotations'],
          key: 'microsoft.containerinstance.virtualnode.ccepolicy',
        },
        images: [{ reference: 'example.org/web:1', from: 'facts' }],
      },
    ]);
    expect(read('pod.yaml')).toBe(POD);
  });

  it('want ConfigMaps or approval', async () => {
    const { run } = workFolder();
    expect((await run('pod.yaml', '--print')).status).toBe(3);
    const approved = await run('pod.yaml', '--base64', '--approve-wildcards');
    const policy = Buffer.from(approved.stdout, 'base64').toString();
    expect(policy).toContain('"pattern":"LEVEL=.*"');
  });
});

describe('configurations', () => {
  it('are printed, in every form of the options', async () => {
    const { run } = workFolder();
    const plain = await run('config.json', '--print');
    expect(plain.stdout).toMatch(/^package policy\n.*errors}$/s);
    const changed = await run(
      ...['config.json', '--print', '--debug-mode', '--no-stdio', '--omit-id'],
      ...['--infrastructure-svn', '9'],
    );
    expect(changed.stdout).toContain('allow_dump_stacks := true');
    expect(changed.stdout).toContain('"allow_stdio_access":false');
    expect(changed.stdout).toContain('"minimum_svn": "9"');
    expect(changed.stdout).not.toContain('"id"');
    const bare = await run('config.json', '--print', '--no-infrastructure-fragment');
    expect(bare.stdout).toContain('fragments := []');
  });

  it('have no place for a policy', async () => {
    const result = await workFolder().run('config.json');
    expect([result.status, result.stderr]).toEqual([
      3,
      expect.stringContaining('MANIFEST_NOT_EDITABLE'),
    ]);
  });
});

describe('usage', () => {
  it.each([
    [['template.json', '--target', 'nope'], 2],
    [['template.json', '--target', 'aks', '--guest', 'confcom-2.0.1'], 2],
    [['template.json', '--settings', 'x.json'], 2],
    [['template.json', ...SETTINGS], 2],
    [['pod.yaml', ...PARAMETERS], 2],
    [['config.json', ...PARAMETERS], 2],
    [['config.json', '--print', '--infrastructure-svn', 'x'], 2],
    [['config.json', '--infrastructure-svn', '1', '--no-infrastructure-fragment'], 2],
    [['settings.yaml', '--target', 'vn2'], 0],
    [['template.json', 'pod.yaml'], 3],
  ])('%s ends with %d', async (args, status) => {
    expect((await workFolder().run(...args)).status).toBe(status);
  });

  it('options of ACI guests have no meaning for others', async () => {
    const result = await workFolder().run('pod.yaml', '--target', 'aks', '--debug-mode');
    expect([result.status, result.stderr]).toEqual([2, expect.stringContaining('--debug-mode')]);
  });

  it('Windows groups are refused with the reason, unless facts have their hashes', async () => {
    const { run, write } = workFolder();
    write('template.json', TEMPLATE.replace('"Linux"', '"Windows"'));
    const result = await run('template.json', ...PARAMETERS);
    expect([result.status, result.stderr]).toEqual([3, expect.stringContaining('Windows')]);
    const hash = 'd'.repeat(64);
    const image = {
      references: ['example.org/web:1'],
      platform: 'windows/amd64',
      config: { User: 'ContainerUser' },
      layers: [{}],
      windows: { layers: [hash], mountedCim: [hash] },
    };
    write('facts.json', JSON.stringify({ format: 'podseal.image-facts/v1', images: [image] }));
    const windows = ['--platform', 'windows/amd64', '--print'];
    const known = await run('template.json', ...PARAMETERS, ...windows);
    expect([known.status, known.stderr]).toEqual([0, expect.any(String)]);
    expect(known.stdout).toContain(`"mounted_cim":["${hash}"]`);
    expect(known.stdout).toContain('"user":"ContainerUser"');
  });
});
