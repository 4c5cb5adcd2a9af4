import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gatherChunks } from '../../src/layer/gather-chunks.js';
import { nextTurn, streamOf, watched } from '../support/streams.js';

async function gather(sizes: readonly number[], leastBytes: number) {
  let next = 0;
  const parts = sizes.map((size) => Uint8Array.from({ length: size }, () => next++ & 0xff));
  const chunks: Buffer[] = [];
  for await (const chunk of gatherChunks(streamOf(...parts), leastBytes))
    chunks.push(Buffer.from(chunk));
  return { chunks, bytes: Buffer.concat(parts) };
}

describe('gatherChunks', () => {
  it('keeps the bytes and gives no small chunk but the last', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(30)),
        fc.integer({ min: 1, max: 40 }),
        async (sizes, least) => {
          const { chunks, bytes } = await gather(sizes, least);
          expect(Buffer.concat(chunks)).toEqual(bytes);
          for (const [index, { length }] of chunks.entries())
            expect(length).toBeGreaterThanOrEqual(index < chunks.length - 1 ? least : 1);
        },
      ),
      { seed: 0xc0de },
    );
  });

  it('gives as soon as there is enough', async () => {
    const { chunks } = await gather([4, 4, 20, 9, 1], 10);
    expect(chunks.map(({ length }) => length)).toEqual([28, 10]);
  });

  it('releases the stream when the reader stops, and throws what it throws', async () => {
    const { stream, state } = watched(streamOf(Buffer.alloc(9), Buffer.alloc(9)));
    for await (const chunk of gatherChunks(stream, 5)) {
      expect(chunk.length).toBe(9);
      break;
    }
    await nextTurn();
    expect(state.isReleased).toBe(true);
    const failing = async function* () {
      yield Buffer.alloc(1);
      throw new Error('line cut');
    };
    await expect(gatherChunks(failing(), 5).next()).rejects.toThrow('line cut');
  });
});
