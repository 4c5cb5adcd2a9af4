import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sortLikeReference } from '../../../src/layer/ext4/xattr-sort.js';

interface Item {
  readonly index: number;
  readonly name: string;
}

/** Made with Go's sort.Slice (generator of Go 1.19 to 1.23) on the same lists. */
const STEPS_SHA256 = '346be29d5da0d83cc6fbbbe2d9abfa554e60d0443e19016ba5c35fd484556f5e';

/** The reference's comparison: no order. */
const isBefore = (a: Item, b: Item): boolean =>
  a.index < b.index || a.name.length < b.name.length || a.name < b.name;

const up = (a: number, b: number): number => a - b;

/** Lists that look random, alike, sorted, reversed or rotated: each takes other ways through the sort. */
const numbers = fc
  .tuple(fc.array(fc.nat(), { maxLength: 300 }), fc.nat(300), fc.nat(4))
  .map(([list, turn, shape]) => {
    if (shape === 0) return list;
    if (shape === 1) return list.map((value) => value % 7);
    list.sort(up);
    if (shape === 2) return list.reverse();
    return shape === 3 ? [...list.slice(turn), ...list.slice(0, turn)] : list;
  });

/** Deterministic attributes that reach every branch. */
function sampleItems(count: number, seed: number): Item[] {
  let state = seed;
  const next = (bound: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
  return Array.from({ length: count }, () => ({
    index: [0, 1, 4, 6, 7][next(5)]!,
    name: Array.from({ length: 1 + next(6) }, () => 'abc'[next(3)]).join(''),
  }));
}

describe('sort', () => {
  it('sorts what has an order', () => {
    fc.assert(
      fc.property(numbers, (list) => {
        const sorted = [...list];
        sortLikeReference(sorted, (a, b) => a < b);
        expect(sorted).toEqual([...list].sort(up));
      }),
      { seed: 0xc0de, numRuns: 500 },
    );
  });

  it('survives what has none', () => {
    fc.assert(
      fc.property(fc.nat(250), fc.nat(), (count, seed) => {
        const items = sampleItems(count, seed);
        const sorted = [...items];
        sortLikeReference(sorted, isBefore);
        expect(new Set(sorted)).toEqual(new Set(items));
      }),
      { seed: 0xc0de },
    );
  });

  it('sorts up to 12 by plain insertion', () => {
    fc.assert(
      fc.property(fc.nat(12), fc.nat(), (count, seed) => {
        const items = sampleItems(count, seed);
        const inserted: Item[] = [];
        for (const item of items) {
          let at = inserted.length;
          while (at > 0 && isBefore(item, inserted[at - 1]!)) at--;
          inserted.splice(at, 0, item);
        }
        expect(sortLikeReference(items, isBefore)).toBe(true);
        expect(items).toEqual(inserted);
      }),
      { seed: 0xc0de },
    );
  });

  it('says when the order depends on the Go release', () => {
    const stable = Array.from({ length: 100 }, (_, i) => (i * 37) % 101);
    expect(sortLikeReference(stable, (a, b) => a < b)).toBe(true);
    const results = Array.from({ length: 200 }, (_, seed) =>
      sortLikeReference(sampleItems(60, seed), isBefore),
    );
    expect(results).toContain(false);
    expect(results).toContain(true);
  });

  it('keeps its steps', () => {
    const hash = createHash('sha256');
    for (let count = 13; count < 220; count++) {
      const items = sampleItems(count, count);
      const places = new Map(items.map((item, i) => [item, i]));
      sortLikeReference(items, isBefore);
      hash.update(`${items.map((item) => places.get(item)).join(' ')}\n`);
    }
    expect(hash.digest('hex')).toBe(STEPS_SHA256);
  });
});
