/** Images that `podseal sidecar encfs` gets from a storage that the host controls: changed headers, and blobs. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type BlobServerOptions, startBlobServer } from '../support/blob-server.js';
import {
  commandsOf,
  configOf,
  endWorld,
  makePlace,
  OCT,
  runToEnd,
  secrets,
  start,
  startWorld,
} from '../support/encfs-process.js';
import {
  canMount,
  fillImage,
  hasCryptsetup,
  rewriteHeader,
  type Script,
  tryKey,
} from '../support/played-system.js';
import { keepSecret } from '../support/secrets/record.js';
import { ACCESS_TOKEN } from '../support/stand-ins.js';

const run = promisify(execFile);
const WITH_SBIN = { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } };

beforeAll(startWorld);
afterAll(endWorld);

describe.runIf(canMount && hasCryptsetup)('an image in a storage account', () => {
  const REAL = { '-t fuse': { real: true }, 'umount /dev/shm': { real: true } } as const;

  async function startWithBlob(
    change: object,
    options: Partial<BlobServerOptions>,
    scripts: Readonly<Record<string, Script>> = REAL,
  ) {
    const place = makePlace(scripts);
    if (scripts !== REAL) fillImage(place.images[1]);
    const blob = await startBlobServer(
      { content: readFileSync(place.images[1]), ...options },
      onTestFinished,
    );
    const entry = {
      ...place.entries[1],
      change: { image: undefined, azure_url: blob.url, ...change },
    };
    const path = `${place.system.folder}:/usr/sbin:/usr/bin:/sbin:/bin`;
    const more = ['--allow-host', blob.host];
    return { place, blob, running: start(place, [entry], path, more) };
  }

  it('is shown as a file, opened with a released key, and gone at the end', async () => {
    const isToken = (token: string) => token === ACCESS_TOKEN;
    const { place, blob, running } = await startWithBlob({ azure_url_private: true }, { isToken });
    await running.until('ready');
    // The header, in blocks.
    expect(blob.requests).toContain('GET bytes=0-524287');
    expect(blob.requests).toContain('GET bytes=16252928-16777215');
    const [file = ''] = commandsOf(place).flatMap((text) => /\S+\/blob-0\/data/.exec(text) ?? []);
    expect(statSync(file).size).toBe(20 << 20);
    running.child.kill('SIGTERM');
    expect(await running.ended).toBe(0);
    expect(existsSync(file)).toBe(false);
    expect(commandsOf(place).slice(-3)).toEqual([
      `umount ${place.mounts}/.filesystem-0`,
      'cryptsetup close remote-crypt-0',
      `umount ${dirname(file)}`,
    ]);
  });

  it('is written to through the mounted filesystem, and whole at the end', async () => {
    // All but the encryption is real: blob, file, block device, filesystem.
    const clear = { clear: true } as const;
    const real = { real: true } as const;
    const { place, blob, running } = await startWithBlob(
      { read_write: true },
      {},
      { mount: real, umount: real, 'cryptsetup open': clear, 'cryptsetup close': clear },
    );
    await running.until('ready');
    const { mountPoint } = place.entries[1];
    const source = join(place.folder, 'source');
    const bytes = randomBytes(3_000_000);
    writeFileSync(source, bytes);
    await run('cp', [source, join(mountPoint, 'copy')]);
    const { stdout } = await run('grep', [place.mounts, '/proc/self/mounts']);
    expect(stdout).toContain(' ext4 rw,nosuid,nodev,');
    running.child.kill('SIGTERM');
    expect(await running.ended).toBe(0);
    expect(readdirSync(place.mounts)).toEqual([]);
    // Nothing but what the blob holds is looked at.
    const data = join(place.folder, 'data');
    writeFileSync(data, blob.content.subarray(16 << 20));
    await run('e2fsck', ['-fn', data], WITH_SBIN);
    await run('debugfs', ['-R', `dump /copy ${source}.out`, data], WITH_SBIN);
    expect(readFileSync(`${source}.out`).equals(bytes)).toBe(true);
  });

  it('that is not given is told without its signature', async () => {
    const signed = keepSecret(randomBytes(24).toString('base64url'), 'a shared access signature');
    const { place, blob, running } = await startWithBlob({}, { signature: `sv=1&sig=${signed}` });
    blob.failures.push(403);
    expect(await running.ended).toBe(4);
    expect(running.output()).toContain('BLOB_REFUSED');
    expect(running.output()).toContain('Storage Blob Data Reader');
    expect(commandsOf(place)).toEqual([]);
    secrets.push(signed);
  });

  it('with a key that does not open it is taken down again', async () => {
    const { place, running } = await startWithBlob(
      { key: { ...configOf(makePlace().entries).azure_filesystems[0]!.key } },
      {},
    );
    expect(await running.ended).toBe(10);
    expect(running.output()).toContain('ENCFS_KEY_REFUSED');
    expect(commandsOf(place).at(-1)).toMatch(/^umount \S+\/blob-0$/);
  });
});

describe.runIf(hasCryptsetup)('a header that the host changed', () => {
  it.each<[string, (json: string) => string, boolean]>([
    [
      'data in the clear',
      (json) => json.replace(/("iv_tweak":"0","encryption":")[^"]*/, '$1cipher_null-ecb'),
      true,
    ],
    [
      'tokens',
      (json) => json.replace('"tokens":{}', '"tokens":{"0":{"type":"x","keyslots":["0"]}}'),
      true,
    ],
    [
      'no key slot',
      (json) => json.replace(/"keyslots":\{.*?\},"tokens"/, '"keyslots":{},"tokens"'),
      false,
    ],
  ])('%s: refused before a key is released', async (_, change, opens) => {
    const place = makePlace();
    rewriteHeader(place.images[1], change);
    // What cryptsetup by itself says to it.
    expect(tryKey(place.images[1], OCT) === 0).toBe(opens);
    const { status, output } = await runToEnd(place, [place.entries[1]]);
    expect(output).toMatch(/ENCFS_(HEADER_REFUSED|IMAGE_INVALID)/);
    expect(status === 5 || !opens).toBe(true);
    expect(output).not.toContain('key-released');
    expect(commandsOf(place)).toHaveLength(1);
  });

  it('a rewritten header that asks for the same is taken: the change alone is what is refused', async () => {
    const place = makePlace();
    rewriteHeader(place.images[1], (json) => json);
    const running = start(place, [place.entries[1]]);
    await running.until('ready');
    running.child.kill('SIGTERM');
    expect(await running.ended).toBe(0);
  });

  it('no LUKS2 image at all', async () => {
    const place = makePlace();
    writeFileSync(place.images[0], randomBytes(1 << 20));
    const { status, output } = await runToEnd(place, [place.entries[0]]);
    expect(status).toBe(3);
    expect(output).toContain('ENCFS_IMAGE_INVALID');
  });
});
