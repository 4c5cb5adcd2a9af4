import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { DiffId, RootHash } from '../../src/core/digest.js';
import type { Notice } from '../../src/core/notice.js';
import { defaultCacheFolder, openLayerCache } from '../../src/io/cache.js';
import { compile } from '../support/compiled.js';
import { sha256, temporaryFolder } from '../support/images.js';

const root = temporaryFolder();
const digest = sha256('layer');
const other = sha256('other layer');
const diffId = sha256('tar') as string as DiffId;
const root1 = { diffId, uncompressedSize: 5, notices: [], rootHash: 'a'.repeat(64) as RootHash };
const users = {
  diffId,
  uncompressedSize: 5,
  notices: [
    { code: 'x-y', message: 'said before', where: 'member a' },
    { code: 'z', message: 'note', level: 'info' as const },
  ],
  userFiles: [
    { file: 'passwd', exactName: true, kind: 'text', text: 'root:x:0:0:é\n' },
    { file: 'group', exactName: false, kind: 'whiteout', text: '' },
  ],
} as const;
let folder = '';
let count = 0;
let notices: Notice[] = [];

beforeEach(() => {
  count += 1;
  folder = join(root, `${count}`, 'podseal');
  notices = [];
});

const open = (path: string | undefined = folder) =>
  openLayerCache(path, (notice) => notices.push(notice));
const entries = () =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

describe('the layer cache', () => {
  it('gives back what was put, to another reader too', async () => {
    await open().put(digest, 'ext4', root1);
    await open().put(digest, 'userfiles', users);
    const cache = open();
    expect(await cache.get(digest, 'ext4')).toEqual(root1);
    expect(await cache.get(digest, 'userfiles')).toEqual(users);
    expect(await cache.get(digest, 'tarfs')).toBeUndefined();
    expect(await cache.get(other, 'ext4')).toBeUndefined();
    expect(notices).toEqual([]);
  });

  it('replaces an entry', async () => {
    const cache = open();
    await cache.put(digest, 'tarfs', root1);
    await cache.put(digest, 'tarfs', { ...root1, uncompressedSize: 6 });
    expect((await cache.get(digest, 'tarfs'))?.uncompressedSize).toBe(6);
    expect(entries()).toHaveLength(1);
  });

  it('is readable by its owner only', async () => {
    await open().put(digest, 'ext4', root1);
    const [file] = entries();
    expect(statSync(file!).mode & 0o777).toBe(0o600);
    for (let path = join(file!, '..'); path.startsWith(folder); path = join(path, '..')) {
      expect(statSync(path).mode & 0o777, path).toBe(0o700);
    }
  });

  it('is empty and silent where there is none', async () => {
    const cache = openLayerCache(undefined, (notice) => notices.push(notice));
    await cache.put(digest, 'ext4', root1);
    expect(await cache.get(digest, 'ext4')).toBeUndefined();
    expect(notices).toEqual([]);
  });
});

describe('a damaged entry', () => {
  const text = () => readFileSync(entries()[0]!, 'utf8');
  it.each([
    ['is cut', () => truncateSync(entries()[0]!, 80)],
    ['is empty', () => truncateSync(entries()[0]!, 0)],
    ['has a changed hash', () => writeFileSync(entries()[0]!, text().replace('aaaa', 'aaab'))],
    [
      'has a changed digest of itself',
      () => writeFileSync(entries()[0]!, text().replace(/^./, 'z')),
    ],
    ['is followed by something', () => writeFileSync(entries()[0]!, `${text()}\n`)],
    ['is not text', () => writeFileSync(entries()[0]!, Buffer.alloc(200, 0xff))],
    ['is of another layer', () => cpSync(entries()[0]!, entryOf(other))],
    ['is of another kind', () => cpSync(entries()[0]!, entryOf(digest).replace('ext4', 'tarfs'))],
    ['holds another form', () => writeSealed({ value: { ...root1, rootHash: 'x' } })],
    ['holds more than it should', () => writeSealed({ value: { ...root1, more: 1 } })],
    ['is of another version', () => writeSealed({ version: 0 })],
  ])('that %s is dropped and missed', async (_name, damage) => {
    await open().put(digest, 'ext4', root1);
    mkdirSync(join(entryOf(other), '..'), { recursive: true });
    mkdirSync(join(entryOf(digest).replace('ext4', 'tarfs'), '..'), { recursive: true });
    damage();
    const cache = open();
    const found = [
      await cache.get(digest, 'ext4'),
      await cache.get(other, 'ext4'),
      await cache.get(digest, 'tarfs'),
    ].filter((value) => value !== undefined);
    expect(found.length).toBe(entries().length);
    expect(notices.map(({ code }) => code)).toEqual(['cache-entry-damaged']);
    await cache.put(digest, 'ext4', root1);
    expect(await cache.get(digest, 'ext4')).toEqual(root1);
  });

  const entryOf = (key: string) =>
    join(folder, 'layers/ext4-v1', key.slice(7, 9), `${key.slice(7)}.json`);
  const writeSealed = (change: object) => {
    const body = JSON.stringify({ ...JSON.parse(text().slice(65)), ...change });
    writeFileSync(entries()[0]!, `${sha256(body).slice(7)}\n${body}`);
  };
});

describe('a cache that cannot be used', () => {
  const isRoot = process.getuid?.() === 0;

  interface Obstacle {
    readonly name: string;
    readonly prepare: () => void;
    readonly path?: string;
  }

  it.each<Obstacle>([
    { name: 'is a file', prepare: () => writeFileSync(folder, '') },
    { name: 'is a link', prepare: () => symlinkSync(root, folder) },
    {
      name: 'is below a file',
      prepare: () => writeFileSync(join(folder, '..', 'file'), ''),
      path: 'file/podseal',
    },
    {
      name: 'may be written by others',
      prepare: () => {
        mkdirSync(folder);
        chmodSync(folder, 0o777);
      },
    },
  ])('because it $name: said once, then missed', async ({ prepare, path }) => {
    mkdirSync(join(folder, '..'), { recursive: true });
    prepare();
    const cache = open(path === undefined ? folder : join(folder, '..', path));
    await cache.put(digest, 'ext4', root1);
    expect(await cache.get(digest, 'ext4')).toBeUndefined();
    expect(notices.map(({ code }) => code)).toEqual(['cache-unusable']);
  });

  it.runIf(isRoot)('because it belongs to somebody else', async () => {
    mkdirSync(folder, { recursive: true });
    chownSync(folder, 12345, 12345);
    expect(await open().get(digest, 'ext4')).toBeUndefined();
    expect(notices).toMatchObject([{ code: 'cache-unusable', where: folder }]);
  });

  it('because an entry cannot be written: said once, reading goes on', async () => {
    await open().put(digest, 'ext4', root1);
    writeFileSync(join(folder, 'layers/tarfs-v1'), 'in the way');
    const cache = open();
    await cache.put(digest, 'tarfs', root1);
    await cache.put(other, 'tarfs', root1);
    expect(notices.map(({ code }) => code)).toEqual(['cache-unwritable']);
    expect(await cache.get(digest, 'ext4')).toEqual(root1);
  });
});

describe('defaultCacheFolder', () => {
  it('is below XDG_CACHE_HOME, or the home', () => {
    vi.stubEnv('XDG_CACHE_HOME', '/var/x');
    expect(defaultCacheFolder()).toBe('/var/x/podseal');
    vi.stubEnv('HOME', '/home/me');
    vi.stubEnv('XDG_CACHE_HOME', undefined);
    expect(defaultCacheFolder()).toBe('/home/me/.cache/podseal');
    vi.stubEnv('XDG_CACHE_HOME', 'relative');
    expect(defaultCacheFolder()).toBe('/home/me/.cache/podseal');
    vi.stubEnv('HOME', 'relative');
    expect(defaultCacheFolder()).toBeUndefined();
  });
});

describe('several processes', () => {
  const WRITER = `
    const { openLayerCache } = await import(process.argv[1]);
    const [, , folder, me, diffId, ...digests] = process.argv;
    const problems = [];
    const cache = openLayerCache(folder, (notice) => problems.push(notice.code));
    process.stdin.once('data', async () => {
      for (let round = 0; round < 40; round += 1) {
        for (const digest of digests) {
          const value = { diffId, uncompressedSize: Number(me), notices: [], rootHash: me.repeat(64) };
          await cache.put(digest, 'ext4', value);
          const found = await cache.get(digest, 'ext4');
          if (found.rootHash !== String(found.uncompressedSize).repeat(64)) problems.push('torn');
        }
      }
      process.stdout.write(JSON.stringify(problems));
      process.exit();
    });
    process.stdout.write('ready ');`;

  it('write and read the same entries without tearing one', async () => {
    const compiled = join(root, `${count}`, 'js');
    mkdirSync(compiled, { recursive: true });
    const module = pathToFileURL(compile('io/cache.ts', compiled)).href;
    const writers = ['1', '2', '3'].map((me) => {
      const args = ['--input-type=module', '-e', WRITER, module, folder, me, diffId, digest, other];
      const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      let output = '';
      child.stdout.on('data', (chunk) => {
        output += chunk;
        if (output === 'ready ') child.stdin.write('go');
      });
      return new Promise<string>((done) => child.on('close', () => done(output)));
    });
    expect(await Promise.all(writers)).toEqual(Array(3).fill('ready []'));
    expect(entries()).toHaveLength(2);
    expect(existsSync(folder)).toBe(true);
    expect(['1', '2', '3']).toContain(String((await open().get(digest, 'ext4'))?.uncompressedSize));
  });
});
