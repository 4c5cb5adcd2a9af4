import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_TIME_SECONDS } from '../../../src/layer/ext4/tar-header.js';
import {
  encodeTimeHigh,
  encodeTimeLow,
  reencodeTimeHigh,
  reencodeTimeLow,
} from '../../../src/layer/ext4/times.js';

const encode = (seconds: number, nanoseconds: number): bigint =>
  join(encodeTimeLow(seconds, nanoseconds), encodeTimeHigh(seconds, nanoseconds));
const reencode = (time: bigint): bigint => {
  const low = Number(time & 0xffffffffn);
  const high = Number(time >> 32n);
  return join(reencodeTimeLow(low, high), reencodeTimeHigh(low, high));
};
const join = (low: number, high: number): bigint => (BigInt(high) << 32n) | BigInt(low);

describe('encoding', () => {
  it.each([
    ['absent', NO_TIME_SECONDS, 0, 0n],
    ['almost absent', NO_TIME_SECONDS, 1, 0x80000000n],
    ['the epoch', 0, 0, 0n],
    ['a nanosecond', 0, 1, 1n << 34n],
    ['a usual time', 1_700_000_000, 123_456_789, (123_456_789n << 34n) | 1_700_000_000n],
    ['before 1970', -1, 500, 0xffffffff_ffffffffn],
    ['the earliest', -(2 ** 31), 5, 0xffffffff_80000000n],
    ['too early', -(2 ** 31) - 1, 5, 0x80000000n],
    ['far too early', -(2 ** 63), 5, 0x80000000n],
    ['after 2038', 2 ** 31, 0, 0x80000000n],
    ['after 2106', 2 ** 32, 7, (7n << 34n) | 0x1_00000000n],
    ['the latest', 15_032_385_535, 999_999_999, (999_999_999n << 34n) | 0x3_7fffffffn],
    ['too late', 15_032_385_536, 1, 0x3_7fffffffn],
    ['far too late', 2 ** 63, 1, 0x3_7fffffffn],
  ])('%s', (_, seconds, nanoseconds, time) => {
    expect(encode(seconds, nanoseconds)).toBe(time);
  });

  it('is the formula for every time between the clamps', () => {
    const seconds = fc.integer({ min: -(2 ** 31), max: 0x37fffffff });
    fc.assert(
      fc.property(seconds, fc.integer({ min: 0, max: 999_999_999 }), (sec, nsec) => {
        const formula = BigInt.asUintN(64, BigInt(sec)) | (BigInt(nsec) << 34n);
        expect(encode(sec, nsec)).toBe(formula);
      }),
      { seed: 0xc0de, numRuns: 1000 },
    );
  });
});

describe('decoding and encoding again', () => {
  it.each([
    ['zero stays', 0n, 0n],
    ['a usual time stays', (5n << 34n) | 1_700_000_000n, (5n << 34n) | 1_700_000_000n],
    ['after 2106 stays', (5n << 34n) | 0x1_00000000n, (5n << 34n) | 0x1_00000000n],
    ['the latest stays', 0x3_7fffffffn, 0x3_7fffffffn],
    ['before 1970 becomes the latest', 0xffffffff_fffffff0n, 0x3_7fffffffn],
    ['the earliest becomes the latest', 0xffffffff_80000000n, 0x3_7fffffffn],
    ['after 2038 becomes before 1970', (5n << 34n) | 0xf0000000n, 0xffffffff_f0000000n],
    ['the early clamp becomes before 1970', 0x80000000n, 0xffffffff_80000000n],
  ])('%s', (_, time, again) => {
    expect(reencode(time)).toBe(again);
  });

  it('changes nothing between 1970 and 2038', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 31 - 1 }),
        fc.integer({ min: 0, max: 999_999_999 }),
        (sec, nsec) => {
          expect(reencode(encode(sec, nsec))).toBe(encode(sec, nsec));
        },
      ),
      { seed: 0xc0de, numRuns: 500 },
    );
  });
});
