import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.js';
import { LongLinks } from '../../../src/layer/tarfs/long-links.js';

describe('LongLinks', () => {
  it('keeps every target and tells which one a node has', () => {
    const links = new LongLinks();
    links.place(7, links.add('first', 'a'));
    links.place(7, links.add('second', 'a'));
    links.place(8, links.add('', 'b'));
    expect([7, 8, 9].map((node) => links.indexOf(node))).toEqual([1, 2, undefined]);
    links.place(7, undefined);
    expect(links.indexOf(7)).toBeUndefined();
    expect(links.targets).toEqual(['first', 'second', '']);
    expect(links.names).toEqual(['a', 'a', 'b']);
    expect(links.bytes).toBe(11);
  });

  it('passes the highest number of bytes of targets and names, and no more', () => {
    const links = new LongLinks();
    const half = 'n'.repeat(1 << 19);
    for (let i = 0; i < LIMITS.tarNameBytes / (1 << 20); i++) links.add(half, half);
    links.add('', '');
    expect(() => links.add('', 'x')).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });
});
