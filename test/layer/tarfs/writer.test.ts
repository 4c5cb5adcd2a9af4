import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { createUserFileScanner } from '../../../src/layer/tarfs/user-files.js';
import { archive, dir, type Entry, file, fixChecksum, gnuLong, symlink } from './archive.js';
import { convert, factsOf } from './convert.js';
import { readTarfs } from './guest-reader.js';

const MTIME = 1_700_000_000;

/** A symbolic link as GNU tar writes it: the whole target before, its first 100 bytes in the header. */
function longLink(name: string, target: string): Entry[] {
  const devices = { kind: 'gnu', major: 0, minor: 0 } as const;
  return [
    { ...gnuLong('K', target), ...devices, mode: 0 },
    symlink(name, target.slice(0, 100), { ...devices, mode: 0o777, mtime: MTIME }),
  ];
}

describe('worked examples of the format description', () => {
  it.each([
    [0, 'c63ceee74a19c71177b38b52c067f9469694d76a039983d566ce33aeb50cf5ac'],
    [1024, '67450082ab56da1aecc5eae2f18d980cd9e7306e79334a1a826a91cfd90114a8'],
  ])('%d zero bytes', (length, root_hash) => {
    expect(factsOf(convert(Buffer.alloc(length)).image)).toMatchObject({
      size_with_index: 8192,
      root_hash,
    });
  });

  it('one file, byte by byte', () => {
    const data = file('hello.txt', 'hello\n', { mtime: MTIME, major: 0, minor: 0 });
    const { image } = convert(archive(data));
    expect(image.toString('hex', 2048, 2153)).toBe(
      [
        ...['6d410000', '00000000', '00000000', '00000000', '2000000000000000', '4008000000000000'],
        ...['a4810000', '00000000', '00000000', '00f15365', '0600000000000000', '0002000000000000'],
        ...['0200000000000000', '6008000000000000', '0900000000000000', '0800000000000000'],
        Buffer.from('hello.txt').toString('hex'),
      ].join(''),
    );
    expect(image.subarray(2153, 7680).every((byte) => byte === 0)).toBe(true);
    expect(image.toString('hex', 7680, 7696)).toBe('00080000000000000200000000000000');
    expect(image.subarray(7696)).toHaveLength(496);
  });

  it('two long links whose archive order is not the order of the tree', () => {
    const tar = archive(...longLink('z', 'A'.repeat(120)), ...longLink('a', 'B'.repeat(130)));
    const { image, notices } = convert(tar);
    expect(factsOf(image)).toMatchObject({
      size_with_index: 12288,
      inode_table_offset: 4096,
      inode_count: 3,
      root_hash: 'e474a147ac41ae604e4f2ce8ebf466b0f60354b59f0af10b2872f723686ecd80',
    });
    expect(image.readBigUInt64LE(4096 + 32 + 24)).toBe(4256n);
    expect(image.readBigUInt64LE(4096 + 64 + 24)).toBe(4386n);
    const guest = readTarfs(image);
    expect(guest.get('a')?.content.toString()).toBe('A'.repeat(120) + 'B'.repeat(10));
    expect(guest.get('z')?.content.toString()).toBe('B'.repeat(120));
    expect(notices.map(({ code }) => code)).toEqual(['misplaced-link-targets']);
  });
});

describe('what the guest gets', () => {
  it('is right for long links in the order of the tree', () => {
    const tar = archive(...longLink('a', 'A'.repeat(120)), ...longLink('z', 'B'.repeat(130)));
    const { image, notices } = convert(tar);
    const guest = readTarfs(image);
    expect(guest.get('a')?.content.toString()).toBe('A'.repeat(120));
    expect(guest.get('z')?.content.toString()).toBe('B'.repeat(130));
    expect(notices).toEqual([]);
  });

  it('has displaced names where a long link was replaced', () => {
    const tar = archive(...longLink('name', 'A'.repeat(120)), file('name', 'data'));
    const { image, notices } = convert(tar);
    expect([...readTarfs(image).keys()]).toEqual(['', 'AAAA']);
    expect(notices.map(({ code }) => code)).toEqual(['displaced-names']);
    expect(notices[0]?.message).toContain('"name"');
    expect(convert(tar, { variant: 'original' }).notices.map(({ code }) => code)).toEqual([
      'skipped-long-links',
    ]);
  });

  it('has 36 bits of time and 32 of owners', () => {
    const eight = (hex: string) => Buffer.from(hex, 'hex');
    const tar = archive(
      file('a', '', {
        mtime: eight('800000000000001fffffffff'),
        uid: eight('80000001ffffffff'),
        gid: eight('8000000500000003'),
      }),
    );
    const { image } = convert(tar);
    expect(image[tar.length + 32 + 3]).toBe(0x0f);
    expect(readTarfs(image).get('a')).toMatchObject({
      mtime: 0xfffffffff,
      uid: 0xffffffff,
      gid: 3,
    });
  });

  it('is an image that does not depend on how its names are stored', () => {
    const long = `${'d'.repeat(90)}/${'n'.repeat(300_000)}`;
    const { image, notices } = convert(archive(dir('d'.repeat(90)), gnuLong('L', long), file('x')));
    expect([...readTarfs(image).keys()]).toEqual(['', 'd'.repeat(90), long]);
    expect(notices.map(({ code }) => code)).toEqual(['long-names']);
  });
});

const FOLDER = resolve(import.meta.dirname, '../../../fixtures/layers/tarfs');
const SEEDS = [
  'realistic-layer',
  'pax-uid-gid',
  'pax-blank-line-in-value',
  'hardlink-whiteout',
  'gnu-longname-no-nul',
  'symlink-long-overwritten',
  'skipped-types',
  'device-nodes',
  'passwd-group',
  'path-normalisation',
].map((name) => gunzipSync(readFileSync(resolve(FOLDER, `${name}.tar.gz`))));

interface Mutation {
  readonly at: number;
  readonly byte: number;
  readonly kind: 'set' | 'cut' | 'repeat' | 'field';
}

/** Places and values that a parser is most likely to trip over. */
const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat({ max: 40_000 }),
  byte: fc.oneof(fc.constantFrom(0, 0x20, 0x2b, 0x30, 0x37, 0x39, 0x80, 0xff), fc.nat(255)),
  kind: fc.constantFrom('set', 'set', 'field', 'field', 'field', 'repeat', 'cut'),
});
const FIELD_STARTS = [0, 1, 100, 108, 116, 124, 125, 136, 156, 156, 156, 157, 257, 263, 329, 345];
const TYPES = '01234567LKxgSVMX\0';

function mutate(tar: Buffer, { at, byte, kind }: Mutation): Buffer {
  if (tar.length < 512) return tar;
  const place = at % tar.length;
  const block = place - (place % 512);
  if (kind === 'cut') return tar.subarray(0, place);
  if (kind === 'repeat') {
    return Buffer.concat([tar.subarray(0, block + 512), tar.subarray(block)]);
  }
  const out = Buffer.from(tar);
  if (kind === 'set') {
    out[place] = byte;
    return out;
  }
  const field = FIELD_STARTS[place % FIELD_STARTS.length]!;
  out[block + field] = field === 156 ? TYPES.charCodeAt(byte % TYPES.length) : byte;
  const header = out.subarray(block, block + 512);
  if (header.length === 512) fixChecksum(header);
  return out;
}

describe('damaged archives', () => {
  it('are hashed or refused with an error of ours, never anything else', () => {
    const seen = { hashed: 0, refused: 0 };
    fc.assert(
      fc.property(
        fc.constantFrom(...SEEDS),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        (seed, mutations) => {
          const tar = mutations.reduce(mutate, seed);
          const errors = [() => convert(tar), () => scan(tar)].map(errorOf);
          seen[errors[0] === undefined ? 'hashed' : 'refused'] += 1;
          for (const error of errors) expect(error ?? 'none').not.toBeInstanceOf(Error);
        },
      ),
      { seed: 0x7a2f5, numRuns: 4000 },
    );
    expect(seen.hashed).toBeGreaterThan(500);
    expect(seen.refused).toBeGreaterThan(500);
  });
});

function scan(tar: Uint8Array): void {
  const scanner = createUserFileScanner(() => undefined);
  scanner.write(tar);
  scanner.end();
}

/** The code of a ToolError; any other error as it is; undefined if nothing was thrown. */
function errorOf(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof ToolError ? error.code : error;
  }
}
