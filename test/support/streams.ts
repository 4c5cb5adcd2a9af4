/** Byte streams for tests. */
import { createHash } from 'node:crypto';

/** Short name of many bytes: comparing large arrays element by element takes the test runner seconds. */
export function digestOf(bytes: Uint8Array): string {
  return `${bytes.length} bytes ${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The parts, one chunk each. */
export async function* streamOf(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

/** The bytes in chunks of `size`. */
export async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** A stream that tells whether it was released. */
export function watched(chunks: AsyncIterable<Uint8Array>) {
  const state = { isReleased: false, chunkCount: 0 };
  const stream = async function* () {
    try {
      for await (const chunk of chunks) {
        state.chunkCount += 1;
        yield chunk;
      }
    } finally {
      state.isReleased = true;
    }
  };
  return { stream: stream(), state };
}

/** All bytes of a stream. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

/** Lets everything that is ready run. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
