import { describe, expect, it } from 'vitest';
import { createSparseCheck } from '../../../src/layer/tarfs/sparse.js';
import { dir, type Entry, file, headerOf, members } from './archive.js';
import { convert, factsOf } from './convert.js';
import { readTarfs } from './guest-reader.js';

type Slot = readonly [offset: number | string, length: number | string];

function field(value: number | string): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.write(typeof value === 'string' ? value : value.toString(8).padStart(11, '0'), 'latin1');
  return bytes;
}
const slots = (list: readonly Slot[]) =>
  Buffer.concat(list.flatMap(([offset, length]) => [field(offset), field(length)]));

interface SparseOptions {
  readonly extended?: number;
  readonly realSize?: number | string;
  readonly kind?: Entry['kind'];
}

function sparse(data: Buffer, list: readonly Slot[], options: SparseOptions = {}): Entry {
  const { extended = 0, realSize = 0, kind = 'gnu' } = options;
  return {
    name: 'sparse',
    type: 'S',
    kind,
    data,
    patches: { 386: slots(list), 482: Buffer.from([extended]), 483: field(realSize) },
  };
}

function extension(list: readonly Slot[], extended = 0): Buffer {
  const block = Buffer.alloc(512);
  slots(list).copy(block);
  block[504] = extended;
  return block;
}

const check = (entry: Entry, ...blocks: readonly Buffer[]) => {
  const state = createSparseCheck((entry.data as Buffer).length);
  let rule = state.header(headerOf(entry));
  for (const block of blocks) {
    expect(rule).toBeUndefined();
    expect(state.extended).toBe(true);
    rule = state.extension(block);
  }
  expect(rule !== undefined || !state.extended).toBe(true);
  return rule;
};

const BLOCK = Buffer.alloc(512, 1);

describe('sparse map', () => {
  it('is accepted with holes, empty slots and a real size', () => {
    expect(check(sparse(BLOCK, [[1024, 512]], { realSize: 1536 }))).toBeUndefined();
    expect(
      check(
        sparse(
          BLOCK,
          [
            ['\0', 7],
            [7, '\0'],
            [0, 512],
            [4096, 0],
          ],
          { realSize: 4096 },
        ),
      ),
    ).toBeUndefined();
    expect(check(sparse(Buffer.alloc(0), []))).toBeUndefined();
    const unaligned: readonly Slot[] = [
      [0, 700],
      [700, 0],
    ];
    expect(check(sparse(Buffer.alloc(700), unaligned, { realSize: 700 }))).toBeUndefined();
  });

  it.each([
    [
      'misaligned',
      Buffer.alloc(20),
      [
        [0, 10],
        [20, 10],
      ],
      30,
      /does not start at a block/,
    ],
    [
      'out of order',
      Buffer.alloc(1024),
      [
        [512, 512],
        [0, 512],
      ],
      1024,
      /out of order/,
    ],
    [
      'overlapping',
      Buffer.alloc(1024),
      [
        [0, 512],
        [511, 512],
      ],
      1023,
      /out of order/,
    ],
    ['too much data', BLOCK, [[0, 513]], 513, /more data/],
    ['too little data', BLOCK, [[0, 100]], 100, /less data/],
    ['another real size', BLOCK, [[0, 512]], 513, /real size/],
    ['an unreadable real size', BLOCK, [[0, 512]], '9', /real size/],
    ['an unreadable offset', BLOCK, [['9', 512]], 512, /not a number/],
    ['a base-256 length', BLOCK, [[0, '\x80\0\0\0\0\0\0\0\0\0\x02\0']], 512, /not a number/],
  ] as const)('is refused: %s', (_what, data, list, realSize, rule) => {
    expect(check(sparse(data, list as readonly Slot[], { realSize }))).toMatch(rule);
  });

  it('goes on in extension blocks', () => {
    const entry = sparse(Buffer.alloc(1024), [[0, 512]], { extended: 1, realSize: 4096 });
    expect(check(entry, extension([], 1), extension([[3584, 512]]))).toBeUndefined();
    expect(check(entry, extension([[3584, 100]]))).toMatch(/real size/);
  });

  it('takes no other value than 1 for the flag', () => {
    expect(check(sparse(BLOCK, [[0, 512]], { extended: 2, realSize: 512 }))).toBeUndefined();
  });
});

describe('archive with a sparse member', () => {
  const entry = sparse(BLOCK, [], { extended: 1, realSize: 512 });
  const before = members([dir('d')]);
  const tar = Buffer.concat([
    before,
    headerOf(entry),
    extension([], 1),
    extension([[0, 512]]),
    BLOCK,
    members([file('after', 'x')]),
  ]);

  it('keeps in step and leaves the member out', () => {
    for (const chunks of [[tar.length], [1], [700]]) {
      const { image, notices } = convert(tar, { chunks });
      expect([...readTarfs(image).keys()]).toEqual(['', 'after', 'd']);
      expect(notices.map(({ code }) => code)).toEqual(['skipped-types']);
      expect(factsOf(image).inode_count).toBe(3);
    }
  });

  it.each([
    ['an extension block is missing', before.length + 512, /before a sparse extension block/],
    ['an extension block is cut', before.length + 700, /middle of a block/],
    ['data is missing', before.length + 512 + 1024, /middle of the data/],
  ])('is refused where %s', (_what, length, rule) => {
    expect(() => convert(tar.subarray(0, length))).toThrow(rule);
  });

  it.each(['ustar', 'old'] as const)('is refused with a %s header', (kind) => {
    expect(() => convert(members([sparse(BLOCK, [], { kind })]))).toThrow(/without a GNU header/);
  });
});
