/**
 * A registry in this process, on a loopback port, that can be told to misbehave. All fakes of a test write into one
 * log, from which `secretsSentTo` tells which hosts ever saw a credential.
 */
import { createHash } from 'node:crypto';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { keepSecret, keepToken } from './secrets/record.js';

/** One request that reached a fake. */
export interface Logged {
  /** Name of the fake. */
  readonly fake: string;
  /** The header Host: where the client believed to be. */
  readonly host: string;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
  readonly body: string;
}

/** Handles a request; true if it answered (or hung up), false to leave it to the next handler. */
export type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => boolean;

export interface Tls {
  readonly key: string;
  readonly cert: string;
}

export interface FakeOptions {
  readonly log: Logged[];
  readonly name?: string;
  readonly tls?: Tls;
}

export interface FakeServer {
  readonly port: number;
  /** `localhost:PORT`. */
  readonly host: string;
  readonly url: string;
  /** Puts a handler before the others. */
  before(handler: Handler): void;
  close(): Promise<void>;
}

/** A server that answers 404 unless a handler does. */
export async function openFakeServer(options: FakeOptions): Promise<FakeServer> {
  const handlers: Handler[] = [];
  const sockets = new Set<Socket>();
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString('latin1');
    });
    request.on('end', () => {
      options.log.push({
        fake: options.name ?? 'registry',
        host: request.headers.host ?? '',
        method: request.method ?? '',
        path: request.url ?? '',
        authorization: request.headers.authorization,
        range: request.headers.range,
        body,
      });
      if (handlers.some((handle) => handle(request, response, body))) return;
      reply(response, 404, { errors: [{ code: 'NOT_FOUND', message: 'nothing here' }] });
    });
  };
  const server: Server = options.tls
    ? createHttpsServer({ ...options.tls }, serve)
    : createHttpServer(serve);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    host: `localhost:${port}`,
    url: `${options.tls ? 'https' : 'http'}://localhost:${port}`,
    before: (handler) => handlers.unshift(handler),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers with JSON. */
export function reply(
  response: ServerResponse,
  status: number,
  document: unknown,
  headers: Readonly<Record<string, string>> = {},
): true {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(document));
  return true;
}

export interface FakeRegistry extends FakeServer {
  /** Stores a blob and gives its digest. */
  putBlob(bytes: Uint8Array): string;
  /** Stores a manifest under its digest and, if given, a tag. */
  putManifest(tag: string | undefined, bytes: Uint8Array, mediaType: string): string;
}

/** A registry of one repository `team/app` that needs no credentials. */
export async function openFakeRegistry(options: FakeOptions): Promise<FakeRegistry> {
  const server = await openFakeServer(options);
  const blobs = new Map<string, Uint8Array>();
  const manifests = new Map<string, { bytes: Uint8Array; mediaType: string }>();
  server.before((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (path === '/v2/') return reply(response, 200, {});
    const manifest = /^\/v2\/team\/app\/manifests\/(.+)$/.exec(path);
    const stored = manifest && manifests.get(manifest[1]!);
    if (stored) {
      response.writeHead(200, {
        'content-type': stored.mediaType,
        'content-length': stored.bytes.length,
        'docker-content-digest': digestOf(stored.bytes),
      });
      response.end(stored.bytes);
      return true;
    }
    const blob = /^\/v2\/team\/app\/blobs\/(.+)$/.exec(path);
    const bytes = blob && blobs.get(blob[1]!);
    return bytes ? sendBlob(request, response, bytes) : false;
  });
  return {
    ...server,
    putBlob(bytes) {
      blobs.set(digestOf(bytes), bytes);
      return digestOf(bytes);
    },
    putManifest(tag, bytes, mediaType) {
      const digest = digestOf(bytes);
      for (const name of [tag, digest]) {
        if (name !== undefined) manifests.set(name, { bytes, mediaType });
      }
      return digest;
    },
  };
}

/** Sends a blob from where the header Range says. */
export function sendBlob(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
): true {
  const start = rangeStart(request);
  const headers = {
    'content-type': 'application/octet-stream',
    'content-length': String(bytes.length - start),
  };
  const range = { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
  response.writeHead(start === 0 ? 200 : 206, start === 0 ? headers : { ...headers, ...range });
  response.end(bytes.subarray(start));
  return true;
}

/** First byte that a request asks for. */
export function rangeStart(request: IncomingMessage): number {
  return Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
}

/** Promises `bytes.length` bytes from the wanted start, sends `count` of them and hangs up. */
export function sendAndCut(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  count: number,
): true {
  const start = rangeStart(request);
  const range = { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
  response.writeHead(start === 0 ? 200 : 206, {
    'content-length': bytes.length - start,
    ...(start === 0 ? {} : range),
  });
  response.write(bytes.subarray(start, start + count), () => response.socket?.destroy());
  return true;
}

export interface BearerOptions {
  /** Address of the token service. */
  readonly realm: string;
  /** Tokens that the registry takes now; a test may change the set. */
  readonly valid: Set<string>;
  /** The header WWW-Authenticate; a usual one unless given. */
  readonly challenge?: string | readonly string[];
}

/** Makes a registry demand a bearer token, except for its token service and what is not below /v2/. */
export function demandBearer(server: FakeServer, options: BearerOptions): void {
  const usual = `Bearer realm="${options.realm}",service="fake registry",scope="repository:team/app:pull"`;
  server.before((request, response) => {
    if (!request.url?.startsWith('/v2/')) return false;
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token !== undefined && options.valid.has(token)) return false;
    return demand(response, options.challenge ?? usual);
  });
}

/** Makes a registry demand a user and password. */
export function demandBasic(server: FakeServer, username: string, password: string): void {
  keepSecret(password, 'the password of a registry');
  const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  server.before((request, response) =>
    request.headers.authorization === wanted ? false : demand(response, 'Basic realm="fake"'),
  );
}

/** Answers 401. */
export function demand(response: ServerResponse, challenge: string | readonly string[]): true {
  const headers = { 'www-authenticate': challenge as string | string[] };
  response.writeHead(401, { 'content-type': 'application/json', ...headers });
  response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
  return true;
}

export interface TokenServiceOptions {
  /** Tokens in the order in which they are given out; the last one again and again. */
  readonly tokens: readonly string[];
  /** Given tokens become valid at the registry. */
  readonly valid: Set<string>;
  /** Further members of the answer. */
  readonly answer?: Readonly<Record<string, unknown>>;
}

/** A token service at `/token` of a server, for GET and POST; it does not judge who asks. */
export function serveTokens(server: FakeServer, options: TokenServiceOptions): void {
  let given = 0;
  server.before((request, response) => {
    if (!request.url?.startsWith('/token')) return false;
    const token = options.tokens[Math.min(given, options.tokens.length - 1)] ?? '';
    given += 1;
    keepToken(token, 'a token of a registry');
    options.valid.add(token);
    return reply(response, 200, { token, ...options.answer });
  });
}

/** Hosts (header Host) to which a credential was sent, in any part of the request. */
export function secretsSentTo(log: readonly Logged[], secrets: readonly string[]): Set<string> {
  const forms = secrets.flatMap((secret) => [secret, Buffer.from(secret).toString('base64')]);
  const holds = (text: string) => forms.some((form) => text.includes(form));
  return new Set(
    log
      .filter(({ authorization, path, body }) =>
        [decode(authorization ?? ''), path, body].some((text) => holds(text)),
      )
      .map(({ host }) => host),
  );
}

/** The header with its base64 part decoded beside it. */
function decode(header: string): string {
  return `${header} ${Buffer.from(header.replace(/^\w+ /, ''), 'base64').toString('utf8')}`;
}

/** `sha256:HEX` of bytes. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
