import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  aciCases,
  aciFactsText,
  aciText,
  aciVectors,
  goldenFolders,
} from '../support/aci-vectors.js';
import { openArtifactRegistry } from '../support/artifact-registry.js';
import { ecKey, makeChain, pemOf } from '../support/certificates.js';
import { podseal, temporaryFolder } from '../support/cli.js';

let folder: string;
const at = (file: string) => join(folder, file);
const put = (file: string, content: string) => writeFileSync(at(file), content);
const run = (args: readonly string[]) => podseal(args, { cwd: folder });
const generate = (args: readonly string[]) =>
  run(['acipolicygen', ...args, '--image-facts', 'facts.json']);

/** The imports of the golden files. */
const IMPORTS = {
  fragments: [
    {
      feed: 'mcr.microsoft.com/acc/samples/aci/helloworld',
      issuer: 'did:x509:0:sha256:8OhuTqQPbrbDMXV9QentXIIRWqcmU_B88n8jPr1WsBc::subject:CN:Contoso',
      minimum_svn: '1',
      includes: ['containers', 'fragments'],
    },
  ],
};

const PROFILES = [
  ['target-2.0.1', 'confcom-2.0.1'],
  ['release-1.3.1', 'confcom-1.3.1'],
] as const;

describe.runIf(aciVectors !== undefined)('acipolicygen --include-fragments', () => {
  beforeEach(() => {
    folder = temporaryFolder();
    put('facts.json', aciFactsText());
  });

  const VARIANTS = [
    ['policy_fragment.rego', []],
    ['policy_fragment_plus_infrastructure_svn.rego', ['--infrastructure-svn', '99']],
  ] as const;
  const golden = goldenFolders('arm_template.json').flatMap((name) =>
    PROFILES.flatMap(([profile, guest]) =>
      VARIANTS.map(([file, flags]) => [name, profile, file, guest, flags] as const),
    ),
  );
  const stored = golden.filter(([name, profile, file]) =>
    existsSync(join(aciVectors!, name, profile, file)),
  );
  it.each(stored)('%s/%s/%s', async (name, profile, file, guest, flags) => {
    const source = join(aciVectors!, name);
    const parameters = join(source, 'parameters.json');
    put('fragments.json', JSON.stringify(IMPORTS));
    const result = await generate([
      ...['-a', join(source, 'arm_template.json'), ...flags],
      ...(existsSync(parameters) ? ['-p', parameters] : []),
      ...['--outraw', '-f', '-j', 'fragments.json', '--offline', '--guest', guest],
    ]);
    expect(result.status, result.stderr).toBe(0);
    expect(result.stdout).toBe(aciText(name, profile, file));
    expect(result.stderr).toContain('has no tag');
  });

  /** A template and a signed fragment that allows its container, from the recorded cases. */
  async function makeCovered(): Promise<object> {
    const [first] = aciCases<{
      name: string;
      input: { template: string; fragment_texts: string[] };
    }>('coverage.json').filter(({ name }) => name === 'coverage/exact');
    const { template, fragment_texts: texts } = first!.input;
    const key = ecKey();
    const { chain } = makeChain({ key });
    put('template.json', template);
    put('contoso.rego', texts[0]!);
    put('chain.pem', pemOf(chain));
    put('key.pem', key.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
    const args = [
      'contoso.rego',
      '--key',
      'key.pem',
      '--chain',
      'chain.pem',
      '--feed',
      'a.example/f',
    ];
    expect((await run(['fragment', 'sign', ...args, '-o', 'contoso.cose'])).status).toBe(0);
    const { stdout } = await run(['fragment', 'import', 'contoso.cose']);
    return (JSON.parse(stdout) as { fragments: object[] }).fragments[0]!;
  }

  const raw = ['-a', 'template.json', '--outraw'];
  const CONTAINER = '"id":"mcr.microsoft.com/azurelinux/distroless/base:3.0"';

  it('leaves out what a signed fragment allows, and imports it', async () => {
    const entry = await makeCovered();
    const plain = await generate([...raw, '--offline']);
    expect(plain.stdout).toContain(CONTAINER);
    put('f.json', JSON.stringify([{ ...entry, path: 'contoso.cose' }]));
    const covered = await generate([...raw, '--offline', '-f', '-j', 'f.json']);
    expect(covered.status, covered.stderr).toBe(0);
    expect(covered.stdout).not.toContain(CONTAINER);
    expect(covered.stdout).toContain('pause-container');
    expect(covered.stdout).toContain('"feed": "a.example/f"');
    expect(covered.stdout).not.toContain('contoso.cose');
  });

  it.each([
    ['of another issuer', { issuer: 'did:x509:0:sha256:x::subject:CN:x' }],
    ['whose svn is too low', { minimum_svn: '9' }],
    ['whose containers are not imported', { includes: ['fragments'] }],
    ['that is not there', { path: 'none.cose' }],
  ])('keeps a container for a fragment %s', async (_what, change) => {
    const entry = await makeCovered();
    put('f.json', JSON.stringify({ fragments: [{ ...entry, path: 'contoso.cose', ...change }] }));
    const result = await generate([...raw, '--offline', '-f', '-j', 'f.json']);
    expect(result.status, result.stderr).toBe(0);
    expect(result.stdout).toContain(CONTAINER);
  });

  it('refuses imports that do not fit', async () => {
    await makeCovered();
    put('f.json', '{"fragments": [{"feed": 1}]}');
    const result = await generate([...raw, '--offline', '-f', '-j', 'f.json']);
    expect([result.status, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toContain('feed can only be a string value');
  });

  it('pulls what a template names as standalone fragment', async () => {
    const entry = await makeCovered();
    const registry = await openArtifactRegistry();
    try {
      const reference = `${registry.host}/team/app:frag`;
      expect((await run(['fragment', 'push', 'contoso.cose', reference])).status).toBe(0);
      const template = JSON.parse(readFileSync(at('template.json'), 'utf8')) as {
        resources: { properties: Record<string, unknown> }[];
      };
      template.resources[0]!.properties.confidentialComputeProperties = {
        standaloneFragments: [reference, reference],
      };
      put('template.json', JSON.stringify(template));
      const result = await generate(raw);
      expect(result.status, result.stderr).toBe(0);
      expect(result.stdout.split('"feed": "a.example/f"')).toHaveLength(2);
      expect(result.stdout).toContain(`"issuer": "${(entry as { issuer: string }).issuer}"`);
      const offline = await generate([...raw, '--offline']);
      expect([offline.status, offline.stdout]).toEqual([1, '']);
    } finally {
      await registry.close();
    }
  });
});
