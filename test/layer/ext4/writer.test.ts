import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.js';
import type { Ext4Limits } from '../../../src/layer/ext4/refusal.js';
import { readDivergences } from '../../support/divergences.js';
import { naiveRootHash } from '../../support/verity.js';
import { archive, GNU, header, type Member, padded, paxData } from './archive.js';
import { convert, GIB, refusal, ruleOf } from './convert.js';
import { readImage } from './image-reader.js';
import { readTar, readTarNamed, VECTORS } from './vector-index.js';

const dir = (name: string): Member => ({ name, type: '5' });
const file = (name: string, data = ''): Member => ({ name, data });
const link = (name: string, linkname: string): Member => ({ name, type: '1', linkname });
const symlink = (name: string, linkname: string): Member => ({ name, type: '2', linkname });
const LONG_LINK = 't'.repeat(60);

describe('refusals', () => {
  it.each([
    ['file-not-found', 'a link to nothing', [link('a', 'b')]],
    ['file-not-found', 'a link to what comes later', [link('a', 'b'), file('b')]],
    ['link-to-dir', 'a link to a directory', [dir('d'), link('a', 'd')]],
    ['link-to-dir', 'a link to the root', [link('a', '/')]],
    ['link-to-dir', 'a link to nothing but dots', [link('a', '../..')]],
    ['path-not-found', 'a link through a file', [file('f'), link('a', 'f/x')]],
    ['path-not-found', 'a link through nothing', [link('a', 'n/x')]],
    [
      'path-not-found',
      'a path through a symbolic link',
      [dir('d'), symlink('s', 'd'), file('s/f')],
    ],
    ['path-not-found', 'a deep path through a file', [file('f'), file('f/a/b')]],
    ['path-not-found', 'a whiteout in a file', [file('f'), file('f/.wh.x')]],
    ['orphan', 'a link in place of the only name', [file('a'), file('b'), link('a', 'b')]],
    ['orphan', 'a link in place of a directory', [dir('d'), file('b'), link('d', 'b')]],
    ['orphan', 'a link in place of the root', [file('b'), link('/', 'b')]],
    ['orphan', 'a link to itself, checked before its target', [file('a'), link('a', 'none')]],
    ['invalid-name', 'a name of 256 bytes', [file('n'.repeat(256))]],
    ['invalid-name', 'a parent of 256 bytes', [file(`${'n'.repeat(256)}/f`)]],
    ['invalid-name', 'a link target of 256 bytes', [link('a', 'n'.repeat(256))]],
    ['dir-by-file', 'a file in place of the root', [file('./')]],
    ['dir-by-file', 'a file in place of lost+found', [file('lost+found')]],
    ['dir-by-file', 'a whiteout of a directory', [dir('d'), file('.wh.d')]],
    ['dir-by-file', 'a whiteout of dot', [dir('d'), file('d/.wh..')]],
    ['dir-by-file', 'a whiteout of dot dot', [dir('d'), file('d/.wh...')]],
    ['dir-by-file', 'a whiteout of nothing', [dir('d'), file('d/.wh.')]],
    ['file-by-dir', 'a directory in place of a file', [file('a'), dir('a')]],
    ['file-by-dir', 'a directory in place of a link', [symlink('a', 'b'), dir('a')]],
    ['overwrite-data', 'a file twice', [file('a', 'x'), file('a', 'x')]],
    ['overwrite-data', 'a long link twice', [symlink('a', LONG_LINK), symlink('a', 'b')]],
    ['overwrite-data', 'a whiteout of data', [file('a', 'x'), file('.wh.a')]],
    ['overwrite-data', 'an opaque file with data', [file('a', 'x'), file('a/.wh..wh..opq')]],
    [
      'short-content',
      'an opaque file with data and two names',
      [file('a', 'x'), link('b', 'a'), file('a/.wh..wh..opq')],
    ],
    ['stat-link', 'an opaque long link', [symlink('a', LONG_LINK), file('a/.wh..wh..opq')]],
    [
      'xattr-fit',
      'a large attribute',
      [{ name: 'f', pax: [['SCHILY.xattr.user.a', 'v'.repeat(4060)]] }],
    ],
  ] as [string, string, Member[]][])('%s: %s', (rule, _, list) => {
    const error = refusal(archive(list));
    expect([error.code, ruleOf(error)]).toEqual(['LAYER_INVALID', rule]);
    expect(error.hints.length).toBeGreaterThan(0);
  });

  it('disk-limit: more than fits the disk', () => {
    const layout = { maxDiskBytes: 20 * 4096 };
    const tar = (blocks: number): Buffer => archive([file('f', 'x'.repeat(blocks * 4096))]);
    expect(convert([tar(13)], layout).image.length).toBe(20 * 4096);
    expect(ruleOf(refusal(tar(14), layout))).toBe('disk-limit');
    expect(ruleOf(refusal(tar(19), layout))).toBe('disk-limit');
  });

  it('disk-limit: more groups than descriptors', () => {
    const sparse = header({
      name: 's',
      type: 'S',
      magic: GNU,
      raw: { 483: `${(17 * GIB).toString(8).padStart(11, '0')}\0` },
    });
    expect(ruleOf(refusal(sparse, { maxDiskBytes: 16 * GIB }))).toBe('disk-limit');
  });

  it.each([
    [128 * GIB, 'disk-limit'],
    [128 * GIB + 1, 'too-big'],
    [2 ** 60, 'too-big'],
  ])('too-big: a file of %d bytes', (size, rule) => {
    const pax = paxData([['size', String(size)]]);
    const tar = Buffer.concat([
      header({ type: 'x', data: pax }),
      padded(pax),
      header({ name: 'f' }),
    ]);
    expect(ruleOf(refusal(tar))).toBe(rule);
  });
});

describe('what is left as it is', () => {
  const paths = (list: readonly Member[]): string[] => [
    ...readImage(convert([archive(list)]).image).keys(),
  ];

  it('accepts links to links, devices, fifos and empty files', () => {
    const list = [
      symlink('s', 'x'),
      { name: 'c', type: '3' },
      { name: 'p', type: '6' },
      file('e'),
      ...['s', 'c', 'p', 'e'].map((name) => link(`${name}2`, `./${name}`)),
    ];
    expect(paths(list)).toEqual(['', 'lost+found', 's', 's2', 'c', 'c2', 'p', 'p2', 'e', 'e2']);
  });

  it('marks the directory that the cleaned name leads to, even a missing one', () => {
    const read = readImage(convert([archive([file('x/../d/.wh..wh..opq')])]).image);
    expect(read.get('d')!.xattrs.get('trusted.overlay.opaque')).toBe('y');
    expect(read.has('x')).toBe(false);
  });

  it('does not take `x/.wh.foo/` for a whiteout', () => {
    const read = readImage(convert([archive([dir('x/.wh.foo/')])]).image);
    expect(read.get('x/.wh.foo')!.mode >> 12).toBe(4);
  });

  it('skips the content of whiteouts', () => {
    const tar = archive([file('.wh.a', 'x'.repeat(2000)), file('b', 'y')]);
    const read = readImage(convert([tar]).image);
    expect(read.get('a')).toMatchObject({ mode: 0x2000, device: [0, 0], size: 0 });
    expect(read.get('b')!.content.toString()).toBe('y');
  });

  it('needs no end mark', () => {
    expect(paths([file('f', 'x')])).toEqual(['', 'lost+found', 'f']);
    expect(naiveRootHash(convert([]).image)).toBe(
      '8b4842f06982817534a75bcf71865213b09dfa8313229c384e5201dadbd75e25',
    );
  });
});

describe('limits', () => {
  const limits = { ...LIMITS, tarEntries: 3, openXattrBlocks: 2 };
  const code = (list: readonly Member[]) => refusal(archive(list), { limits }).code;

  it('counts entries', () => {
    expect(() => convert([archive(Array(3).fill(dir('d')))], { limits })).not.toThrow();
    expect(code(Array(4).fill(dir('d')))).toBe('LIMIT_EXCEEDED');
  });

  it('counts implied directories', () => {
    expect(() => convert([archive([file('a/b/c')])], { limits })).not.toThrow();
    expect(code([file('a/b/c/d')])).toBe('LIMIT_EXCEEDED');
  });

  it('counts attribute blocks that may still change', () => {
    const big = (name: string, type: string, data = ''): Member => ({
      name,
      type,
      data,
      pax: [['SCHILY.xattr.user.a', 'v'.repeat(200)]],
    });
    const open = [big('a', '5'), big('b', '6')];
    expect(() => convert([archive([...open, big('a', '5')])], { limits })).not.toThrow();
    expect(() => convert([archive([...open, big('c', '0', 'x')])], { limits })).not.toThrow();
    expect(code([...open, big('c', '0')])).toBe('LIMIT_EXCEEDED');
  });
});

describe('notices', () => {
  const codes = (list: readonly Member[]): string[] =>
    convert([archive(list)]).notices.map(({ code }) => code);

  it.each([
    [[], [dir('a'), file('a/b', 'x')]],
    [['implied-parent-directories'], [file('a/b')]],
    [['pax-global-header'], [{ name: 'g', type: 'g', data: paxData([['comment', 'c']]) }]],
    [['gnu-dump-directory'], [{ name: 'd', type: 'D' }]],
    [['pax-records-ignored'], [{ name: 'f', pax: [['LIBARCHIVE.xattr.user.a', 'djE']] }]],
    [['pax-records-ignored'], [{ name: 'f', pax: [['SCHILY.acl.access', 'user::rwx']] }]],
    [
      ['pax-header-dropped'],
      [
        { type: 'x', data: '6 a=b\n' },
        { name: 'f', pax: [['a', 'b']] },
      ],
    ],
    [['symlink-too-long'], [symlink('s', 't'.repeat(4096))]],
    [[], [symlink('s', 't'.repeat(4095))]],
    [
      ['xattr-order-unsorted'],
      [
        {
          name: 'f',
          pax: [
            ['SCHILY.xattr.security.aaaa', 'v'.repeat(100)],
            ['SCHILY.xattr.system.b', 'v'.repeat(100)],
          ],
        },
      ],
    ],
  ] as [string[], Member[]][])('%j', (wanted, list) => {
    expect(codes(list)).toEqual(wanted);
  });

  it('of attributes in an order of the Go release', () => {
    const { notices } = convert([readTarNamed('xattr-many')]);
    expect(notices.map(({ code }) => code)).toContain('xattr-order-unstable');
  });
});

describe('images of the vectors', () => {
  const accepted = VECTORS.filter(
    ({ size_class, error }) => size_class === 'small' && error === undefined,
  );

  it.each(accepted)('$name: agrees with itself', (vector) => {
    const read = readImage(convert([readTar(vector)]).image);
    expect(read.get('lost+found')?.number).toBe(11);
  });
});

describe('divergences', () => {
  const rows = readDivergences().filter(({ area }) => area === 'layer-ext4');
  const sparseMap = (bytes: number): Buffer => {
    const text = '0\n'.padStart(bytes, '0');
    const records = [
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
    ] as const;
    return archive([{ name: 'f', data: text, pax: records }]);
  };
  const extensionBlocks = (count: number): Buffer => {
    const block = Buffer.alloc(512);
    block[504] = 1;
    const blocks = Array.from({ length: count - 1 }, () => block);
    const head = header({ name: 's', type: 'S', magic: GNU, raw: { 482: '\x01' } });
    return Buffer.concat([head, ...blocks, Buffer.alloc(1536)]);
  };
  const most = LIMITS.tarExtensionBytes;
  const sparseName = [
    ['GNU.sparse.map', '0,0'],
    ['GNU.sparse.numblocks', '1'],
    ['GNU.sparse.name', 'a\0b'],
  ] as const;
  const global = (records: readonly (readonly [string, string])[]): Buffer =>
    archive([{ name: 'g', type: 'g', data: paxData(records) }]);
  const big = ['SCHILY.xattr.user.a', 'v'.repeat(200)] as const;

  /** Each row's case: a tar, and where a limit is needed, a smaller one. */
  const CASES: Readonly<Record<string, { tar: Buffer; limits?: Partial<Ext4Limits> }>> = {
    'attribute name of 256 bytes': {
      tar: archive([{ name: 'f', pax: [[`SCHILY.xattr.user.${'n'.repeat(256)}`, '']] }]),
    },
    'name with a NUL byte': { tar: archive([{ name: 'f', pax: sparseName }]) },
    'global header with a path and a bad number': {
      tar: global([
        ['path', 'p'],
        ['uid', 'x'],
      ]),
    },
    'sparse map of more than 1 MiB in front of the data': { tar: sparseMap(most + 512) },
    'sparse map of more than 1 MiB of extension blocks': { tar: extensionBlocks(most / 512 + 1) },
    'more entries than the limit': {
      tar: archive([file('a'), file('b')]),
      limits: { tarEntries: 1 },
    },
    'more changeable attribute blocks than the limit': {
      tar: archive([{ name: 'a', type: '5', pax: [big] }]),
      limits: { openXattrBlocks: 0 },
    },
    'global header': { tar: global([['comment', 'c']]) },
    'GNU dump directory': { tar: archive([{ name: 'd', type: 'D' }]) },
    'missing parent directory': { tar: archive([file('a/b')]) },
    'records of other attribute formats': {
      tar: archive([{ name: 'f', pax: [['LIBARCHIVE.xattr.user.a', 'djE']] }]),
    },
    'extended header without effect': {
      tar: archive([
        { type: 'x', data: '6 a=b\n' },
        { name: 'f', pax: [['a', 'b']] },
      ]),
    },
    'symbolic link of 4096 bytes': { tar: archive([symlink('s', 't'.repeat(4096))]) },
    'attributes in an order that kernels do not search': {
      tar: archive([
        {
          name: 'f',
          pax: [
            ['SCHILY.xattr.security.aaaa', 'v'.repeat(100)],
            ['SCHILY.xattr.system.b', 'v'.repeat(100)],
          ],
        },
      ]),
    },
    'attributes in an order of the Go release': { tar: readTarNamed('xattr-many') },
  };

  const outcome = ({ tar, limits = {} }: (typeof CASES)[string]): string => {
    const layout = { limits: { ...LIMITS, ...limits } };
    try {
      const { notices } = convert([tar], layout);
      return `root hash and notice ${notices.map(({ code }) => code).join(', ')}`;
    } catch {
      const error = refusal(tar, layout);
      return [error.code, ruleOf(error)].filter((word) => word !== undefined).join(' ');
    }
  };

  it.each(Object.keys(CASES))('%s: is as the table says', (name) => {
    expect(outcome(CASES[name]!)).toBe(rows.find((row) => row.case === name)?.ours);
  });

  it('are all tested', () => {
    const elsewhere = ['file above 42.375 GiB'];
    expect(rows.map((row) => row.case).sort()).toEqual(
      [...Object.keys(CASES), ...elsewhere].sort(),
    );
  });
});
