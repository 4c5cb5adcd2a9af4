/** A proxy that knows CONNECT only, and leads every host of a table to a loopback port. */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Tls } from './fake-registry.js';

export interface FakeProxy {
  readonly port: number;
  /** Targets of CONNECT, in order. */
  readonly tunnels: readonly string[];
  /** Requests that came to the proxy itself, in clear text. There must be none. */
  readonly plain: readonly string[];
  /** Values of Proxy-Authorization. */
  readonly authorizations: readonly (string | undefined)[];
  close(): Promise<void>;
}

/**
 * `targets` maps `host:port` of CONNECT to a port of 127.0.0.1; other targets are refused with 403. With `tls` the proxy
 * itself is spoken to over TLS.
 */
export async function openFakeProxy(
  targets: ReadonlyMap<string, number>,
  tls?: Tls,
): Promise<FakeProxy> {
  const tunnels: string[] = [];
  const plain: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const sockets = new Set<Socket>();
  const refuse = (request: IncomingMessage, response: ServerResponse) => {
    plain.push(`${request.method} ${request.url}`);
    response.writeHead(400).end();
  };
  const server = tls ? createHttpsServer({ ...tls }, refuse) : createHttpServer(refuse);
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    tunnels.push(request.url ?? '');
    authorizations.push(request.headers['proxy-authorization']);
    const port = targets.get(request.url ?? '');
    if (port === undefined) {
      client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    sockets.add(upstream);
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    tunnels,
    plain,
    authorizations,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
