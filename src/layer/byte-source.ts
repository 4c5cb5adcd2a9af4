/** Reading a stream of chunks by chunk or by number of bytes, one chunk ahead of the reader. */

/** A stream of bytes with unread. The stream below is asked for its next chunk while the reader works on this one. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #ahead: Promise<IteratorResult<Uint8Array>> | undefined;
  #unread: Uint8Array[] = [];
  #offset = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Bytes handed out and not given back. */
  get offset(): number {
    return this.#offset;
  }

  /** The next chunk, never empty; undefined at the end. Throws what the stream below throws. */
  async next(): Promise<Uint8Array | undefined> {
    const back = this.#unread.pop();
    const chunk = back ?? (await this.#pull());
    this.#offset += chunk?.length ?? 0;
    return chunk;
  }

  /** Gives the last bytes that were read back; they are read again. */
  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#unread.push(bytes);
    this.#offset -= bytes.length;
  }

  /** The next `count` bytes; fewer only at the end. */
  async take(count: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let missing = count;
    while (missing > 0) {
      const chunk = await this.next();
      if (chunk === undefined) break;
      parts.push(chunk.subarray(0, missing));
      this.unread(chunk.subarray(missing));
      missing -= Math.min(missing, chunk.length);
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  /** As `take`, but the bytes stay to be read. */
  async peek(count: number): Promise<Uint8Array> {
    const bytes = await this.take(count);
    this.unread(bytes);
    return bytes;
  }

  /** Releases the stream below, without waiting for it. */
  close(): void {
    this.#chunks.return?.().catch(() => undefined);
  }

  async #pull(): Promise<Uint8Array | undefined> {
    for (;;) {
      const current = this.#ahead ?? this.#chunks.next();
      this.#ahead = undefined;
      const { done, value } = await current;
      if (done) return undefined;
      this.#ahead = this.#chunks.next();
      // Whoever reads next sees the failure; until then nobody waits for it.
      this.#ahead.catch(() => undefined);
      if (value.length > 0) return value;
    }
  }
}
