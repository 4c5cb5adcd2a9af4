/** Time and chance, so that tests need neither. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
  /** From 0 (included) to 1 (excluded). */
  random(): number;
}

/** The clock of the machine. A sleep ends early when `stop` is aborted: nobody waits for a retry any more. */
export function systemClock(stop: AbortSignal): Clock {
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    sleep: (milliseconds) =>
      new Promise((resolve) => {
        const end = () => {
          clearTimeout(timer);
          stop.removeEventListener('abort', end);
          resolve();
        };
        const timer = setTimeout(end, stop.aborted ? 0 : milliseconds);
        stop.addEventListener('abort', end, { once: true });
      }),
  };
}
