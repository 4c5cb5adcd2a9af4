import fc from 'fast-check';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.js';
import { NO_TIME_SECONDS } from '../../../src/layer/ext4/tar-header.js';
import { collect } from '../../support/streams.js';
import { archive, GNU, header, members, padded, paxData, V7 } from './archive.js';
import { cut, ruleOf } from './convert.js';
import { entriesOf, readTar } from './read-tar.js';

const ZERO = Buffer.alloc(512);
const file = members([{ name: 'f', data: 'hello' }]);
const rule = (...chunks: Uint8Array[]): string | undefined => {
  const { error } = readTar(chunks);
  return error && ruleOf(error);
};
const extension = (type: string, data: string): Buffer =>
  Buffer.concat([header({ name: '././@', type, data }), padded(data)]);

describe('end of archive', () => {
  it.each([
    ['nothing at all', []],
    ['one zero block', [ZERO]],
    ['two zero blocks', [ZERO, ZERO]],
    ['two zero blocks and anything', [ZERO, ZERO, Buffer.alloc(700, 1)]],
    ['an entry and nothing', [file]],
    ['an entry without its padding', [file.subarray(0, 517)]],
    ['an entry with some of its padding', [file.subarray(0, 1000)]],
    ['an entry and one zero block', [file, ZERO]],
    ['an extended header without its padding', [extension('L', 'name').subarray(0, 516)]],
    ['an extended header without its entry', [extension('x', '6 a=b\n'), ZERO, ZERO]],
  ])('is %s', (_, chunks) => {
    expect(rule(...chunks)).toBeUndefined();
  });

  it.each([
    ['some bytes of a header', 'unexpected-eof', [Buffer.alloc(1)]],
    ['some bytes of a second header', 'unexpected-eof', [file, file.subarray(0, 511)]],
    ['some bytes after a zero block', 'unexpected-eof', [ZERO, Buffer.alloc(511)]],
    ['an entry after a zero block', 'tar-header', [ZERO, file]],
    ['less content than announced', 'unexpected-eof', [file.subarray(0, 516)]],
    ['less of an extended header', 'unexpected-eof', [extension('x', '6 a=b\n').subarray(0, 515)]],
    ['less of what is skipped', 'unexpected-eof', [header({ name: 'skipped', data: 'x' })]],
  ])('is not %s', (_, wanted, chunks) => {
    expect(rule(...chunks)).toBe(wanted);
  });

  it('is noticed behind content that is not wanted', () => {
    const tar = archive([{ name: 'skipped', data: 'x'.repeat(1000) }, { name: 'next' }]);
    expect(entriesOf(tar).map(({ name, content }) => [name, content])).toEqual([
      ['skipped', ''],
      ['next', ''],
    ]);
  });
});

describe('entries', () => {
  it.each(['1', '2', '3', '4', '5', '6'])('of type %s have no data whatever their size', (type) => {
    const tar = Buffer.concat([header({ name: 'a', type, size: 5000 }), file]);
    expect(entriesOf(tar).map(({ name }) => name)).toEqual(['a', 'f']);
  });

  it.each(['0', '7', 'S', 'V', 'D', 'Z', '\0'])(
    'of type %j may not have a negative size',
    (type) => {
      const raw = { 124: '\xff'.repeat(12) };
      expect(rule(header({ name: 'd/', type, raw, magic: GNU }))).toBe('tar-header');
    },
  );

  it.each(['1', '5'])('of type %s may have a negative size', (type) => {
    expect(rule(header({ name: 'd', type, raw: { 124: '\xff'.repeat(12) } }))).toBeUndefined();
  });

  it('of type NUL are directories if their name ends in a slash', () => {
    const tar = archive([
      { name: 'd/', type: '\0' },
      { name: 'f', type: '\0', magic: V7 },
      { name: 'x', type: '\0', pax: [['path', 'y/']] },
      { name: 'g/', type: '0' },
    ]);
    expect(entriesOf(tar).map(({ type }) => type)).toEqual(['5', '0', '5', '0']);
  });

  it('take their size from a record, also for the data that follow', () => {
    const tar = Buffer.concat([
      extension('x', paxData([['size', '700']])),
      header({ name: 'a', size: 0 }),
      padded('x'.repeat(700)),
      file,
    ]);
    expect(entriesOf(tar).map(({ content }) => content.length)).toEqual([700, 5]);
    const negative = [extension('x', paxData([['size', '-1']])), header({ name: 'a' })];
    expect(rule(...negative)).toBe('tar-header');
  });
});

describe('extended headers', () => {
  it('give long names and links up to a NUL, in any order', () => {
    const name = `${'n'.repeat(300)}\xff`;
    const tar = Buffer.concat([
      extension('K', 'target\0rest'),
      extension('L', `${name}\0`),
      header({ name: 'short', type: '2', linkname: 'short' }),
      file,
    ]);
    expect(entriesOf(tar)).toMatchObject([
      { name, linkname: 'target' },
      { name: 'f', linkname: '' },
    ]);
  });

  it('of GNU win over records', () => {
    const records = extension(
      'x',
      paxData([
        ['path', 'record'],
        ['linkpath', 'link'],
      ]),
    );
    const tar = Buffer.concat([extension('L', 'long'), records, header({ name: 'h', type: '2' })]);
    expect(entriesOf(tar)).toMatchObject([{ name: 'long', linkname: 'link' }]);
  });

  it('with an empty long name change nothing', () => {
    expect(entriesOf(Buffer.concat([extension('L', ''), file]))).toMatchObject([{ name: 'f' }]);
    expect(entriesOf(Buffer.concat([extension('L', '\0x'), file]))).toMatchObject([{ name: 'f' }]);
  });

  it('are replaced by a second one', () => {
    const tar = Buffer.concat([
      extension(
        'x',
        paxData([
          ['path', 'first'],
          ['uid', '7'],
        ]),
      ),
      extension('x', paxData([['gid', '8']])),
      file,
    ]);
    const { entries, dropped } = readTar([tar]);
    expect(entries).toMatchObject([{ name: 'f', uid: 0, gid: 8 }]);
    expect(dropped).toBe(1);
  });

  it('are checked like entries', () => {
    const bad = header({ type: 'x', data: '', raw: { 136: '99' } });
    expect(rule(bad, file)).toBe('tar-header');
  });
});

describe('global headers', () => {
  const records = paxData([
    ['comment', 'c'],
    ['SCHILY.xattr.user.a', 'v'],
  ]);

  it('are entries without attributes, and lose what precedes them', () => {
    const tar = Buffer.concat([
      extension('x', paxData([['uid', '5']])),
      extension('L', 'lost'),
      Buffer.concat([
        header({
          name: 'g',
          type: 'g',
          data: records,
          uid: 3,
          mode: 0o777,
          mtime: 9,
          linkname: 'l',
        }),
        padded(records),
      ]),
      file,
    ]);
    const { entries, dropped } = readTar([tar]);
    expect(entries).toMatchObject([
      { name: 'g', type: 'g', size: 0, mode: 0, uid: 0, linkname: '', content: '' },
      { name: 'f', uid: 0 },
    ]);
    expect(entries[0]!.mtimeSeconds).toBe(NO_TIME_SECONDS);
    expect([...entries[0]!.records.keys()]).toEqual(['comment', 'SCHILY.xattr.user.a']);
    expect(entries[1]!.records.size).toBe(0);
    expect(dropped).toBe(1);
  });
});

describe('limits', () => {
  const big = (size: number): Buffer => {
    const value = 'v'.repeat(size - `${size} comment=\n`.length);
    const data = `${size} comment=${value}\n`;
    return Buffer.concat([extension('x', data), file]);
  };

  it('takes extended headers up to 1 MiB', () => {
    expect(LIMITS.tarExtensionBytes).toBe(1_048_576);
    expect(entriesOf(big(LIMITS.tarExtensionBytes))).toMatchObject([{ name: 'f' }]);
    expect(readTar([big(LIMITS.tarExtensionBytes + 1)]).error?.code).toBe('LIMIT_EXCEEDED');
  });

  it.each(['x', 'g', 'L', 'K'])('refuses an %s header of any larger size at once', (type) => {
    const raw = { 124: '\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff' };
    expect(readTar([header({ type, raw })]).error?.code).toBe('LIMIT_EXCEEDED');
  });

  it('counts entries', () => {
    const limits = { ...LIMITS, tarEntries: 3 };
    const tar = (count: number) => archive(Array.from({ length: count }, () => ({ name: 'f' })));
    expect(readTar([tar(3)], limits).error).toBeUndefined();
    expect(readTar([tar(4)], limits).error).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: 'tar entry 4 "f": layer has too many entries',
      want: 'at most 3',
    });
  });
});

describe('errors', () => {
  it('say which entry, and where its header lies', () => {
    const tar = Buffer.concat([
      file,
      extension(
        'x',
        paxData([
          ['path', 'caf\xc3\xa9'],
          ['size', 'x'],
        ]),
      ),
      header({ name: 'h' }),
    ]);
    expect(readTar([tar]).error).toMatchObject({
      message: 'tar entry 2 "caf\u00e9": tar header is invalid [tar-header]',
      where: 'tar byte 2048',
      got: 'PAX record size is not a number',
    });
    expect(readTar([file, Buffer.alloc(5)]).error).toMatchObject({
      message: 'tar entry 2: tar ends too early [unexpected-eof]',
      where: 'tar byte 1024',
      got: 'end inside a header',
    });
  });
});

describe('archives of tar-stream', () => {
  const name = fc
    .array(fc.stringMatching(/^[a-zA-Z0-9 _\u00e4\u65e5-]{1,60}$/), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join('/'));
  const entry = fc.record({
    name,
    kind: fc.constantFrom('file' as const, 'directory' as const, 'symlink' as const),
    content: fc.uint8Array({ maxLength: 2000 }),
    mode: fc.integer({ min: 1, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 2 ** 18 - 1 }),
    gid: fc.integer({ min: 0, max: 2 ** 18 - 1 }),
    seconds: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    target: name,
  });

  it('parse as what was put in, in any pieces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 8 }), fc.nat(), async (list, seed) => {
        const tar = pack();
        for (const { name, kind, content, mode, uid, gid, seconds, target } of list) {
          const fields = { name, mode, uid, gid, mtime: new Date(seconds * 1000) };
          if (kind === 'file') tar.entry({ ...fields, type: kind }, Buffer.from(content));
          else if (kind === 'symlink') tar.entry({ ...fields, type: kind, linkname: target });
          else tar.entry({ ...fields, type: kind });
        }
        tar.finalize();
        const bytes = await collect(tar as AsyncIterable<Uint8Array>);
        const { entries, error } = readTar(cut(bytes, 300, seed));
        expect(error).toBeUndefined();
        const utf8 = (text: string): string => Buffer.from(text, 'latin1').toString('utf8');
        expect(
          entries.map((found) => ({
            name: utf8(found.name).replace(/\/$/, ''),
            type: found.type,
            content: found.content,
            linkname: utf8(found.linkname),
            ids: [found.mode, found.uid, found.gid, found.mtimeSeconds],
          })),
        ).toEqual(
          list.map(({ name, kind, content, mode, uid, gid, seconds, target }) => ({
            name,
            type: { file: '0', directory: '5', symlink: '2' }[kind],
            content: kind === 'file' ? Buffer.from(content).toString('latin1') : '',
            linkname: kind === 'symlink' ? target : '',
            ids: [mode, uid, gid, seconds],
          })),
        );
      }),
      { seed: 0xc0de, numRuns: 150 },
    );
  });
});
