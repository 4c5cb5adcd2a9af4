/** Runs the writer over whole archives. */
import { createHash } from 'node:crypto';
import type { Notice } from '../../../src/core/notice.js';
import type { TarCrate, TarfsVariant } from '../../../src/layer/tarfs/tree-builder.js';
import { createTarfsWriter } from '../../../src/layer/tarfs/writer.js';
import { createNaiveSink, naiveRootHash } from './naive-sink.js';

export interface Converted {
  readonly image: Buffer;
  readonly notices: readonly Notice[];
}

export interface ConvertOptions {
  readonly variant?: TarfsVariant;
  readonly tarCrate?: TarCrate;
  /** Sizes of the chunks; the last one repeats. Default: all at once. */
  readonly chunks?: Iterable<number>;
}

/** Image and notices of a tar. */
export function convert(tar: Uint8Array, options: ConvertOptions = {}): Converted {
  const { chunks = [tar.length], ...rest } = options;
  const sink = createNaiveSink();
  const notices: Notice[] = [];
  const writer = createTarfsWriter({ sink, notices: (notice) => notices.push(notice), ...rest });
  for (const chunk of cut(tar, chunks)) writer.write(chunk);
  writer.end();
  return { image: sink.image(), notices };
}

/** Cuts bytes into chunks. Each chunk is a copy that is spoilt afterwards, since writers must not keep it. */
export function* cut(bytes: Uint8Array, sizes: Iterable<number>): Generator<Uint8Array> {
  const iterator = sizes[Symbol.iterator]();
  let size = 1;
  for (let at = 0; at < bytes.length; at += size) {
    const next = iterator.next();
    if (next.done !== true) size = Math.max(1, next.value);
    const chunk = new Uint8Array(bytes.subarray(at, at + size));
    yield chunk;
    chunk.fill(0xaa);
  }
}

/** Facts of an image in the names of vectors.json. */
export function factsOf(image: Buffer) {
  const superblock = image.length - 512;
  return {
    size_with_index: image.length,
    image_sha256: createHash('sha256').update(image).digest('hex'),
    root_hash: naiveRootHash(image),
    inode_table_offset: Number(image.readBigUInt64LE(superblock)),
    inode_count: Number(image.readBigUInt64LE(superblock + 8)),
  };
}
