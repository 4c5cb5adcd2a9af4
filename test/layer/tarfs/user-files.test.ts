import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.js';
import type { Notice } from '../../../src/core/notice.js';
import type { UserFileEntry } from '../../../src/image/types.js';
import { createUserFileScanner } from '../../../src/layer/tarfs/user-files.js';
import {
  archive,
  dir,
  type Entry,
  file,
  gnuLong,
  hardLink,
  headerOf,
  members,
  pax,
  paxRecord,
  symlink,
} from './archive.js';
import { cut } from './convert.js';

interface Scanned {
  readonly entries: readonly UserFileEntry[];
  readonly notices: readonly Notice[];
}

function scan(tar: Uint8Array, sizes: Iterable<number> = [tar.length]): Scanned {
  const notices: Notice[] = [];
  const scanner = createUserFileScanner((notice) => notices.push(notice));
  for (const chunk of cut(tar, sizes)) scanner.write(chunk);
  return { entries: scanner.end(), notices };
}

const found = (...entries: readonly Entry[]) => scan(archive(...entries)).entries;
const codes = (...entries: readonly Entry[]) =>
  scan(archive(...entries)).notices.map(({ code }) => code);
const text = (name: 'passwd' | 'group', content: string, exactName = true): UserFileEntry => ({
  file: name,
  exactName,
  kind: 'text',
  text: content,
});

describe('user files', () => {
  it('are found with their text, in archive order, in any chunking', () => {
    const tar = archive(
      dir('etc/'),
      file('etc/group', 'root:x:0:\n'),
      file('etc/passwd', 'ä:x:0:0::/:/bin/sh\n'.repeat(40)),
      file('etc/passwd', ''),
      file('etc/passwd-', 'old'),
    );
    const expected = [
      text('group', 'root:x:0:\n'),
      text('passwd', 'ä:x:0:0::/:/bin/sh\n'.repeat(40)),
      text('passwd', ''),
    ];
    for (const sizes of [[tar.length], [1], [513], [700]])
      expect(scan(tar, sizes)).toEqual({ entries: expected, notices: [] });
  });

  it.each([
    ['./etc/passwd'],
    ['etc//passwd'],
    ['etc/./passwd'],
    ['./etc/passwd/'],
    ['././etc/.//passwd/.'],
  ])('are found as %s, not by their exact name', (name) => {
    expect(found(file(name, 'x'))).toEqual([text('passwd', 'x', false)]);
  });

  it.each([
    '/etc/passwd',
    'etc/../etc/passwd',
    '../etc/passwd',
    'passwd',
    'etc/passwd/x',
    'xetc/passwd',
    'etc/Passwd',
    'usr/etc/passwd',
  ])('are not found as %s', (name) => {
    expect(found(file(name, 'x'))).toEqual([]);
  });

  it('may stand in prefix and name', () => {
    expect(found(file('passwd', 'x', { prefix: 'etc' }))).toEqual([text('passwd', 'x')]);
    expect(found(file('passwd', 'x', { prefix: 'etc', kind: 'gnu' }))).toEqual([]);
  });

  it('may be whited out', () => {
    const whiteout = { kind: 'whiteout', text: '' } as const;
    expect(
      found(file('etc/.wh.passwd', 'ignored'), file('./etc/.wh.group'), file('etc/passwd', 'new')),
    ).toEqual([
      { file: 'passwd', exactName: true, ...whiteout },
      { file: 'group', exactName: false, ...whiteout },
      text('passwd', 'new'),
    ]);
  });

  it('may be links, which have no text unless they store some', () => {
    const link = { exactName: true, kind: 'link', text: '' } as const;
    expect(
      found(
        symlink('etc/passwd', 'x'),
        hardLink('etc/group', 'x'),
        symlink('etc/group', 'x', { data: 't' }),
      ),
    ).toEqual([{ file: 'passwd', ...link }, { file: 'group', ...link }, text('group', 't')]);
  });

  it('of any other type are read like files', () => {
    expect(found(file('etc/passwd', 'x', { type: '7' }), dir('./etc/group/'))).toEqual([
      text('passwd', 'x'),
      text('group', '', false),
    ]);
  });

  it.each([
    ['a lone byte', Buffer.from([0x61, 0xff])],
    ['a cut sequence', Buffer.from([0xc3])],
    ['a surrogate', Buffer.from([0xed, 0xa0, 0x80])],
    ['an overlong form', Buffer.from([0xc0, 0x80])],
  ])('may be no UTF-8: %s', (_what, data) => {
    expect(found(file('etc/passwd', data))).toEqual([
      { file: 'passwd', exactName: true, kind: 'not-utf8', text: '' },
    ]);
  });

  it('keep a byte order mark and NULs', () => {
    expect(found(file('etc/passwd', '\ufeffa\0'))).toEqual([text('passwd', '\ufeffa\0')]);
  });

  it('stand in an archive whose other names are no UTF-8', () => {
    expect(found(file(Buffer.from([0xff])), file('etc/passwd', 'x'))).toEqual([
      text('passwd', 'x'),
    ]);
  });

  it('are not looked for behind the end block or in what follows the archive', () => {
    const tar = Buffer.concat([archive(file('a')), members([file('etc/passwd', 'x')])]);
    expect(scan(tar)).toEqual({ entries: [], notices: [] });
    expect(scan(members([file('etc/passwd', 'x')])).entries).toHaveLength(1);
  });
});

describe('names that peers and guest read differently', () => {
  it('count as in the header', () => {
    expect(found(gnuLong('L', 'etc/passwd'), file('short', 'x'))).toEqual([]);
    expect(found(pax(paxRecord('path', 'other')), file('etc/passwd', 'x'))).toEqual([
      text('passwd', 'x'),
    ]);
  });

  it('are reported', () => {
    expect(codes(gnuLong('L', 'etc/passwd'), file('short'))).toEqual(['renamed-user-files']);
    expect(codes(pax(paxRecord('path', 'other')), file('etc/passwd'))).toEqual([
      'renamed-user-files',
    ]);
    expect(codes(pax(paxRecord('path', './etc/passwd')), file('etc/passwd'))).toEqual([]);
    expect(codes(pax(paxRecord('path', 'other')), file('another'))).toEqual([]);
  });

  it('are reported where the guest loses the files of lower layers', () => {
    expect(codes(file('.wh.etc'), file('./etc/.wh..wh..opq'))).toEqual(['hidden-user-files']);
    expect(codes(file('etc/.wh.shadow'))).toEqual([]);
  });
});

describe('scan of a broken archive', () => {
  it.each([
    ['a cut file', members([file('etc/passwd', 'data')]).subarray(0, 514)],
    [
      'a wrong checksum behind the file',
      members([file('etc/passwd', 'x'), file('b', '', { checksum: 1 })]),
    ],
    ['a cut header', archive(file('etc/passwd', 'x')).subarray(0, 1100)],
  ])('fails: %s', (_what, tar) => {
    expect(() => scan(tar)).toThrow(expect.objectContaining({ code: 'LAYER_INVALID' }));
  });

  it('fails for a sparse user file', () => {
    const patches = { 483: Buffer.from('00000000000') };
    const sparse = file('etc/passwd', '', { type: 'S', kind: 'gnu', patches });
    expect(() => found(sparse)).toThrow(/stored as a sparse file/);
    expect(found({ ...sparse, name: 'etc/other' })).toEqual([]);
  });
});

describe('limits of user files', () => {
  const tooMuch = expect.objectContaining({ code: 'LIMIT_EXCEEDED' });

  it('pass the highest number of entries and no more', () => {
    const list = Array.from({ length: LIMITS.userFileEntries }, () => file('etc/.wh.passwd'));
    expect(found(...list)).toHaveLength(LIMITS.userFileEntries);
    expect(() => found(...list, file('etc/group'))).toThrow(tooMuch);
  });

  it('pass the highest number of bytes in all and no more', () => {
    const half = LIMITS.userFileBytes / 2;
    const list = [file('etc/passwd', Buffer.alloc(half)), file('etc/group', Buffer.alloc(half))];
    expect(found(...list)).toHaveLength(2);
    expect(() => found(...list, file('etc/passwd', 'x'))).toThrow(tooMuch);
  });

  it('are checked before the data arrives', () => {
    const header = headerOf(file('etc/passwd', '', { size: LIMITS.userFileBytes + 1 }));
    expect(() => scan(header)).toThrow(tooMuch);
  });
});
