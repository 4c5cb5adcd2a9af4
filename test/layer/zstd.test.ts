import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteSource } from '../../src/layer/byte-source.js';
import { isZstd, unzstd } from '../../src/layer/zstd.js';
import { chunked, collect, digestOf, streamOf } from '../support/streams.js';
import { patternBytes } from '../support/verity.js';
import { ZSTD_LEVEL_1, ZSTD_LEVEL_19, zstdSampleContent } from '../support/zstd-samples.js';

const hasNative = 'createZstdDecompress' in zlib;
/** Both decoders where Node has its own; else the one there is. */
const DECODERS = hasNative ? (['fzstd', 'native'] as const) : (['fzstd'] as const);

const content = zstdSampleContent();

/** A frame of raw and run-length blocks. */
function plainFrame(blocks: readonly { readonly fill?: number; readonly bytes: Buffer }[]): Buffer {
  const parts: Buffer[] = [Buffer.from('28b52ffd0058', 'hex')];
  for (const [index, { fill, bytes }] of blocks.entries()) {
    const header = Buffer.alloc(3);
    const isLast = index === blocks.length - 1 ? 1 : 0;
    header.writeUIntLE((bytes.length << 3) | (fill === undefined ? 0 : 2) | isLast, 0, 3);
    parts.push(header, fill === undefined ? bytes : Buffer.from([fill]));
  }
  return Buffer.concat(parts);
}

const skippable = (bytes: Buffer) => {
  const head = Buffer.from('5d2a4d1800000000', 'hex');
  head.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
};

describe('isZstd', () => {
  it('knows frames and skippable frames', () => {
    expect(isZstd(ZSTD_LEVEL_1.subarray(0, 4))).toBe(true);
    expect(isZstd(skippable(Buffer.alloc(0)).subarray(0, 4))).toBe(true);
    expect(isZstd(Buffer.from('etc/'))).toBe(false);
  });
});

describe.each(DECODERS)('unzstd with %s', (decoder) => {
  const decode = (data: Uint8Array, size = 1 << 16) =>
    collect(unzstd(new ByteSource(chunked(data, size)), decoder));

  it.each([1, 3, 1000, 1 << 16])('reads what zstd wrote, in chunks of %i bytes', async (size) => {
    expect(digestOf(await decode(ZSTD_LEVEL_1, size))).toBe(digestOf(content));
    expect(digestOf(await decode(ZSTD_LEVEL_19, size))).toBe(digestOf(content));
  });

  it('reads several frames, skippable and empty ones between them', async () => {
    const data = Buffer.concat([
      skippable(Buffer.from('before')),
      ZSTD_LEVEL_1,
      skippable(Buffer.alloc(0)),
      plainFrame([{ bytes: Buffer.alloc(0) }]),
      ZSTD_LEVEL_19,
      plainFrame([{ bytes: Buffer.from('end') }]),
      skippable(Buffer.alloc(70_000, 1)),
    ]);
    for (const size of [5, 999, 1 << 16])
      expect(digestOf(await decode(data, size))).toBe(
        digestOf(Buffer.concat([content, content, Buffer.from('end')])),
      );
  });

  it('reads raw and run-length blocks in any chunks', async () => {
    const block = fc.oneof(
      fc.record({ bytes: fc.nat(3000).map((length) => patternBytes(length, length)) }),
      fc
        .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 1, max: 131_072 }))
        .map(([fill, length]) => ({ fill, bytes: Buffer.alloc(length, fill) })),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(block, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 5000 }),
        async (frames, size) => {
          const want = Buffer.concat(frames.flat().map(({ bytes }) => bytes));
          const data = Buffer.concat(frames.map(plainFrame));
          expect(digestOf(await decode(data, size))).toBe(digestOf(want));
        },
      ),
      { seed: 0xc0de, numRuns: 40 },
    );
  });

  it('refuses every truncation', async () => {
    const data = Buffer.concat([
      plainFrame([{ bytes: Buffer.from('first block') }, { fill: 7, bytes: Buffer.alloc(99) }]),
      skippable(Buffer.from('skip')),
      ZSTD_LEVEL_19.subarray(0, 300),
    ]);
    const frameEnds = [24, 36];
    for (let length = 1; length <= data.length; length++) {
      if (frameEnds.includes(length)) continue;
      await expect(decode(data.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({
        code: 'LAYER_CORRUPT',
      });
    }
    await expect(decode(ZSTD_LEVEL_19.subarray(0, ZSTD_LEVEL_19.length - 1))).rejects.toMatchObject(
      { code: 'LAYER_CORRUPT', message: 'zstd data ends early' },
    );
  });

  it('never fails but with LAYER_CORRUPT on damaged data', async () => {
    for (let bit = 32; bit < ZSTD_LEVEL_19.length * 8; bit += 37) {
      const damaged = Buffer.from(ZSTD_LEVEL_19);
      damaged[bit >> 3] = damaged[bit >> 3]! ^ (1 << (bit & 7));
      const code = await decode(damaged).then(
        () => 'decoded',
        (error) => error.code,
      );
      expect(
        ['decoded', 'LAYER_CORRUPT', 'LAYER_FORMAT_UNSUPPORTED', 'LIMIT_EXCEEDED'],
        `bit ${bit}`,
      ).toContain(code);
    }
  });

  it('refuses a frame that does not have its content size', async () => {
    const data = Buffer.from('28b52ffd2005110000' + '6869', 'hex');
    await expect(decode(data)).rejects.toMatchObject({ code: 'LAYER_CORRUPT' });
    data[5] = 2;
    expect((await decode(data)).toString()).toBe('hi');
  });

  it('refuses bytes behind the last frame, and says where', async () => {
    const data = Buffer.concat([plainFrame([{ bytes: Buffer.from('hi') }]), Buffer.from('tail')]);
    await expect(decode(data)).rejects.toMatchObject({
      code: 'LAYER_CORRUPT',
      where: 'at byte 15 of the compressed data, after 2 uncompressed bytes',
    });
  });

  it('makes of a bomb only what is asked for', async () => {
    const run = { fill: 0, bytes: Buffer.alloc(131_072) };
    const bomb = plainFrame(Array.from({ length: 10_000 }, () => run));
    const before = process.memoryUsage().arrayBuffers;
    let total = 0;
    for await (const piece of unzstd(new ByteSource(streamOf(bomb)), decoder)) {
      total += piece.length;
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
      if (total > 3 << 20) break;
    }
    expect(total).toBeLessThan(5 << 20);
  });

  it('throws what the source throws', async () => {
    const failing = async function* () {
      yield ZSTD_LEVEL_19.subarray(0, 200);
      throw new Error('line cut');
    };
    await expect(collect(unzstd(new ByteSource(failing()), decoder))).rejects.toThrow('line cut');
  });

  it('leaves the content checksum to the diff id, or verifies it', async () => {
    const damaged = Buffer.from(ZSTD_LEVEL_19);
    damaged[damaged.length - 1] = damaged[damaged.length - 1]! ^ 1;
    const outcome = await decode(damaged).then(digestOf, ({ code }) => code);
    expect(outcome).toBe(decoder === 'native' ? 'LAYER_CORRUPT' : digestOf(content));
  });
});
