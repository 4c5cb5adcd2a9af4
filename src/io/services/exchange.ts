/**
 * One HTTP request and its whole answer, on connections that are kept. undici's streams are not used: an answer of a
 * service is a few KiB, and making a stream for it takes longer than reading it.
 */
import type { Dispatcher } from 'undici';
import { ToolError } from '../../core/error.js';
import type { BinaryAnswer, ServiceRequest, TransferRequest } from '../../keyrelease/ports.js';

export interface ExchangeLimits {
  /** From now to the end of the answer. */
  readonly timeoutMs: number;
  /** Of the answer's body. */
  readonly bytes: number;
}

/** Thrown when the time is over. */
export class LateError extends Error {}

/** Sends and reads. Throws LIMIT_EXCEEDED, LateError, and errors of the connection as undici gives them. */
export function exchange(
  dispatcher: Dispatcher,
  { method, url, headers, body }: ServiceRequest | TransferRequest,
  limits: ExchangeLimits,
): Promise<BinaryAnswer> {
  const { origin, host, pathname, search } = new URL(url);
  return new Promise((done, failed) => {
    const reading = new Reading(host, limits, done, failed);
    const request = { origin, path: pathname + search, method, headers: { ...headers } };
    dispatcher.dispatch(body === undefined ? request : { ...request, body }, reading);
  });
}

type Controller = Dispatcher.DispatchController;
type Headers = BinaryAnswer['headers'];

/** Gathers one answer. What ends it first counts: its end, an error, too many bytes, or the time. */
class Reading implements Dispatcher.DispatchHandler {
  private readonly host: string;
  private readonly limits: ExchangeLimits;
  private readonly done: (answer: BinaryAnswer) => void;
  private readonly failed: (error: unknown) => void;
  private readonly timer: NodeJS.Timeout;
  private readonly parts: Buffer[] = [];
  private length = 0;
  private status = 0;
  private headers: Headers = {};
  private controller: Controller | undefined;
  private problem: Error | undefined;

  constructor(
    host: string,
    limits: ExchangeLimits,
    done: (answer: BinaryAnswer) => void,
    failed: (error: unknown) => void,
  ) {
    this.host = host;
    this.limits = limits;
    this.done = done;
    this.failed = failed;
    this.timer = setTimeout(() => this.stop(new LateError()), limits.timeoutMs);
  }

  onRequestStart(controller: Controller): void {
    this.controller = controller;
    // It waited for a connection until nobody waits for it any more.
    if (this.problem !== undefined) controller.abort(this.problem);
  }

  onResponseStart(_: Controller, status: number, headers: Headers): void {
    this.status = status;
    this.headers = headers;
  }

  onResponseData(_: Controller, part: Buffer): void {
    this.length += part.length;
    this.parts.push(part);
    if (this.length <= this.limits.bytes) return;
    this.stop(
      new ToolError('LIMIT_EXCEEDED', `the answer of ${this.host} is too long`, {
        want: `at most ${this.limits.bytes} bytes`,
      }),
    );
  }

  onResponseEnd(): void {
    clearTimeout(this.timer);
    const { status, headers } = this;
    this.done({ status, headers, body: Buffer.concat(this.parts), ...retryAfterOf(headers) });
  }

  onResponseError(_: Controller, error: Error): void {
    this.stop(error);
  }

  /** A connection that is being made may be held up past any time by a proxy: nobody waits for its end. */
  private stop(problem: Error): void {
    clearTimeout(this.timer);
    if (this.problem !== undefined) return;
    this.problem = problem;
    this.failed(problem);
    this.controller?.abort(problem);
  }
}

function retryAfterOf(headers: Headers): { readonly retryAfter?: number } {
  const after = String(headers['retry-after'] ?? '');
  return /^[0-9]{1,6}$/.test(after) ? { retryAfter: Number(after) } : {};
}
