import { describe, expect, it } from 'vitest';
import { archive } from './archive.js';
import { convert } from './convert.js';
import { readImage } from './image-reader.js';

const BLOCK = 4096;

/** Blocks of a root directory with such names. */
function rootBlocks(names: readonly string[]): number {
  return readImage(convert([archive(names.map((name) => ({ name })))]).image).get('')!.size / BLOCK;
}

/** `.`, `..` and lost+found, 44 bytes; then `count` entries of 264 bytes, and one of `last` bytes. */
const namesFor = (count: number, last: number): string[] => [
  ...Array.from({ length: count }, (_, i) => `${i}`.padStart(3, '0').padEnd(255, 'n')),
  'l'.repeat(last - 8),
];

describe('directories', () => {
  it.each([
    [80, 1],
    [81, 2],
    [84, 2],
  ])('leave 12 bytes unused in every block: last entry of %d bytes', (last, blocks) => {
    expect(rootBlocks(namesFor(15, last))).toBe(blocks);
  });

  it('list links to one file by name, whatever their order in the tar', () => {
    const list = ['m', 'z', 'a', '\xff', 'A'].map((name, i) =>
      i === 0 ? { name } : { name, type: '1', linkname: 'm' },
    );
    const { image } = convert([archive([...list, { name: 'last' }])]);
    expect([...readImage(image).keys()]).toEqual([
      '',
      'lost+found',
      'A',
      'a',
      'm',
      'z',
      '\xff',
      'last',
    ]);
  });

  it('are written depth first in order of their numbers', () => {
    const names = ['b', 'a', 'b/y', 'b/x', 'a/z', 'b/x/deep'];
    const read = readImage(convert([archive(names.map((name) => ({ name, type: '5' })))]).image);
    expect([...read.keys()]).toEqual(['', 'lost+found', 'b', 'b/y', 'b/x', 'b/x/deep', 'a', 'a/z']);
  });
});
