/** What layer hashing needs from outside, and the interfaces inside it. */
import type { DiffId, Digest, RootHash } from '../core/digest.js';
import type { Notice, NoticeSink } from '../core/notice.js';
import type { UserFileEntry } from '../image/types.js';

export { BATCH_BLOCKS, BLOCK_BYTES } from '../core/block-hash.mjs';

/**
 * Port: SHA-256(32 zero bytes || block) of many blocks per call, off the calling thread where possible
 * (worker threads now; a native kernel may take over). Buffers are recycled: take one, fill it, hand it over once.
 */
export interface BlockHasher {
  /** A buffer of BATCH_BLOCKS * BLOCK_BYTES bytes with undefined content. */
  takeBuffer(): Uint8Array;
  /** Hashes the first `count` blocks of `buffer`: count * 32 bytes, in order. `buffer` must not be used afterwards. */
  hashBlocks(buffer: Uint8Array, count: number): Promise<Uint8Array>;
}

/** Where a file system image is written to: the Merkle tree builder, or a file beside it. Strictly append-only. */
export interface ImageSink {
  /** Bytes appended so far. */
  readonly length: number;
  /** Appends a copy of `bytes`. */
  append(bytes: Uint8Array): void;
  /** Appends `count` zero bytes without materialising them (holes, unused tables). */
  appendZeros(count: number): void;
  /** Appends one zero block that `patchBlock` may replace later; the image must be block aligned. Gives its index. */
  appendPatchable(): number;
  /** Replaces a block that appendPatchable gave; `block` is 4096 bytes. May be called repeatedly. */
  patchBlock(index: number, block: Uint8Array): void;
  /** Resolves when enough of the appended data has been consumed: await it between chunks of input. */
  drained(): Promise<void>;
}

/** Consumes the bytes of one uncompressed layer tar and writes the guest's file system image of it to a sink. */
export interface LayerWriter {
  /** Next bytes of the tar, in any chunking. Throws LAYER_INVALID or LIMIT_EXCEEDED. The chunk may be reused after the call. */
  write(chunk: Uint8Array): void;
  /** End of the tar: completes the image. Throws as `write`. */
  end(): void;
}

/** What every layer writer is made from. */
export interface LayerWriterOptions {
  readonly sink: ImageSink;
  readonly notices: NoticeSink;
}

/** What the cache keeps of a layer, by what was computed. The diff ID is kept so that a hit can be checked like a miss. */
export interface LayerCacheValues {
  readonly ext4: CachedRootHash;
  readonly tarfs: CachedRootHash;
  readonly userfiles: CachedUserFiles;
}

interface CachedLayer {
  readonly diffId: DiffId;
  /** Bytes of the uncompressed tar. */
  readonly uncompressedSize: number;
  /** What there was to say of the layer, so that a later run says it too. `where` is within the layer. */
  readonly notices: readonly Notice[];
}

export interface CachedRootHash extends CachedLayer {
  readonly rootHash: RootHash;
}

export interface CachedUserFiles extends CachedLayer {
  readonly userFiles: readonly UserFileEntry[];
}

/**
 * Port: facts of layers by the digest of the blob, which must have been verified before `put`. A cache that cannot be
 * read or written is no failure: it says so once and misses.
 */
export interface LayerCache {
  get<What extends keyof LayerCacheValues>(
    digest: Digest,
    what: What,
  ): Promise<LayerCacheValues[What] | undefined>;
  put<What extends keyof LayerCacheValues>(
    digest: Digest,
    what: What,
    value: LayerCacheValues[What],
  ): Promise<void>;
}
