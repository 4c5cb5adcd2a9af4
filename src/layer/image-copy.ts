/** An image sink that hands on everything twice: to the hash tree, and to a copy of the image beside it. */
import type { RootHash } from '../core/digest.js';
import type { MerkleSink } from './merkle.js';
import { BLOCK_BYTES } from './ports.js';

/** Port: a second place for an image while it is made, e.g. a file. A failure is thrown at once. */
export interface ImageCopy {
  /** Appends `bytes`, which may be reused after the call. */
  append(bytes: Uint8Array): void;
  /** Appends `count` zero bytes. */
  appendZeros(count: number): void;
  /** Replaces block number `index` (4096 bytes), which was appended as zeros. */
  patchBlock(index: number, block: Uint8Array): void;
}

/** The sink `sink`, with `copy` getting the same image. */
export function createCopyingSink(sink: MerkleSink, copy: ImageCopy): MerkleSink {
  return {
    get length(): number {
      return sink.length;
    },
    append(bytes) {
      sink.append(bytes);
      copy.append(bytes);
    },
    appendZeros(count) {
      sink.appendZeros(count);
      copy.appendZeros(count);
    },
    appendPatchable() {
      const index = sink.appendPatchable();
      copy.appendZeros(BLOCK_BYTES);
      return index;
    },
    patchBlock(index, block) {
      sink.patchBlock(index, block);
      copy.patchBlock(index, block);
    },
    drained: () => sink.drained(),
    finish: (): Promise<RootHash> => sink.finish(),
  };
}
