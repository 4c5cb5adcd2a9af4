import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/io/registry/clock.js';

describe('systemClock', () => {
  it('sleeps until the time is over', async () => {
    vi.useFakeTimers();
    try {
      let isAwake = false;
      const sleep = systemClock(new AbortController().signal)
        .sleep(60_000)
        .then(() => {
          isAwake = true;
        });
      await vi.advanceTimersByTimeAsync(59_999);
      expect(isAwake).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      await sleep;
      expect(isAwake).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  it('wakes up when it is stopped, and does not fall asleep afterwards', async () => {
    const stop = new AbortController();
    const clock = systemClock(stop.signal);
    const sleep = clock.sleep(2 ** 30);
    stop.abort();
    await sleep;
    await clock.sleep(2 ** 30);
    expect(clock.random()).toBeLessThan(1);
  });
});
