import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteSource } from '../../src/layer/byte-source.js';
import { chunked, nextTurn, streamOf, watched } from '../support/streams.js';

const bytes = (text: string) => Buffer.from(text);
const text = (data: Uint8Array | undefined) => data && Buffer.from(data).toString();

describe('ByteSource', () => {
  it('gives chunks, skipping empty ones', async () => {
    const source = new ByteSource(streamOf(bytes('ab'), bytes(''), bytes('c')));
    expect(text(await source.next())).toBe('ab');
    expect(text(await source.next())).toBe('c');
    expect(await source.next()).toBeUndefined();
    expect(await source.next()).toBeUndefined();
  });

  it('takes and peeks across chunks, and fewer bytes only at the end', async () => {
    const source = new ByteSource(streamOf(bytes('ab'), bytes('cdef')));
    expect(text(await source.peek(3))).toBe('abc');
    expect(source.offset).toBe(0);
    expect(text(await source.take(3))).toBe('abc');
    expect(source.offset).toBe(3);
    expect(text(await source.take(9))).toBe('def');
    expect(text(await source.take(1))).toBe('');
  });

  it('reads back in order what was given back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 60 }),
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.tuple(fc.nat(12), fc.constantFrom('take', 'peek', 'next')), { maxLength: 30 }),
        async (data, size, steps) => {
          const source = new ByteSource(chunked(data, size));
          for (const [count, verb] of steps) {
            const start = source.offset;
            const got =
              verb === 'next'
                ? ((await source.next()) ?? bytes(''))
                : await source[verb as 'take'](count);
            expect(Buffer.from(got)).toEqual(Buffer.from(data.subarray(start, start + got.length)));
            if (verb === 'next' && got.length > 1) source.unread(got.subarray(1));
          }
        },
      ),
      { seed: 0xc0de },
    );
  });

  it('asks for one chunk more than was read', async () => {
    const { stream, state } = watched(streamOf(bytes('a'), bytes('b'), bytes('c')));
    const source = new ByteSource(stream);
    await source.next();
    await nextTurn();
    expect(state.chunkCount).toBe(2);
  });

  it('throws a failure of the stream where it happened', async () => {
    const failing = async function* () {
      yield bytes('a');
      throw new Error('line cut');
    };
    const source = new ByteSource(failing());
    expect(text(await source.next())).toBe('a');
    await nextTurn();
    await expect(source.next()).rejects.toThrow('line cut');
  });

  it('releases the stream on close', async () => {
    const { stream, state } = watched(streamOf(bytes('a'), bytes('b'), bytes('c')));
    const source = new ByteSource(stream);
    await source.next();
    source.close();
    await nextTurn();
    expect(state.isReleased).toBe(true);
  });
});
