import { describe, expect, it } from 'vitest';
import { buildRefusal, type Refuse } from '../../../src/layer/ext4/refusal.js';
import { NO_TIME_SECONDS, TarEntry } from '../../../src/layer/ext4/tar-header.js';
import {
  applyGlobalRecords,
  applyPaxRecords,
  parsePaxRecords,
} from '../../../src/layer/ext4/tar-pax.js';
import { paxData } from './archive.js';

const refuse: Refuse = (rule, detail) =>
  buildRefusal(rule, { index: 1, name: undefined, headerOffset: 0 }, detail);
const parse = (text: string) => Object.fromEntries(parsePaxRecords(text, refuse));

describe('PAX records', () => {
  it.each([
    ['', {}],
    ['6 a=b\n', { a: 'b' }],
    ['5 a=\n', { a: '' }],
    ['+6 a=\n', { a: '' }],
    ['007 a=\n', { a: '' }],
    ['8 a=b=c\n', { a: 'b=c' }],
    ['8 a=\n\n\n\n', { a: '\n\n\n' }],
    ['6 a=1\n6 a=2\n', { a: '2' }],
    ['7 a=\0b\n', { a: '\0b' }],
    ['14 SCHILY.x=\xff\n', { 'SCHILY.x': '\xff' }],
  ])('%j', (text, records) => {
    expect(parse(text)).toEqual(records);
  });

  it.each([
    ['no length', 'a=b\n'],
    ['an empty length', ' a=b\n'],
    ['a length that is not a number', 'x a=b\n'],
    ['a negative length', '-6 a=b\n'],
    ['a length below 5', '4 a=\n'],
    ['a length beyond the data', '7 a=b\n'],
    ['a length that ends in its own digits', '0000000000000005 a=b\n'],
    ['no newline where the length ends', '5 a=b\n'],
    ['no "="', '6 abc\n'],
    ['"=" only in the next record', '6 abc\n6 a=b\n'],
    ['an empty key', '5 =b\n'],
    ['a NUL in a key', '7 a\0=b\n'],
    ['a NUL in a path', '9 path=\0\n'],
    ['a NUL in a user name', '10 uname=\0\n'],
    ['a tail', '6 a=b\n\0'],
    ['a huge length', '99999999999999999999 a=b\n'],
  ])('refuses %s', (_, text) => {
    expect(() => parse(text)).toThrow('[tar-header]');
  });

  it('joins the pieces of a sparse map', () => {
    const pieces = [
      ['GNU.sparse.offset', '1'],
      ['GNU.sparse.numbytes', '2'],
      ['other', 'x'],
      ['GNU.sparse.offset', '3'],
    ] as const;
    expect(parse(paxData([['GNU.sparse.map', 'old'], ...pieces]))).toEqual({
      other: 'x',
      'GNU.sparse.map': '1,2,3',
    });
  });

  it.each([
    ['a length first', [['GNU.sparse.numbytes', '1']]],
    [
      'two offsets',
      [
        ['GNU.sparse.offset', '1'],
        ['GNU.sparse.offset', '1'],
      ],
    ],
    ['a comma', [['GNU.sparse.offset', '1,2']]],
  ] as const)('refuses a sparse map with %s', (_, records) => {
    expect(() => parse(paxData(records))).toThrow('[tar-header]');
  });
});

describe('applying records', () => {
  const apply = (records: readonly (readonly [string, string])[]): TarEntry => {
    const entry = Object.assign(new TarEntry(), { name: 'n', linkname: 'l', size: 3, uid: 4 });
    applyPaxRecords(entry, parsePaxRecords(paxData(records), refuse), refuse);
    return entry;
  };

  it('replaces fields', () => {
    expect(
      apply([
        ['path', '\xff'],
        ['linkpath', 'target'],
        ['size', '99'],
        ['uid', '-1'],
        ['gid', '4294967297'],
        ['mtime', '-1.25'],
        ['atime', '5.5'],
        ['ctime', '7'],
      ]),
    ).toMatchObject({
      name: '\xff',
      linkname: 'target',
      size: 99,
      uid: 0xffffffff,
      gid: 1,
      mtimeSeconds: -2,
      mtimeNanoseconds: 750_000_000,
      atimeSeconds: 5,
      atimeNanoseconds: 500_000_000,
      ctimeSeconds: 7,
      ctimeNanoseconds: 0,
    });
  });

  it('leaves fields alone where the value is empty', () => {
    const entry = apply([
      ['path', ''],
      ['size', ''],
      ['uid', ''],
      ['mtime', ''],
      ['SCHILY.xattr.user.e', ''],
    ]);
    expect(entry).toMatchObject({ name: 'n', size: 3, uid: 4, mtimeSeconds: 0 });
    expect(entry.records.get('SCHILY.xattr.user.e')).toBe('');
  });

  it.each(['uid', 'gid', 'size', 'mtime', 'atime', 'ctime'])('refuses a malformed %s', (key) => {
    expect(() => apply([[key, '1 ']])).toThrow(
      expect.objectContaining({ got: `PAX record ${key} is not a number` }),
    );
  });
});

describe('global headers', () => {
  const apply = (records: readonly (readonly [string, string])[]): TarEntry => {
    const entry = Object.assign(new TarEntry(), { name: 'n', mtimeSeconds: NO_TIME_SECONDS });
    applyGlobalRecords(entry, parsePaxRecords(paxData(records), refuse), refuse);
    return entry;
  };

  it('take nothing but name and records', () => {
    const entry = apply([
      ['path', 'p'],
      ['size', '5'],
      ['mtime', '7'],
      ['comment', 'c'],
    ]);
    expect(entry).toMatchObject({ name: 'p', size: 0, mtimeSeconds: NO_TIME_SECONDS });
    expect(entry.records.size).toBe(4);
    expect(apply([['path', '']]).name).toBe('n');
  });

  it('lose all records by one bad number', () => {
    expect(
      apply([
        ['comment', 'c'],
        ['uid', 'x'],
      ]).records.size,
    ).toBe(0);
  });

  it('are refused where a bad number makes the name random', () => {
    expect(() =>
      apply([
        ['path', 'p'],
        ['uid', 'x'],
      ]),
    ).toThrow('[random-global-header]');
  });
});
