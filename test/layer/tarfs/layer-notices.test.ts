import { describe, expect, it } from 'vitest';
import type { Notice } from '../../../src/core/notice.js';
import { createLayerNotices } from '../../../src/layer/tarfs/layer-notices.js';
import {
  archive,
  dir,
  type Entry,
  file,
  gnuLong,
  hardLink,
  pax,
  paxRecord,
  symlink,
} from './archive.js';
import { type ConvertOptions, convert } from './convert.js';
import { readTarfs } from './guest-reader.js';

interface Row {
  readonly what: string;
  readonly entries: readonly Entry[];
  readonly code: string;
  /** Names in the message, in order. */
  readonly names: readonly string[];
  /** All that the guest can reach. */
  readonly guest: readonly string[];
  readonly options?: ConvertOptions;
}

const uid = (value: string) => pax(paxRecord('uid', value));

const ROWS: readonly Row[] = [
  {
    what: 'a repeated directory',
    entries: [dir('a/'), file('a/lost'), dir('a/'), file('a/kept')],
    code: 'repeated-directories',
    names: ['a/'],
    guest: ['a', 'a/kept'],
  },
  {
    what: 'a late root',
    entries: [file('lost'), dir('./'), file('kept')],
    code: 'late-root-directory',
    names: ['/'],
    guest: ['kept'],
  },
  {
    what: 'a root that is a file',
    entries: [file('a'), file('./')],
    code: 'late-root-directory',
    names: ['/'],
    guest: [],
  },
  {
    what: 'a root that is a hard link',
    entries: [file('a'), hardLink('./', 'a')],
    code: 'root-not-a-directory',
    names: ['./'],
    guest: [],
  },
  {
    what: 'a parent without a member',
    entries: [file('a/b/c'), dir('d')],
    code: 'implied-parent-directories',
    names: ['a', 'a/b'],
    guest: ['d'],
  },
  {
    what: 'a member below a file',
    entries: [file('a'), file('a/b')],
    code: 'members-below-files',
    names: ['a'],
    guest: ['a'],
  },
  {
    what: 'an early opaque marker',
    entries: [file('a/.wh..wh..opq'), dir('a')],
    code: 'lost-opaque-markers',
    names: ['a/'],
    guest: ['a'],
  },
  {
    what: 'a changed hard link',
    entries: [file('a', 'old'), hardLink('b', 'a'), file('b', 'new')],
    code: 'changed-hard-links',
    names: ['b'],
    guest: ['a', 'b'],
  },
  {
    what: 'a removed hard link',
    entries: [file('a', 'old'), hardLink('b', 'a'), file('.wh.a')],
    code: 'changed-hard-links',
    names: ['b'],
    guest: ['a', 'b'],
  },
  {
    what: 'a hard-linked file that becomes a directory',
    entries: [file('a'), hardLink('b', 'a'), dir('a'), file('a/c')],
    code: 'changed-hard-links',
    names: ['b'],
    guest: ['a', 'a/c', 'b', 'b/c'],
  },
  {
    what: 'special bits',
    entries: [file('su', '', { mode: 0o4755 }), dir('tmp/', { mode: 0o1777 })],
    code: 'lost-special-bits',
    names: ['su', 'tmp/'],
    guest: ['su', 'tmp'],
  },
  {
    what: 'extended attributes',
    entries: [pax(paxRecord('SCHILY.xattr.security.capability', 'x')), file('ping')],
    code: 'lost-extended-attributes',
    names: ['ping'],
    guest: ['ping'],
  },
  {
    what: 'an old-style directory',
    entries: [file('a/', '', { type: '\0', kind: 'old' })],
    code: 'old-style-directories',
    names: ['a/'],
    guest: ['a'],
  },
  {
    what: 'an owner in a PAX record',
    entries: [uid('3000000'), file('a')],
    code: 'pax-owner-ids',
    names: ['a'],
    guest: ['a'],
  },
  {
    what: 'a PAX header with a newline in a value',
    entries: [pax(paxRecord('comment', 'a\nb')), file('a')],
    code: 'malformed-pax-records',
    names: ['a'],
    guest: ['a'],
  },
  {
    what: 'a repeated PAX record',
    entries: [pax(paxRecord('path', 'p'), paxRecord('path', 'q')), file('a')],
    code: 'repeated-pax-records',
    names: ['p'],
    guest: ['p'],
  },
  {
    what: 'two sizes',
    entries: [pax(paxRecord('size', '3')), file('a', 'data')],
    code: 'ignored-pax-sizes',
    names: ['a'],
    guest: ['a'],
  },
  {
    what: 'a name of 256 bytes',
    entries: [gnuLong('L', 'n'.repeat(256)), file('x')],
    code: 'long-names',
    names: [`${'n'.repeat(120)}...`],
    guest: ['n'.repeat(256)],
  },
  {
    what: 'types that are left out',
    entries: [...'7VMZX'].map((type) => file(type, '', { type })),
    code: 'skipped-types',
    names: ['7', 'V', 'M', '...'],
    guest: [],
  },
  {
    what: 'names that climb out',
    entries: [file('../a'), hardLink('../b', 'c'), file('c'), hardLink('../d', 'c')],
    code: 'skipped-names',
    names: ['../a', '../d'],
    guest: ['c'],
  },
  {
    what: 'hard links to what is no file',
    entries: [
      dir('d'),
      symlink('s', 'd'),
      ...['d', 's', '', '..', '/'].map((link, i) => hardLink(`l${i}`, link)),
    ],
    code: 'skipped-links',
    names: ['l0', 'l1', 'l2', '...'],
    guest: ['d', 's'],
  },
  {
    what: 'long links with the original index writer',
    entries: [gnuLong('K', 'target'), symlink('s', 'tar')],
    code: 'skipped-long-links',
    names: ['s'],
    guest: [],
    options: { variant: 'original' },
  },
  {
    what: 'fields that cannot be read',
    entries: [
      file('mode', '', { mode: Buffer.from('9') }),
      symlink('link', ''),
      file('major', '', { type: '3', major: Buffer.from('x'), minor: 0 }),
      file('old', '', { type: '4', kind: 'old', major: 1, minor: 2 }),
    ],
    code: 'skipped-unreadable-members',
    names: ['mode', 'link', 'major', '...'],
    guest: [],
  },
];

function quoted(names: readonly string[]): string {
  return names.map((name) => (name === '...' ? name : JSON.stringify(name))).join(', ');
}

describe('notices', () => {
  it.each(ROWS.map((row) => [row.what, row] as const))('%s', (_what, row) => {
    const { image, notices } = convert(archive(...row.entries), row.options);
    const notice = notices.find(({ code }) => code === row.code);
    expect(notice?.message).toContain(`: ${quoted(row.names)} (`);
    if (row.guest.length > 0)
      expect([...readTarfs(image).keys()].sort()).toEqual(['', ...row.guest].sort());
  });

  const SILENT: readonly (readonly [string, readonly Entry[]])[] = [
    ['a plain tree', [dir('./'), dir('a/'), file('a/b'), symlink('l', 'a'), hardLink('h', 'a/b')]],
    ['a repeated directory that was empty', [dir('a'), dir('a')]],
    ['a directory that replaces a file', [file('a'), dir('a')]],
    ['a file that replaces a directory', [dir('a'), file('a/b'), file('a')]],
    ['a repeated file', [file('a', '1'), file('a', '2')]],
    ['an opaque marker in its place', [dir('a'), file('a/.wh..wh..opq')]],
    ['a whiteout', [file('.wh.a', '', { mode: 0o4755 })]],
    [
      'a hard link replaced by another',
      [file('a'), file('b'), hardLink('c', 'a'), hardLink('c', 'b')],
    ],
    ['an equal owner in a PAX record', [uid('7'), file('a', '', { uid: 7 })]],
    ['equal sizes', [pax(paxRecord('size', '4')), file('a', 'data')]],
    ['a name of 255 bytes', [gnuLong('L', 'n'.repeat(255)), file('x')]],
    ['a global PAX header', [{ name: 'pax_global_header', type: 'g', data: '6 a=b\n' }]],
    ['a fraction of a second', [pax(paxRecord('mtime', '1.5')), file('a')]],
  ];

  it.each(SILENT)('none for %s', (_what, entries) => {
    expect(convert(archive(...entries)).notices).toEqual([]);
  });

  it('count members and show the first names, once per code', () => {
    const given: Notice[] = [];
    const notices = createLayerNotices((notice) => given.push(notice));
    for (const name of ['a', 'b\x1b', 'c', 'd', 'e']) notices.add('lost-special-bits', () => name);
    notices.add('skipped-types', () => 'z');
    expect(given).toEqual([]);
    notices.flush();
    expect(given).toEqual([
      {
        code: 'lost-special-bits',
        message:
          'setuid, setgid and sticky bits are lost in the guest: "a", "b\\u001b", "c", ... (5 in all)',
      },
      {
        code: 'skipped-types',
        message:
          'members of types that the guest format does not know are left out: "z" (1 in all)',
      },
    ]);
  });

  it('do not ask for names that they do not show', () => {
    const notices = createLayerNotices(() => undefined);
    let asked = 0;
    for (let i = 0; i < 10; i++) notices.add('skipped-types', () => `${asked++}`);
    expect(asked).toBe(3);
  });
});

describe('PAX owners', () => {
  const tar = archive(pax(paxRecord('uid', '4294967301'), paxRecord('gid', '9')), file('a'));

  it('replace the header only in the newer parser', () => {
    const owner = ({ image }: { image: Buffer }) => {
      const { uid: user, gid: group } = readTarfs(image).get('a')!;
      return [user, group];
    };
    expect(owner(convert(tar))).toEqual([5, 9]);
    expect(owner(convert(tar, { tarCrate: '0.4.38' }))).toEqual([0, 0]);
  });
});
