import { describe, expect, it } from 'vitest';
import { buildRefusal, type Refuse } from '../../../src/layer/ext4/refusal.js';
import { ContentRuns, type SparseLayout } from '../../../src/layer/ext4/tar-content.js';

function runs() {
  const events: string[] = [];
  const content = new ContentRuns({
    writeContent: (bytes) => events.push(Buffer.from(bytes).toString()),
    writeHole: (count) => events.push(`hole ${count}`),
  });
  const refuse: Refuse = (rule) => buildRefusal(rule, { index: 1, name: 's', headerOffset: 0 });
  const start = (stored: number, sparse?: SparseLayout) => content.start(stored, sparse, refuse);
  return { content, events, start };
}

describe('content', () => {
  it('without a map is one run', () => {
    const { content, events, start } = runs();
    start(5);
    expect(content.run).toBe(5);
    content.write(Buffer.from('he'));
    expect(content.run).toBe(3);
    content.write(Buffer.from('llo'));
    expect([content.run, events]).toEqual([0, ['he', 'llo']]);
  });

  it('with a map has holes between its runs', () => {
    const { content, events, start } = runs();
    const fragments = [
      { offset: 2, length: 0 },
      { offset: 3, length: 2 },
      { offset: 5, length: 1 },
      { offset: 9, length: 0 },
    ];
    start(3, { fragments, sizeBytes: 20 });
    expect(content.run).toBe(2);
    content.write(Buffer.from('ab'));
    expect(content.run).toBe(1);
    content.write(Buffer.from('c'));
    expect(content.run).toBe(0);
    expect(events).toEqual(['hole 2', 'hole 1', 'ab', 'c', 'hole 3', 'hole 11']);
  });

  it('may be one hole, or nothing', () => {
    const { content, events, start } = runs();
    start(0, { fragments: [], sizeBytes: 2 ** 40 });
    start(0, { fragments: [], sizeBytes: 0 });
    start(0);
    expect([content.run, events]).toEqual([0, [`hole ${2 ** 40}`]]);
  });

  it('must be as long as its map', () => {
    const { start } = runs();
    const sparse = { fragments: [{ offset: 0, length: 2 }], sizeBytes: 9 };
    expect(() => start(1, sparse)).toThrow('[sparse-data]');
    expect(() => start(3, sparse)).toThrow('[sparse-data]');
  });
});
