/** Small chunks joined to larger ones: each call of a decompressor costs as much as inflating some tens of KiB. */

/** The bytes of `chunks` in chunks of at least `leastBytes` (but the last). Throws what `chunks` throws. */
export async function* gatherChunks(
  chunks: AsyncIterable<Uint8Array>,
  leastBytes: number,
): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    length += chunk.length;
    if (length < leastBytes) continue;
    yield parts.length === 1 ? chunk : Buffer.concat(parts, length);
    parts = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(parts, length);
}
