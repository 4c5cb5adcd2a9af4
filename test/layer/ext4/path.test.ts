import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinPath, ownCopy, splitPath } from '../../../src/layer/ext4/path.js';

describe('paths', () => {
  it.each([
    ['a/b/c', ['a', 'b', 'c']],
    ['/a//b/./c/', ['a', 'b', 'c']],
    ['./', []],
    ['', []],
    ['/', []],
    ['..', []],
    ['../../a', ['a']],
    ['a/../b', ['b']],
    ['a/b/../../..', []],
    ['a/...', ['a', '...']],
    ['a\\b', ['a\\b']],
  ])('%j is %j', (path, parts) => {
    expect(joinPath(path)).toEqual(parts);
  });

  it('split so that parent and last component join to the same', () => {
    const part = fc.constantFrom('a', 'b', '.', '..', '', 'c');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (list) => {
        const path = list.join('/');
        const { parent, last } = splitPath(path);
        if (last === undefined) expect(parent).toBe(path);
        else expect([...joinPath(parent), last]).toEqual(joinPath(path));
      }),
      { seed: 0xc0de, numRuns: 1000 },
    );
  });

  it('are copied byte by byte', () => {
    for (const name of ['short', 'n'.repeat(255), '\xff\x00\x80'.repeat(20), 'n'.repeat(300)]) {
      expect(ownCopy(name)).toBe(name);
    }
  });
});
