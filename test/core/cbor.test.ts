import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/core/cbor.js';
import { ToolError } from '../../src/core/error.js';
import { LIMITS } from '../../src/core/limits.js';
import { thrownBy } from '../support/failure.js';

const SEED = 0xcb02;
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const read = (text: string) => decodeCbor(hex(text), 'x');

describe('decodeCbor', () => {
  it.each<[string, CborValue]>([
    ['00', 0n],
    ['18 01', 1n],
    ['1b ff ff ff ff ff ff ff ff', 0xffff_ffff_ffff_ffffn],
    ['3b ff ff ff ff ff ff ff ff', -0x1_0000_0000_0000_0000n],
    ['fb 3f f0 00 00 00 00 00 00', 1],
    ['f9 7c 00', Number.POSITIVE_INFINITY],
    ['43 01 02 03', hex('010203')],
    ['58 00', hex('')],
    ['62 c3 a9', 'é'],
    ['82 01 f6', [1n, null]],
    ['f7', undefined],
    ['f5', true],
    ['f8 ff', { simple: 255 }],
    ['c1 01', { tag: 1n, content: 1n }],
    ['c2 41 01', { tag: 2n, content: hex('01') }],
    ['db ff ff ff ff ff ff ff ff 00', { tag: 0xffff_ffff_ffff_ffffn, content: 0n }],
  ])('reads %s', (text, value) => {
    expect(read(text)).toEqual(value);
  });

  it('keeps integers and floats, and texts and bytes, apart as keys', () => {
    const map = read('a4 01 00 f9 3c 00 01 61 31 02 41 31 03');
    expect(map).toBeInstanceOf(Map);
    expect([...(map as ReadonlyMap<CborValue, CborValue>)]).toEqual([
      [1n, 0n],
      [1, 1n],
      ['1', 2n],
      [hex('31'), 3n],
    ]);
  });

  it.each([
    ['', 'ends early'],
    ['18', 'ends early'],
    ['42 00', 'ends early'],
    ['81', 'ends early'],
    ['9b ff ff ff ff ff ff ff ff', 'ends early'],
    ['bb 00 00 00 00 ff ff ff ff', 'ends early'],
    ['5b 00 20 00 00 00 00 00 00', 'ends early'],
    ['00 00', 'bytes follow'],
    ['5f 41 00 ff', 'indefinite'],
    ['9f ff', 'indefinite'],
    ['bf ff', 'indefinite'],
    ['ff', 'indefinite'],
    ['1c', 'reserved'],
    ['61 ff', 'not valid CBOR'],
    ['f8 01', 'not valid CBOR'],
    ['a2 01 00 01 00', 'not valid CBOR'],
    ['a2 01 00 18 01 00', 'not valid CBOR'],
    ['a2 61 61 00 78 01 61 00', 'not valid CBOR'],
    ['a2 41 61 00 41 61 00', 'same key twice'],
    ['a1 80 00', 'no plain value'],
    ['a1 c1 00 00', 'no plain value'],
  ])('refuses %s', (text, problem) => {
    const error = thrownBy(() => read(text));
    expect(error.code).toBe('CBOR_INVALID');
    expect(error.message).toContain(problem);
  });

  it('allows as much nesting as the limit says, and no more', () => {
    const nested = (levels: number) => Buffer.concat([Buffer.alloc(levels, 0x81), hex('00')]);
    expect(decodeCbor(nested(LIMITS.cborDepth), 'x')).toBeInstanceOf(Array);
    const over = thrownBy(() => decodeCbor(nested(LIMITS.cborDepth + 1), 'x'));
    expect(over.code).toBe('LIMIT_EXCEEDED');
    const tags = Buffer.concat([Buffer.alloc(LIMITS.cborDepth + 1, 0xc1), hex('00')]);
    expect(thrownBy(() => decodeCbor(tags, 'x')).code).toBe('LIMIT_EXCEEDED');
  });

  it('allows as many items as the limit says, and no more', () => {
    const list = (count: number) => {
      const head = Buffer.alloc(5);
      head[0] = 0x9a;
      head.writeUInt32BE(count, 1);
      return Buffer.concat([head, Buffer.alloc(count)]);
    };
    expect(decodeCbor(list(LIMITS.cborItems - 1), 'x')).toHaveLength(LIMITS.cborItems - 1);
    const over = thrownBy(() => decodeCbor(list(LIMITS.cborItems), 'x'));
    expect(over.code).toBe('LIMIT_EXCEEDED');
  });

  it('refuses more bytes than the limit', () => {
    const bytes = Buffer.alloc(LIMITS.cborBytes + 1);
    expect(thrownBy(() => decodeCbor(bytes, 'x')).code).toBe('LIMIT_EXCEEDED');
    expect(thrownBy(() => decodeCbor(bytes.subarray(1), 'x')).code).toBe('CBOR_INVALID');
  });

  it('throws nothing but its own errors, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 48 }), (bytes) => {
        try {
          decodeCbor(bytes, 'x');
        } catch (error) {
          if (!(error instanceof ToolError)) throw error;
        }
      }),
      { seed: SEED, numRuns: 5_000 },
    );
  });
});

const plainKey = fc.oneof(
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }),
  fc.string({ unit: 'grapheme' }),
);

const { value: anyValue } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    plainKey,
    fc.boolean(),
    fc.constant(null),
    fc.double(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(plainKey, tie('value')), { maxLength: 4 }).map((pairs) => new Map(pairs)),
    tie('value').map((content) => ({ tag: 99n, content })),
  ),
}));

describe('encodeCbor', () => {
  it('is undone by decodeCbor', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(decodeCbor(encodeCbor(value), 'x')).toEqual(value);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  it('sorts keys by their encoding and writes the shortest lengths', () => {
    const map = new Map<CborValue, CborValue>([
      ['iss', 'x'],
      [33n, [Buffer.from('ab')]],
      [-1n, null],
      [1n, -35n],
    ]);
    expect(encodeCbor(map).toString('hex')).toBe(
      'a4013822' + '182181426162' + '20f6' + '636973736178',
    );
  });
});
