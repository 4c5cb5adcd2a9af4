import { finished } from 'node:stream/promises';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { archive, type Entry, gnuLong } from './archive.js';
import { convert } from './convert.js';
import { readTarfs } from './guest-reader.js';
import { naiveTarfs } from './naive-tarfs.js';

const SEED = 0x7a2f5;

const part = fc.constantFrom('a', 'b', 'c', 'd', '.wh.a', '.wh.b', '.wh..wh..opq', '..', '.', '');
const path = fc.array(part, { minLength: 0, maxLength: 4 }).map((parts) => parts.join('/'));
const plainPath = fc
  .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join('/'));
const anyPath = fc.oneof({ weight: 3, arbitrary: plainPath }, path);
const fields = {
  mode: fc.integer({ min: 0, max: 0o7777 }),
  mtime: fc.integer({ min: 0, max: 8 ** 11 - 1 }),
  uid: fc.integer({ min: 0, max: 8 ** 7 - 1 }),
  gid: fc.integer({ min: 0, max: 8 ** 7 - 1 }),
  kind: fc.constantFrom('ustar' as const, 'gnu' as const),
};
const longTarget = fc.string({
  unit: fc.constantFrom('x', 'y', 'z'),
  minLength: 0,
  maxLength: 130,
});

/** One member with the extension members before it. */
const entries: fc.Arbitrary<readonly Entry[]> = fc.oneof(
  fc
    .record({ ...fields, name: anyPath, data: fc.string({ unit: 'binary-ascii', maxLength: 600 }) })
    .map((entry) => [entry]),
  fc.record({ ...fields, name: anyPath, type: fc.constantFrom('5', '6', '7') }).map((e) => [e]),
  fc.record({ ...fields, name: anyPath, type: fc.constant('1'), link: anyPath }).map((e) => [e]),
  fc
    .record({ ...fields, name: anyPath, type: fc.constant('2'), link: plainPath })
    .map((entry) => [entry]),
  fc
    .tuple(fc.record({ ...fields, name: anyPath, type: fc.constant('2') }), longTarget)
    .map(([entry, link]) => [gnuLong('K', link), { ...entry, link: link.slice(0, 100) }]),
  fc
    .record({
      ...fields,
      name: anyPath,
      type: fc.constantFrom('3', '4'),
      major: fc.integer({ min: 0, max: 8 ** 7 - 1 }),
      minor: fc.integer({ min: 0, max: 8 ** 7 - 1 }),
    })
    .map((entry) => [entry]),
  fc
    .tuple(fc.record(fields), anyPath)
    .map(([entry, name]) => [gnuLong('L', name), { ...entry, name: 'short' }]),
);

describe('tarfs images of random archives', () => {
  it.each([true, false])('equal those of the literal writer (fork: %s)', (isFork) => {
    let endless = 0;
    fc.assert(
      fc.property(fc.array(entries, { maxLength: 25, size: 'max' }), (lists) => {
        const list = lists.flat();
        const expected = naiveTarfs(list, isFork);
        const run = () => convert(archive(...list), { variant: isFork ? 'fork' : 'original' });
        if (expected === undefined) {
          endless += 1;
          expect(run).toThrow(/hard link to a path above itself/);
        } else expect(run().image.equals(expected)).toBe(true);
      }),
      { seed: SEED, numRuns: 1500 },
    );
    expect(endless).toBeGreaterThan(0);
  });
});

interface Packed {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly data: Buffer;
  readonly linkname: string;
}

async function packed(list: readonly Packed[]): Promise<Buffer> {
  const stream = pack();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk) => chunks.push(chunk as Buffer));
  for (const { name, type, data, linkname } of list) {
    const common = { name, type, mtime: new Date(1_700_000_000_000) };
    if (type === 'symlink') stream.entry({ ...common, linkname });
    else if (type === 'file') stream.entry(common, data);
    else stream.entry(common);
  }
  stream.finalize();
  await finished(stream as unknown as NodeJS.ReadableStream);
  return Buffer.concat(chunks);
}

const isFileName = (name: string) =>
  !/[/\0]|^\.{1,2}$|^\.wh\./.test(name) &&
  !/\p{Surrogate}/u.test(name) &&
  Buffer.byteLength(name) <= 255;
/** tar-stream writes PAX records for names beyond ASCII. */
const fileName = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).filter(isFileName);
/** PAX would move the targets into the string area, where the platform mixes them up. */
const linkName = fc
  .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 60 })
  .filter(isFileName);
const data = fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes));
const nothing = fc.constant(Buffer.alloc(0));
const noLink = fc.constant('');

const packedEntry: fc.Arbitrary<Packed> = fc.oneof(
  fc.record({ name: fileName, type: fc.constant('file' as const), data, linkname: noLink }),
  fc.record({
    name: fileName,
    type: fc.constant('directory' as const),
    data: nothing,
    linkname: noLink,
  }),
  fc.record({
    name: linkName,
    type: fc.constant('symlink' as const),
    data: nothing,
    linkname: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 90 }),
  }),
);

const top: Packed = { name: 'top', type: 'directory', data: Buffer.alloc(0), linkname: '' };
const layer = fc
  .uniqueArray(packedEntry, { selector: ({ name }) => name, maxLength: 12 })
  .map((list) => [top, ...list.map((entry) => ({ ...entry, name: `top/${entry.name}` }))]);

describe('tarfs images of archives made by tar-stream', () => {
  it('show the guest what was packed', async () => {
    await fc.assert(
      fc.asyncProperty(layer, async (list) => {
        const { image, notices } = convert(await packed(list));
        expect(notices).toEqual([]);
        const found = readTarfs(image);
        expect([...found.keys()].sort()).toEqual(['', ...list.map(({ name }) => name)].sort());
        for (const { name, type, data, linkname } of list) {
          const node = found.get(name)!;
          expect(node.type).toBe(type);
          if (type === 'file') expect(node.content.equals(data)).toBe(true);
          if (type === 'symlink') expect(node.content.toString('utf8')).toBe(linkname);
          expect(node.mtime).toBe(1_700_000_000);
        }
      }),
      { seed: SEED, numRuns: 200 },
    );
  });
});
