import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  low32,
  parseDecimal,
  parseNumeric,
  parseOctal,
  parsePaxTime,
} from '../../../src/layer/ext4/tar-number.js';

const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);

describe('octal fields', () => {
  it.each([
    ['0000644\0', 0o644],
    ['644     ', 0o644],
    ['  644 \0\0', 0o644],
    ['\0\0\0 12\0 ', 0o12],
    ['\0\0\0\0\0\0\0\0', 0],
    ['        ', 0],
    ['12\x0034567', 0o12],
    ['77777777', 0o77777777],
    ['7', 7],
    ['777777777777', 2 ** 36 - 1],
  ])('%j is %d', (text, value) => {
    const field = Buffer.from(`x${text}x`, 'latin1');
    expect(parseOctal(field, 1, text.length)).toBe(value);
    expect(parseNumeric(field, 1, text.length)).toBe(value);
  });

  it.each([['8'], ['12 34'], ['-1'], ['+1'], ['0x1'], ['1 2'], ['a'], ['1_0'], [' .']])(
    '%j is malformed',
    (text) => {
      expect(parseOctal(Buffer.from(text, 'latin1'), 0, text.length)).toBeUndefined();
    },
  );
});

describe('base-256 fields', () => {
  const parse = (bytes: readonly number[]) => parseNumeric(Uint8Array.from(bytes), 0, bytes.length);

  it.each([
    [[0x80, 0, 0, 0, 0, 0, 0, 0], 0],
    [[0x80, 0, 0, 0, 0, 0, 0, 1], 1],
    [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], -1],
    [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe], -2],
    [[0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 2n ** 62n - 1n],
    [[0xc0, 0, 0, 0, 0, 0, 0, 0], -(2n ** 62n)],
    [[0x80, 0x20, 0, 0, 0, 0, 0, 0], 2n ** 53n],
    [[0x80, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 2 ** 53 - 1],
    [[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], MAX],
    [[0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], MIN],
  ])('%j is %s', (bytes, value) => {
    expect(parse(bytes)).toBe(value);
  });

  it.each([
    [[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]],
    [[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]],
    [[0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0]],
    [[0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0]],
    [[0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ])('%j is beyond 63 bits', (bytes) => {
    expect(parse(bytes)).toBeUndefined();
  });

  it('reads back every number of 12 bytes', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: MIN, max: MAX }), (value) => {
        const bytes: number[] = [];
        for (let i = 11n; i >= 0n; i--) bytes.push(Number(BigInt.asUintN(8, value >> (8n * i))));
        bytes[0] = (bytes[0]! & 0x7f) | 0x80;
        expect(BigInt(parse(bytes)!)).toBe(value);
      }),
      { seed: 0xc0de },
    );
  });
});

describe('decimals', () => {
  it.each([
    ['0', 0],
    ['+5', 5],
    ['-0', 0],
    ['-17', -17],
    ['007', 7],
    ['9007199254740991', 2 ** 53 - 1],
    ['9007199254740993', 2n ** 53n + 1n],
    ['9223372036854775807', MAX],
    ['-9223372036854775808', MIN],
    [`${'0'.repeat(40)}12`, 12],
  ])('%j is %s', (text, value) => {
    expect(parseDecimal(text)).toBe(value);
  });

  it.each([
    [''],
    ['+'],
    ['-'],
    [' 1'],
    ['1 '],
    ['1_000'],
    ['0x10'],
    ['1.0'],
    ['--1'],
    ['1e3'],
    ['9223372036854775808'],
    ['-9223372036854775809'],
    ['9'.repeat(1000)],
    ['\u0661'],
  ])('%j is malformed', (text) => {
    expect(parseDecimal(text)).toBeUndefined();
  });

  it('is exact over the whole range', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: MIN, max: MAX }), (value) => {
        expect(BigInt(parseDecimal(String(value))!)).toBe(value);
      }),
      { seed: 0xc0de },
    );
  });

  it('takes time in proportion to the text', () => {
    expect(parseDecimal(`${'0'.repeat(1 << 20)}x`)).toBeUndefined();
  });
});

describe('PAX times', () => {
  it.each([
    ['1', 1, 0],
    ['1.', 1, 0],
    ['1.5', 1, 500_000_000],
    ['1.000000001', 1, 1],
    ['1.0000000019', 1, 1],
    ['-1.5', -2, 500_000_000],
    ['-0.5', -1, 500_000_000],
    ['-0.0', 0, 0],
    ['-1.0000000009', -1, 0],
    ['+3.25', 3, 250_000_000],
    ['-62135596800', -62135596800, 0],
    ['9223372036854775807', 2 ** 63, 0],
    ['-9223372036854775808.5', 2 ** 63, 500_000_000],
  ])('%j is %d s and %d ns', (text, seconds, nanoseconds) => {
    expect(parsePaxTime(text)).toEqual({ seconds, nanoseconds });
  });

  it.each([[''], ['.5'], ['-.5'], ['1.x'], ['1.5.5'], ['1,5'], ['1.-5'], ['9223372036854775808']])(
    '%j is malformed',
    (text) => {
      expect(parsePaxTime(text)).toBeUndefined();
    },
  );
});

it('low32 keeps the low bits of negative and of large numbers', () => {
  expect([low32(-1), low32(2 ** 40 + 5), low32(-(2n ** 62n) + 7n), low32(MAX)]).toEqual([
    0xffffffff, 5, 7, 0xffffffff,
  ]);
});
