/**
 * The place in the image where the next block goes, with the format's size limit (layer hash specification, sections
 * 2 and 5.1). Between calls the image is block aligned, except inside file content.
 */
import { BLOCK_BYTES, type ImageSink } from '../ports.js';
import type { Refuse } from './refusal.js';

/** Appends to the sink, counting blocks and refusing to pass the disk size (rule `disk-limit`). */
export class ImageCursor {
  /** Index of the next block. */
  block = 0;
  readonly #sink: ImageSink;
  readonly #maxBlocks: number;
  readonly #refuse: Refuse;

  constructor(sink: ImageSink, maxBlocks: number, refuse: Refuse) {
    this.#sink = sink;
    this.#maxBlocks = maxBlocks;
    this.#refuse = refuse;
  }

  /** Appends whole blocks; gives the index of the first. */
  append(blocks: Uint8Array): number {
    const first = this.#advance(blocks.length / BLOCK_BYTES);
    this.#sink.append(blocks);
    return first;
  }

  /** Appends zero blocks. */
  appendZeros(count: number): void {
    this.#advance(count);
    if (count > 0) this.#sink.appendZeros(count * BLOCK_BYTES);
  }

  /** Appends a zero block that may be patched; gives its index. */
  appendPatchable(): number {
    this.#advance(1);
    return this.#sink.appendPatchable();
  }

  patch(index: number, block: Uint8Array): void {
    this.#sink.patchBlock(index, block);
  }

  /** Makes room for content of `sizeBytes`, to be given with content() and hole() and ended with finishContent(). */
  startContent(sizeBytes: number): number {
    return this.#advance(Math.ceil(sizeBytes / BLOCK_BYTES));
  }

  content(bytes: Uint8Array): void {
    this.#sink.append(bytes);
  }

  hole(count: number): void {
    this.#sink.appendZeros(count);
  }

  /** Fills the last block of content of `sizeBytes`. */
  finishContent(sizeBytes: number): void {
    const rest = sizeBytes % BLOCK_BYTES;
    if (rest !== 0) this.#sink.appendZeros(BLOCK_BYTES - rest);
  }

  #advance(blocks: number): number {
    const first = this.block;
    if (first + blocks > this.#maxBlocks) {
      const limit = this.#maxBlocks * BLOCK_BYTES;
      throw this.#refuse('disk-limit', `more than ${limit} bytes`);
    }
    this.block = first + blocks;
    return first;
  }
}
