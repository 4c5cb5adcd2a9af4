import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTime, printTime } from '../../src/core/time.js';

describe('time', () => {
  it('is printed as the calendar has it', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_167_219_200, max: 253_402_300_799 }), (seconds) => {
        const text = printTime(seconds);
        expect(text).toBe(`${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`);
        expect(parseTime(text)).toBe(seconds);
      }),
      { seed: 0xc0de, numRuns: 500 },
    );
  });

  it.each([
    '2026-02-29T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00:60Z',
    '2026-01-01 00:00:00Z',
    '2026-01-01T00:00:00.5Z',
    '2026-01-01T00:00:00+01:00',
    '2026-01-01',
    '',
  ])('refuses %j', (text) => {
    expect(parseTime(text)).toBeUndefined();
  });
});
