/**
 * `podseal sidecar encfs` as a process: real key releases from the stand-ins, the real cryptsetup for headers and keys. There
 * is no device mapper where tests run, so that opening a device, mounting, unmounting and closing are played by programs
 * that write down how they were called.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { deriveSymmetricKey } from '../../src/keyrelease/derive.js';
import {
  makeSyntheticPlatform,
  type SyntheticPlatform,
} from '../../src/pipeline/rehearsal/platform.js';
import { storedKey } from '../../src/pipeline/rehearsal/stored-keys.js';
import {
  buildReleasePolicy,
  parseMeasurement,
  printReleasePolicy,
} from '../../src/release/release-policy.js';
import { type BlobServerOptions, startBlobServer } from '../support/blob-server.js';
import { podseal, ROOT, temporaryFolder } from '../support/cli.js';
import {
  formatImage,
  hasCryptsetup,
  type PlayedSystem,
  playSystem,
  randomKey,
  rewriteHeader,
  type Script,
  tryKey,
} from '../support/played-system.js';
import { keepSecret, recordChild } from '../support/secrets/record.js';
import { ACCESS_TOKEN, type StandIns, secondsNow, startStandIns } from '../support/stand-ins.js';

const HOST_DATA = 'ab'.repeat(32);
const SALT = randomBytes(32);
const LABEL = 'Encryption Key';
const OCT = keepSecret(randomKey(), 'the key of an image');
const BEARER = keepSecret('bearer-token-of-the-configuration', 'a token of the configuration');

let platform: SyntheticPlatform;
let standIns: StandIns;
let derived: Buffer;
const outputs: string[] = [];
/** What no output may hold, beside the keys. */
const secrets: string[] = [BEARER, 'identity-header-secret', '"d":', 'Bearer', 'eyJ'];
const atEnd: (() => void | Promise<void>)[] = [];

const policyFor = (authority: string, measurement: string) =>
  printReleasePolicy(
    buildReleasePolicy({
      authorities: [authority],
      measurements: [parseMeasurement(measurement)],
      compliance: 'azure-signed-katacc-uvm',
      debuggable: false,
    }),
  );

beforeAll(async () => {
  platform = await makeSyntheticPlatform(secondsNow());
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  derived = keepSecret(deriveSymmetricKey(rsa, SALT, LABEL), 'a derived key');
  standIns = await startStandIns(
    {
      platform,
      material: rsa.export({ format: 'der', type: 'pkcs8' }),
      guest: { hostData: Buffer.from(HOST_DATA, 'hex'), launchMeasurement: Buffer.alloc(48, 7) },
      policy: (authority) => policyFor(authority, HOST_DATA),
    },
    (close) => {
      atEnd.unshift(close);
    },
  );
  const { vault } = standIns.rehearsal;
  const authority = `https://${standIns.host}`;
  const store = (name: string, material: Buffer, measurement: string) => {
    const key = { name, version: randomBytes(16).toString('hex'), kty: 'oct-HSM', keyOps: [] };
    vault.store(storedKey({ ...key, material }, policyFor(authority, measurement), 'policy'));
  };
  store('oct1', OCT, HOST_DATA);
  store('foreign', OCT, 'cd'.repeat(32));
});

interface Entry {
  readonly image: string;
  readonly mountPoint: string;
  readonly kid: string;
  readonly change?: object;
}

interface Place {
  readonly folder: string;
  readonly system: PlayedSystem;
  readonly images: readonly [string, string];
  readonly mounts: string;
  readonly entries: readonly [Entry, Entry];
}

/** Two images, of an RSA key and an oct key, and a folder for their mount points. */
function makePlace(scripts: Readonly<Record<string, Script>> = {}): Place {
  const folder = temporaryFolder();
  const images = [join(folder, 'rsa.img'), join(folder, 'oct.img')] as const;
  formatImage(images[0], derived);
  formatImage(images[1], OCT);
  const mounts = join(folder, 'remote');
  mkdirSync(mounts);
  return {
    folder,
    images,
    mounts,
    system: playSystem(join(folder, 'bin'), scripts),
    entries: [
      { image: images[0], mountPoint: join(mounts, 'one'), kid: 'key1' },
      { image: images[1], mountPoint: join(mounts, 'two'), kid: 'oct1' },
    ],
  };
}

const configOf = (entries: readonly Entry[]) => ({
  azure_info: { identity: { client_id: 'client' } },
  azure_filesystems: entries.map(({ image, mountPoint, kid, change = {} }) => ({
    image,
    mount_point: mountPoint,
    key: { kid, authority: { endpoint: standIns.host }, akv: { endpoint: standIns.host } },
    key_derivation: { salt: SALT.toString('hex'), label: LABEL },
    ...change,
  })),
});

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  output(): string;
  /** Settles when the log has the event. */
  until(event: string): Promise<void>;
}

function start(
  place: Place,
  entries: readonly Entry[],
  path = place.system.folder,
  more: readonly string[] = [],
): Running {
  const child = spawn(
    process.execPath,
    [
      ...[join(ROOT, 'dist/cli.js'), 'sidecar', 'encfs'],
      ...['--allow-host', standIns.host, '--ca-file', standIns.caFile],
      ...['--fake-evidence-that-proves-nothing', standIns.machine, '--log-level', 'trace'],
      ...more,
    ],
    {
      env: {
        PATH: path,
        HOME: place.folder,
        EncfsSideCarArgs: Buffer.from(JSON.stringify(configOf(entries))).toString('base64'),
        IDENTITY_ENDPOINT: `${standIns.machine}/metadata/identity/oauth2/token`,
        IDENTITY_HEADER: 'identity-header-secret',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  recordChild('podseal sidecar encfs', child);
  let output = '';
  const waiting: (() => void)[] = [];
  const read = (chunk: Buffer) => {
    output += chunk.toString();
    outputs.push(chunk.toString());
    for (const look of waiting) look();
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const ended = new Promise<number | null>((done) => child.once('close', done));
  return {
    child,
    ended,
    output: () => output,
    until: (event) =>
      new Promise((done, failed) => {
        const look = () => {
          if (output.includes(`"event":"${event}"`)) done();
        };
        waiting.push(look);
        look();
        void ended.then(() => failed(new Error(`ended: ${output}`)));
      }),
  };
}

/** Runs to its end; for configurations that cannot be opened. */
async function runToEnd(place: Place, entries: readonly Entry[], path?: string) {
  const running = start(place, entries, path);
  return { status: await running.ended, output: running.output() };
}

const commandsOf = ({ system }: Place) => system.runs().map(({ argv }) => argv.join(' '));
const isClosed = (place: Place) => readdirSync(place.mounts).length === 0;
const workFolders = () =>
  (existsSync('/dev/shm') ? readdirSync('/dev/shm') : []).filter((name) =>
    name.startsWith('podseal-encfs-'),
  );

describe.runIf(hasCryptsetup)('two filesystems', () => {
  it('are opened with released keys, read-only unless told otherwise, and closed in reverse', async () => {
    const place = makePlace();
    const [one, two] = place.entries;
    const running = start(place, [one, { ...two, change: { read_write: true } }]);
    await running.until('ready');
    expect(readlinkSync(one.mountPoint)).toBe('.filesystem-0');
    expect(readlinkSync(two.mountPoint)).toBe('.filesystem-1');
    expect(lstatSync(join(place.mounts, '.filesystem-1')).isDirectory()).toBe(true);
    const work = /\/\S+\/podseal-encfs-\w+/.exec(commandsOf(place)[0]!)![0];
    expect(readdirSync(work)).toEqual([]);
    running.child.kill('SIGTERM');
    expect(await running.ended).toBe(0);
    const opening = (index: number, image: string, mode: string, options: string) => [
      `cryptsetup luksDump --dump-json-metadata ${work}/header-${index}`,
      `cryptsetup open --type luks2 --key-file - --header ${work}/header-${index} --integrity-no-journal ${mode}${image} remote-crypt-${index}`,
      `mount -t ext4 -o ${options} /dev/mapper/remote-crypt-${index} ${place.mounts}/.filesystem-${index}`,
    ];
    expect(commandsOf(place)).toEqual([
      ...opening(0, one.image, '--readonly ', 'ro,noload,nosuid,nodev'),
      ...opening(1, two.image, '', 'rw,nosuid,nodev'),
      `umount ${place.mounts}/.filesystem-1`,
      'cryptsetup close remote-crypt-1',
      `umount ${place.mounts}/.filesystem-0`,
      'cryptsetup close remote-crypt-0',
    ]);
    const inputs = place.system.runs().map(({ stdin }) => stdin);
    expect(inputs.filter((text) => text !== '')).toEqual([
      derived.toString('hex'),
      OCT.toString('hex'),
    ]);
    expect(isClosed(place)).toBe(true);
    expect(existsSync(work)).toBe(false);
  });

  it('get their keys through a pipe and nothing else', async () => {
    const place = makePlace();
    const running = start(place, place.entries);
    await running.until('ready');
    running.child.kill('SIGINT');
    expect(await running.ended).toBe(0);
    for (const { argv, env } of place.system.runs()) {
      expect(env.toSorted()).toEqual(['LC_ALL', 'PATH']);
      for (const key of [derived, OCT]) {
        for (const form of ['hex', 'base64', 'base64url', 'latin1'] as const) {
          expect(argv.join(' ')).not.toContain(key.toString(form));
        }
      }
    }
  });
});

/** Showing a blob as a file takes root and the kernel's FUSE; without them this says so and the rest runs. */
const canMount = hasCryptsetup && process.getuid?.() === 0 && existsSync('/dev/fuse');

describe.runIf(canMount)('an image in a storage account', () => {
  const REAL = { '-t fuse': { real: true }, 'umount /dev/shm': { real: true } } as const;

  async function startWithBlob(change: object, options: Partial<BlobServerOptions>) {
    const place = makePlace({ ...REAL });
    const blob = await startBlobServer(
      { content: readFileSync(place.images[1]), ...options },
      onTestFinished,
    );
    const entry = {
      ...place.entries[1],
      change: { image: undefined, azure_url: blob.url, ...change },
    };
    const path = `${place.system.folder}:/usr/bin`;
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

describe.runIf(hasCryptsetup)('a failure closes what was open', () => {
  const closing = (index: number, { mounts }: Place) => [
    `umount ${mounts}/.filesystem-${index}`,
    `cryptsetup close remote-crypt-${index}`,
  ];

  it.each<[string, object | undefined, Readonly<Record<string, Script>>, number, string]>([
    ['a key that is not released', { kid: 'foreign' }, {}, 10, 'KEY_RELEASE_REFUSED'],
    ['a key that does not open the image', { kid: 'key1' }, {}, 10, 'ENCFS_KEY_REFUSED'],
    [
      'a program that writes the key',
      undefined,
      { 'oct.img remote-crypt-1': { status: 1, echo: true } },
      4,
      'ENCFS_COMMAND_FAILED',
    ],
  ])('%s', async (_, change, scripts, status, code) => {
    const place = makePlace(scripts);
    const [one, two] = place.entries;
    const result = await runToEnd(place, [one, { ...two, ...change }]);
    expect(result.output).toContain(code);
    expect(result.status).toBe(status);
    expect(commandsOf(place).slice(-2)).toEqual(closing(0, place));
    expect(commandsOf(place)).not.toContain('cryptsetup close remote-crypt-1');
    expect(isClosed(place)).toBe(true);
  });

  it('a filesystem that cannot be mounted', async () => {
    const place = makePlace({ '/dev/mapper/remote-crypt-1': { status: 32 } });
    const { status, output } = await runToEnd(place, place.entries);
    expect(status).toBe(4);
    expect(output).toContain('played failure');
    expect(commandsOf(place).slice(-3)).toEqual([
      'cryptsetup close remote-crypt-1',
      ...closing(0, place),
    ]);
    expect(isClosed(place)).toBe(true);
  });

  it('a signal while a program runs: it is waited for, then all is closed', async () => {
    const place = makePlace({ 'oct.img remote-crypt-1': { wait: 'go' } });
    const running = start(place, place.entries);
    await running.until('mounted');
    while (!commandsOf(place).some((text) => text.endsWith('remote-crypt-1'))) {
      await new Promise((next) => setImmediate(next));
    }
    running.child.kill('SIGTERM');
    running.child.kill('SIGTERM');
    writeFileSync(join(place.system.folder, 'go'), '');
    expect(await running.ended).toBe(130);
    expect(commandsOf(place).slice(-3)).toEqual([
      'cryptsetup close remote-crypt-1',
      ...closing(0, place),
    ]);
    expect(isClosed(place)).toBe(true);
  });

  it('an unmount that fails where nothing is mounted any more: the rest is closed', async () => {
    const place = makePlace({ 'umount ': { status: 32 } });
    const running = start(place, place.entries);
    await running.until('ready');
    running.child.kill('SIGTERM');
    expect(await running.ended).toBe(0);
    expect(commandsOf(place).slice(-4)).toEqual([...closing(1, place), ...closing(0, place)]);
  });

  it('a mount point that is taken: no key is asked for', async () => {
    const place = makePlace();
    mkdirSync(place.entries[1].mountPoint);
    const { status, output } = await runToEnd(place, place.entries);
    expect(status).toBe(3);
    expect(output).toContain('is there already');
    expect(commandsOf(place)).toEqual([]);
  });

  it('a system without the programs', async () => {
    const place = makePlace();
    const { status, output } = await runToEnd(place, place.entries, place.mounts);
    expect(status).toBe(4);
    expect(output).toContain('cryptsetup does not run to its end');
    expect(output).toContain('not installed');
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

describe('--dry-run', () => {
  const args = (...more: readonly string[]) => [
    ...['sidecar', 'encfs', '--config', '-', '--dry-run', '--allow-host', standIns.host],
    ...more,
  ];
  const stdin = () =>
    JSON.stringify(
      configOf([
        {
          image: "/images/it's.img",
          mountPoint: '/mnt/remote/share',
          kid: 'key1',
          change: {
            read_write: true,
            key: {
              ...{ kid: 'key1', kty: 'RSA-HSM', authority: { endpoint: standIns.host } },
              akv: { endpoint: standIns.host, bearer_token: BEARER },
            },
          },
        },
      ]),
    );

  it('prints what would be run, with the name of the key in place of it', async () => {
    const { status, stdout, stderr } = await podseal(args(), { stdin: stdin() });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout.replaceAll(standIns.host, 'HOST')).toMatchInlineSnapshot(`
      "# 0: /images/it's.img -> /mnt/remote/share (read-write)
      head -c 16777216 '/images/it'\\''s.img' > WORK/header-0
      cryptsetup luksDump --dump-json-metadata WORK/header-0   # must be strong encryption
      # release key1 of HOST by HOST (HKDF-SHA256, salt of 32 bytes, label "Encryption Key")
      cryptsetup open --type luks2 --key-file - --header WORK/header-0 --integrity-no-journal '/images/it'\\''s.img' remote-crypt-0 < KEY-0
      rm WORK/header-0
      mkdir -p /mnt/remote/.filesystem-0
      mount -t ext4 -o rw,nosuid,nodev /dev/mapper/remote-crypt-0 /mnt/remote/.filesystem-0
      ln -s .filesystem-0 /mnt/remote/share

      # at the end, or when one of the steps fails
      rm /mnt/remote/share
      umount /mnt/remote/.filesystem-0 || umount --lazy /mnt/remote/.filesystem-0
      rmdir /mnt/remote/.filesystem-0
      cryptsetup close remote-crypt-0 || cryptsetup close --deferred remote-crypt-0
      "
    `);
  });

  it('prints the same for programs', async () => {
    const { status, stdout } = await podseal(args('--json'), { stdin: stdin() });
    expect(status).toBe(0);
    expect(stdout).not.toContain(BEARER);
    expect(JSON.parse(stdout)).toMatchObject({
      format: 'podseal.encfs-plan/v1',
      filesystems: [{ mountPoint: '/mnt/remote/share', readWrite: true }],
    });
  });

  it.each<[string, string, number, string]>([
    ['nothing', '', 3, 'JSON_SYNTAX'],
    ['no filesystems', '{"azure_filesystems": []}', 3, 'ENCFS_CONFIG_INVALID'],
    ['too much', ' '.repeat(65_537), 3, 'LIMIT_EXCEEDED'],
  ])('refuses %s', async (_, text, status, code) => {
    const result = await podseal(args(), { stdin: text });
    expect(result.status).toBe(status);
    expect(result.stderr).toContain(code);
  });

  it('needs a configuration, and takes the one of the environment', async () => {
    const none = await podseal(['sidecar', 'encfs', '--dry-run']);
    expect(none.status).toBe(2);
    expect(none.stderr).toContain('EncfsSideCarArgs');
    const EncfsSideCarArgs = Buffer.from(stdin()).toString('base64');
    const some = ['sidecar', 'encfs', '--dry-run', '--allow-host', standIns.host];
    expect((await podseal(some, { env: { EncfsSideCarArgs } })).status).toBe(0);
    const bad = await podseal(some, { env: { EncfsSideCarArgs: '%' } });
    expect(bad.status).toBe(3);
  });
});

afterAll(async () => {
  for (const close of atEnd) await close();
  const output = outputs.join('');
  const keys = [derived, OCT].flatMap((key) => [
    key.toString('hex'),
    key.toString('base64').slice(0, 42),
    key.toString('base64url'),
    key.toString('latin1'),
  ]);
  for (const secret of [...keys, ...secrets]) {
    expect(output).not.toContain(secret);
  }
  const digest = createHash('sha256').update(OCT).digest('hex');
  expect(output).not.toContain(digest);
  if (hasCryptsetup) {
    expect(output).toContain('"event":"key-released"');
    expect(workFolders()).toEqual([]);
  }
});
