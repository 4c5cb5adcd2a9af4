/**
 * Runs one of Node's zlib streams over pulled input. The stream works on the thread pool while the reader works on
 * the piece before; one chunk of input and one piece of output are ahead of the reader at most.
 */
import type { Transform } from 'node:stream';

/** A zlib stream: `bytesWritten` counts the bytes of input that the decoder took. */
export type ZlibStream = Transform & { readonly bytesWritten: number };

/** Where a decoder gets its input from: the next chunk, undefined at the end. */
export type NextInput = () => Promise<Uint8Array | undefined>;

/** The decoder refused its input (as opposed to the input that failed to come). */
export class DecodeFailure extends Error {
  /** True if the input ended before the decoder's end mark. */
  readonly endsEarly: boolean;

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause));
    this.endsEarly = cause instanceof Error && 'code' in cause && cause.code === 'Z_BUF_ERROR';
  }
}

/**
 * Yields what `decoder` makes of the input, until the decoder sees its end mark or the input ends. Returns the bytes
 * at the end of the last input chunk that the decoder did not take. Throws DecodeFailure, or what `nextInput` throws.
 */
export async function* runDecoder(
  decoder: ZlibStream,
  nextInput: NextInput,
): AsyncGenerator<Uint8Array, Uint8Array> {
  const feeder = new Feeder(decoder, nextInput);
  const feeding = feeder.run();
  try {
    for await (const piece of decoder) yield piece as Uint8Array;
    await feeding;
    return feeder.rest;
  } catch (error) {
    if (feeder.failure !== undefined) throw feeder.failure.error;
    throw new DecodeFailure(error);
  } finally {
    decoder.destroy();
  }
}

/** Writes input to a decoder, one chunk at a time, so that what it left of the last one is known. */
class Feeder {
  readonly #decoder: ZlibStream;
  readonly #nextInput: NextInput;
  #fedBytes = 0;
  #last: Uint8Array = new Uint8Array(0);
  #closed = false;
  /** Why the input failed to come. */
  failure: { readonly error: unknown } | undefined;

  constructor(decoder: ZlibStream, nextInput: NextInput) {
    this.#decoder = decoder;
    this.#nextInput = nextInput;
    decoder.once('close', () => {
      this.#closed = true;
    });
  }

  /** Bytes of the last chunk that the decoder did not take. */
  get rest(): Uint8Array {
    const left = this.#fedBytes - this.#decoder.bytesWritten;
    return this.#last.subarray(this.#last.length - left);
  }

  /** A decoder that leaves input has seen its end mark. */
  get #ended(): boolean {
    return this.#closed || this.#decoder.bytesWritten < this.#fedBytes;
  }

  /** Feeds until the decoder ends or the input does. Never rejects: a failure of the input destroys the decoder. */
  async run(): Promise<void> {
    try {
      while (!this.#ended) {
        const chunk = await this.#nextInput();
        if (chunk === undefined) {
          this.#decoder.end();
          return;
        }
        if (this.#closed) return;
        this.#last = chunk;
        this.#fedBytes += chunk.length;
        await this.#write(chunk);
      }
    } catch (error) {
      this.failure = { error };
      this.#decoder.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Resolves when the decoder took the chunk, or takes no more. */
  #write(chunk: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        this.#decoder.off('end', settle);
        this.#decoder.off('close', settle);
        resolve();
      };
      this.#decoder.once('end', settle);
      this.#decoder.once('close', settle);
      this.#decoder.write(chunk, settle);
    });
  }
}
