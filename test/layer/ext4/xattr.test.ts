import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildRefusal, type Refuse } from '../../../src/layer/ext4/refusal.js';
import {
  placeXattrs,
  printInodeXattrs,
  printXattrBlock,
  readInodeXattrs,
  readXattrBlock,
} from '../../../src/layer/ext4/xattr.js';

const refuse: Refuse = (rule, detail) =>
  buildRefusal(rule, { index: 1, name: 'f', headerOffset: 0 }, detail);
const place = (xattrs: Readonly<Record<string, string>>) =>
  placeXattrs(new Map(Object.entries(xattrs)), refuse);
const names = (list: readonly { readonly name: string }[]): string[] =>
  list.map(({ name }) => name);

describe('places', () => {
  it.each([
    ['system.posix_acl_access', 2, ''],
    ['system.posix_acl_default', 3, ''],
    ['system.posix_acl_accessory', 2, 'ory'],
    ['system.richacl', 8, ''],
    ['system.other', 7, 'other'],
    ['user.a', 1, 'a'],
    ['trusted.a', 4, 'a'],
    ['security.capability', 6, 'capability'],
    ['userxa', 0, 'userxa'],
    ['', 0, ''],
  ])('%j is index %d and %j', (fullName, index, name) => {
    expect(place({ [fullName]: 'v' }).inode).toEqual([{ index, name, value: 'v' }]);
  });

  it('fill the inode first, in order of the full names, and then the block', () => {
    const { inode, block } = place({
      'user.c': 'v'.repeat(12),
      'user.b': 'v'.repeat(60),
      'user.a': 'v'.repeat(20),
      'trusted.z': 'v'.repeat(4),
    });
    expect(names(inode)).toEqual(['z', 'a', 'c']);
    expect(names(block)).toEqual(['b']);
  });

  it.each([
    [76, 1, 0],
    [77, 0, 1],
    [4040, 0, 1],
  ])('take a value of %d bytes for a name of 4', (size, inInode, inBlock) => {
    const { inode, block } = place({ 'user.full': 'v'.repeat(size) });
    expect([inode.length, block.length]).toEqual([inInode, inBlock]);
  });

  it('are refused when the block is full', () => {
    expect(() => place({ 'user.full': 'v'.repeat(4041) })).toThrow('[xattr-fit]');
    expect(() => place({ 'user.a': 'v'.repeat(4000), 'user.b': 'v'.repeat(80) })).toThrow(
      '[xattr-fit]',
    );
  });

  it('are refused for names that do not fit their length byte', () => {
    expect(names(place({ [`user.${'n'.repeat(255)}`]: '' }).block)).toEqual(['n'.repeat(255)]);
    expect(() => place({ [`user.${'n'.repeat(256)}`]: '' })).toThrow('[xattr-name]');
    expect(() => place({ ['n'.repeat(256)]: '' })).toThrow('[xattr-name]');
  });

  it('say whether a kernel finds everything in the block', () => {
    const value = 'v'.repeat(100);
    expect(place({ 'user.a': value, 'user.bb': value }).isFindable).toBe(true);
    const unsorted = place({ 'security.aaaa': value, 'system.b': value });
    expect(names(unsorted.block)).toEqual(['b', 'aaaa']);
    expect(unsorted.isFindable).toBe(false);
  });
});

describe('bytes', () => {
  it('of the inode area are those of the format', () => {
    const area = printInodeXattrs(place({ 'user.ab': '\x01\x02\x03\x04\x05' }).inode);
    expect(area.length).toBe(100);
    expect(area.subarray(0, 24).toString('hex')).toBe(
      '0201' + '5c00' + '00000000' + '05000000' + '44080102' + '61620000' + '00000000',
    );
    expect(area.subarray(24, 92).every((byte) => byte === 0)).toBe(true);
    expect(area.subarray(92).toString('hex')).toBe('0102030405000000');
  });

  it('of an empty block are its header', () => {
    const block = printXattrBlock([]);
    expect(block.length).toBe(4096);
    expect(block.subarray(0, 16).toString('hex')).toBe('000002ea010000000100000000000000');
    expect(block.subarray(16).every((byte) => byte === 0)).toBe(true);
  });

  it('read back as they were', () => {
    const text = (maxLength: number) =>
      fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));
    const xattrs = fc.dictionary(
      fc.stringMatching(/^(user|trusted|security|system)\.[a-z]{1,30}$/),
      text(300),
      { maxKeys: 8 },
    );
    fc.assert(
      fc.property(xattrs, (given) => {
        const { inode, block } = place(given);
        const read = new Map<string, string>();
        readXattrBlock(printXattrBlock(block), read);
        readInodeXattrs(printInodeXattrs(inode), read);
        expect(Object.fromEntries(read)).toEqual({ ...given });
      }),
      { seed: 0xc0de, numRuns: 300 },
    );
  });

  it('stop reading at an attribute without a stored name', () => {
    const { inode } = place({ 'security.a': '1', 'system.posix_acl_access': '2', 'user.b': '3' });
    const read = new Map<string, string>();
    readInodeXattrs(printInodeXattrs(inode), read);
    expect([...read]).toEqual([['security.a', '1']]);
  });
});
