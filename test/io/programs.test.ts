/** Programs of the system: their input, output, ends and limits; and the files around encrypted images. */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  assertFree,
  copyHead,
  isMounted,
  makeLink,
  makeMountFolder,
  makeWorkFolder,
  pathExists,
  removeFile,
  removeFolder,
} from '../../src/io/mount-files.js';
import { runProgram, SYSTEM_PATH } from '../../src/io/programs.js';
import { temporaryFolder } from '../support/cli.js';
import { failureOf } from '../support/images.js';

const failing = (work: Promise<unknown>) => failureOf(() => work);

const OPTIONS = { path: SYSTEM_PATH, outputBytes: 1_000 };

describe('a program', () => {
  it('gets its input as it is, an empty one if there is none, and a small environment', async () => {
    const input = Buffer.from([0, 10, 13, 255]);
    expect((await runProgram(['cat'], input, OPTIONS)).stdout).toEqual(input);
    expect((await runProgram(['cat'], undefined, OPTIONS)).stdout).toHaveLength(0);
    const { stdout } = await runProgram(['env'], undefined, OPTIONS);
    expect(stdout.toString().trim().split('\n').toSorted()).toEqual([
      'LC_ALL=C',
      `PATH=${SYSTEM_PATH}`,
    ]);
  });

  it('ends with its status, and what it complained about', async () => {
    const ended = await runProgram(['sh', '-c', 'echo no >&2; exit 3'], undefined, OPTIONS);
    expect(ended.status).toBe(3);
    expect(ended.stderr.toString()).toBe('no\n');
    // It does not read what it gets.
    const large = Buffer.alloc(1 << 20);
    expect((await runProgram(['true'], large, OPTIONS)).status).toBe(0);
  });

  it('has no shell between', async () => {
    const { stdout } = await runProgram(['echo', '$(id)', ';', 'x'], undefined, OPTIONS);
    expect(stdout.toString()).toBe('$(id) ; x\n');
  });

  it('is stopped when it writes or takes too much', async () => {
    const fits = await runProgram(['head', '-c', '1000', '/dev/zero'], undefined, OPTIONS);
    expect(fits.stdout).toHaveLength(1_000);
    const much = ['head', '-c', '1001', '/dev/zero'];
    expect((await failing(runProgram(much, undefined, OPTIONS))).got).toContain('1000 bytes');
    const late = runProgram(['cat', '/dev/zero'], undefined, {
      ...OPTIONS,
      outputBytes: Number.MAX_SAFE_INTEGER,
      timeoutMs: 50,
    });
    expect(await failing(late)).toMatchObject({
      code: 'ENCFS_COMMAND_FAILED',
      got: 'more than 50 ms',
    });
  });

  it('that is absent or stopped is told', async () => {
    const absent = await failing(runProgram(['no-such-program'], undefined, OPTIONS));
    expect(absent.got).toBe('it is not installed');
    const stopped = runProgram(['sh', '-c', 'kill -9 $$'], undefined, OPTIONS);
    expect((await failing(stopped)).got).toContain('SIGKILL');
  });

  it('keeps the end of long complaints only', async () => {
    const script = 'head -c 100000 /dev/zero >&2; echo end >&2';
    const { stderr } = await runProgram(['sh', '-c', script], undefined, OPTIONS);
    expect(stderr).toHaveLength(65_536);
    expect(stderr.toString().endsWith('end\n')).toBe(true);
  });
});

describe('files around an image', () => {
  it('its head is copied to a new private file, whatever its size', async () => {
    const folder = temporaryFolder();
    const image = join(folder, 'image');
    writeFileSync(image, 'abcdef');
    expect(await copyHead(image, join(folder, 'a'), 4)).toBe(4);
    expect(await copyHead(image, join(folder, 'b'), 10)).toBe(6);
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('abcd');
    expect(readFileSync(join(folder, 'b'), 'utf8')).toBe('abcdef');
    expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o600);
    expect((await failing(copyHead(image, join(folder, 'a'), 4))).code).toBe('ENCFS_IMAGE_INVALID');
    for (const other of [join(folder, 'none'), folder, '/dev/null']) {
      const error = await failing(copyHead(other, join(folder, 'c'), 4));
      expect(error.code).toBe('ENCFS_IMAGE_INVALID');
    }
    expect(readdirSync(folder).toSorted()).toEqual(['a', 'b', 'image']);
  });

  it('a folder to mount on is reached without links, and a link takes no place', async () => {
    const folder = temporaryFolder();
    const inner = join(folder, 'a/b');
    await makeMountFolder(inner);
    await makeMountFolder(inner);
    symlinkSync(join(folder, 'a'), join(folder, 'link'));
    const error = await failing(makeMountFolder(join(folder, 'link/c')));
    expect(error.message).toContain('through a link');
    await makeLink('a', join(folder, 'other'));
    expect((await failing(makeLink('a', join(folder, 'other')))).message).toContain('already');
    expect((await failing(assertFree(join(folder, 'link')))).message).toContain('already');
    await removeFile(join(folder, 'link'));
    await removeFile(join(folder, 'link'));
    await assertFree(join(folder, 'link'));
    expect((await failing(removeFolder(join(folder, 'a')))).code).toBe('ENCFS_CLOSE_FAILED');
    await removeFolder(inner);
    await removeFolder(inner);
    expect(await pathExists(inner)).toBe(false);
  });

  it('a mounted filesystem is known, and not mounted over', async () => {
    expect(await isMounted('/proc')).toBe(true);
    expect(await isMounted(temporaryFolder())).toBe(false);
    expect((await failing(makeMountFolder('/proc'))).message).toContain('already');
  });

  it('the folder of a run is private and goes with it', async () => {
    const work = await makeWorkFolder();
    expect(statSync(work.path).mode & 0o777).toBe(0o700);
    mkdirSync(join(work.path, 'x'));
    await work.remove();
    expect(await pathExists(work.path)).toBe(false);
  });
});
