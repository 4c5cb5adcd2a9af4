import { describe, expect, it } from 'vitest';
import { InodeTable, isInUse, KIND } from '../../../src/layer/ext4/inode-table.js';

function print(inodes: InodeTable, inode: number): Buffer {
  const bytes = Buffer.alloc(512);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  inodes.print(inode, bytes, view, 256);
  expect(bytes.subarray(0, 256).every((byte) => byte === 0)).toBe(true);
  return bytes.subarray(256);
}

/** The non-zero bytes as `offset: hex` of 4-byte words. */
function words(bytes: Buffer): Record<string, string> {
  const found: Record<string, string> = {};
  for (let at = 0; at < bytes.length; at += 4) {
    const word = bytes.toString('hex', at, at + 4);
    if (word !== '00000000') found[at.toString(16)] = word;
  }
  return found;
}

describe('inode table', () => {
  it('hands out numbers from 11 on', () => {
    const inodes = new InodeTable();
    expect([inodes.add(), inodes.add(), inodes.count]).toEqual([11, 12, 12]);
    expect([1, 2, 3, 10, 11, 12].map(isInUse)).toEqual([false, true, false, false, true, true]);
  });

  it('keeps everything when it grows', () => {
    const inodes = new InodeTable();
    for (let i = 0; i < 5000; i++) {
      const inode = inodes.add();
      inodes.uid[inode] = inode * 3;
      inodes.size[inode] = inode * 2 ** 20;
      inodes.setShortLink(inode, `target ${inode}`);
    }
    for (const inode of [11, 1023, 1024, 2047, 2048, 5010]) {
      expect([inodes.uid[inode], inodes.shortLink(inode)]).toEqual([inode * 3, `target ${inode}`]);
    }
  });

  it('prints every field in its place', () => {
    const inodes = new InodeTable();
    const inode = inodes.add();
    inodes.mode[inode] = KIND.regular | 0o644;
    inodes.uid[inode] = 0x11223344;
    inodes.gid[inode] = 0x55667788;
    inodes.linkCount[inode] = 3;
    inodes.size[inode] = 5 * 2 ** 32 + 1;
    inodes.hasExtents[inode] = 1;
    inodes.start[inode] = 9;
    inodes.blockCount[inode] = 7;
    inodes.xattrBlock[inode] = 0x0a0b0c0d;
    inodes.atimeLow[inode] = 0xa1;
    inodes.atimeHigh[inode] = 0xa2;
    inodes.ctimeLow[inode] = 0xc1;
    inodes.ctimeHigh[inode] = 0xc2;
    inodes.mtimeLow[inode] = 0xd1;
    inodes.mtimeHigh[inode] = 0xd2;
    inodes.setInlineXattrs(inode, Buffer.alloc(100, 0xee));
    const printed = words(print(inodes, inode));
    for (let at = 0x9c; at < 0x100; at += 4) expect(printed[at.toString(16)]).toBe('eeeeeeee');
    const head = Object.entries(printed).filter(([at]) => Number.parseInt(at, 16) <= 0x98);
    expect(Object.fromEntries(head)).toEqual({
      '0': 'a4814433',
      '4': '01000000',
      '8': 'a1000000',
      c: 'c1000000',
      '10': 'd1000000',
      '18': '88770300',
      '1c': '07000000',
      '20': '00000c00',
      '28': '0af30100',
      '2c': '04000100',
      '38': '0a005000',
      '6c': '05000000',
      '68': '0d0c0b0a',
      '78': '22116655',
      '80': '18000000',
      '84': 'c2000000',
      '88': 'd2000000',
      '8c': 'a2000000',
      '90': 'd1000000',
      '94': 'd2000000',
      '98': '000002ea',
    });
  });

  it('prints short links and devices without extents', () => {
    const inodes = new InodeTable();
    const link = inodes.add();
    inodes.mode[link] = KIND.symlink | 0o777;
    inodes.setShortLink(link, 'l'.repeat(59));
    expect(print(inodes, link).toString('latin1', 0x28, 0x64)).toBe(`${'l'.repeat(59)}\0`);
    const device = inodes.add();
    inodes.mode[device] = KIND.blockDevice;
    inodes.start[device] = 0x12345678;
    expect(words(print(inodes, device))).toEqual({
      '0': '00600000',
      '20': '00000400',
      '2c': '78563412',
      '80': '18000000',
    });
  });

  it('replaces and removes attributes in the inode', () => {
    const inodes = new InodeTable();
    const inode = inodes.add();
    inodes.setInlineXattrs(inode, Buffer.alloc(100, 1));
    inodes.setInlineXattrs(inode, Buffer.alloc(100, 2));
    expect(inodes.inlineXattrs(inode)?.every((byte) => byte === 2)).toBe(true);
    inodes.setInlineXattrs(inode, undefined);
    expect(inodes.inlineXattrs(inode)).toBeUndefined();
  });
});
