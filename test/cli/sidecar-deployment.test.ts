/** The files of fixtures/sidecar: the manifests get policies that let them start, and the Dockerfile copies what exists. */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeEncfsArgs } from '../../src/keyrelease/encfs-config.js';
import { readSidecarArgs } from '../../src/keyrelease/sidecar-args.js';
import { podseal, ROOT, temporaryFolder } from '../support/cli.js';

const FOLDER = join(ROOT, 'fixtures/sidecar');
const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8');

const FACTS = JSON.stringify({
  format: 'podseal.image-facts/v1',
  images: [
    'example.azurecr.io/podseal-sidecar:1',
    'example.azurecr.io/podseal-encfs:1',
    'example.azurecr.io/app:1',
    'mcr.microsoft.com/oss/v2/kubernetes/pause:3.6',
    'mcr.microsoft.com/oss/kubernetes/pause:3.6',
  ].map((reference, index) => ({
    references: [reference],
    platform: 'linux/amd64',
    config: { Entrypoint: ['/run'], Env: ['PATH=/usr/bin'], User: '10001:10001' },
    layers: [
      {
        diffId: `sha256:${String(index).repeat(64)}`,
        rootHashes: { ext4: String(index).repeat(64), tarfs: String(index).repeat(64) },
        userFiles: [],
      },
    ],
  })),
});

function workFile(name: string) {
  const folder = temporaryFolder();
  const facts = join(folder, 'facts.json');
  writeFileSync(facts, FACTS);
  const file = join(folder, name);
  copyFileSync(join(FOLDER, name), file);
  return { file, facts };
}

describe('the manifests', () => {
  it.each([
    ['aks.yaml', 'target aks', 'io.katacontainers.config.agent.policy'],
    ['aci.json', 'target aci', '"ccePolicy": "cGFja2FnZSBwb2xpY3k'],
    ['aci-encfs.json', 'target aci', '"ccePolicy": "cGFja2FnZSBwb2xpY3k'],
  ])('%s gets a policy under which it starts', async (name, target, written) => {
    const { file, facts } = workFile(name);
    const result = await podseal(['policy', file, '--image-facts', facts]);
    expect(result.stderr).toContain(target);
    expect(result).toMatchObject({ status: 0, stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/) });
    expect(readFileSync(file, 'utf8')).toContain(written);
  });

  it.each(['aks.yaml', 'aci.json'])('%s configures the side-car', (name) => {
    const [, value = ''] = /SkrSideCarArgs"?,?\s+"?value"?: "?([A-Za-z0-9+/=]+)/.exec(read(name))!;
    expect(readSidecarArgs(value).certificates).toMatchObject({ kind: 'LocalTHIM' });
    expect(read(name)).toContain('http://localhost:8080/key/release');
  });
});

describe('the encrypted filesystem helper', () => {
  it('has the configuration of its file in the template, and a plan', async () => {
    const [, value = ''] = /"EncfsSideCarArgs",\s+"value": "([A-Za-z0-9+/=]+)"/.exec(
      read('aci-encfs.json'),
    )!;
    expect(JSON.parse(decodeEncfsArgs(value))).toEqual(JSON.parse(read('encfs.json')));
    const config = join(FOLDER, 'encfs.json');
    const plan = await podseal(['sidecar', 'encfs', '--config', config, '--dry-run']);
    expect(plan).toMatchObject({ status: 0, stderr: '' });
    expect(plan.stdout).toContain('# release data-key of example.vault.azure.net');
    expect(plan.stdout).toContain('ln -s .filesystem-0 /mnt/remote/share');
  });

  it('mounts into a volume that the workload has, and it alone has privileges', () => {
    const [group] = JSON.parse(read('aci-encfs.json')).resources;
    const [helper, workload] = group.properties.containers.map(
      ({ properties }: { properties: object }) => properties,
    );
    expect(helper.securityContext).toEqual({ privileged: true });
    expect(workload.securityContext).toBeUndefined();
    expect(workload.volumeMounts).toEqual(helper.volumeMounts);
    expect(group.properties.volumes).toEqual([{ name: 'remote', emptyDir: {} }]);
  });

  it('is the image of the side-car, by digest, with cryptsetup', () => {
    const lines = read('Dockerfile.encfs').split('\n');
    expect(lines.filter((line) => /^(ARG|FROM|USER|ENTRYPOINT)/.test(line))).toEqual([
      'ARG SIDECAR',
      `FROM \${SIDECAR}`,
      'USER 0:0',
      'ENTRYPOINT ["node", "/opt/podseal/dist/cli.js", "sidecar", "encfs"]',
    ]);
    expect(lines.join('\n')).toContain('cryptsetup-bin');
  });
});

/** What the build makes; not there in a fresh clone. */
const BUILT = ['dist', 'native/podseal-guest'];

describe('the Dockerfile', () => {
  const lines = read('Dockerfile').split('\n');
  const ofKind = (kind: string) => lines.filter((line) => line.startsWith(`${kind} `));

  const copies = ofKind('COPY').filter((line) => !line.includes('--from='));
  const sources = copies.flatMap((line) => line.split(' ').slice(1, -1));

  it('gets from the repository what it copies and nothing else', () => {
    const rules = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n').slice(1, -1);
    expect(rules[0]).toBe('*');
    const letIn = rules.filter((rule) => rule.startsWith('!')).map((rule) => rule.slice(1));
    // A folder is let in for the one file in it that is.
    expect(rules).toContain('native/*');
    expect(new Set(letIn.filter((path) => path !== 'native'))).toEqual(new Set(sources));
  });

  it('copies what exists or what the build makes', () => {
    expect(sources.length).toBeGreaterThan(3);
    const absent = sources.filter((source) => !existsSync(join(ROOT, source)));
    expect(absent.filter((source) => !BUILT.includes(source))).toEqual([]);
  });

  it('names each base image by digest and does not run as root', () => {
    for (const line of ofKind('FROM')) expect(line).toMatch(/@\$\{NODE_DIGEST\}( |$)/);
    expect(ofKind('FROM')).toHaveLength(2);
    expect(ofKind('USER').at(-1)).toMatch(/^USER [1-9][0-9]*:[1-9][0-9]*$/);
  });

  it('starts the side-car where its guest program is found', () => {
    expect(ofKind('ENTRYPOINT')).toEqual([
      'ENTRYPOINT ["node", "/opt/podseal/dist/cli.js", "sidecar"]',
    ]);
    expect(ofKind('WORKDIR').at(-1)).toBe('WORKDIR /opt/podseal');
    expect(ofKind('COPY')).toContain('COPY native/podseal-guest native/podseal.node ./native/');
  });
});
