import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  isSameFile,
  openByteStream,
  readBinaryFile,
  readTextFile,
  removeTemporaryFiles,
  writeFileAtomic,
} from '../../src/io/files.js';
import { failureOf, temporaryFolder } from '../support/images.js';
import { collect } from '../support/streams.js';

const root = temporaryFolder();
let folder = '';
let count = 0;

beforeEach(() => {
  count += 1;
  folder = join(root, `${count}`);
  mkdirSync(folder);
});

const at = (name: string) => join(folder, name);

describe('readTextFile', () => {
  it('gives the text as it is, byte order mark and line ends included', async () => {
    writeFileSync(at('a'), '\ufeffé\r\n');
    expect(await readTextFile(at('a'))).toBe('\ufeffé\r\n');
  });

  it('takes a file of just the limit', async () => {
    writeFileSync(at('a'), '12345');
    expect(await readTextFile(at('a'), 5)).toBe('12345');
    const error = await failureOf(() => readTextFile(at('a'), 4));
    expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED', want: 'at most 4 bytes' });
  });

  it('refuses what is not UTF-8', async () => {
    writeFileSync(at('a'), Buffer.from('a\0b\0', 'utf16le').fill(0xff, 0, 1));
    expect((await failureOf(() => readTextFile(at('a')))).code).toBe('FILE_NOT_TEXT');
  });

  it('says why a file cannot be read', async () => {
    mkdirSync(at('folder'));
    symlinkSync('loop', at('loop'));
    for (const [name, problem] of [
      ['none', 'does not exist'],
      ['folder', 'is a folder'],
      ['folder/x/y', 'does not exist'],
      ['loop', 'is a loop of symbolic links'],
    ] as const) {
      const error = await failureOf(() => readTextFile(at(name)));
      expect(error).toMatchObject({ code: 'FILE_NOT_FOUND', where: at(name) });
      expect(error.message).toContain(problem);
    }
  });
});

describe('openByteStream', () => {
  it('gives all bytes of a file', async () => {
    const bytes = Buffer.alloc(3_000_000, 7);
    writeFileSync(at('a'), bytes);
    expect((await collect(await openByteStream(at('a')))).equals(bytes)).toBe(true);
    expect(bytes.equals(await readBinaryFile(at('a')))).toBe(true);
  });

  it('fails at once for a file that is not there', async () => {
    expect((await failureOf(() => openByteStream(at('none')))).code).toBe('FILE_NOT_FOUND');
  });
});

describe('isSameFile', () => {
  it('sees through links, and through nothing else', async () => {
    writeFileSync(at('a'), 'x');
    writeFileSync(at('b'), 'x');
    linkSync(at('a'), at('hard'));
    symlinkSync('a', at('soft'));
    expect(await isSameFile(at('a'), at('hard'))).toBe(true);
    expect(await isSameFile(at('a'), at('soft'))).toBe(true);
    expect(await isSameFile(at('a'), at('b'))).toBe(false);
    expect(await isSameFile(at('none'), at('none'))).toBe(false);
  });
});

describe('writeFileAtomic', () => {
  it('makes a file, and replaces one keeping its mode', async () => {
    await writeFileAtomic(at('a'), 'one', 0o600);
    expect(statSync(at('a')).mode & 0o777).toBe(0o600);
    chmodSync(at('a'), 0o646);
    const before = statSync(at('a')).ino;
    await writeFileAtomic(at('a'), Buffer.from('two'));
    expect(readFileSync(at('a'), 'utf8')).toBe('two');
    expect(statSync(at('a')).mode & 0o777).toBe(0o646);
    expect(statSync(at('a')).ino).not.toBe(before);
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('leaves other names of the old file as they were', async () => {
    writeFileSync(at('a'), 'old');
    linkSync(at('a'), at('b'));
    await writeFileAtomic(at('a'), 'new');
    expect(readFileSync(at('b'), 'utf8')).toBe('old');
  });

  it('keeps a symbolic link and replaces what it names, also where that is not there yet', async () => {
    mkdirSync(at('real'));
    writeFileSync(at('real/file'), 'old');
    symlinkSync('real/file', at('link'));
    symlinkSync('link', at('link2'));
    symlinkSync('real/later', at('dangling'));
    await writeFileAtomic(at('link2'), 'new');
    await writeFileAtomic(at('dangling'), 'late');
    expect(readlinkSync(at('link'))).toBe('real/file');
    expect(readlinkSync(at('link2'))).toBe('link');
    expect(lstatSync(at('real/file')).isSymbolicLink()).toBe(false);
    expect(readFileSync(at('real/file'), 'utf8')).toBe('new');
    expect(readFileSync(at('real/later'), 'utf8')).toBe('late');
  });

  it('leaves nothing behind where it fails', async () => {
    mkdirSync(at('folder'));
    symlinkSync('loop', at('loop'));
    for (const [name, problem] of [
      ['folder', 'is a folder'],
      ['none/a', 'does not exist'],
      ['loop', 'is a loop of symbolic links'],
    ] as const) {
      const error = await failureOf(() => writeFileAtomic(at(name), 'x'));
      expect(error.code).toBe('FILE_WRITE_FAILED');
      expect(error.message).toContain(problem);
    }
    expect(readdirSync(folder).sort()).toEqual(['folder', 'loop']);
  });

  it('keeps the old file where the new content cannot be had', async () => {
    writeFileSync(at('a'), 'old');
    const content = { length: 1 } as unknown as Uint8Array;
    expect((await failureOf(() => writeFileAtomic(at('a'), content))).code).toBe(
      'FILE_WRITE_FAILED',
    );
    expect(readFileSync(at('a'), 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('lets the way out after an interrupt remove what is unfinished', async () => {
    const writing = writeFileAtomic(at('a'), Buffer.alloc(64 * 1024 * 1024));
    while (readdirSync(folder).length === 0) await new Promise((done) => setImmediate(done));
    removeTemporaryFiles();
    expect(readdirSync(folder)).toEqual([]);
    expect((await failureOf(() => writing)).code).toBe('FILE_WRITE_FAILED');
    expect(existsSync(at('a'))).toBe(false);
  });
});

it('reads and writes a pipe given as a file, and leaves it one', async () => {
  spawnSync('mkfifo', [at('pipe')]);
  const reading = readTextFile(at('pipe'));
  await writeFileAtomic(at('pipe'), 'through');
  expect(await reading).toBe('through');
  expect(statSync(at('pipe')).isFIFO()).toBe(true);
});
