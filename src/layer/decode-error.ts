/** The errors of damaged compressed data, with the place where it was noticed. */
import { ToolError } from '../core/error.js';

/** How far decompression came: bytes read of the blob, bytes made of it. */
export interface DecodePosition {
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
}

/** LAYER_CORRUPT: `message` with the position. */
export function corruptLayer(
  message: string,
  position: DecodePosition,
  details: { readonly want?: string; readonly got?: string } = {},
): ToolError {
  const { compressedBytes, uncompressedBytes } = position;
  return new ToolError('LAYER_CORRUPT', message, {
    ...details,
    where: `at byte ${compressedBytes} of the compressed data, after ${uncompressedBytes} uncompressed bytes`,
  });
}
