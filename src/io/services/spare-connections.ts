/**
 * Connections that are made before they are needed. When many releases wait for one attestation, all of them want a
 * connection to their vault in the moment in which it ends; the process has nothing to do until then, and a handshake takes
 * it longer than the rest of a request.
 */
import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';

type Connect = buildConnector.connector;
type Options = buildConnector.Options;
type Callback = buildConnector.Callback;

/** What is known of one host, e.g. `name.vault.azure.net` or `localhost:8443`. */
interface Host {
  /** Requests that were announced and did not come yet. */
  announced: number;
  /** Connections made ahead since the first of these. */
  made: number;
  /** Connections that are open or being opened, those in use too. */
  open: number;
  /** Those that have no request. */
  readonly spare: Spare[];
}

/** A connection without a request. */
interface Spare {
  socket: Socket | undefined;
  /** The request that came before the connection was there. */
  taker: Callback | undefined;
}

export interface SpareLimits {
  /** Connections to one host at a time. */
  readonly connections: number;
  /** For which a connection waits for a request. */
  readonly lifetimeMs: number;
}

export class SpareConnections {
  private readonly hosts = new Map<string, Host>();
  private readonly build: Connect;
  private readonly limits: SpareLimits;
  private running = false;
  /** Nothing was announced since the last turn: a burst is through. */
  private quiet = true;
  private closed = false;

  /** `build` makes a connection, and verifies the other side. */
  constructor(build: Connect, limits: SpareLimits) {
    this.build = build;
    this.limits = limits;
  }

  /**
   * Says that a request over TLS to `host` (as in a URL, no IPv6 address) follows. What is given back is to be called when
   * it is sent, or will not be. As many connections are made as there are such requests, one after the other and behind
   * everything else that the process has to do. Never throws: a connection that fails is missing, no more.
   */
  announce(host: string): () => void {
    const known = this.of(host);
    known.announced += 1;
    this.quiet = false;
    this.run();
    let over = false;
    return () => {
      if (over) return;
      over = true;
      known.announced -= 1;
      if (known.announced === 0) known.made = 0;
      this.forget(host, known);
    };
  }

  /** A spare connection, or a new one: what undici calls to connect. */
  readonly connect: Connect = (options, callback) => {
    if (options.protocol !== 'https:' || options.host === undefined) {
      this.build(options, callback);
      return;
    }
    const spare = this.of(options.host).spare.shift();
    if (spare === undefined) this.open(options.host, options, callback);
    else if (spare.socket === undefined) spare.taker = callback;
    else handOver(spare.socket, callback);
  };

  /** Closes what nobody uses. */
  close(): void {
    this.closed = true;
    for (const { spare } of this.hosts.values()) for (const { socket } of spare) socket?.destroy();
  }

  private of(host: string): Host {
    const known = this.hosts.get(host) ?? { announced: 0, made: 0, open: 0, spare: [] };
    this.hosts.set(host, known);
    return known;
  }

  private forget(host: string, { announced, open }: Host): void {
    if (announced === 0 && open === 0) this.hosts.delete(host);
  }

  /** One connection each time that the process is through with what is at hand. */
  private run(): void {
    if (this.running) return;
    this.running = true;
    setImmediate(() => {
      this.running = false;
      const [wanting] = [...this.hosts].find(([, host]) => this.wants(host)) ?? [];
      if (wanting === undefined || this.closed) return;
      if (this.quiet) this.openSpare(wanting);
      this.quiet = true;
      this.run();
    });
  }

  /** No more than there are requests, however many of them fail. */
  private wants({ announced, made, open }: Host): boolean {
    return Math.max(made, open) < Math.min(announced, this.limits.connections);
  }

  private openSpare(name: string): void {
    const host = this.of(name);
    host.made += 1;
    const spare: Spare = { socket: undefined, taker: undefined };
    const drop = () => {
      const index = host.spare.indexOf(spare);
      if (index >= 0) host.spare.splice(index, 1);
    };
    host.spare.push(spare);
    const { hostname, port } = new URL(`https://${name}`);
    this.open(name, { host: name, hostname, port, protocol: 'https:' }, (...[error, socket]) => {
      if (spare.taker !== undefined) {
        if (error === null) spare.taker(null, socket);
        else spare.taker(error, null);
      } else if (error !== null || this.closed) {
        drop();
        socket?.destroy();
      } else {
        spare.socket = socket;
        socket.once('close', drop).on('error', ignore).setTimeout(this.limits.lifetimeMs, discard);
      }
    });
  }

  private open(name: string, options: Options, callback: Callback): void {
    const host = this.of(name);
    host.open += 1;
    const ended = () => {
      host.open -= 1;
      this.forget(name, host);
    };
    this.build(options, (...[error, socket]) => {
      if (error === null) {
        socket.once('close', ended);
        callback(null, socket);
      } else {
        ended();
        callback(error, null);
      }
    });
  }
}

/** Not in the same turn: undici does not expect its callback before the function has returned. */
function handOver(socket: Socket, callback: Callback): void {
  socket.setTimeout(0).off('timeout', discard);
  queueMicrotask(() => {
    socket.off('error', ignore);
    callback(null, socket);
  });
}

const ignore = () => undefined;

function discard(this: Socket): void {
  this.destroy();
}
