/** Facts of this machine and process. */
import { availableParallelism as cores } from 'node:os';

/** Threads that can run at once. */
export function availableParallelism(): number {
  return cores();
}

/** The environment variables of this process. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** The time of this machine: whole seconds since 1970. */
export function secondsNow(): number {
  return Math.floor(Date.now() / 1000);
}

/** Milliseconds from any starting point, for durations. */
export function millisecondsNow(): number {
  return performance.now();
}
