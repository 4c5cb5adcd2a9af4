/**
 * The whole way of a real image: from Debian's docker-registry (with a password, in plain HTTP on loopback and behind
 * nginx with TLS of a private CA) through the built command line to root hashes, which must be those of the same image
 * read from an OCI layout and from a docker archive.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildDebianImage, type DebianImage } from '../support/debian-image.js';
import {
  missingPrograms,
  push,
  type RealRegistry,
  startRegistry,
  startTlsProxy,
} from '../support/real-registry.js';
import { recordChild } from '../support/secrets/record.js';
import { createTestCa, type TestCa } from '../support/test-ca.js';

const CLI = resolve(import.meta.dirname, '../../dist/cli.js');
const IMAGE_BYTES = 340 * 1024 * 1024;
const LOGIN = { username: 'ann', password: 'correct:horse battery' };
const MISSING = missingPrograms([
  'docker-registry',
  'nginx',
  'htpasswd',
  'openssl',
  'dpkg-query',
  'tar',
]);
const isRequired = process.env.PODSEAL_REQUIRE_REGISTRY === '1';
if (MISSING.length > 0) {
  process.stderr.write(`left out: the real registry (not installed: ${MISSING.join(', ')})\n`);
}

interface Run {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: string;
let image: DebianImage;
let registry: RealRegistry;
let proxy: { host: string; stop(): Promise<void> };
let ca: TestCa;

/** Runs `podseal layers` on an image with the logins of a Docker configuration. */
function layers(reference: string, args: readonly string[] = [], login = 'right'): Promise<Run> {
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: folder,
    DOCKER_CONFIG: join(folder, `docker-${login}`),
    XDG_CACHE_HOME: join(folder, 'cache'),
  };
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [CLI, 'layers', reference, '--no-cache', ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    recordChild(`podseal layers ${reference}`, child);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', fail);
    child.on('close', (exit) => done({ exit, stdout, stderr }));
  });
}

/** Root hash and diff ID of each layer, which do not depend on how the image is stored. */
async function hashesOf(reference: string, args: readonly string[]): Promise<string[]> {
  const { exit, stdout, stderr } = await layers(reference, args);
  expect(exit, stderr).toBe(0);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/).slice(0, 2).join(' '));
}

function writeLogin(name: string, password: string, hosts: readonly string[]): void {
  const auth = Buffer.from(`${LOGIN.username}:${password}`).toString('base64');
  const auths = Object.fromEntries(hosts.map((host) => [host, { auth }]));
  mkdirSync(join(folder, `docker-${name}`));
  writeFileSync(join(folder, `docker-${name}`, 'config.json'), JSON.stringify({ auths }));
}

it.runIf(isRequired)('the programs of a real registry are installed', () => {
  expect(MISSING).toEqual([]);
});

describe.runIf(MISSING.length === 0)('a real registry', () => {
  beforeAll(async () => {
    if (!existsSync(CLI)) throw new Error('dist/cli.js is missing: run npm run build');
    folder = mkdtempSync(join(tmpdir(), 'podseal-registry-'));
    ca = createTestCa();
    image = await buildDebianImage(folder, IMAGE_BYTES);
    registry = await startRegistry(folder, LOGIN);
    proxy = await startTlsProxy(folder, registry, ca.issue(['localhost', '127.0.0.1']));
    writeLogin('right', LOGIN.password, [registry.host, proxy.host]);
    writeLogin('wrong', 'a guess', [registry.host]);
    const blobs = [image.config, ...image.layers];
    await push(registry, LOGIN, { name: 'team/app', tag: 'v1', blobs, manifest: image.manifest });
  }, 180_000);

  afterAll(async () => {
    await proxy?.stop();
    await registry?.stop();
    ca?.remove();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  it('serves an image of several hundred megabytes', () => {
    expect(image.uncompressedSize).toBeGreaterThan(300 * 1024 * 1024);
  });

  it('gives the root hashes that the layout and the archive give', async () => {
    const args = ['--for', 'aci'];
    const expected = await hashesOf(`oci:${image.layout}:v1`, args);
    expect(expected).toHaveLength(image.layers.length);
    expect(await hashesOf(`docker-archive:${image.archive}`, args)).toEqual(expected);
    expect(await hashesOf(`${registry.host}/team/app:v1`, args)).toEqual(expected);
    const byDigest = `${proxy.host}/team/app@${image.manifest.digest}`;
    expect(await hashesOf(byDigest, [...args, '--ca-file', ca.caFile])).toEqual(expected);
  }, 150_000);

  it('and tarfs hashes likewise', async () => {
    const args = ['--for', 'aks'];
    const expected = await hashesOf(`oci:${image.layout}:v1`, args);
    expect(await hashesOf(`${registry.host}/team/app:v1`, args)).toEqual(expected);
  }, 150_000);

  it('refuses a wrong password, and the error does not tell it', async () => {
    const run = await layers(`${registry.host}/team/app:v1`, ['--for', 'aci'], 'wrong');
    expect([run.exit, run.stdout]).toEqual([4, '']);
    expect(run.stderr).toContain('[REGISTRY_UNAUTHORIZED]');
    expect(run.stderr).toContain(`auths of ${join(folder, 'docker-wrong', 'config.json')}`);
    expect(run.stderr).not.toContain('a guess');
  });

  it('is not trusted without the certificate of its CA', async () => {
    const run = await layers(`${proxy.host}/team/app:v1`, ['--for', 'aci']);
    expect([run.exit, run.stdout]).toEqual([4, '']);
    expect(run.stderr).toContain('--ca-file');
  });

  it('has no other tag', async () => {
    const run = await layers(`${registry.host}/team/app:v2`, ['--for', 'aci']);
    expect([run.exit, run.stdout]).toEqual([4, '']);
    expect(run.stderr).toContain('[REGISTRY_NOT_FOUND]');
  });

  it('cannot change a single bit of a layer', async () => {
    const hex = image.layers.at(-1)!.digest.slice('sha256:'.length);
    const kept = join(
      registry.storage,
      'docker/registry/v2/blobs/sha256',
      hex.slice(0, 2),
      hex,
      'data',
    );
    const bytes = readFileSync(kept);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(kept, bytes);
    const run = await layers(`${registry.host}/team/app:v1`, ['--for', 'aci']);
    expect([run.exit, run.stdout]).toEqual([5, '']);
    expect(run.stderr).toContain('[DIGEST_MISMATCH]');
  }, 60_000);
});
