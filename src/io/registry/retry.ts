/**
 * Tries again what may pass: throttling, overload, broken connections. At most three tries, doubling waits with
 * jitter, `Retry-After` honoured up to a cap. Only reads go through here, so that a repetition is harmless.
 */
import type { ToolError } from '../../core/error.js';
import type { Clock } from './clock.js';

/** Tries of one request altogether. */
export const TRIES = 3;
/** Wait before the second try; doubles for the third. */
export const FIRST_WAIT_MS = 500;
/** A longer `Retry-After` is not waited for: the user is told instead. */
export const LONGEST_WAIT_MS = 60_000;

/** Statuses of an overloaded or restarting server. */
export const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

/** A failure that may pass. It never leaves this folder: what the user sees is `failure`. */
export class TransientFailure extends Error {
  readonly failure: ToolError;
  /** What `Retry-After` asks for, in milliseconds. */
  readonly waitMs: number | undefined;

  constructor(failure: ToolError, waitMs?: number) {
    super(failure.message);
    this.failure = failure;
    this.waitMs = waitMs;
  }
}

/** Runs `attempt` until it succeeds, fails for good, or the tries are used up. Throws ToolError. */
export async function withRetry<T>(clock: Clock, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      await pauseAfter(error, tries, clock);
    }
  }
}

/** Waits before try number `tries` + 1, or throws what the user should see. */
export async function pauseAfter(error: unknown, tries: number, clock: Clock): Promise<void> {
  if (!(error instanceof TransientFailure)) throw error;
  const asked = error.waitMs ?? 0;
  if (tries >= TRIES || asked > LONGEST_WAIT_MS) throw error.failure;
  const backOff = FIRST_WAIT_MS * 2 ** (tries - 1) * (1 + clock.random());
  await clock.sleep(Math.max(asked, backOff));
}

/** `Retry-After` in milliseconds: seconds or an HTTP date (RFC 9110 section 10.2.3); undefined if absent or unreadable. */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const date = / GMT$/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
