import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.js';
import {
  BlockScanner,
  frameHeaderBytes,
  readFrameHeader,
  zstdFrameKind,
} from '../../src/layer/zstd-frames.js';

describe('zstdFrameKind', () => {
  it.each([
    ['28b52ffd', 'frame'],
    ['502a4d18', 'skippable'],
    ['5f2a4d18', 'skippable'],
    ['602a4d18', undefined],
    ['28b52f', undefined],
    ['', undefined],
  ])('of %s is %s', (head, kind) => {
    expect(zstdFrameKind(Buffer.from(head, 'hex'))).toBe(kind);
  });
});

describe('readFrameHeader', () => {
  it.each([
    // descriptor, then window, dictionary id, content size as the descriptor has them
    ['0058', { windowBytes: 2 << 20, contentBytes: undefined, hasChecksum: false }],
    ['0459', { windowBytes: (2 << 20) * 1.125, contentBytes: undefined, hasChecksum: true }],
    ['2010', { windowBytes: 16, contentBytes: 16, hasChecksum: false }],
    ['600100', { windowBytes: 257, contentBytes: 257, hasChecksum: false }],
    ['8000ffffff00', { windowBytes: 1024, contentBytes: 0xffffff, hasChecksum: false }],
    ['c0000100000001000000', { windowBytes: 1024, contentBytes: 2 ** 32 + 1, hasChecksum: false }],
    ['2300000000aa', { windowBytes: 0xaa, contentBytes: 0xaa, hasChecksum: false }],
  ])('of %s', (hex, want) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(frameHeaderBytes(bytes[0]!)).toBe(bytes.length);
    expect(readFrameHeader(bytes)).toEqual({ ...want, sizeBytes: bytes.length });
  });

  it('refuses the reserved bit', () => {
    expect(readFrameHeader(Buffer.from('0858', 'hex'))).toBeUndefined();
  });

  it('refuses a dictionary', () => {
    expect(() => readFrameHeader(Buffer.from('210110', 'hex'))).toThrow(
      expect.objectContaining({ code: 'LAYER_FORMAT_UNSUPPORTED' }),
    );
  });

  it('limits the window', () => {
    const exponent = Math.log2(LIMITS.zstdWindowBytes) - 10;
    const fits = Buffer.from([0x00, exponent << 3]);
    expect(readFrameHeader(fits)).toMatchObject({ windowBytes: LIMITS.zstdWindowBytes });
    expect(() => readFrameHeader(Buffer.from([0x00, (exponent << 3) + 1]))).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
  });
});

describe('BlockScanner', () => {
  const header = (windowBytes: number, hasChecksum: boolean) => ({
    sizeBytes: 2,
    windowBytes,
    contentBytes: undefined,
    hasChecksum,
  });
  const blockHeader = (size: number, type: number, isLast: boolean) => {
    const bytes = Buffer.alloc(3);
    bytes.writeUIntLE((size << 3) | (type << 1) | (isLast ? 1 : 0), 0, 3);
    return bytes;
  };
  const frame = Buffer.concat([
    blockHeader(5, 0, false),
    Buffer.from('hello'),
    blockHeader(900, 1, false),
    Buffer.from('x'),
    blockHeader(0, 0, false),
    blockHeader(7, 2, true),
    Buffer.alloc(7),
    Buffer.alloc(4),
  ]);
  const ends = [8, 12, 15, 29];

  it('stops behind each block, and behind the checksum', () => {
    const scanner = new BlockScanner(header(1024, true));
    let at = 0;
    for (const end of ends) {
      expect(scanner.isDone).toBe(false);
      at = scanner.scan(frame, at)!;
      expect(at).toBe(end);
    }
    expect(scanner.isDone).toBe(true);
  });

  it('finds the same ends byte by byte', () => {
    const scanner = new BlockScanner(header(1024, true));
    for (const [index, byte] of frame.entries()) {
      expect(scanner.isDone).toBe(false);
      expect(scanner.scan(Uint8Array.of(byte), 0), `byte ${index}`).toBe(1);
    }
    expect(scanner.isDone).toBe(true);
  });

  it.each([
    ['the reserved type', 1, 3, 1024],
    ['more than the window', 1025, 0, 1024],
    ['a run longer than the window', 1025, 1, 1024],
    ['more than 128 KiB', 128 * 1024 + 1, 2, 1 << 20],
  ])('refuses a block with %s', (_name, size, type, windowBytes) => {
    const scanner = new BlockScanner(header(windowBytes, false));
    expect(scanner.scan(blockHeader(size, type, true), 0)).toBeUndefined();
    const fits = new BlockScanner(header(windowBytes, false));
    expect(fits.scan(blockHeader(size - 1, type % 3, true), 0)).toBe(3);
  });
});
