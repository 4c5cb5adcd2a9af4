/**
 * Zstandard frames (RFC 8878) of a layer, decoded by Node where it can (22.15 and later, on its thread pool, checking
 * the content checksum), else by fzstd on the calling thread (which checks none: the diff ID does).
 */
import * as zlib from 'node:zlib';
import type { ByteSource } from './byte-source.js';
import { corruptLayer } from './decode-error.js';
import { DecodeFailure, runDecoder, type ZlibStream } from './stream-decoder.js';
import {
  BlockScanner,
  type FrameHeader,
  frameHeaderBytes,
  MAGIC_BYTES,
  readFrameHeader,
  zstdFrameKind,
} from './zstd-frames.js';

const PIECE_BYTES = 1024 * 1024;

type CreateZstd = (options: { readonly chunkSize: number }) => ZlibStream;

/** The constructor of Node's own decoder; absent in Node 20 and its type definitions. */
const createNative = (zlib as { readonly createZstdDecompress?: CreateZstd }).createZstdDecompress;

/** Decodes one frame: compressed slices in (block by block or larger), content out. */
type FrameDecoder = (slices: FrameSlices) => AsyncIterable<Uint8Array>;

/** True if `head` begins like a zstd frame or a skippable frame. */
export function isZstd(head: Uint8Array): boolean {
  return zstdFrameKind(head) !== undefined;
}

/**
 * Yields the content of all frames of `source`. Throws LAYER_CORRUPT (with the position), LAYER_FORMAT_UNSUPPORTED,
 * LIMIT_EXCEEDED. `decoder` is for tests.
 */
export async function* unzstd(
  source: ByteSource,
  decoder: 'native' | 'fzstd' = createNative === undefined ? 'fzstd' : 'native',
): AsyncGenerator<Uint8Array> {
  const decode = decoder === 'native' ? decodeNative : decodePure;
  let doneBytes = 0;
  const corrupt = (message: string) =>
    corruptLayer(message, { compressedBytes: source.offset, uncompressedBytes: doneBytes });
  for (;;) {
    const magic = await source.take(MAGIC_BYTES);
    if (magic.length === 0) return;
    const kind = zstdFrameKind(magic);
    if (kind === undefined) throw corrupt('zstd data is followed by bytes that are not zstd');
    if (kind === 'skippable') {
      if (!(await skipFrame(source))) throw corrupt('zstd data ends early');
      continue;
    }
    const slices = await openFrame(source, magic);
    if (slices === undefined) throw corrupt('zstd header is invalid or ends early');
    const start = doneBytes;
    for await (const piece of checkedFrame(decode(slices), corrupt)) {
      doneBytes += piece.length;
      yield piece;
    }
    const { contentBytes } = slices.header;
    if (contentBytes !== undefined && contentBytes !== doneBytes - start)
      throw corrupt('zstd frame does not match its content size');
  }
}

/** Reads over a skippable frame behind its magic; false if it ends early. */
async function skipFrame(source: ByteSource): Promise<boolean> {
  const size = Buffer.from(await source.take(4));
  if (size.length < 4) return false;
  for (let left = size.readUInt32LE(0); left > 0; ) {
    const chunk = await source.next();
    if (chunk === undefined) return false;
    source.unread(chunk.subarray(left));
    left -= Math.min(left, chunk.length);
  }
  return true;
}

/** Reads the header of a frame behind its magic; undefined if it is invalid. */
async function openFrame(source: ByteSource, magic: Uint8Array): Promise<FrameSlices | undefined> {
  const [descriptor] = await source.peek(1);
  if (descriptor === undefined) return undefined;
  const size = frameHeaderBytes(descriptor);
  const bytes = await source.take(size);
  const header = bytes.length < size ? undefined : readFrameHeader(bytes);
  if (header === undefined) return undefined;
  return new FrameSlices(source, header, Buffer.concat([magic, bytes]));
}

/** The input is damaged, as our own walk through the frame sees it. */
class FrameFailure extends Error {}

/** The compressed bytes of one frame, as slices of what the source gives. */
class FrameSlices {
  readonly header: FrameHeader;
  readonly #source: ByteSource;
  readonly #scanner: BlockScanner;
  #head: Uint8Array | undefined;

  constructor(source: ByteSource, header: FrameHeader, head: Uint8Array) {
    this.#source = source;
    this.header = header;
    this.#head = head;
    this.#scanner = new BlockScanner(header);
  }

  /** The next slice, undefined behind the frame. With `byBlock` no slice goes beyond the end of a block. */
  async next(byBlock: boolean): Promise<Uint8Array | undefined> {
    if (this.#head !== undefined) {
      const head = this.#head;
      this.#head = undefined;
      return head;
    }
    if (this.#scanner.isDone) return undefined;
    const chunk = await this.#source.next();
    if (chunk === undefined) throw new FrameFailure('zstd data ends early');
    let end = 0;
    do {
      const next = this.#scanner.scan(chunk, end);
      if (next === undefined) throw new FrameFailure('zstd block header is invalid');
      end = next;
    } while (!byBlock && !this.#scanner.isDone && end < chunk.length);
    this.#source.unread(chunk.subarray(end));
    return chunk.subarray(0, end);
  }
}

async function* checkedFrame(
  pieces: AsyncIterable<Uint8Array>,
  corrupt: (message: string) => Error,
): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces;
  } catch (error) {
    if (error instanceof FrameFailure) throw corrupt(error.message);
    if (error instanceof DecodeFailure) throw corrupt(`zstd data is damaged (${error.message})`);
    throw error;
  }
}

const decodeNative: FrameDecoder = (slices) =>
  runDecoder(createNative!({ chunkSize: PIECE_BYTES }), () => slices.next(false));

/** One block at a time, so that no call makes more than a block: a few bytes can stand for 128 KiB. */
const decodePure: FrameDecoder = async function* (slices) {
  const { Decompress } = await import('fzstd');
  const pieces: Uint8Array[] = [];
  const decoder = new Decompress((piece) => pieces.push(piece));
  let slice = await slices.next(true);
  while (slice !== undefined) {
    const following = await slices.next(true);
    try {
      decoder.push(slice, following === undefined);
    } catch (error) {
      throw new DecodeFailure(error);
    }
    yield* pieces.splice(0).filter((piece) => piece.length > 0);
    slice = following;
  }
};
