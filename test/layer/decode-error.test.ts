import { expect, it } from 'vitest';
import { corruptLayer } from '../../src/layer/decode-error.js';

it('corruptLayer names the place in both streams', () => {
  const position = { compressedBytes: 12, uncompressedBytes: 3400 };
  expect(corruptLayer('gzip data is damaged', position, { want: 'a', got: 'b' })).toMatchObject({
    code: 'LAYER_CORRUPT',
    message: 'gzip data is damaged',
    where: 'at byte 12 of the compressed data, after 3400 uncompressed bytes',
    want: 'a',
    got: 'b',
  });
});
