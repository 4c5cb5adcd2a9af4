/** The side-car's HTTP server: limits for bodies, time and requests at once; ends without dropping what it has begun. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { ToolError } from '../../core/error.js';
import { openPlaces } from './places.js';

/** What answers; never throws. */
export type AnswerHttp = (request: {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}) => Promise<{ readonly status: number; readonly body: string | Uint8Array }>;

export interface HttpServerOptions {
  readonly address: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly bodyBytes: number;
  readonly headersMs: number;
  readonly requestMs: number;
  /** Milliseconds from the headers to the answer, after which the caller is told to come back; any time if absent. */
  readonly answerMs?: number;
  /** Requests at once; further ones are told to come back. */
  readonly requests: number;
  /** Targets that are answered however many requests there are: those of probes. */
  readonly free?: readonly string[];
  /** Told of each request that was refused or given up without an answer of its own. */
  readonly onRefused?: (status: number, problem: string) => void;
  /** Key and chain in PEM; absent: plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface RunningServer {
  readonly address: string;
  readonly port: number;
  /** Takes no new requests and settles when the running ones are answered. */
  close(): Promise<void>;
}

/** Starts to listen. Throws SERVER_FAILED if the address is taken or not allowed. */
export async function serveHttp(
  options: HttpServerOptions,
  answer: AnswerHttp,
): Promise<RunningServer> {
  const { requests, answerMs, free = [], onRefused } = options;
  const places = openPlaces({ requests, ...(answerMs === undefined ? {} : { answerMs }) });
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const work = () => serve(request, response, options, answer);
    const isFree = free.includes(request.url ?? '');
    (isFree ? work() : places.run(work)).catch((error: unknown) => {
      const problem = error instanceof ToolError ? error.message : 'the server failed';
      const status = error instanceof ToolError ? 503 : 500;
      request.resume();
      reply(response, status, JSON.stringify({ error: problem }), { 'Retry-After': '1' });
      onRefused?.(status, problem);
    });
  };
  const server = options.tls ? createTlsServer(options.tls, handle) : createServer(handle);
  server.headersTimeout = Math.min(options.headersMs, options.requestMs);
  server.requestTimeout = options.requestMs;
  server.maxHeadersCount = 100;
  await listen(server, options);
  const { address, port } = server.address() as AddressInfo;
  return {
    address,
    port,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeIdleConnections();
      }),
  };
}

function listen(server: Server, { address, port }: HttpServerOptions): Promise<void> {
  return new Promise((done, failed) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      failed(
        new ToolError('SERVER_FAILED', `cannot listen on ${address}:${port}`, {
          got: error.code ?? 'an unknown failure',
          hints: error.code === 'EADDRINUSE' ? ['choose another --port'] : [],
        }),
      );
    });
    server.listen({ host: address, port }, done);
  });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { bodyBytes, onRefused }: HttpServerOptions,
  answer: AnswerHttp,
): Promise<void> {
  const body = await readBody(request, bodyBytes);
  if (body === 'too long') {
    reply(response, 413, '{"error":"the request is too long"}', { Connection: 'close' });
    onRefused?.(413, 'the request is too long');
    return;
  }
  if (body === 'broken') return;
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
  );
  const { method = '', url: target = '/' } = request;
  const result = await answer({ method, target, headers, body });
  reply(response, result.status, result.body, {});
}

/** The whole body; what is beyond the limit is read no further. */
function readBody(
  request: IncomingMessage,
  limit: number,
): Promise<Buffer | 'too long' | 'broken'> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limit) return Promise.resolve('too long');
  return new Promise((done) => {
    const parts: Buffer[] = [];
    let length = 0;
    const take = (part: Buffer) => {
      length += part.length;
      parts.push(part);
      if (length <= limit) return;
      request.off('data', take).pause();
      done('too long');
    };
    request.on('data', take);
    request.once('end', () => done(Buffer.concat(parts)));
    request.once('close', () => done('broken'));
    request.once('error', () => done('broken'));
  });
}

function reply(
  response: ServerResponse,
  status: number,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>>,
): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    ...headers,
  });
  response.end(body);
}
