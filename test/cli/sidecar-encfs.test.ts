/**
 * `podseal sidecar encfs` as a process: real key releases from the stand-ins, the real cryptsetup for headers and keys. There
 * is no device mapper where tests run, so that opening a device, mounting, unmounting and closing are played by programs
 * that write down how they were called.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { podseal } from '../support/cli.js';
import {
  BEARER,
  commandsOf,
  configOf,
  derived,
  endWorld,
  isClosed,
  makePlace,
  OCT,
  type Place,
  runToEnd,
  standIns,
  start,
  startWorld,
} from '../support/encfs-process.js';
import { hasCryptsetup, type Script } from '../support/played-system.js';

beforeAll(startWorld);
afterAll(endWorld);

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
