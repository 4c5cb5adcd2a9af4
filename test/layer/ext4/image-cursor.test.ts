import { describe, expect, it } from 'vitest';
import { ImageCursor } from '../../../src/layer/ext4/image-cursor.js';
import { buildRefusal, type Refuse } from '../../../src/layer/ext4/refusal.js';
import { createNaiveSink } from './convert.js';

const refuse: Refuse = (rule, detail) =>
  buildRefusal(rule, { index: 1, name: undefined, headerOffset: 0 }, detail);

describe('image cursor', () => {
  it('counts blocks as the sink does', () => {
    const sink = createNaiveSink();
    const cursor = new ImageCursor(sink, 100, refuse);
    expect(cursor.appendPatchable()).toBe(0);
    expect(cursor.append(Buffer.alloc(8192, 1))).toBe(1);
    expect(cursor.startContent(5000)).toBe(3);
    cursor.content(Buffer.alloc(4000, 2));
    cursor.hole(1000);
    cursor.finishContent(5000);
    cursor.appendZeros(2);
    cursor.appendZeros(0);
    cursor.patch(0, Buffer.alloc(4096, 3));
    expect([cursor.block, sink.length]).toEqual([7, 7 * 4096]);
    const image = sink.image();
    expect([0, 4096, 12288, 16287, 16288].map((at) => image[at])).toEqual([3, 1, 2, 2, 0]);
  });

  it('fills no block for content that ends with one', () => {
    const sink = createNaiveSink();
    const cursor = new ImageCursor(sink, 100, refuse);
    cursor.startContent(4096);
    cursor.content(Buffer.alloc(4096));
    cursor.finishContent(4096);
    expect(sink.length).toBe(4096);
  });

  it.each([
    ['blocks', (cursor: ImageCursor) => cursor.append(Buffer.alloc(4096))],
    ['zeros', (cursor: ImageCursor) => cursor.appendZeros(1)],
    ['a patchable block', (cursor: ImageCursor) => cursor.appendPatchable()],
    ['content', (cursor: ImageCursor) => cursor.startContent(1)],
  ])('refuses %s beyond the disk', (_, step) => {
    const cursor = new ImageCursor(createNaiveSink(), 3, refuse);
    cursor.appendZeros(2);
    step(cursor);
    expect(cursor.block).toBe(3);
    expect(() => step(cursor)).toThrow('[disk-limit]');
  });
});
