import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { LIMITS } from '../../../src/core/limits.js';
import { Tree } from '../../../src/layer/tarfs/tree.js';
import { archive, dir, type Entry, file, gnuLong, hardLink } from './archive.js';
import { convert, factsOf } from './convert.js';
import { readTarfs } from './guest-reader.js';
import { naiveTarfs } from './naive-tarfs.js';

describe('hard links in a circle', () => {
  it.each([
    ['a path below the file', [file('a'), hardLink('a/b', 'a')], '"a/b"'],
    ['a deeper path', [file('a'), hardLink('a/b/c', 'a')], '"a/b/c"'],
    ['the root', [file('a'), hardLink('/', 'a'), hardLink('b', '/')], '"b"'],
    ['two files', [file('a'), file('b'), hardLink('a/x', 'b'), hardLink('b/y', 'a')], '"a/x/y"'],
  ] as const)('are refused: %s', (_what, entries, where) => {
    const run = () => convert(archive(...(entries as readonly Entry[])));
    expect(run).toThrow(ToolError);
    expect(run).toThrow(expect.objectContaining({ code: 'LAYER_INVALID', where }));
  });

  it('are fine once they are cut again', () => {
    const tar = archive(file('a', 'old'), hardLink('a/b', 'a'), file('a', 'new'));
    expect(readTarfs(convert(tar).image).get('a')?.content.toString()).toBe('new');
  });

  it.each([
    ['overwritten', file('a/b', 'new')],
    ['whited out', file('a/b/.wh.b')],
    ['linked again', hardLink('a/b/b', 'c')],
  ])('are fine once they are %s through themselves', (_what, cutting) => {
    const list = [file('c'), file('a'), hardLink('a/b', 'a'), cutting, file('a/b', 'x')];
    const expected = naiveTarfs(list, true);
    expect(expected).toBeDefined();
    expect(convert(archive(...list)).image.equals(expected!)).toBe(true);
  });

  it('are fine where the root does not reach them', () => {
    const tar = archive(dir('d'), file('d/a'), hardLink('d/a/b', 'd/a'), dir('d'));
    expect(factsOf(convert(tar).image).inode_count).toBe(2);
  });
});

describe('shared directories', () => {
  it('are walked once per name and keep the later place', () => {
    const tar = archive(file('a'), hardLink('b', 'a'), dir('a'), file('a/c', 'x'));
    const { image } = convert(tar);
    const { inode_count, inode_table_offset } = factsOf(image);
    expect(inode_count).toBe(3);
    const tables = inode_table_offset + 3 * 32;
    expect(image.readBigUInt64LE(inode_table_offset + 32 + 24)).toBe(BigInt(tables + 3 * 32));
    const guest = readTarfs(image);
    expect(guest.get('b/c')).toEqual(guest.get('a/c'));
  });

  it('cannot make the walk explode', () => {
    const entries: Entry[] = [file('n')];
    for (let level = 0, path = ''; level < 40; level++) {
      entries.push(file(`${path}n`), hardLink(`${path}m`, `${path}n`), dir(`${path}n`));
      path += 'n/';
    }
    const long = entries.flatMap((entry) => [
      gnuLong('L', `${entry.name}`),
      ...(entry.link === undefined ? [] : [gnuLong('K', `${entry.link}`)]),
      { ...entry, name: 'x', link: entry.link === undefined ? '' : 'x' },
    ]);
    const run = () => convert(archive(...long));
    expect(run).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });
});

describe('a root replaced by a hard link', () => {
  it('has only what comes later', () => {
    const list = [file('a', 'old'), file('b'), hardLink('./', 'a'), file('a', 'new')];
    const { image } = convert(archive(...list));
    expect(factsOf(image).inode_count).toBe(2);
    expect(image.equals(naiveTarfs(list, true)!)).toBe(true);
  });
});

describe('tree limits', () => {
  it('pass the highest number of nodes and no more', () => {
    const tree = new Tree();
    tree.count = LIMITS.tarEntries;
    tree.child(tree.root, 'last');
    expect(tree.count).toBe(LIMITS.tarEntries + 1);
    expect(() => tree.child(tree.root, 'more')).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED', where: '"more"' }),
    );
  });

  it('pass the highest number of name bytes and no more', () => {
    const tree = new Tree();
    const mib = 1 << 20;
    const names = LIMITS.tarNameBytes / mib;
    for (let i = 0; i < names; i++) tree.child(tree.root, `${i}`.padStart(mib, 'n'));
    expect(() => tree.child(tree.root, 'm')).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED', where: '"m"' }),
    );
  });

  it('hold long names under short keys, since engines do not tell long strings apart well', () => {
    const tree = new Tree();
    const long = 'n'.repeat(20_000);
    const nodes = ['a', 'b'].map((end) => tree.child(tree.root, long + end));
    expect(new Set(nodes).size).toBe(2);
    expect(tree.find(tree.root, `${long}b`)).toBe(nodes[1]);
    const keys = [...tree.children(tree.root)!.keys()];
    expect(keys.every((key) => key.length < 100)).toBe(true);
    expect(keys.map((key) => tree.nameOf(key))).toEqual([`${long}a`, `${long}b`]);
  });

  it('keep long names in order', () => {
    const long = 'n'.repeat(5000);
    const list = ['c', 'a', 'b'].map((end) => long + end);
    const tar = archive(...list.flatMap((name) => [gnuLong('L', name), file('x')]), file('o'));
    expect([...readTarfs(convert(tar).image).keys()]).toEqual(['', ...list.sort(), 'o']);
  });

  it('pass a very deep path', () => {
    const depth = 100_000;
    const path = 'a/'.repeat(depth);
    const { image, notices } = convert(archive(gnuLong('L', path), dir('x')));
    expect(factsOf(image).inode_count).toBe(depth + 1);
    expect(notices).toHaveLength(1);
    expect(notices[0]?.message).toContain(`(${depth - 1} in all)`);
  });
});
