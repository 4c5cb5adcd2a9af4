import { describe, expect, it } from 'vitest';
import { rememberReads } from '../../src/core/remember.js';

/** Reads a byte; zero is refused. */
function counting(count: number) {
  const asked: number[] = [];
  const read = rememberReads((bytes: Uint8Array, what) => {
    asked.push(bytes[0]!);
    if (bytes[0] === 0) throw new Error(`${what} is zero`);
    return { view: bytes.subarray(0, 1) };
  }, count);
  return { asked, read: (byte: number) => read(Buffer.from([byte]), `byte ${byte}`) };
}

describe('reads that are remembered', () => {
  it('give the same value for the same bytes, and read other bytes', () => {
    const { asked, read } = counting(2);
    const first = read(1);
    expect(read(1)).toBe(first);
    expect(read(2)).not.toBe(first);
    expect(asked).toEqual([1, 2]);
  });

  it('keep so many, those that were used last', () => {
    const { asked, read } = counting(2);
    for (const byte of [1, 2, 1, 3, 1, 2]) read(byte);
    expect(asked).toEqual([1, 2, 3, 2]);
  });

  it('keep no refusal, and name each by its own name', () => {
    const { asked, read } = counting(2);
    expect(() => read(0)).toThrow('byte 0 is zero');
    expect(() => read(0)).toThrow('byte 0 is zero');
    expect(asked).toEqual([0, 0]);
  });

  it('do not change with the bytes of the caller', () => {
    const bytes = Buffer.from([7]);
    const read = rememberReads((given: Uint8Array) => given.subarray(0, 1), 1);
    const value = read(bytes, 'x');
    bytes[0] = 8;
    expect(value[0]).toBe(7);
    expect(read(bytes, 'x')[0]).toBe(8);
  });
});
