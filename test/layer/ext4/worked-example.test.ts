/** The example of the specification (section 12), byte by byte: the whole image of one file of two bytes. */
import { describe, expect, it } from 'vitest';
import { naiveRootHash } from '../../support/verity.js';
import { archive } from './archive.js';
import { convert } from './convert.js';
import { readImage } from './image-reader.js';
import { readTarNamed } from './vector-index.js';

const BLOCK = 4096;
const INODE_TABLE = 12 * BLOCK;

/** Every non-zero stretch: offset in the image -> bytes. */
const STRETCHES: readonly (readonly [number, string])[] = [
  [0x400, '100000000f00000000000000070000000400000000000000'],
  [0x418, '0200000002000000008000000080000010000000'],
  [0x438, '53ef01000100'],
  [0x44c, '01000000'],
  [0x454, '0b00000000010000080200004202'],
  [0x464, '4a10'],
  [0x55c, '18001800'],
  [0x574, '1f'],
  [0x668, '0b'],
  [BLOCK, '0d0000000e0000000c000000070004000200'],
  [9 * BLOCK, '6869'],
  [10 * BLOCK, '020000000c0001022e000000020000000c0002022e2e0000'],
  [10 * BLOCK + 24, '0b00000014000a026c6f73742b666f756e640000'],
  [10 * BLOCK + 44, '0c0000001400090168656c6c6f2e747874000000'],
  [10 * BLOCK + 64, '00000000c00f0000'],
  [11 * BLOCK, '0b0000000c0001022e000000020000000c0002022e2e000000000000e80f0000'],
  ...inode(2, 'ed41', '00100000', '0300', '00000c00', '0a'),
  ...inode(11, 'c041', '00100000', '0200', '00000c00', '0b'),
  ...inode(12, 'a481', '02000000', '0100', '00000c00', '09'),
  [13 * BLOCK, `03fe${'ff'.repeat(4094)}`],
  [14 * BLOCK, 'ff0f'],
];

function inode(
  number: number,
  ...[mode, size, links, flags, start]: readonly string[]
): (readonly [number, string])[] {
  const at = INODE_TABLE + (number - 1) * 256;
  return [
    [at, mode!],
    [at + 4, size!],
    [at + 0x1a, links!],
    [at + 0x1c, '01000000'],
    [at + 0x20, flags!],
    [at + 0x28, `0af3010004000000000000000000000001000000${start!}`],
    [at + 0x80, '18'],
  ];
}

describe('hello.txt', () => {
  const tar = archive([{ name: 'hello.txt', data: 'hi' }]);
  const { image, notices } = convert([tar]);

  it('is the tar of the vector', () => {
    expect(tar.equals(readTarNamed('go-hello-txt'))).toBe(true);
  });

  it('becomes exactly these bytes', () => {
    const wanted = Buffer.alloc(15 * BLOCK);
    for (const [at, hex] of STRETCHES) wanted.write(hex, at, 'hex');
    expect(image.length).toBe(wanted.length);
    for (let block = 0; block < 15; block++) {
      const range = [block * BLOCK, (block + 1) * BLOCK] as const;
      expect([block, image.toString('hex', ...range)]).toEqual([
        block,
        wanted.toString('hex', ...range),
      ]);
    }
    expect(notices).toEqual([]);
  });

  it('has the root hash of the example', () => {
    expect(naiveRootHash(image)).toBe(
      '05d4bb387ecafbcf299fbe990c0c0ba00fc8c9b1ef5bf6965a109e6f339e08d1',
    );
  });

  it('reads back as a file', () => {
    const tree = readImage(image);
    expect([...tree.keys()]).toEqual(['', 'lost+found', 'hello.txt']);
    expect(tree.get('hello.txt')?.content.toString()).toBe('hi');
  });
});
