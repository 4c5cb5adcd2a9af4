import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { LIMITS } from '../../../src/core/limits.js';
import { memberLink, memberName, type TarMember } from '../../../src/layer/tarfs/tar-member.js';
import { createTarReader } from '../../../src/layer/tarfs/tar-reader.js';
import {
  archive,
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

interface Read {
  readonly index: number;
  readonly name: string;
  readonly link: string | undefined;
  readonly size: number;
  readonly headerOffset: number;
  readonly dataOffset: number;
  readonly content?: string;
}

/** All members; with content for those whose name begins with `want`. */
function read(tar: Uint8Array, sizes: Iterable<number> = [tar.length]): readonly Read[] {
  const found: Read[] = [];
  const reader = createTarReader({
    member(member: TarMember) {
      const { index, size, headerOffset, dataOffset } = member;
      const name = memberName(member);
      found.push({ index, name, link: memberLink(member), size, headerOffset, dataOffset });
      return name.startsWith('want');
    },
    content(data) {
      found.push({ ...found.pop()!, content: data.toString('latin1') });
    },
  });
  for (const chunk of cut(tar, sizes)) reader.write(chunk);
  reader.end();
  return found;
}

const names = (tar: Uint8Array) => read(tar).map(({ name }) => name);
const g = (name: string, more: Entry = {}): Entry => ({ name, kind: 'gnu', ...more });

describe('walking', () => {
  it('gives places and content in any chunking', () => {
    const tar = archive(file('a', 'x'.repeat(513)), file('want', 'y'.repeat(600)), file('c'));
    const expected = [
      { index: 0, name: 'a', size: 513, headerOffset: 0, dataOffset: 512 },
      {
        index: 1,
        name: 'want',
        size: 600,
        headerOffset: 1536,
        dataOffset: 2048,
        content: 'y'.repeat(600),
      },
      { index: 2, name: 'c', size: 0, headerOffset: 3072, dataOffset: 3584 },
    ];
    for (const sizes of [[tar.length], [1], [511], [513], [512], [100, 2000, 3, 512]])
      expect(read(tar, sizes)).toEqual(expected.map((row) => ({ ...row, link: undefined })));
  });

  it('hands over empty content', () => {
    expect(read(archive(file('want')))[0]?.content).toBe('');
  });

  it('ends at a single zero block, whatever follows', () => {
    expect(
      names(Buffer.concat([members([file('a')]), Buffer.alloc(512), Buffer.alloc(99, 7)])),
    ).toEqual(['a']);
  });

  it('ends without an end block', () => {
    expect(names(members([file('a', 'data')]))).toEqual(['a']);
    expect(names(Buffer.alloc(0))).toEqual([]);
  });

  it.each([
    ['a header', (tar: Buffer) => tar.subarray(0, 1024 + 511), /middle of a block/],
    ['data', (tar: Buffer) => tar.subarray(0, 513), /middle of the data/],
    ['padding', (tar: Buffer) => tar.subarray(0, 1023), /middle of the data/],
  ])('fails where %s is cut', (_what, cutting, rule) => {
    const tar = members([file('a', 'data'), file('b')]);
    expect(() => read(cutting(tar))).toThrow(rule);
    expect(() => read(cutting(tar), [1])).toThrow(rule);
  });

  it('fails where wanted content is cut', () => {
    expect(() => read(members([file('want', 'data')]).subarray(0, 514))).toThrow(/of the data/);
  });

  it('tells entry, name and rule', () => {
    const tar = members([file('a', 'data'), file('b\x1b', '', { checksum: 5 })]);
    let error: unknown;
    try {
      read(tar);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ToolError);
    expect(error).toMatchObject({
      code: 'LAYER_INVALID',
      message: 'layer tar has a header checksum mismatch',
      where: 'entry 1 "b\\u001b"',
      got: '5',
      want: expect.stringMatching(/^\d+$/),
    });
  });

  it.each([
    ['checksum', { checksum: Buffer.from('9\0      ') }, /checksum field that is not a number/],
    ['size', { size: Buffer.from('9\0') }, /size field that is not a number/],
    ['empty size', { size: Buffer.alloc(12) }, /size field that is not a number/],
    ['size of -1', { size: Buffer.alloc(12, 0xff) }, /size that no archive can hold/],
    ['size of 2^47', { size: Buffer.from('800000000000800000000000', 'hex') }, /of the data/],
  ])('fails for a bad %s', (_what, more, rule) => {
    expect(() => read(archive(g('a', more)))).toThrow(rule);
  });

  it('reads a base-256 size', () => {
    const size = Buffer.from('800000000000000000000003', 'hex');
    expect(read(archive(file('want', 'abc', { size })))[0]).toMatchObject({ content: 'abc' });
  });
});

describe('extension members', () => {
  it('give name and link in any order, once', () => {
    const tar = archive(
      gnuLong('K', 'long link'),
      gnuLong('L', 'long name'),
      symlink('short', 'l'),
      file('next', '', { link: 'own' }),
    );
    expect(read(tar)).toMatchObject([
      { index: 0, name: 'long name', link: 'long link', headerOffset: 2048 },
      { index: 1, name: 'next', link: 'own' },
    ]);
  });

  it('lose one NUL only', () => {
    expect(names(archive({ ...gnuLong('L', 'a\0') }, g('x')))).toEqual(['a\0']);
    expect(names(archive({ ...gnuLong('L', ''), data: 'a' }, g('x')))).toEqual(['a']);
    expect(names(archive({ ...gnuLong('L', ''), data: '' }, g('x')))).toEqual(['']);
  });

  it('come before PAX records, and these before the header', () => {
    const records = pax(paxRecord('path', 'pax'), paxRecord('linkpath', 'paxlink'));
    expect(read(archive(records, gnuLong('L', 'gnu'), hardLink('h', 'l')))).toMatchObject([
      { name: 'gnu', link: 'paxlink' },
    ]);
    expect(read(archive(records, hardLink('h', 'l')))).toMatchObject([
      { name: 'pax', link: 'paxlink' },
    ]);
    expect(read(archive(pax(paxRecord('linkpath', '')), hardLink('h', 'l')))).toMatchObject([
      { name: 'h', link: '' },
    ]);
  });

  it('are consumed by a global header', () => {
    expect(read(archive(gnuLong('L', 'long'), { name: 'g', type: 'g' }, file('a')))).toMatchObject([
      { name: 'long' },
      { name: 'a' },
    ]);
  });

  it('are ordinary members in an old header', () => {
    const old = ['L', 'K', 'x'].map((type) => ({
      name: type,
      type,
      kind: 'old' as const,
      data: 'd',
    }));
    expect(names(archive(...old, file('a')))).toEqual(['L', 'K', 'x', 'a']);
  });

  it('may be in a USTAR header', () => {
    expect(names(archive({ ...gnuLong('L', 'long'), kind: 'ustar' }, file('a')))).toEqual(['long']);
  });

  it.each([
    ['names', gnuLong('L', 'a'), /two long name entries describing the same member/],
    ['links', gnuLong('K', 'a'), /two long link entries describing the same member/],
    ['PAX headers', pax(), /two pax extensions entries describing the same member/],
  ])('fail as two %s', (_what, entry, rule) => {
    expect(() => read(archive(entry, entry, file('a')))).toThrow(rule);
    expect(names(archive(entry, file('a'), entry, file('b')))).toHaveLength(2);
  });

  it.each([gnuLong('L', 'a'), gnuLong('K', 'a'), pax()])('fail at the end', (entry) => {
    expect(() => read(archive(entry))).toThrow(/describing a future member/);
    expect(() => read(members([entry]))).toThrow(/describing a future member/);
  });
});

describe('PAX size', () => {
  const sized = pax(paxRecord('size', '3'));

  it('counts where the header says 0', () => {
    const tar = archive(sized, file('want', 'abc', { size: 0 }), file('b'));
    expect(read(tar)).toMatchObject([{ content: 'abc' }, { name: 'b' }]);
  });

  it('does not count where the header says something', () => {
    const tar = archive(sized, file('want', 'abcde'), file('b'));
    expect(read(tar)).toMatchObject([{ content: 'abcde' }, { name: 'b' }]);
  });

  it('applies to a long name that follows it, too', () => {
    const long = { ...gnuLong('L', ''), data: 'abc', size: 0 };
    expect(read(archive(sized, long, file('b', 'xyz', { size: 0 })))).toMatchObject([
      { name: 'abc', size: 3 },
    ]);
  });

  it('may be too large', () => {
    const tar = archive(pax(paxRecord('size', '18446744073709551615')), file('a', '', { size: 0 }));
    expect(() => read(tar)).toThrow(/size that no archive can hold/);
  });
});

describe('limits', () => {
  const MAX = LIMITS.tarExtensionBytes;

  it.each(['L', 'K', 'x'])('pass 1 MiB of %s data and no more', (type) => {
    const entry = (size: number): Entry => ({ name: 'x', type, data: Buffer.alloc(size, 'n') });
    expect(read(archive(entry(MAX), file('a')))).toHaveLength(1);
    expect(() => read(archive(entry(MAX + 1), file('a')))).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED', got: `${MAX + 1}` }),
    );
  });

  it('pass the highest number of entries and no more', () => {
    const perChunk = 2000;
    const header = headerOf(file('a'));
    const chunk = Buffer.concat(Array.from({ length: perChunk }, () => header));
    let count = 0;
    const reader = createTarReader({
      member() {
        count += 1;
        return false;
      },
      content() {},
    });
    for (let done = 0; done < LIMITS.tarEntries; done += perChunk) reader.write(chunk);
    expect(count).toBe(LIMITS.tarEntries);
    expect(() => reader.write(header)).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED', got: `${LIMITS.tarEntries + 1}` }),
    );
    expect(count).toBe(LIMITS.tarEntries);
  });
});
