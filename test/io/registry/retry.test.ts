import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { parseRetryAfter, TransientFailure, withRetry } from '../../../src/io/registry/retry.js';

const NOW = Date.parse('2030-01-01T00:00:00Z');

describe('parseRetryAfter', () => {
  it.each([
    [undefined, undefined],
    ['0', 0],
    [' 120 ', 120_000],
    ['Tue, 01 Jan 2030 00:00:10 GMT', 10_000],
    ['Mon, 31 Dec 2029 23:59:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
    ['1e9', undefined],
    ['99999999999', undefined],
    ['', undefined],
    ['2030-01-01T00:00:10Z', undefined],
  ])('%j is %j', (header, expected) => {
    expect(parseRetryAfter(header, NOW)).toBe(expected);
  });
});

describe('withRetry', () => {
  const failure = new ToolError('REGISTRY_UNREACHABLE', 'it fails');
  const run = async (failures: readonly Error[], random = 0) => {
    const left = [...failures];
    const slept: number[] = [];
    const clock = {
      now: () => NOW,
      random: () => random,
      sleep: async (milliseconds: number) => void slept.push(milliseconds),
    };
    const work = withRetry(clock, async () => {
      const next = left.shift();
      if (next !== undefined) throw next;
      return 'done';
    });
    return { result: await work.catch((error: unknown) => error), slept };
  };

  it.each([
    ['no failure', [], 0, []],
    ['two failures', [undefined, undefined], 0, [500, 1000]],
    ['jitter', [undefined, undefined], 0.5, [750, 1500]],
    ['a wait that the server asks for', [7_000], 0, [7_000]],
    ['a shorter wait than our own', [1], 0, [500]],
    ['the longest wait', [60_000], 0, [60_000]],
  ])('gets over %s', async (_name, waits, random, expected) => {
    const { result, slept } = await run(
      waits.map((wait) => new TransientFailure(failure, wait)),
      random,
    );
    expect([result, slept]).toEqual(['done', expected]);
  });

  it.each([
    ['three failures', [undefined, undefined, undefined], [500, 1000]],
    ['a wait that is too long', [60_001], []],
  ])('gives up after %s', async (_name, waits, expected) => {
    const { result, slept } = await run(waits.map((wait) => new TransientFailure(failure, wait)));
    expect([result, slept]).toEqual([failure, expected]);
  });

  it('does not repeat what fails for good', async () => {
    const { result, slept } = await run([failure]);
    expect([result, slept]).toEqual([failure, []]);
  });
});
