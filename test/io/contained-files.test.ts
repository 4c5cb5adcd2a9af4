import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readTextWithin } from '../../src/io/contained-files.js';
import { temporaryFolder } from '../support/cli.js';
import { failureOf } from '../support/images.js';

let folder: string;
const at = (...parts: readonly string[]) => join(folder, ...parts);
const read = (path: string, ...folders: readonly string[]) =>
  readTextWithin(path, folders.length === 0 ? [at('in')] : folders, '--root');

beforeEach(() => {
  folder = temporaryFolder();
  for (const name of ['in/deep', 'inside', 'out']) mkdirSync(at(name), { recursive: true });
  for (const name of ['in/a', 'in/deep/b', 'in/..c', 'inside/d', 'out/e']) {
    writeFileSync(at(name), name);
  }
  symlinkSync('../out/e', at('in/leaves'));
  symlinkSync('../out', at('in/folder'));
  symlinkSync('deep/b', at('in/stays'));
  symlinkSync('in', at('other'));
});

describe('readTextWithin', () => {
  it.each([
    ['a file of the folder', 'in/a', 'in/a'],
    ['one below', 'in/deep/b', 'in/deep/b'],
    ['one that is reached through the folder above', 'in/../in/a', 'in/a'],
    ['a link within', 'in/stays', 'in/deep/b'],
    ['a file by another name of the folder', 'other/a', 'in/a'],
    ['a name that starts with dots', 'in/..c', 'in/..c'],
  ])('reads %s', async (_what, path, text) => {
    await expect(read(at(path))).resolves.toBe(text);
  });

  it.each([
    ['a file beside the folder', 'out/e'],
    ['one of a folder with a longer name', 'inside/d'],
    ['one behind ..', 'in/../out/e'],
    ['a link that leads out', 'in/leaves'],
    ['a file of a folder that leads out', 'in/folder/e'],
    ['a file that is not there', 'out/none'],
    ['a file that is not there, of a folder that leads out', 'in/folder/none/x'],
    ['the folder above', 'in/..'],
  ])('refuses %s', async (_what, path) => {
    const error = await failureOf(() => read(at(path)));
    expect([error.code, error.hints[0]]).toEqual([
      'FILE_OUTSIDE',
      expect.stringContaining('--root FOLDER'),
    ]);
  });

  it('reads files of further folders, however these are named', async () => {
    await expect(read(at('in/leaves'), at('in'), at('in/folder'))).resolves.toBe('out/e');
    await expect(read(at('in/leaves'), '/')).resolves.toBe('out/e');
  });

  it('tells of a file of the folder that it is not there', async () => {
    expect((await failureOf(() => read(at('in/none')))).code).toBe('FILE_NOT_FOUND');
    expect((await failureOf(() => read(at('none/x'), at('none')))).code).toBe('FILE_NOT_FOUND');
  });
});
