/**
 * The compressed bytes of a layer on their way in: counted, hashed, and held against what the image's manifest
 * says of them. Nothing beyond the expected size is passed on.
 */
import { createHash } from 'node:crypto';
import type { Digest } from '../core/digest.js';
import { ToolError } from '../core/error.js';

/** What a descriptor says of a blob; parts may be unknown (a file given by the user). */
export interface BlobExpectation {
  readonly digest?: Digest;
  readonly size?: number;
}

export interface BlobIntakeOptions {
  readonly what: string;
  readonly expect?: BlobExpectation;
  /** Cap where no size is expected. */
  readonly maxBytes: number;
  readonly onProgress?: (compressedBytes: number) => void;
  readonly signal?: AbortSignal;
}

/** A blob to be iterated once, by one reader; then `verify` it. */
export class BlobIntake implements AsyncIterable<Uint8Array> {
  readonly #blob: AsyncIterable<Uint8Array>;
  readonly #options: BlobIntakeOptions;
  readonly #hash = createHash('sha256');
  #digest: Digest | undefined;
  #sizeBytes = 0;
  #isComplete = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(blob: AsyncIterable<Uint8Array>, options: BlobIntakeOptions) {
    this.#blob = blob;
    this.#options = options;
  }

  /** True for the error that ended the reading: it is about the blob, not about its content. */
  isFailure(error: unknown): boolean {
    return this.#failure !== undefined && this.#failure.error === error;
  }

  /** Bytes read so far. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Digest of the bytes read; nothing may be read afterwards. */
  get digest(): Digest {
    this.#digest ??= `sha256:${this.#hash.digest('hex')}` as Digest;
    return this.#digest;
  }

  /** The chunks of the blob. Throws SIZE_MISMATCH, LIMIT_EXCEEDED, INTERRUPTED, and whatever the blob throws. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of this.#blob) {
        throwIfStopped(this.#options.signal, this.#options.what);
        this.#sizeBytes += chunk.length;
        this.#checkNotBeyond();
        this.#hash.update(chunk);
        this.#options.onProgress?.(this.#sizeBytes);
        yield chunk;
      }
      this.#isComplete = true;
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  /**
   * Throws SIZE_MISMATCH or DIGEST_MISMATCH if the blob is not the expected one, and again whatever ended the reading.
   * To be called when the blob was read to its end.
   */
  verify(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    const { what, expect } = this.#options;
    if (!this.#isComplete) throw new ToolError('INTERNAL', `${what} was not read to its end`);
    if (expect?.size !== undefined && this.#sizeBytes !== expect.size)
      throw new ToolError('SIZE_MISMATCH', `${what} ends early`, {
        want: `${expect.size} bytes`,
        got: `${this.#sizeBytes} bytes`,
        hints: RETRY_HINTS,
      });
    if (expect?.digest !== undefined && this.digest !== expect.digest)
      throw new ToolError('DIGEST_MISMATCH', `${what} does not match its digest`, {
        want: expect.digest,
        got: `${this.digest} (${this.#sizeBytes} bytes)`,
        hints: RETRY_HINTS,
      });
  }

  #checkNotBeyond(): void {
    const { what, expect, maxBytes } = this.#options;
    if (this.#sizeBytes <= (expect?.size ?? maxBytes)) return;
    if (expect?.size === undefined)
      throw new ToolError('LIMIT_EXCEEDED', `${what} is too large`, {
        want: `at most ${maxBytes} bytes`,
      });
    throw new ToolError('SIZE_MISMATCH', `${what} is larger than its descriptor says`, {
      want: `${expect.size} bytes`,
      got: `at least ${this.#sizeBytes} bytes`,
      hints: RETRY_HINTS,
    });
  }
}

const RETRY_HINTS = [
  'the registry, a proxy or the archive delivers other bytes than the manifest names: do not use the image',
];

/** Throws INTERRUPTED if the user stopped the work. */
export function throwIfStopped(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw interrupted(what);
}

/** The error of a layer whose reading the user stopped. */
export function interrupted(what: string): ToolError {
  return new ToolError('INTERRUPTED', `${what}: stopped before its end`);
}
