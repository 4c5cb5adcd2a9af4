/**
 * Finds the blocks and the end of a Zstandard frame (RFC 8878 section 3.1) without decoding it: a decoder then gets
 * exactly one frame, and a stream that is cut short is noticed whatever the decoder notices.
 */
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';

/** First four bytes of a frame; a skippable frame has any value in the low half of the first byte of its magic. */
const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;

export const MAGIC_BYTES = 4;

/** What begins with the four bytes of `head`. */
export function zstdFrameKind(head: Uint8Array): 'frame' | 'skippable' | undefined {
  if (head.length < MAGIC_BYTES) return undefined;
  const magic = Buffer.from(head).readUInt32LE(0);
  if (magic === FRAME_MAGIC) return 'frame';
  return (magic & 0xfffffff0) === SKIPPABLE_MAGIC ? 'skippable' : undefined;
}

const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;
const MAX_BLOCK_BYTES = 128 * 1024;
/** Bytes of the dictionary id and of the content size, by their flags; the latter without the single-segment rule. */
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const BLOCK_TYPE = { raw: 0, rle: 1, compressed: 2 } as const;

/** What a frame header says. */
export interface FrameHeader {
  /** Bytes of the header behind the magic. */
  readonly sizeBytes: number;
  readonly windowBytes: number;
  readonly contentBytes: number | undefined;
  readonly hasChecksum: boolean;
}

/** Bytes that a frame header has behind the magic, told by its first byte. */
export function frameHeaderBytes(descriptor: number): number {
  const single = (descriptor & 0x20) !== 0;
  const dictionary = DICTIONARY_ID_BYTES[descriptor & 3]!;
  return 1 + (single ? 0 : 1) + dictionary + contentSizeBytes(descriptor);
}

function contentSizeBytes(descriptor: number): number {
  const flag = descriptor >> 6;
  return flag === 0 && (descriptor & 0x20) !== 0 ? 1 : CONTENT_SIZE_BYTES[flag]!;
}

/**
 * Reads a frame header without its magic. Throws LAYER_FORMAT_UNSUPPORTED for a frame with a dictionary,
 * LIMIT_EXCEEDED for a window beyond the limit; undefined if reserved bits are set.
 */
export function readFrameHeader(bytes: Uint8Array): FrameHeader | undefined {
  const header = Buffer.from(bytes);
  const descriptor = header[0]!;
  if ((descriptor & 0x08) !== 0) return undefined;
  const isSingle = (descriptor & 0x20) !== 0;
  const dictionaryAt = isSingle ? 1 : 2;
  const contentAt = dictionaryAt + DICTIONARY_ID_BYTES[descriptor & 3]!;
  if (header.subarray(dictionaryAt, contentAt).some((byte) => byte !== 0))
    throw new ToolError('LAYER_FORMAT_UNSUPPORTED', 'zstd data needs a dictionary');
  const contentBytes = readContentSize(header.subarray(contentAt));
  const windowBytes = isSingle ? contentBytes! : readWindow(header[1]!);
  if (windowBytes > LIMITS.zstdWindowBytes)
    throw new ToolError('LIMIT_EXCEEDED', 'zstd data needs too large a window', {
      want: `at most ${LIMITS.zstdWindowBytes} bytes`,
      got: `${windowBytes} bytes`,
    });
  const hasChecksum = (descriptor & 0x04) !== 0;
  return { sizeBytes: header.length, windowBytes, contentBytes, hasChecksum };
}

function readContentSize(field: Buffer): number | undefined {
  switch (field.length) {
    case 0:
      return undefined;
    case 2:
      return field.readUInt16LE(0) + 256;
    case 8:
      return Number(field.readBigUInt64LE(0));
    default:
      return field.readUIntLE(0, field.length);
  }
}

function readWindow(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** Follows the blocks of one frame, from behind its header to its end. */
export class BlockScanner {
  readonly #maxBlockBytes: number;
  readonly #hasChecksum: boolean;
  readonly #header = new Uint8Array(BLOCK_HEADER_BYTES);
  #headerBytes = 0;
  /** Bytes to pass over before the next block header, or before the end. */
  #skipBytes = 0;
  #isLast = false;
  /** True when the last byte of the frame was seen. */
  isDone = false;

  constructor(header: FrameHeader) {
    this.#maxBlockBytes = Math.min(header.windowBytes, MAX_BLOCK_BYTES);
    this.#hasChecksum = header.hasChecksum;
  }

  /**
   * Reads on in `chunk` from `start`; gives the offset behind the block, or behind the frame, that ends in it, else the
   * length of the chunk. Undefined if a block header is invalid.
   */
  scan(chunk: Uint8Array, start: number): number | undefined {
    let at = start;
    while (at < chunk.length) {
      if (this.#headerBytes < BLOCK_HEADER_BYTES) {
        this.#header[this.#headerBytes++] = chunk[at++]!;
        if (this.#headerBytes === BLOCK_HEADER_BYTES && !this.#readHeader()) return undefined;
      } else {
        const skipped = Math.min(this.#skipBytes, chunk.length - at);
        at += skipped;
        this.#skipBytes -= skipped;
      }
      if (this.#headerBytes === BLOCK_HEADER_BYTES && this.#skipBytes === 0) {
        this.#headerBytes = 0;
        this.isDone = this.#isLast;
        return at;
      }
    }
    return at;
  }

  #readHeader(): boolean {
    const [low = 0, middle = 0, high = 0] = this.#header;
    this.#isLast = (low & 1) !== 0;
    const type = (low >> 1) & 3;
    const size = (low >> 3) + middle * 32 + high * 8192;
    if (type > BLOCK_TYPE.compressed || size > this.#maxBlockBytes) return false;
    this.#skipBytes =
      (type === BLOCK_TYPE.rle ? 1 : size) +
      (this.#isLast && this.#hasChecksum ? CHECKSUM_BYTES : 0);
    return true;
  }
}
