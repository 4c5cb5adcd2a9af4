import { describe, expect, it } from 'vitest';
import { archive } from './archive.js';
import { convert } from './convert.js';
import { readImage } from './image-reader.js';

const GROUP = 32768;
const files = (count: number) =>
  archive(Array.from({ length: count }, (_, i) => ({ name: `f${i}` })));

describe('close', () => {
  it.each([
    [5, 16],
    [6, 32],
    [21, 32],
    [22, 48],
  ])('gives %d files a table of %d inodes', (count, inodes) => {
    const { image } = convert([files(count)]);
    readImage(image);
    expect(image.readUInt32LE(1024)).toBe(inodes);
    expect(image.readUInt32LE(1024 + 0x10)).toBe(inodes - 11 - count);
  });

  it('accounts for every block and inode of several groups', () => {
    const { image } = convert([files(GROUP)]);
    readImage(image);
    expect(image.readUInt32LE(1024 + 4)).toBe(GROUP + 1);
    expect(image.readUInt32LE(1024 + 0x28)).toBe(GROUP / 2 + 16);
  });

  it('counts reserved descriptor blocks as free', () => {
    const { image } = convert([files(1)]);
    const bitmap = image.readUInt32LE(4096) * 4096;
    expect([image[bitmap], image[bitmap + 1]]).toEqual([0x03, 0xfe]);
    expect(image.readUInt32LE(1024 + 0x0c)).toBe(7);
  });
});
