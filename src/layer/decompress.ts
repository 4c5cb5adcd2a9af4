/** A layer blob as the bytes of its tar: gzip, zstd or nothing, told by the first bytes and never by a media type. */
import type { NoticeSink } from '../core/notice.js';
import type { ByteSource } from './byte-source.js';
import { gunzipMembers, isGzip, type MemberPiece } from './gzip.js';
import { isZstd, unzstd } from './zstd.js';

/** How the blob of a layer is encoded. */
export type LayerEncoding = 'none' | 'gzip' | 'zstd';

/** Uncompressed bytes; `member` is the ordinal of the gzip member, always 0 for the other encodings. */
export type LayerPiece = MemberPiece;

/** A blob whose encoding is known. `pieces` is to be read once. */
export interface DecompressedLayer {
  readonly encoding: LayerEncoding;
  readonly pieces: AsyncIterable<LayerPiece>;
}

const SNIFFED_BYTES = 4;

/**
 * Opens a blob. Reading the pieces throws LAYER_CORRUPT, LAYER_FORMAT_UNSUPPORTED or LIMIT_EXCEEDED, and whatever
 * the source throws. The source is read to its end unless the reader stops early.
 */
export async function decompress(
  source: ByteSource,
  notices: NoticeSink,
): Promise<DecompressedLayer> {
  const head = await source.peek(SNIFFED_BYTES);
  if (isGzip(head)) return { encoding: 'gzip', pieces: gunzipMembers(source, notices) };
  if (isZstd(head)) return { encoding: 'zstd', pieces: singleMember(unzstd(source)) };
  return { encoding: 'none', pieces: singleMember(readAll(source)) };
}

async function* readAll(source: ByteSource): AsyncGenerator<Uint8Array> {
  for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next())
    yield chunk;
}

async function* singleMember(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<LayerPiece> {
  for await (const bytes of chunks) yield { bytes, member: 0 };
}
