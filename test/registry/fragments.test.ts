/**
 * Fragments in Debian's docker-registry, which has no referrers API: attached, pushed, discovered, imported and pulled
 * through the built command line, behind a password.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../support/artifact-registry.js';
import { ecKey, makeChain, pemOf, sha256Base64url } from '../support/certificates.js';
import { podseal } from '../support/cli.js';
import {
  missingPrograms,
  push,
  type RealRegistry,
  startRegistry,
} from '../support/real-registry.js';

const LOGIN = { username: 'ann', password: 'correct:horse battery' };
const MISSING = missingPrograms(['docker-registry', 'htpasswd']);
if (MISSING.length > 0) {
  process.stderr.write(
    `left out: fragments in a registry (not installed: ${MISSING.join(', ')})\n`,
  );
}

const FEED = 'contoso.example/fragment';
const TEXT = 'package contoso\n\nsvn := "2"\nframework_version := "0.2.3"\n\ncontainers := []\n';

let folder: string;
let registry: RealRegistry;
let image: string;

const at = (name: string) => join(folder, name);
const run = (args: readonly string[], login = 'right') =>
  podseal(args, {
    cwd: folder,
    env: { HOME: folder, DOCKER_CONFIG: at(`docker-${login}`), XDG_CACHE_HOME: at('cache') },
  });

/** A file of bytes with the digest that names it, as `push` takes it. */
function blob(name: string, bytes: Buffer, mediaType: string) {
  writeFileSync(at(name), bytes);
  return { file: at(name), mediaType, digest: digestOf(bytes), size: bytes.length };
}

function writeLogin(name: string, password: string): void {
  const auth = Buffer.from(`${LOGIN.username}:${password}`).toString('base64');
  mkdirSync(at(`docker-${name}`));
  writeFileSync(
    at(`docker-${name}/config.json`),
    JSON.stringify({ auths: { [registry.host]: { auth } } }),
  );
}

describe.runIf(MISSING.length === 0)('fragments in a real registry', () => {
  let issuer: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'podseal-fragments-'));
    registry = await startRegistry(folder, LOGIN);
    writeLogin('right', LOGIN.password);
    writeLogin('wrong', 'a guess');
    const config = blob('config', Buffer.from('{}'), 'application/vnd.oci.image.config.v1+json');
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: config.mediaType, digest: config.digest, size: config.size },
      layers: [],
    });
    const manifest = blob(
      'manifest',
      Buffer.from(text),
      'application/vnd.oci.image.manifest.v1+json',
    );
    await push(registry, LOGIN, { name: 'team/app', tag: 'v1', blobs: [config], manifest });
    image = `${registry.host}/team/app:v1`;
    const key = ecKey('P-384');
    const { chain } = makeChain({ key });
    issuer = `did:x509:0:sha256:${sha256Base64url(chain[1]!)}::subject:CN:Test%20Leaf`;
    writeFileSync(at('chain.pem'), pemOf(chain));
    writeFileSync(at('key.pem'), key.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(at('contoso.rego'), TEXT);
    const args = ['contoso.rego', '--key', 'key.pem', '--chain', 'chain.pem', '--feed', FEED];
    const signed = await run(['fragment', 'sign', ...args, '-o', 'contoso.rego.cose']);
    expect(signed.status, signed.stderr).toBe(0);
  }, 60_000);

  afterAll(async () => {
    await registry?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  it('are attached, found by the tag of the image, and imported', async () => {
    expect((await run(['fragment', 'discover', image])).stdout).toBe('');
    const attached = await run(['fragment', 'attach', 'contoso.rego.cose', image]);
    expect(attached.status, attached.stderr).toBe(0);
    expect(attached.stderr).toContain('no referrers API');
    const again = await run(['fragment', 'attach', 'contoso.rego.cose', image]);
    expect(again.stdout).toBe(attached.stdout);
    expect((await run(['fragment', 'discover', image])).stdout).toBe(attached.stdout);
    const imported = await run(['fragment', 'import', image, '--attached']);
    expect(JSON.parse(imported.stdout)).toEqual({
      fragments: [{ feed: FEED, includes: ['containers'], issuer, minimum_svn: '2' }],
    });
    const model = await run(['acifragmentgen', '-g', '--image', image, '--minimum-svn', '2']);
    expect(model.stdout, model.stderr).toBe(imported.stdout);
  });

  it('are pushed under a tag and come back as they were', async () => {
    const reference = `${registry.host}/team/fragments:1`;
    const pushed = await run(['fragment', 'push', 'contoso.rego.cose', reference]);
    expect(pushed.status, pushed.stderr).toBe(0);
    const byDigest = `${registry.host}/team/fragments@${pushed.stdout.trim()}`;
    for (const each of [reference, byDigest]) {
      expect((await run(['fragment', 'pull', each, '-o', 'back.cose'])).status).toBe(0);
      expect(readFileSync(at('back.cose'))).toEqual(readFileSync(at('contoso.rego.cose')));
    }
  });

  it('are not stored with a wrong password, which is not told', async () => {
    const refused = await run(['fragment', 'attach', 'contoso.rego.cose', image], 'wrong');
    expect([refused.status, refused.stdout]).toEqual([4, '']);
    expect(refused.stderr).toContain('[REGISTRY_UNAUTHORIZED]');
    expect(refused.stderr).not.toContain('a guess');
  });
});
