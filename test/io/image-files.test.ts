import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { openImageFiles } from '../../src/io/image-files.js';
import { failureOf, temporaryFolder } from '../support/images.js';
import { patternBytes } from '../support/verity.js';

const BLOCK = 4096;
const MIB = 1024 * 1024;
const NAMES = { image: 'i', tree: 't', parameters: 'p' };
const root = temporaryFolder();
let folder = '';
let count = 0;

beforeEach(() => {
  count += 1;
  folder = join(root, `${count}`, 'new');
});

describe('openImageFiles', () => {
  it('puts image, tree and parameters in place at once', async () => {
    const files = await openImageFiles(folder, NAMES);
    const content = patternBytes(2 * MIB + BLOCK);
    files.image.appendZeros(BLOCK);
    files.image.append(content);
    files.image.patchBlock(0, patternBytes(BLOCK, 9));
    files.image.appendZeros(3 * BLOCK);
    expect(files.endImage()).toBe(content.length / BLOCK + 4);
    await files.tree.write(BLOCK, Buffer.alloc(BLOCK, 2));
    await files.tree.write(0, Buffer.alloc(BLOCK, 1));
    expect(readdirSync(folder).every((name) => name.startsWith('.'))).toBe(true);
    const paths = await files.commit('text');
    await files.discard();
    expect(paths).toEqual({
      image: join(folder, 'i'),
      tree: join(folder, 't'),
      parameters: join(folder, 'p'),
    });
    expect(readdirSync(folder).sort()).toEqual(['i', 'p', 't']);
    const expected = Buffer.concat([patternBytes(BLOCK, 9), content, Buffer.alloc(3 * BLOCK)]);
    expect(readFileSync(join(folder, 'i')).equals(expected)).toBe(true);
    expect(readFileSync(join(folder, 't'))).toEqual(
      Buffer.concat([Buffer.alloc(BLOCK, 1), Buffer.alloc(BLOCK, 2)]),
    );
    expect(readFileSync(join(folder, 'p'), 'utf8')).toBe('text');
  });

  it('leaves zeros out of the disk', async () => {
    const files = await openImageFiles(folder, NAMES);
    files.image.appendZeros(64 * MIB);
    expect(files.endImage()).toBe((64 * MIB) / BLOCK);
    const paths = await files.commit('');
    const { size, blocks } = statSync(paths.image);
    expect(size).toBe(64 * MIB);
    expect(blocks * 512).toBeLessThan(MIB);
  });

  it('reads back what was written, and says when there is less', async () => {
    const files = await openImageFiles(folder, NAMES);
    files.image.append(patternBytes(BLOCK));
    files.endImage();
    const into = new Uint8Array(BLOCK);
    await files.image.read(0, into);
    expect(Buffer.from(into)).toEqual(patternBytes(BLOCK));
    expect((await failureOf(() => files.image.read(1, into))).code).toBe('FILE_NOT_FOUND');
    await files.discard();
  });

  it('leaves old files alone, and nothing else, when it is given up', async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'i'), 'old');
    const files = await openImageFiles(folder, NAMES);
    files.image.append(patternBytes(2 * MIB));
    await files.discard();
    expect(readdirSync(folder)).toEqual(['i']);
    expect(readFileSync(join(folder, 'i'), 'utf8')).toBe('old');
  });

  it('refuses a folder that cannot be made, and a place that is taken by a folder', async () => {
    mkdirSync(join(root, `${count}`));
    writeFileSync(folder, 'a file');
    expect((await failureOf(() => openImageFiles(folder, NAMES))).code).toBe('FILE_WRITE_FAILED');
    const other = `${folder}-2`;
    mkdirSync(join(other, 'p'), { recursive: true });
    const files = await openImageFiles(other, NAMES);
    expect((await failureOf(() => files.commit('text'))).code).toBe('FILE_WRITE_FAILED');
    await files.discard();
    expect(readdirSync(other).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
