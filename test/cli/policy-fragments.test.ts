/** `podseal policy` for groups whose policies import fragments. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/digest.js';
import { openArtifactRegistry } from '../support/artifact-registry.js';
import { podseal, temporaryFolder } from '../support/cli.js';
import { issuerOf, makeSigner, makeStatement } from '../support/statements.js';

const FEED = 'contoso.azurecr.io/web';
const WEB = 'example.org/web:1';
const FACTS = {
  format: 'podseal.image-facts/v1',
  images: ['web', 'worker'].map((name, i) => ({
    references: [`example.org/${name}:1`],
    platform: 'linux/amd64',
    config: { Cmd: ['serve'], Env: ['PATH=/bin'] },
    layers: [{ rootHashes: { ext4: String(i).repeat(64) } }],
  })),
};

const container = (name: string, securityContext?: object) => ({
  name,
  properties: { image: `example.org/${name}:1`, securityContext },
});

/** A template whose only group has these containers. */
function templateOf(
  names: readonly string[],
  confidential: object = {},
  securityContext?: object,
): object {
  return {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    resources: [
      {
        type: 'Microsoft.ContainerInstance/containerGroups',
        name: 'shop',
        properties: {
          osType: 'Linux',
          confidentialComputeProperties: confidential,
          containers: names.map((name) => container(name, securityContext)),
        },
      },
    ],
  };
}

const signer = makeSigner();
const ISSUER = issuerOf(signer.chain);
const HEADERS = new Map([['feed', FEED]]);
const sign = (text: string = fragment, headers: ReadonlyMap<string, string> = HEADERS) =>
  makeStatement({ ...signer, payload: Buffer.from(text), headers });

const ENTRY = { feed: FEED, issuer: ISSUER, minimum_svn: '3', includes: ['containers'] };

let folder: string;
let fragment = '';
const at = (name: string) => join(folder, name);
const put = (name: string, content: string | Buffer | object) =>
  writeFileSync(
    at(name),
    typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content),
  );
const run = (args: readonly string[]) =>
  podseal(['policy', ...args, '--image-facts', 'facts.json'], { cwd: folder });
const GIVEN = ['--fragments', 'imports.json', '--fragment', 'web.cose'];

/** The containers and imports of a printed policy. */
function partsOf(policy: string): { names: unknown[]; feeds: unknown[] } {
  const part = (name: string) =>
    JSON.parse(new RegExp(`^${name} := ([\\s\\S]*?)\\n\\n`, 'm').exec(policy)?.[1] ?? 'null');
  const names = (part('containers') as { name: unknown }[]).map(({ name }) => name);
  return { names, feeds: (part('fragments') as { feed: unknown }[]).map(({ feed }) => feed) };
}

/** The text of a fragment that allows the container `web`. */
async function fragmentText(): Promise<string> {
  put('config.json', { containers: [container('web')] });
  const { stdout, stderr } = await podseal(
    [
      ...['fragment', 'generate', '--input', 'config.json', '--image-facts', 'facts.json'],
      ...['--namespace', 'contoso', '--svn', '3'],
    ],
    { cwd: folder },
  );
  expect(stdout, stderr).toContain('package contoso');
  return stdout;
}

beforeEach(async () => {
  folder = temporaryFolder();
  put('facts.json', FACTS);
  fragment ||= await fragmentText();
  put('template.json', templateOf(['web', 'worker']));
  put('imports.json', { fragments: [ENTRY] });
  put('web.cose', sign());
});

describe('podseal policy --fragments', () => {
  it('leaves out what a signed fragment allows, and a guest starts the whole group', async () => {
    const result = await run(['template.json', '--print', '--verbose', ...GIVEN]);
    expect(result.status, result.stderr).toBe(0);
    expect(partsOf(result.stdout)).toEqual({
      names: ['worker', 'pause-container'],
      feeds: ['mcr.microsoft.com/aci/aci-cc-infra-fragment', FEED],
    });
    expect(result.stderr).toContain('container web is left out of the policy');
    expect(result.stderr).not.toContain('warning');
  });

  it('reads the file that an import names, for virtual nodes and configurations too', async () => {
    put('imports.json', [{ ...ENTRY, path: 'web.cose' }]);
    put('config.json', { containers: [container('web')] });
    put(
      'pod.yaml',
      `apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n    - {name: web, image: ${WEB}}\n`,
    );
    const config = await run(['config.json', '--print', '--fragments', 'imports.json']);
    expect(config.status, config.stderr).toBe(0);
    expect(partsOf(config.stdout).names).toEqual(['pause-container']);
    expect(config.stdout).not.toContain('web.cose');
    const pod = await run([
      'pod.yaml',
      '--target',
      'vn2',
      '--print',
      '--fragments',
      'imports.json',
    ]);
    expect(pod.status, pod.stderr).toBe(0);
    expect(partsOf(pod.stdout).names).toEqual(['web', 'pause-container']);
  });

  it('uses the imports of a configuration itself, and does not repeat them', async () => {
    put('config.json', { containers: [container('web')], fragments: [ENTRY] });
    const result = await run(['config.json', '--print', ...GIVEN]);
    expect(result.status, result.stderr).toBe(0);
    expect(partsOf(result.stdout)).toEqual({
      names: ['pause-container'],
      feeds: [FEED, 'mcr.microsoft.com/aci/aci-cc-infra-fragment'],
    });
  });

  it('writes and checks the same policy', async () => {
    expect((await run(['template.json', ...GIVEN])).status).toBe(0);
    expect((await run(['template.json', '--check', ...GIVEN])).status).toBe(0);
    expect((await run(['template.json', '--check'])).status).toBe(11);
  });

  it('keeps the containers of an import whose fragment is not at hand, and says so', async () => {
    const result = await run(['template.json', '--print', '--fragments', 'imports.json']);
    expect(result.status, result.stderr).toBe(0);
    expect(partsOf(result.stdout)).toMatchObject({
      names: ['web', 'worker', 'pause-container'],
      feeds: [expect.anything(), FEED],
    });
    expect(result.stderr).toContain(`fragment ${FEED} is not looked for`);
  });

  it.each<[string, (text: string) => string, string]>([
    ['other layers', (text) => text.replace(/0{64}/, '9'.repeat(64)), 'has other layers'],
    ['no working_dir', (text) => text.replace(/,\s*"working_dir": "\/"/, ''), 'has no working_dir'],
  ])('keeps a container that the fragment has with %s', async (_what, change, why) => {
    put('web.cose', sign(change(fragment)));
    const result = await run(['template.json', '--print', ...GIVEN]);
    expect(result.status, result.stderr).toBe(0);
    expect(partsOf(result.stdout).names).toEqual(['web', 'worker', 'pause-container']);
    expect(result.stderr).toContain(
      `container web stays in the policy: the one of the fragment ${why}`,
    );
  });
});

describe('podseal policy refuses', () => {
  const cases: readonly [string, () => void, readonly string[]][] = [
    [
      'a fragment whose svn is too low',
      () => put('imports.json', [{ ...ENTRY, minimum_svn: '4' }]),
      ['does not fit its import', 'svn 3 is below the minimum 4', 'podseal fragment verify'],
    ],
    [
      'a fragment of another feed',
      () => put('web.cose', sign(undefined, new Map([['feed', 'other']]))),
      ['no policy imports the fragment web.cose', 'feed other', 'podseal fragment import'],
    ],
    [
      'a fragment of another issuer, though it claims that of the import',
      () => {
        const other = makeSigner();
        const headers = new Map([...HEADERS, ['iss', ISSUER]]);
        put('web.cose', makeStatement({ ...other, payload: Buffer.from(fragment), headers }));
      },
      ['does not fit its import'],
    ],
    [
      'a fragment that is not signed',
      () => put('web.cose', fragment),
      ['web.cose is not a signed fragment', 'podseal fragment sign'],
    ],
    [
      'a fragment that was changed after it was signed',
      () => {
        const bytes = sign();
        bytes[bytes.length - 1]! ^= 1;
        put('web.cose', bytes);
      },
      ['web.cose is not a signed fragment'],
    ],
    [
      'conditions that its policies do not state',
      () => put('imports.json', [{ ...ENTRY, required_receipts: ['*'] }]),
      [`the import of ${FEED} has required_receipts`],
    ],
    [
      'imports that are none',
      () => put('imports.json', [{ feed: FEED }]),
      ['issuer can only be a string value'],
    ],
    [
      'a file that an import names and that is not there',
      () => put('imports.json', [{ ...ENTRY, path: 'none.cose', feed: 'x' }, ENTRY]),
      ['none.cose', 'does not exist'],
    ],
    [
      'imports of one feed that a guest cannot tell apart',
      () => put('imports.json', [ENTRY, { ...ENTRY, includes: ['containers', 'fragments'] }]),
      [`two imports of feed ${FEED} have different includes`],
    ],
    [
      'a container that the fragment allows, but not in the way in which it starts',
      () => {
        put('template.json', templateOf(['web'], {}, { seccompProfile: 'e30=' }));
        const hash = sha256Hex('{"defaultAction":""}');
        const older = fragment
          .replace('framework_version := "0.2.3"', 'framework_version := "0.2.2"')
          .replace('"seccomp_profile_sha256": ""', `"seccomp_profile_sha256": "${hash}"`);
        put('web.cose', sign(older));
      },
      ['would not start', 'refuses create_container of container web', 'invalid seccomp'],
    ],
  ];
  it.each(cases)('%s', async (_what, arrange, told) => {
    arrange();
    const before = readFileSync(at('template.json'), 'utf8');
    const result = await run(['template.json', ...GIVEN]);
    expect([result.status, result.stdout], result.stderr).toEqual([3, '']);
    for (const text of told) expect(result.stderr).toContain(text);
    expect(result.stderr).not.toContain('    at ');
    expect(readFileSync(at('template.json'), 'utf8')).toBe(before);
  });

  it('fragments for guests that have none', async () => {
    const { status, stderr } = await run(['template.json', '--target', 'kata', ...GIVEN]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('--fragments has no meaning')]);
  });
});

describe('the standalone fragments of a template', () => {
  it('are pulled, imported and verified; containers are left to them', async () => {
    const registry = await openArtifactRegistry();
    try {
      const reference = `${registry.host}/team/app:frag`;
      const push = ['fragment', 'push', 'web.cose', reference];
      expect((await podseal(push, { cwd: folder })).status).toBe(0);
      const names = { standaloneFragments: [reference, reference] };
      put('template.json', templateOf(['web', 'worker'], names));
      const result = await run(['template.json', '--print']);
      expect(result.status, result.stderr).toBe(0);
      expect(partsOf(result.stdout)).toEqual({
        names: ['worker', 'pause-container'],
        feeds: ['mcr.microsoft.com/aci/aci-cc-infra-fragment', FEED],
      });
      expect(result.stdout).toContain('"minimum_svn": "3"');
      expect(result.stderr).toContain(`imports feed ${FEED} of ${ISSUER}`);
      put('imports.json', [{ ...ENTRY, minimum_svn: '2' }]);
      const stated = await run(['template.json', '--print', '--fragments', 'imports.json']);
      expect(stated.stderr).not.toContain('imports feed');
      expect(stated.stdout).toContain('"minimum_svn": "2"');
      expect(partsOf(stated.stdout).feeds).toHaveLength(2);
      const offline = await run(['template.json', '--print', '--offline']);
      expect([offline.status, offline.stdout]).toEqual([4, '']);
    } finally {
      await registry.close();
    }
  });
});
