/** Requests sent again where a service says that it cannot answer now: at most twice, after growing waits. */
import { setTimeout as wait } from 'node:timers/promises';
import type { SendRequest, ServiceAnswer, ServiceRequest } from '../../keyrelease/ports.js';

/** Answers after which a request is sent again. */
const AGAIN: readonly number[] = [408, 429, 500, 502, 503, 504];
/** Before the second and third try: a random part of so many milliseconds, so that many callers spread. */
const WAITS_MS: readonly number[] = [250, 1_000];
/** Most milliseconds to wait where the service names a time; a longer one is left to the caller. */
const LONGEST_MS = 3_000;

/** `send` with up to two repetitions. Only for requests that may arrive twice. */
export function sendAgain(send: SendRequest): SendRequest {
  const attempt = async (
    request: ServiceRequest,
    [most, ...rest]: readonly number[],
  ): Promise<ServiceAnswer> => {
    const answer = await send(request);
    if (most === undefined || !AGAIN.includes(answer.status)) return answer;
    const asked = (answer.retryAfter ?? 0) * 1000;
    if (asked > LONGEST_MS) return answer;
    await wait(asked + Math.random() * most);
    return await attempt(request, rest);
  };
  return (request) => attempt(request, WAITS_MS);
}
