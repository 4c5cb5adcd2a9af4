/** Attributes over several entries of one name: what merges, what is lost, and where the block is. */
import { describe, expect, it } from 'vitest';
import { archive, type Member } from './archive.js';
import { convert } from './convert.js';
import { type ReadInode, readImage } from './image-reader.js';

const BIG = 'v'.repeat(200);
const entry = (xattrs: Readonly<Record<string, string>>, more: Member = {}): Member => ({
  name: 'd',
  type: '5',
  pax: Object.entries(xattrs).map(([name, value]) => [`SCHILY.xattr.${name}`, value] as const),
  ...more,
});

function readD(...list: Member[]): ReadInode & { image: Buffer } {
  const { image } = convert([archive(list)]);
  return { ...readImage(image).get('d')!, image };
}

describe('attributes of a repeated entry', () => {
  it('in the inode are merged', () => {
    const { xattrs } = readD(entry({ 'user.a': '1', 'user.b': '2' }), entry({ 'user.b': '3' }));
    expect(Object.fromEntries(xattrs)).toEqual({ 'user.a': '1', 'user.b': '3' });
  });

  it('in the block are lost, and the block stays', () => {
    const { xattrs, image } = readD(entry({ 'user.a': BIG }), entry({ 'user.b': '1' }));
    expect(Object.fromEntries(xattrs)).toEqual({ 'user.b': '1' });
    expect(image.readUInt32LE(9 * 4096)).toBe(0xea020000);
    expect(image.subarray(9 * 4096 + 12, 10 * 4096).every((byte) => byte === 0)).toBe(true);
  });

  it('in the block are kept by an opaque marker', () => {
    const marker = { name: 'd/.wh..wh..opq' };
    const { xattrs } = readD(entry({ 'user.a': BIG, 'user.b': '1' }), marker, marker);
    expect(Object.fromEntries(xattrs)).toEqual({
      'user.a': BIG,
      'user.b': '1',
      'trusted.overlay.opaque': 'y',
    });
  });

  it('reuse the block, even of what becomes a file with data', () => {
    const { xattrs, content, image } = readD(
      entry({ 'user.a': BIG }, { type: '6' }),
      { name: 'other', data: 'x' },
      entry({ 'user.c': BIG }, { type: '0', data: 'data' }),
    );
    expect([...xattrs.keys()]).toEqual(['user.c']);
    expect(content.toString()).toBe('data');
    expect(image.toString('latin1', 9 * 4096 + 48, 9 * 4096 + 49)).toBe('c');
  });

  it('come in front of the content', () => {
    const { image } = readD(entry({ 'user.a': BIG }, { type: '0', data: 'data' }));
    expect(image.readUInt32LE(9 * 4096)).toBe(0xea020000);
    expect(image.toString('latin1', 10 * 4096, 10 * 4096 + 4)).toBe('data');
  });
});
