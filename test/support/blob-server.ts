/** A storage account with one page blob on a real socket: strict about ranges, pages, versions and tokens. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type AtEnd, serverCertificate } from './stand-ins.js';

export interface BlobServer {
  /** `localhost:PORT`. */
  readonly host: string;
  readonly url: string;
  /** PEM of the authority of its certificate. */
  readonly root: string;
  /** The bytes of the blob: changed by writes. */
  readonly content: Buffer;
  /** `GET bytes=0-511` and the like. */
  readonly requests: string[];
  /** Answers with these statuses first. */
  readonly failures: number[];
}

export interface BlobServerOptions {
  readonly content: Buffer;
  /** Accepted access tokens; absent: the blob is public. */
  readonly isToken?: (token: string) => boolean;
  /** Query that has to be there. */
  readonly signature?: string;
}

const PATH = '/container/encfs.img';

/** Starts it until the test ends, or as `atEnd` says. */
export async function startBlobServer(
  options: BlobServerOptions,
  atEnd: AtEnd,
): Promise<BlobServer> {
  const { key, chain, root } = await serverCertificate();
  const requests: string[] = [];
  const failures: number[] = [];
  const server: Server = createServer({ key, cert: chain }, (request, response) => {
    const range = String(request.headers['x-ms-range']);
    requests.push(`${request.method} ${range}`);
    const failure = failures.shift();
    const status = failure ?? refusal(request, options);
    if (status !== undefined) {
      request.resume();
      response.writeHead(status).end();
    } else if (request.method === 'PUT') void put(request, response, options.content, range);
    else get(response, options.content, range);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const host = `localhost:${(server.address() as AddressInfo).port}`;
  const query = options.signature === undefined ? '' : `?${options.signature}`;
  const { content } = options;
  return { host, url: `https://${host}${PATH}${query}`, root, content, requests, failures };
}

function refusal(
  request: IncomingMessage,
  { isToken, signature }: BlobServerOptions,
): number | undefined {
  const url = new URL(request.url ?? '', 'https://x');
  const { authorization, 'x-ms-version': version, 'x-ms-date': date } = request.headers;
  if (url.pathname !== PATH) return 404;
  if (version === undefined || Number.isNaN(Date.parse(String(date)))) return 400;
  if (signature !== undefined && !url.search.includes(signature)) return 403;
  if (isToken === undefined) return authorization === undefined ? undefined : 400;
  return isToken(/^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? '') ? undefined : 401;
}

function get(response: ServerResponse, content: Buffer, range: string): void {
  const [, first, last] = (/^bytes=([0-9]+)-([0-9]+)$/.exec(range) ?? []).map(Number);
  if (first === undefined || last === undefined || first >= content.length) {
    response.writeHead(416).end();
    return;
  }
  const body = content.subarray(first, Math.min(last + 1, content.length));
  const header = `bytes ${first}-${first + body.length - 1}/${content.length}`;
  response.writeHead(206, { 'Content-Range': header, 'Content-Length': body.length }).end(body);
}

async function put(
  request: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  range: string,
): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const body = Buffer.concat(parts);
  const [, first = -1, last = -1] = (/^bytes=([0-9]+)-([0-9]+)$/.exec(range) ?? []).map(Number);
  const isPages = first % 512 === 0 && (last + 1) % 512 === 0 && last < content.length;
  const isUpdate = request.headers['x-ms-page-write'] === 'update';
  const asked = new URL(request.url ?? '', 'https://x').searchParams.get('comp') === 'page';
  if (!isPages || !isUpdate || !asked || body.length !== last - first + 1) {
    response.writeHead(400).end();
    return;
  }
  body.copy(content, first);
  response.writeHead(201).end();
}
