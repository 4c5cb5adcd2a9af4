import { createInflateRaw, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DecodeFailure, runDecoder } from '../../src/layer/stream-decoder.js';
import { digestOf, nextTurn } from '../support/streams.js';
import { patternBytes } from '../support/verity.js';

const content = Buffer.concat([patternBytes(300_000), Buffer.alloc(5_000_000)]);
const packed = deflateRawSync(content);

/** The chunks one after the other, then undefined; counts how often it was asked. */
function inputOf(...chunks: Uint8Array[]) {
  const state = { asked: 0 };
  const next = async () => {
    state.asked += 1;
    return chunks.shift();
  };
  return { next, state };
}

async function decode(next: () => Promise<Uint8Array | undefined>, chunkSize = 65_536) {
  const pieces: Uint8Array[] = [];
  const decoder = runDecoder(createInflateRaw({ chunkSize }), next);
  for (;;) {
    const { done, value } = await decoder.next();
    if (done) return { content: digestOf(Buffer.concat(pieces)), rest: Buffer.from(value) };
    pieces.push(Buffer.from(value));
  }
}

describe('runDecoder', () => {
  it('gives back what lies behind the end mark', async () => {
    const { next } = inputOf(Buffer.concat([packed, Buffer.from('tail')]));
    expect(await decode(next)).toEqual({ content: digestOf(content), rest: Buffer.from('tail') });
  });

  it('gives back a whole chunk if the end mark was the end of the one before', async () => {
    const { next, state } = inputOf(packed, Buffer.from('tail'), Buffer.from('never read'));
    expect(await decode(next)).toEqual({ content: digestOf(content), rest: Buffer.from('tail') });
    expect(state.asked).toBe(2);
  });

  it('does not ask for more once it is at the end', async () => {
    const cut = packed.length - 3;
    const last = Buffer.concat([packed.subarray(cut), Buffer.from('tail')]);
    const { next, state } = inputOf(packed.subarray(0, cut), last, Buffer.from('never read'));
    expect((await decode(next)).rest).toEqual(Buffer.from('tail'));
    expect(state.asked).toBe(2);
  });

  it('ends where the input ends with the end mark', async () => {
    const { next } = inputOf(packed);
    expect(await decode(next)).toEqual({ content: digestOf(content), rest: Buffer.alloc(0) });
  });

  it('tells an early end from damage', async () => {
    const cut = decode(inputOf(packed.subarray(0, -1)).next);
    await expect(cut).rejects.toBeInstanceOf(DecodeFailure);
    await expect(cut).rejects.toMatchObject({ endsEarly: true });
    const damaged = decode(inputOf(Buffer.alloc(100, 0xff)).next);
    await expect(damaged).rejects.toMatchObject({ endsEarly: false });
  });

  it('throws the error of the input as it is', async () => {
    const failure = new Error('line cut');
    let asked = 0;
    const next = async () => {
      if (asked++ > 0) throw failure;
      return packed.subarray(0, 200_000);
    };
    await expect(decode(next)).rejects.toBe(failure);
  });

  it('is not far ahead of its reader, and stops with it', async () => {
    const decoder = createInflateRaw({ chunkSize: 65_536 });
    const chunks = Array.from({ length: 1000 }, (_, i) => packed.subarray(i * 400, i * 400 + 400));
    const { next, state } = inputOf(...chunks);
    const pieces = runDecoder(decoder, next);
    await pieces.next();
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    expect(state.asked).toBeLessThan(chunks.length / 2);
    await pieces.return(new Uint8Array(0));
    expect(decoder.destroyed).toBe(true);
    const asked = state.asked;
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    expect(state.asked).toBeLessThanOrEqual(asked + 1);
  });
});
