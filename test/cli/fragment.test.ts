import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { unpackStatement } from '../../src/core/signed-statement.js';
import { aciFactsText, aciVectors } from '../support/aci-vectors.js';
import {
  type ArtifactRegistry,
  digestOf,
  openArtifactRegistry,
} from '../support/artifact-registry.js';
import { ecKey, type KeyPair, makeChain, pemOf, sha256Base64url } from '../support/certificates.js';
import { type CliOptions, type CliResult, podseal, temporaryFolder } from '../support/cli.js';
import { vectorsDir } from '../support/vectors.js';

const TEXT = 'package contoso\n\nsvn := "3"\nframework_version := "0.2.3"\n\ncontainers := []\n';
const FEED = 'contoso.azurecr.io/frag';
const PASSPHRASE = 'correct horse battery staple';

let folder: string;
const at = (name: string) => join(folder, name);
const put = (name: string, content: string | Buffer) => {
  writeFileSync(at(name), content);
  return at(name);
};
const run = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  podseal(['fragment', ...args], { cwd: folder, ...options });

/** A chain and its key as files; the issuer that is made of them. */
function makeSigner(key: KeyPair = ecKey('P-384')): string {
  const { chain } = makeChain({ key });
  put('chain.pem', pemOf(chain));
  put('key.pem', key.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
  return `did:x509:0:sha256:${sha256Base64url(chain[1]!)}::subject:CN:Test%20Leaf`;
}

async function sign(more: readonly string[] = [], options: CliOptions = {}): Promise<CliResult> {
  const key = more.includes('--sign-command') ? [] : ['--key', 'key.pem'];
  const args = ['sign', 'contoso.rego', '--chain', 'chain.pem', ...key, '--feed', FEED];
  return run([...args, '-o', 'contoso.rego.cose', ...more], options);
}

beforeEach(() => {
  folder = temporaryFolder();
  put('contoso.rego', TEXT);
});

describe('sign and verify', () => {
  it('signs what the guest loads', async () => {
    const issuer = makeSigner();
    const signed = await sign();
    expect([signed.status, signed.stdout]).toEqual([0, '']);
    expect(signed.stderr).toContain(issuer);
    const expectation = ['--issuer', issuer, '--feed', FEED, '--minimum-svn', '3'];
    const good = await run(['verify', 'contoso.rego.cose', ...expectation]);
    expect(good.status, good.stdout).toBe(0);
    expect(good.stdout).toContain('allowed');
    const json = await run(['verify', 'contoso.rego.cose', ...expectation, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      format: 'podseal.fragment-verdict/v1',
      verdict: 'allowed',
      reasons: [],
      issuer,
      feed: FEED,
      algorithm: 'ES384',
      headerSvn: '3',
      namespace: 'contoso',
      svn: '3',
      defines: ['containers'],
    });
  });

  it('denies with reasons and status 10', async () => {
    const issuer = makeSigner();
    await sign();
    const low = await run([
      'verify',
      'contoso.rego.cose',
      '--issuer',
      issuer,
      '--feed',
      FEED,
      '--minimum-svn',
      '4',
      '--json',
    ]);
    expect(low.status).toBe(10);
    expect(JSON.parse(low.stdout)).toMatchObject({
      verdict: 'denied',
      reasons: [{ reason: 'svn' }],
    });
    const bytes = readFileSync(at('contoso.rego.cose'));
    bytes[bytes.length - 1]! ^= 1;
    put('changed.cose', bytes);
    const changed = await run(['verify', 'changed.cose', '--any-issuer']);
    expect(changed.status).toBe(10);
    expect(changed.stdout).toContain('signature:');
    const lax = await run(['verify', 'contoso.rego.cose', '--any-issuer']);
    expect(lax.status).toBe(0);
    expect(lax.stdout).toContain('not checked: import');
  });

  it('wants an expectation', async () => {
    for (const args of [
      [],
      ['--issuer', 'x'],
      ['--issuer', 'x', '--feed', 'y'],
      ['--any-issuer', '--imports', 'x'],
      ['--trust-list', 'x', '--any-issuer'],
    ]) {
      const { status } = await run(['verify', 'contoso.rego.cose', ...args]);
      expect(status).toBe(2);
    }
  });

  it.each([
    ['PKCS#8', { type: 'pkcs8', format: 'pem' }],
    ['SEC1', { type: 'sec1', format: 'pem' }],
  ] as const)('reads a key in %s', async (_form, encoding) => {
    const key = ecKey('P-256');
    makeSigner(key);
    put('key.pem', key.privateKey.export(encoding) as string);
    expect((await sign()).status).toBe(0);
  });

  it('reads an RSA key in PKCS#1, with the algorithm that is asked for', async () => {
    const key = generateKeyPairSync('rsa', { modulusLength: 2048 });
    makeSigner(key);
    put('key.pem', key.privateKey.export({ type: 'pkcs1', format: 'pem' }) as string);
    expect((await sign(['--algorithm', 'PS512'])).status).toBe(0);
    const result = unpackStatement(readFileSync(at('contoso.rego.cose')), 'x');
    expect(result.ok && result.statement.algorithm.name).toBe('PS512');
    expect((await sign(['--algorithm', 'ES256'])).status).toBe(3);
    expect((await sign(['--algorithm', 'RS256'])).status).toBe(2);
  });

  it('takes the passphrase of a key from a file or the environment, and tells it to nobody', async () => {
    const key = ecKey('P-256');
    makeSigner(key);
    const form = {
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: PASSPHRASE,
    } as const;
    put('key.pem', key.privateKey.export(form) as string);
    put('pass', `${PASSPHRASE}\n`);
    put('wrong', `${PASSPHRASE}!\n`);
    expect((await sign(['--passphrase-file', 'pass'])).status).toBe(0);
    expect((await sign([], { env: { PODSEAL_KEY_PASSPHRASE: PASSPHRASE } })).status).toBe(0);
    const wrong = await sign(['--passphrase-file', 'wrong', '--verbose']);
    expect(wrong.status).toBe(3);
    const none = await sign();
    expect(none.stderr).toContain('is encrypted');
    for (const { stdout, stderr } of [wrong, none]) {
      expect(stdout + stderr).not.toContain(PASSPHRASE);
      expect(stdout + stderr).not.toContain(readFileSync(at('key.pem'), 'utf8').split('\n')[1]);
    }
  });

  it.each([
    ['bytes', [], 'openssl dgst -sha256 -sign key.pem'],
    [
      'a digest',
      ['--sign-digest'],
      'cat > digest; openssl pkeyutl -sign -inkey key.pem -in digest',
    ],
  ])('lets a program sign %s', async (_what, more, command) => {
    makeSigner(ecKey('P-256'));
    const result = await sign(['--sign-command', command, ...more]);
    expect(result.status, result.stderr).toBe(0);
  });

  it.each([
    ['fails', 'exit 3', 4, 'status 3'],
    ['says nothing', 'true', 4, 'nothing'],
    ['says too much', 'head -c 100000 /dev/zero', 4, 'more than'],
    ['signs with another key', 'openssl dgst -sha256 -sign other.pem', 5, 'cannot be signed'],
    ['gives damaged DER', 'printf "\\060\\006\\002"', 3, 'DER'],
  ])('refuses a program that %s', async (_what, command, status, text) => {
    makeSigner(ecKey('P-256'));
    put('other.pem', ecKey('P-256').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
    const result = await sign(['--sign-command', command]);
    expect([result.status, existsSync(at('contoso.rego.cose'))]).toEqual([status, false]);
    expect(result.stderr).toContain(text);
  });

  it('refuses the key of another certificate, a bare certificate, and a text that is no fragment', async () => {
    makeSigner();
    put('key.pem', ecKey('P-384').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
    const foreign = await sign();
    expect([foreign.status, foreign.stderr]).toEqual([
      5,
      expect.stringContaining('SIGNATURE_INVALID'),
    ]);
    put('chain.pem', pemOf([makeChain().chain[0]!]));
    expect((await sign()).status).toBe(3);
    put('contoso.rego', 'package policy\n');
    expect((await sign()).stderr).toContain('reserved');
    expect((await run(['sign', 'contoso.rego', '--chain', 'chain.pem'])).status).toBe(2);
  });

  it('makes issuers of other predicates and pins other certificates', async () => {
    makeSigner();
    const root = await sign(['--pin', '2', '--text-headers']);
    expect(root.status).toBe(0);
    const result = unpackStatement(readFileSync(at('contoso.rego.cose')), 'x');
    expect(result.ok && result.statement.hasSvn).toBe(false);
    expect((await sign(['--pin', '0'])).status).toBe(3);
    expect((await sign(['--did-policy', 'EKU'])).status).toBe(3);
    expect((await sign(['--issuer', 'did:x509:0:sha256:x::subject:CN:x'])).status).toBe(3);
  });
});

describe('import', () => {
  it('prints an import, or appends it to a file', async () => {
    const issuer = makeSigner();
    await sign();
    const entry = { feed: FEED, includes: ['containers'], issuer, minimum_svn: '3' };
    const printed = await run(['import', 'contoso.rego.cose']);
    expect(JSON.parse(printed.stdout)).toEqual({ fragments: [entry] });
    put('fragments.json', '{"version": "1.0", "fragments": []}');
    const appended = await run([
      'import',
      'contoso.rego.cose',
      '--minimum-svn',
      '1',
      '--into',
      'fragments.json',
    ]);
    expect([appended.status, appended.stdout]).toEqual([0, '']);
    expect(JSON.parse(readFileSync(at('fragments.json'), 'utf8'))).toEqual({
      version: '1.0',
      fragments: [{ ...entry, minimum_svn: '1' }],
    });
    const verified = await run(['verify', 'contoso.rego.cose', '--imports', 'fragments.json']);
    expect(verified.status).toBe(0);
    expect((await run(['import', 'contoso.rego.cose', '--minimum-svn', '-1'])).status).toBe(2);
    expect((await run(['import', 'contoso.rego'])).status).toBe(3);
  });
});

describe('a registry', () => {
  let registry: ArtifactRegistry;
  let image: string;
  beforeEach(async () => {
    registry = await openArtifactRegistry({ tokens: true });
    const bytes = Buffer.from('{"schemaVersion":2,"layers":[]}');
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    registry.content.set('manifests/v1', { bytes, mediaType });
    registry.content.set(`manifests/${digestOf(bytes)}`, { bytes, mediaType });
    image = `${registry.host}/team/app:v1`;
    return () => registry.close();
  });

  it('has what was attached and pushed', async () => {
    const issuer = makeSigner();
    await sign();
    const signed = readFileSync(at('contoso.rego.cose'));
    const attached = await run(['attach', 'contoso.rego.cose', image]);
    expect(attached.status, attached.stderr).toBe(0);
    const discovered = await run(['discover', image]);
    expect(discovered.stdout).toBe(attached.stdout);
    const json = await run(['discover', image, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      format: 'podseal.fragments/v1',
      fragments: [{ digest: attached.stdout.trim() }],
    });
    const imported = await run(['import', image, '--attached']);
    expect(JSON.parse(imported.stdout)).toMatchObject({ fragments: [{ feed: FEED, issuer }] });
    const reference = `${registry.host}/team/app:frag`;
    const pushed = await run(['push', 'contoso.rego.cose', reference]);
    expect(pushed.status, pushed.stderr).toBe(0);
    expect((await run(['pull', reference, '-o', 'back.cose'])).status).toBe(0);
    expect(readFileSync(at('back.cose'))).toEqual(signed);
    const byReference = await run(['import', reference]);
    expect(byReference.stdout).toBe(imported.stdout);
  });

  it('gets nothing that no guest would unpack', async () => {
    const refused = await run(['attach', 'contoso.rego', image]);
    expect([refused.status, registry.log]).toEqual([3, []]);
    expect((await run(['import', image, '--attached'])).status).toBe(3);
    expect((await run(['import', `${registry.host}/team/app:none`])).status).toBe(4);
  });
});

describe.runIf(aciVectors !== undefined)('generate', () => {
  const IMAGE = 'mcr.microsoft.com/azurelinux/distroless/base:3.0';
  const generate = (more: readonly string[]) =>
    run(['generate', '--image-facts', 'facts.json', '--offline', ...more]);

  it('prints the text of a fragment, which can be signed', async () => {
    put('facts.json', aciFactsText());
    const args = ['--image', IMAGE, '--namespace', 'contoso', '--svn', '1'];
    const { status, stdout, stderr } = await generate(args);
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^package contoso\n\nsvn := "1"\n/);
    makeSigner();
    put('contoso.rego', stdout);
    expect((await sign()).status).toBe(0);
    expect((await generate([...args, '-o', 'out.rego', '--compact'])).stdout).toBe('');
    expect(readFileSync(at('out.rego'), 'utf8')).toContain('containers := [{"allow_elevated"');
  });

  it.each([
    [['--namespace', 'policy', '--svn', '1', '--image', IMAGE]],
    [['--namespace', 'a', '--svn', '-1', '--image', IMAGE]],
    [['--namespace', 'a', '--svn', '1']],
    [['--namespace', 'a', '--svn', '1', '--image', IMAGE, '--input', 'x']],
  ])('refuses %j', async (args) => {
    put('facts.json', aciFactsText());
    expect((await generate(args)).status).toBe(2);
  });
});

const cose = vectorsDir('cose');
describe.runIf(cose !== undefined && aciVectors !== undefined)('ledgers', () => {
  it('vouch for a real document', async () => {
    const list = join(aciVectors!, 'cose', 'aci-cc-ttl.ttl.cose');
    const keys = join(cose!, 'ledger-keys', 'aci-cc-ttl.ttl.json');
    const result = await run(['verify', list, '--any-issuer', '--ledger-keys', keys, '--json']);
    expect(JSON.parse(result.stdout)).toMatchObject({ receipts: [{ valid: true }] });
    const { issuer } = JSON.parse(result.stdout) as { issuer: string };
    const bySelf = await run([
      'verify',
      list,
      '--any-issuer',
      '--trust-list',
      list,
      '--trust-list-issuer',
      issuer,
      '--json',
    ]);
    expect(JSON.parse(bySelf.stdout)).toMatchObject({ receipts: [{ valid: true }] });
    const other = await run([
      'verify',
      list,
      '--any-issuer',
      '--trust-list',
      list,
      '--trust-list-issuer',
      'did:x509:0:sha256:x::subject:CN:x',
    ]);
    expect(other.status).toBe(3);
  });
});
