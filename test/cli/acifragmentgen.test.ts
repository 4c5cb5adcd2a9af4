import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { beforeEach, describe, expect, it } from 'vitest';
import { addAcifragmentgenCommand } from '../../src/commands/acifragmentgen.js';
import type { CommandContext } from '../../src/commands/context.js';
import { unpackStatement } from '../../src/core/signed-statement.js';
import {
  type AcifragmentgenOptions,
  checkUsage,
  feedOf,
  fragmentFileName,
} from '../../src/pipeline/acifragmentgen/usage.js';
import { aciCases, aciFactsText, aciVectors } from '../support/aci-vectors.js';
import {
  type ArtifactRegistry,
  digestOf,
  openArtifactRegistry,
} from '../support/artifact-registry.js';
import { ecKey, makeChain, name, pemOf, sha256Base64url } from '../support/certificates.js';
import { type CliOptions, podseal, temporaryFolder } from '../support/cli.js';
import { thrownBy } from '../support/failure.js';
import {
  blobOf,
  descriptorOf,
  layoutFiles,
  makeImage,
  sha256,
  TYPES,
  tagged,
  tarOf,
} from '../support/images.js';

let folder: string;
const at = (file: string) => join(folder, file);
const put = (file: string, content: string | Uint8Array) => writeFileSync(at(file), content);
const run = (args: readonly string[], options: CliOptions = {}) =>
  podseal(['acifragmentgen', ...args], { cwd: folder, ...options });

beforeEach(() => {
  folder = temporaryFolder();
});

interface UsageCase {
  readonly command: string;
  readonly argv: readonly string[];
  readonly valid: boolean;
  readonly exit_code?: number;
  readonly error?: string;
}

/** The options as the command parses them. */
async function parse(argv: readonly string[]): Promise<AcifragmentgenOptions> {
  const program = new Command();
  addAcifragmentgenCommand(program, {} as CommandContext);
  let parsed: AcifragmentgenOptions | undefined;
  program.commands[0]!.exitOverride().action((options: AcifragmentgenOptions) => {
    parsed = options;
  });
  await program.parseAsync(['acifragmentgen', ...argv], { from: 'user' });
  return parsed!;
}

describe('the checks of the options', () => {
  const cases = aciCases<UsageCase>('cli.json').filter(
    ({ command }) => command === 'acifragmentgen',
  );
  it.each(cases.map((each) => [each.argv.join(' '), each] as const))('%s', async (_argv, each) => {
    const options = await parse(each.argv);
    if (each.valid) {
      checkUsage(options);
      return;
    }
    const { message } = thrownBy(() => checkUsage(options));
    // The model dies of a number that is none, without a text.
    if (each.error !== '') expect(message).toBe(each.error);
  });

  it.each<[readonly string[], string]>([
    [
      ['-g', '-p', 'f', '--minimum-svn', '1', '--output-filename', 'x'],
      'Cannot specify an output file',
    ],
    [
      ['-g', '-p', 'f', '--image', 'i', '--minimum-svn', '1'],
      'Must provide either a fragment path',
    ],
    [['--image', 'i', '-n', 'a', '--svn', '1', '-u'], 'Must sign the fragment'],
    [['--image', 'i', '-n', 'a', '--svn', '1', '-j', 'f'], 'Must provide --fragment-path'],
    [['-g', '-p', 'f', '--minimum-svn', '1', '--svn', 'x'], '--svn must be an integer'],
    [['--image', 'i', '-n', 'data', '--svn', 'x'], "Namespace 'data' is reserved"],
  ])('%j', async (argv, text) => {
    const options = await parse(argv);
    expect(thrownBy(() => checkUsage(options)).message).toContain(text);
  });

  it('ends with 1 for a check, with 2 for an unknown option', async () => {
    expect((await run([])).status).toBe(1);
    expect((await run(['--bogus'])).status).toBe(2);
    const tar = await run(['--image', 'i:1', '-n', 'a', '--svn', '1', '--tar', 'none.tar']);
    expect([tar.status, tar.stdout]).toEqual([2, expect.stringContaining('--tar input must')]);
  });
});

describe('namespaces', () => {
  it.each([
    ['a.b', true],
    ['framework', true],
    ['contoso', false],
  ])('%s is told as one that no guest loads: %s', async (namespace, told) => {
    const args = ['--with-containers', '{"id":"a"}', '-n', namespace, '--svn', '1', '--offline'];
    const { status, stdout, stderr } = await run(args);
    expect([status, stdout.split('\n', 1)]).toEqual([0, [`package ${namespace}`]]);
    expect(stderr.includes('[namespace-refused]')).toBe(told);
  });
});

describe('names', () => {
  const options = (more: Partial<AcifragmentgenOptions>) => ({ algo: 'ES384', ...more });
  it('of the text file', () => {
    expect(fragmentFileName(options({ namespace: 'contoso' }))).toBe('contoso.rego');
    expect(fragmentFileName(options({ namespace: 'a', outputFilename: 'x.rego.y' }))).toBe(
      'x.y.rego',
    );
  });

  it.each([
    [{ feed: 'f', imageTarget: 'x:1' }, 'f'],
    [{ imageTarget: 'reg.io/app:1' }, 'reg.io/app'],
    [{ imageTarget: 'localhost:5000/app:1' }, 'localhost:5000/app'],
    [{ imageTarget: 'localhost:5000/app' }, 'localhost:5000/app'],
    [{ imageTarget: 'reg.io/app:1@sha256:0' }, 'reg.io/app'],
    [{}, ''],
  ])('of the feed of %j', (more, feed) => {
    expect(feedOf(options(more))).toBe(feed);
  });
});

interface FragmentCase {
  readonly name: string;
  readonly input: {
    readonly namespace: string;
    readonly svn: string;
    readonly config?: string;
    readonly image?: string;
  };
  readonly options: Readonly<Record<string, boolean>>;
  readonly expect: Readonly<Record<string, { readonly file_text: string }>>;
}

const FLAGS: Readonly<Record<string, string>> = {
  outraw: '--outraw',
  omit_id: '--omit-id',
  debug_mode: '--debug-mode',
  disable_stdio: '--disable-stdio',
};

describe.runIf(aciVectors !== undefined)('recorded fragments', () => {
  const cases = aciCases<FragmentCase>('fragment.json').flatMap((each) =>
    Object.keys(each.expect).map((profile) => [each.name, profile, each] as const),
  );
  it.each(cases)('%s %s', async (_name, profile, { input, options, expect: expected }) => {
    put('facts.json', aciFactsText());
    if (input.config !== undefined) put('config.json', input.config);
    const source = input.config === undefined ? ['--image', input.image!] : ['-i', 'config.json'];
    const flags = Object.keys(options).flatMap((key) => (options[key] ? [FLAGS[key]!] : []));
    const result = await run([
      ...source,
      ...['-n', input.namespace, '--svn', input.svn, '--guest', `confcom-${profile}`],
      ...['--image-facts', 'facts.json', '--offline', ...flags],
    ]);
    expect(result.status, result.stderr).toBe(0);
    const text = expected[profile]!.file_text;
    expect(readFileSync(at(`${input.namespace}.rego`), 'utf8')).toBe(text);
    expect(result.stdout).toBe(`${text}\n`);
  });
});

const IMAGE = 'mcr.microsoft.com/azurelinux/distroless/base:3.0';
const FEED = 'contoso.azurecr.io/frag';

describe.runIf(aciVectors !== undefined)('a signed fragment', () => {
  let registry: ArtifactRegistry;
  let image: string;
  let issuer: string;
  beforeEach(async () => {
    put('facts.json', aciFactsText());
    const key = ecKey('P-384');
    const { chain } = makeChain({ key, subject: name(['2.5.4.3', 'Contoso & Co']) });
    put('chain.pem', pemOf(chain));
    put('key.pem', key.privateKey.export({ type: 'sec1', format: 'pem' }) as string);
    issuer = `did:x509:0:sha256:${sha256Base64url(chain[1]!)}::subject:CN:Contoso%20&%20Co`;
    registry = await openArtifactRegistry({ tokens: true });
    const bytes = Buffer.from('{"schemaVersion":2,"layers":[]}');
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    registry.content.set('manifests/v1', { bytes, mediaType });
    registry.content.set(`manifests/${digestOf(bytes)}`, { bytes, mediaType });
    image = `${registry.host}/team/app:v1`;
    return () => registry.close();
  });

  const make = (more: readonly string[], image = IMAGE) =>
    run([
      ...['--image', image, '-n', 'contoso', '--svn', '2', '--image-facts', 'facts.json'],
      ...['-k', 'key.pem', '--chain', 'chain.pem', '-f', FEED, ...more],
    ]);

  it('is written beside the text, with the headers of the model', async () => {
    const result = await make(['--no-print']);
    expect([result.status, result.stdout], result.stderr).toEqual([0, '']);
    const unpacked = unpackStatement(readFileSync(at('contoso.rego.cose')), 'x');
    expect(unpacked).toMatchObject({
      ok: true,
      statement: { issuer, feed: FEED, contentType: 'application/unknown+rego', hasSvn: false },
    });
    const text = readFileSync(at('contoso.rego'));
    expect(unpacked.ok && unpacked.statement.payload.equals(text)).toBe(true);
  });

  it('is all that is printed with --out-signed-fragment', async () => {
    const result = await make(['--out-signed-fragment']);
    expect(result.stdout.startsWith('package')).toBe(false);
    expect(readFileSync(at('contoso.rego.cose')).toString()).toBe(result.stdout);
  });

  it('is attached to the target, found again and imported', async () => {
    const result = await make(['--no-print', '-u', '--image-target', image]);
    expect(result.status, result.stderr).toBe(0);
    expect(result.stdout).toMatch(
      new RegExp(`^Fragment attached to image '${image}' with Digest: sha256:[0-9a-f]{64}\n$`),
    );
    const imported = await run(['-g', '--image', image, '--minimum-svn', '2']);
    const entry = { feed: FEED, includes: ['containers', 'fragments'], issuer, minimum_svn: '2' };
    expect(JSON.parse(imported.stdout)).toEqual({ fragments: [entry] });
    expect(
      (await run(['-g', '-p', 'contoso.rego.cose', '--minimum-svn', '2', '-j', 'f.json'])).stdout,
    ).toBe('');
    expect(readFileSync(at('f.json'), 'utf8')).toBe(imported.stdout.trimEnd());
    await run(['-g', '-p', 'contoso.rego.cose', '--minimum-svn', '3', '-j', 'f.json']);
    expect(JSON.parse(readFileSync(at('f.json'), 'utf8'))).toEqual({
      fragments: [entry, { ...entry, minimum_svn: '3' }],
    });
  });

  it('covers what it allows: a fragment of the same containers is empty', async () => {
    await make(['--no-print']);
    await run(['-g', '-p', 'contoso.rego.cose', '--minimum-svn', '1', '-j', 'config.json']);
    const config = JSON.parse(readFileSync(at('config.json'), 'utf8')) as { fragments: object[] };
    const containers = [{ name: IMAGE, properties: { image: IMAGE } }];
    const fragments = config.fragments.map((each) => ({ ...each, path: 'contoso.rego.cose' }));
    put('config.json', JSON.stringify({ version: '1.0', containers, fragments }));
    const args = [
      '-i',
      'config.json',
      '-n',
      'other',
      '--svn',
      '1',
      '--image-facts',
      'facts.json',
      '--offline',
    ];
    const covered = await run(args);
    expect(covered.status).toBe(1);
    expect(covered.stderr).toContain('all images are covered by fragments');
    expect(existsSync(at('other.rego'))).toBe(false);
    put(
      'config.json',
      JSON.stringify({
        version: '1.0',
        containers,
        fragments: fragments.map((each) => ({ ...each, minimum_svn: '9' })),
      }),
    );
    const low = await run(args);
    expect(low.status, low.stderr).toBe(0);
    expect(low.stderr).toContain('is not used');
  });

  it('is not made with the key of somebody else', async () => {
    put('key.pem', ecKey('P-384').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
    const result = await make([]);
    expect(result.status).toBe(1);
    expect(existsSync(at('contoso.rego.cose'))).toBe(false);
  });

  it('has an issuer that resolves although the name has a colon', async () => {
    const key = ecKey('P-384');
    const { chain } = makeChain({ key, subject: name(['2.5.4.3', 'a:b']) });
    put('chain.pem', pemOf(chain));
    put('key.pem', key.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
    expect((await make(['--no-print'])).status).toBe(0);
    const unpacked = unpackStatement(readFileSync(at('contoso.rego.cose')), 'x');
    expect(unpacked.ok && unpacked.statement.issuer.endsWith('::subject:CN:a%3Ab')).toBe(true);
  });
});

describe('tars that a configuration names', () => {
  const config = (path: string) =>
    JSON.stringify({
      version: '1.0',
      containers: [{ name: 'c', path, properties: { image: 'tar.test/app:1' } }],
    });
  const args = ['-i', 'config.json', '-n', 'contoso', '--svn', '1', '--offline', '--no-cache'];

  it('are read from the current folder', async () => {
    const layer = await tarOf([['hello', 'world']]);
    const blob = blobOf(layer, TYPES.layer);
    const rootfs = { type: 'layers', diff_ids: [sha256(layer)] };
    const image = makeImage({
      config: { config: { Cmd: ['serve'] }, rootfs },
      layers: [],
      manifest: { layers: [descriptorOf(blob)] },
    });
    const files = layoutFiles([[image.manifest, tagged('tar.test/app:1')]], [...image.blobs, blob]);
    put('app.tar', await tarOf([...files]));
    put('config.json', config('app.tar'));
    const result = await run([...args, '--outraw']);
    expect(result.status, result.stderr).toBe(0);
    expect(result.stdout).toContain('"command":["serve"]');
  });

  it('must exist', async () => {
    put('config.json', config('none.tar'));
    const result = await run(args);
    expect([result.status, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toContain('none.tar');
  });
});
