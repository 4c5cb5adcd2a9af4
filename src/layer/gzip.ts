/**
 * Gzip members (RFC 1952) of a layer. The framing is our own, since Node's gunzip hides where a member ends and the
 * AKS guest decodes the first member only (spec layer-hash-tarfs section 2).
 */
import { crc32, createInflateRaw } from 'node:zlib';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import type { NoticeSink } from '../core/notice.js';
import type { ByteSource } from './byte-source.js';
import { corruptLayer, type DecodePosition } from './decode-error.js';
import { DecodeFailure, runDecoder } from './stream-decoder.js';

const MAGIC = [0x1f, 0x8b] as const;
const METHOD_DEFLATE = 8;
const FLAG = { headerCrc: 0x02, extra: 0x04, name: 0x08, comment: 0x10, reserved: 0xe0 } as const;
const FIXED_HEADER_BYTES = 10;
const TRAILER_BYTES = 8;

const FIRST_PIECE_BYTES = 1024 * 1024;
const SMALLEST_PIECE_BYTES = 64 * 1024;

/** True if `head` begins like a gzip member. */
export function isGzip(head: Uint8Array): boolean {
  return head[0] === MAGIC[0] && head[1] === MAGIC[1];
}

/** Bytes of one gzip member. */
export interface MemberPiece {
  readonly bytes: Uint8Array;
  /** Ordinal of the member, from 0. */
  readonly member: number;
}

/**
 * Yields the content of all members of `source`, checking each against its CRC-32 and size. Throws LAYER_CORRUPT,
 * LIMIT_EXCEEDED. Zero bytes behind the last member are reported as `gzip-zero-padding`, anything else is an error.
 */
export async function* gunzipMembers(
  source: ByteSource,
  notices: NoticeSink,
): AsyncGenerator<MemberPiece> {
  let pieceBytes = FIRST_PIECE_BYTES;
  let doneBytes = 0;
  for (let member = 0; ; member++) {
    await readHeader(source, doneBytes);
    let memberBytes = 0;
    for await (const bytes of inflateMember(source, pieceBytes, doneBytes)) {
      memberBytes += bytes.length;
      yield { bytes, member };
    }
    doneBytes += memberBytes;
    // A blob of many small members must not claim a full buffer for each.
    pieceBytes = Math.min(FIRST_PIECE_BYTES, Math.max(SMALLEST_PIECE_BYTES, memberBytes));
    if (!(await isAnotherMember(source, doneBytes, notices))) return;
  }
}

/** The bytes of one header, with what is left to read of it. */
async function readHeader(source: ByteSource, doneBytes: number): Promise<void> {
  const header = new HeaderReader(source, doneBytes);
  const fixed = await header.take(FIXED_HEADER_BYTES);
  const flags = fixed[3]!;
  if (fixed[2] !== METHOD_DEFLATE || (flags & FLAG.reserved) !== 0)
    throw corruptLayer('gzip header is invalid', header.position);
  if ((flags & FLAG.extra) !== 0) {
    const size = await header.take(2);
    await header.take(size[0]! + size[1]! * 256);
  }
  if ((flags & FLAG.name) !== 0) await header.takeText();
  if ((flags & FLAG.comment) !== 0) await header.takeText();
  if ((flags & FLAG.headerCrc) === 0) return;
  const want = header.crc & 0xffff;
  const stored = await header.take(2);
  if (stored[0]! + stored[1]! * 256 !== want)
    throw corruptLayer('gzip header does not match its CRC', header.position);
}

class HeaderReader {
  readonly #source: ByteSource;
  readonly #doneBytes: number;
  #readBytes = 0;
  /** CRC-32 of the header so far. */
  crc = 0;

  constructor(source: ByteSource, doneBytes: number) {
    this.#source = source;
    this.#doneBytes = doneBytes;
  }

  get position(): DecodePosition {
    return { compressedBytes: this.#source.offset, uncompressedBytes: this.#doneBytes };
  }

  async take(count: number): Promise<Uint8Array> {
    const bytes = await this.#source.take(count);
    if (bytes.length < count) throw corruptLayer('gzip header ends early', this.position);
    this.#add(bytes);
    return bytes;
  }

  /** Reads up to and with a zero byte. */
  async takeText(): Promise<void> {
    for (;;) {
      const chunk = await this.#source.next();
      if (chunk === undefined) throw corruptLayer('gzip header ends early', this.position);
      const end = chunk.indexOf(0);
      this.#add(end < 0 ? chunk : chunk.subarray(0, end + 1));
      if (end < 0) continue;
      this.#source.unread(chunk.subarray(end + 1));
      return;
    }
  }

  #add(bytes: Uint8Array): void {
    this.crc = crc32(bytes, this.crc);
    this.#readBytes += bytes.length;
    if (this.#readBytes > LIMITS.gzipHeaderBytes)
      throw new ToolError('LIMIT_EXCEEDED', 'gzip header is too long', {
        want: `at most ${LIMITS.gzipHeaderBytes} bytes`,
      });
  }
}

/** Content and trailer of the member whose header was read. `doneBytes`: uncompressed bytes before it. */
async function* inflateMember(
  source: ByteSource,
  chunkSize: number,
  doneBytes: number,
): AsyncGenerator<Uint8Array> {
  const decoder = runDecoder(createInflateRaw({ chunkSize }), () => source.next());
  let crc = 0;
  let size = 0;
  const position = () => ({
    compressedBytes: source.offset,
    uncompressedBytes: doneBytes + size,
  });
  try {
    for (;;) {
      const { done, value } = await decoder.next();
      if (done) {
        source.unread(value);
        break;
      }
      crc = crc32(value, crc);
      size += value.length;
      yield value;
    }
  } catch (error) {
    if (!(error instanceof DecodeFailure)) throw error;
    throw corruptLayer(
      error.endsEarly ? 'gzip data ends early' : `gzip data is damaged (${error.message})`,
      position(),
    );
  } finally {
    await decoder.return(new Uint8Array(0));
  }
  await checkTrailer(source, { crc, size }, position());
}

async function checkTrailer(
  source: ByteSource,
  found: { readonly crc: number; readonly size: number },
  position: DecodePosition,
): Promise<void> {
  const trailer = Buffer.from(await source.take(TRAILER_BYTES));
  if (trailer.length < TRAILER_BYTES) throw corruptLayer('gzip trailer ends early', position);
  const storedCrc = trailer.readUInt32LE(0);
  const storedSize = trailer.readUInt32LE(4);
  if (storedCrc !== found.crc)
    throw corruptLayer('gzip data does not match its CRC-32', position, {
      want: hex8(storedCrc),
      got: hex8(found.crc),
    });
  if (storedSize !== found.size % 2 ** 32)
    throw corruptLayer('gzip data does not match its size', position, {
      want: `${storedSize} bytes modulo 4 GiB`,
      got: `${found.size} bytes`,
    });
}

const hex8 = (value: number) => value.toString(16).padStart(8, '0');

/** True if a member follows; otherwise the source is read to its end, which may only hold zeros. */
async function isAnotherMember(
  source: ByteSource,
  uncompressedBytes: number,
  notices: NoticeSink,
): Promise<boolean> {
  const start = source.offset;
  if (isGzip(await source.peek(MAGIC.length))) return true;
  for (;;) {
    const chunk = await source.next();
    if (chunk === undefined) break;
    if (chunk.some((byte) => byte !== 0))
      throw corruptLayer('gzip data is followed by bytes that are not gzip', {
        compressedBytes: start,
        uncompressedBytes,
      });
  }
  if (source.offset > start)
    notices({
      code: 'gzip-zero-padding',
      message: `${source.offset - start} zero bytes follow the gzip data and are ignored`,
    });
  return false;
}
