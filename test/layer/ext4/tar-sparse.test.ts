import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.js';
import { GNU, header, padded, paxData, sealed, USTAR } from './archive.js';
import { ruleOf } from './convert.js';
import { entriesOf, readTar } from './read-tar.js';

type Pair = readonly [offset: number, length: number];

const octal = (value: number): string => `${value.toString(8).padStart(11, '0')}\0`;
const stored = (pairs: readonly Pair[]): string =>
  pairs.map(([, length], i) => String.fromCharCode(65 + i).repeat(length)).join('');

/** What the file holds: zeros, and the letters of `stored` at their offsets. */
function logical(pairs: readonly Pair[], size: number): string {
  const bytes = Buffer.alloc(size);
  for (const [i, [offset, length]] of pairs.entries()) bytes.fill(65 + i, offset, offset + length);
  return bytes.toString('latin1');
}

function gnu(pairs: readonly Pair[], size: number, data = stored(pairs), extra = {}): Buffer {
  const raw: Record<number, string> = { 483: octal(size), ...extra };
  pairs.slice(0, 4).forEach(([offset, length], i) => {
    raw[386 + 24 * i] = octal(offset) + octal(length);
  });
  const rest = pairs.slice(4);
  if (rest.length > 0) raw[482] = '\x01';
  const blocks: Buffer[] = [];
  for (let i = 0; i < rest.length; i += 21) {
    const block = Buffer.alloc(512);
    rest.slice(i, i + 21).forEach(([offset, length], j) => {
      block.write(octal(offset) + octal(length), 24 * j, 'latin1');
    });
    if (i + 21 < rest.length) block[504] = 255;
    blocks.push(block);
  }
  const head = header({ name: 's', type: 'S', magic: GNU, data, raw });
  return Buffer.concat([head, ...blocks, padded(data)]);
}

function pax(records: readonly (readonly [string, string])[], data: string, type = '0'): Buffer {
  const text = paxData(records.map(([key, value]) => [`GNU.sparse.${key}`, value] as const));
  return Buffer.concat([
    header({ type: 'x', data: text }),
    padded(text),
    header({ name: 'fallback', type, data }),
    padded(data),
  ]);
}

const mapBlock = (pairs: readonly Pair[], count = pairs.length): string =>
  padded(`${[count, ...pairs.flat()].join('\n')}\n`).toString('latin1');

const V1 = [
  ['major', '1'],
  ['minor', '0'],
] as const;
const PAIRS: readonly Pair[] = [
  [0, 3],
  [10, 5],
  [600, 700],
];

const rule = (tar: Uint8Array): string | undefined => {
  const { error } = readTar([tar]);
  return error && ruleOf(error);
};

describe('old GNU sparse files', () => {
  it.each([
    ['three fragments', PAIRS, 2000],
    ['no hole at the end', [[5, 10]], 15],
    ['no fragment', [], 1000],
    ['no fragment and no size', [], 0],
    [
      'empty fragments',
      [
        [0, 0],
        [7, 0],
        [9, 1],
        [10, 0],
      ],
      20,
    ],
    [
      'four fragments and a full header',
      [
        [0, 1],
        [2, 1],
        [4, 1],
        [6, 1],
      ],
      7,
    ],
    ['one extension block', Array.from({ length: 20 }, (_, i) => [i * 4, 2] as const), 100],
    ['three extension blocks', Array.from({ length: 60 }, (_, i) => [i * 4, 2] as const), 1000],
  ] as [string, Pair[], number][])('have holes: %s', (_, pairs, size) => {
    const tar = Buffer.concat([gnu(pairs, size), header({ name: 'next' })]);
    for (const step of [tar.length, 700, 1]) {
      const chunks = Array.from({ length: Math.ceil(tar.length / step) }, (_, i) =>
        tar.subarray(i * step, (i + 1) * step),
      );
      const { entries, error } = readTar(chunks);
      expect(error).toBeUndefined();
      expect(entries.map(({ name, content }) => [name, content])).toEqual([
        ['s', logical(pairs, size)],
        ['next', ''],
      ]);
    }
  });

  it('end their map at the first empty entry', () => {
    const raw = { 386: octal(0) + octal(1), 434: octal(50) + octal(1) };
    const tar = gnu([], 100, 'x', raw);
    expect(entriesOf(tar)[0]!.content).toBe(`x${'\0'.repeat(99)}`);
  });

  it.each([
    ['USTAR', { magic: USTAR }],
    ['a real size that is not a number', { raw: { 483: 'z' } }],
    ['a negative real size', { raw: { 483: '\xff'.repeat(12) } }],
    ['an offset that is not a number', { raw: { 386: 'z' } }],
  ])('are refused with %s', (_, change) => {
    expect(rule(header({ name: 's', type: 'S', magic: GNU, ...change }))).toBe('tar-header');
  });

  it.each([
    [
      'overlap',
      [
        [0, 5],
        [4, 2],
      ],
      100,
    ],
    [
      'stand in the wrong order',
      [
        [50, 1],
        [10, 1],
      ],
      100,
    ],
    ['pass the end', [[99, 2]], 100],
  ] as [string, Pair[], number][])('are refused if fragments %s', (_, pairs, size) => {
    expect(rule(gnu(pairs, size))).toBe('tar-header');
  });

  it('are refused with more or less data than the map says', () => {
    expect(rule(gnu([[0, 5]], 10, 'xxxx'))).toBe('sparse-data');
    expect(rule(gnu([[0, 5]], 10, 'xxxxxx'))).toBe('sparse-data');
    expect(rule(gnu([], 0, 'x'))).toBe('sparse-data');
  });

  it('may break off neither in an extension block nor in the data', () => {
    const tar = gnu(
      Array.from({ length: 6 }, (_, i) => [i * 4, 2] as const),
      100,
    );
    expect(rule(tar.subarray(0, 512))).toBe('unexpected-eof');
    expect(rule(tar.subarray(0, 900))).toBe('unexpected-eof');
    expect(rule(tar.subarray(0, 1030))).toBe('unexpected-eof');
  });

  it('have a map of at most 1 MiB of extension blocks', () => {
    const blocks = (count: number): Buffer => {
      const block = Buffer.alloc(512);
      block[504] = 1;
      const head = header({ name: 's', type: 'S', magic: GNU, raw: { 482: '\x01' } });
      const last = Buffer.alloc(512);
      return Buffer.concat([head, ...Array.from({ length: count - 1 }, () => block), last]);
    };
    const most = LIMITS.tarExtensionBytes / 512;
    expect(readTar([blocks(most)]).error).toBeUndefined();
    expect(readTar([blocks(most + 1)]).error?.code).toBe('LIMIT_EXCEEDED');
  });
});

describe('PAX sparse files', () => {
  const map = PAIRS.flat().join(',');
  const content = logical(PAIRS, 2000);

  it.each([
    [
      '0.0',
      [
        ['major', '0'],
        ['minor', '0'],
        ['size', '2000'],
        ['numblocks', '3'],
        ['map', map],
      ],
    ],
    [
      '0.1',
      [
        ['major', '0'],
        ['minor', '1'],
        ['realsize', '2000'],
        ['numblocks', '3'],
        ['map', map],
      ],
    ],
    [
      'a guess',
      [
        ['size', '2000'],
        ['numblocks', '3'],
        ['map', map],
      ],
    ],
    [
      'pieces',
      [
        ['size', '2000'],
        ['realsize', '1'],
        ['numblocks', '+3'],
        ...PAIRS.flatMap(([offset, length]) => [
          ['offset', String(offset)] as const,
          ['numbytes', String(length)] as const,
        ]),
      ],
    ],
  ] as [string, (readonly [string, string])[]][])('in records: %s', (_, records) => {
    expect(entriesOf(pax(records, stored(PAIRS)))).toMatchObject([{ name: 'fallback', content }]);
  });

  it('in front of the data, with a name of their own', () => {
    const records = [...V1, ['name', 'real/name'], ['realsize', '2000']] as const;
    const data = mapBlock(PAIRS) + stored(PAIRS);
    const entries = entriesOf(Buffer.concat([pax(records, data), header({ name: 'next' })]));
    expect(entries).toMatchObject([{ name: 'real/name', content }, { name: 'next' }]);
  });

  it('in front of the data, over several blocks', () => {
    const pairs = Array.from({ length: 200 }, (_, i) => [i * 3, 1] as const);
    const data = mapBlock(pairs) + 'A'.repeat(200);
    const [entry] = entriesOf(pax([...V1, ['size', '600']], data));
    expect(entry!.content).toBe('A\0\0'.repeat(200));
  });

  it('of another version are no sparse files', () => {
    const records = [
      ['major', '2'],
      ['minor', '0'],
      ['name', 'n'],
      ['map', '0,1'],
    ] as const;
    expect(entriesOf(pax(records, 'data'))).toMatchObject([{ name: 'fallback', content: 'data' }]);
    expect(entriesOf(pax([['minor', '1']], 'data'))).toMatchObject([{ content: 'data' }]);
    expect(entriesOf(pax([['map', '']], 'data'))).toMatchObject([{ content: 'data' }]);
  });

  it.each([
    ['no count', [['map', '0,1']], 'x'],
    [
      'a negative count',
      [
        ['map', '0,1'],
        ['numblocks', '-1'],
      ],
      'x',
    ],
    [
      'another count',
      [
        ['map', '0,1'],
        ['numblocks', '2'],
      ],
      'x',
    ],
    [
      'an overflowing count',
      [
        ['map', '0,1'],
        ['numblocks', '9223372036854775807'],
      ],
      'x',
    ],
    [
      'an odd map',
      [
        ['map', '0,1,2'],
        ['numblocks', '1'],
      ],
      'x',
    ],
    [
      'a map of something else',
      [
        ['map', '0,x'],
        ['numblocks', '1'],
      ],
      'x',
    ],
    [
      'a size of something else',
      [
        ['map', '0,1'],
        ['numblocks', '1'],
        ['size', 'x'],
      ],
      'x',
    ],
    [
      'a negative size',
      [
        ['map', '0,1'],
        ['numblocks', '1'],
        ['size', '-1'],
      ],
      'x',
    ],
    [
      'a size below the map',
      [
        ['map', '0,5'],
        ['numblocks', '1'],
        ['size', '4'],
      ],
      'xxxxx',
    ],
    ['a negative count in front', [...V1], padded('-1\n').toString('latin1')],
    ['a count of something else in front', [...V1], padded('x\n').toString('latin1')],
    ['a number of something else in front', [...V1], padded('1\n0\nx\n').toString('latin1')],
  ] as [string, (readonly [string, string])[], string][])(
    'are refused with %s',
    (_, records, data) => {
      expect(rule(pax(records, data))).toBe('tar-header');
    },
  );

  it('may have an empty map', () => {
    const records = [
      ['major', '0'],
      ['minor', '1'],
      ['numblocks', '0'],
      ['size', '9'],
    ] as const;
    expect(entriesOf(pax(records, ''))).toMatchObject([{ content: '\0'.repeat(9) }]);
    expect(entriesOf(pax([...V1, ['size', '9']], mapBlock([])))).toMatchObject([
      { content: '\0'.repeat(9) },
    ]);
  });

  it('need the whole map inside their data', () => {
    expect(rule(pax([...V1], ''))).toBe('unexpected-eof');
    expect(rule(pax([...V1], '1\n0\n1\n'))).toBe('unexpected-eof');
    expect(rule(pax([...V1], padded('1\n0\n').toString('latin1')))).toBe('unexpected-eof');
  });

  it.each(['2', '5'])('cannot be of type %s', (type) => {
    const records = [
      ['map', '0,1'],
      ['numblocks', '1'],
    ] as const;
    expect(rule(pax(records, '', type))).toBe('tar-header');
  });

  it('have a map of at most 1 MiB in front of the data', () => {
    const tar = (bytes: number): Buffer => {
      const text = '0\n'.padStart(bytes, '0');
      return pax([...V1, ['size', '0']], text);
    };
    expect(rule(tar(LIMITS.tarExtensionBytes))).toBeUndefined();
    expect(readTar([tar(LIMITS.tarExtensionBytes + 512)]).error?.code).toBe('LIMIT_EXCEEDED');
  });

  it('cannot have a NUL in their name', () => {
    const records = [
      ['map', '0,1'],
      ['numblocks', '1'],
      ['name', 'a\0b'],
    ] as const;
    expect(rule(pax(records, 'x'))).toBe('name-nul');
  });
});

it('sparse content that is not wanted is not checked', () => {
  const tar = gnu([[0, 5]], 10, 'xx');
  tar.write('skipped', 0, 'latin1');
  sealed(tar.subarray(0, 512));
  expect(entriesOf(tar)).toMatchObject([{ name: 'skipped', content: '' }]);
});
