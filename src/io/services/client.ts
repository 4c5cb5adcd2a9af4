/**
 * One HTTP request to a service of Azure or AMD: whole answers within a limit, a deadline for each, no redirects (a token
 * would go along), certificates checked, no proxy for addresses of the machine's own network. undici is loaded on first use.
 */
import { createSecureContext } from 'node:tls';
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import type {
  BinaryAnswer,
  SendRequest,
  ServiceRequest,
  TransferRequest,
} from '../../keyrelease/ports.js';
import { chooseProxy } from '../registry/proxy.js';
import { exchange, LateError } from './exchange.js';
import { SpareConnections } from './spare-connections.js';

export interface ServiceClientOptions {
  /** All trusted certificates as PEM; Node's own if absent. */
  readonly ca?: readonly string[];
  /** For the whole of a request. */
  readonly timeoutMs: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Connections to one host at a time. */
  readonly connections?: number;
  /**
   * Send a request once more when its connection ends before the answer begins, as a server does with idle connections.
   * Only for requests that may arrive twice: not for those that make a key.
   */
  readonly repeat?: boolean;
}

/** For which a connection that was made ahead waits; as undici keeps one without a request. */
const SPARE_MS = 4_000;

type AnyRequest = ServiceRequest | TransferRequest;

export interface ServiceClient {
  readonly send: SendRequest;
  /** As send, for bytes. */
  readonly transfer: (request: TransferRequest) => Promise<BinaryAnswer>;
  /**
   * Says that a request over TLS to `host` follows, so that a connection may be made before; the result is to be called
   * when it is sent, or will not be. Nothing happens before the first request of all, nor where a proxy is between.
   */
  readonly announce: (host: string) => () => void;
  close(): Promise<void>;
}

/** The metadata services of a machine: never reached through a proxy. */
const LINK_LOCAL = /^(169\.254\.[0-9.]+|\[fe80:)/;

/** Codes of connections that the other side ended. */
const ENDED = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'];

/** A client; nothing is opened before the first request. */
export function openServiceClient(options: ServiceClientOptions): ServiceClient {
  let opened: ReturnType<typeof openPools> | undefined;
  let ready: ServiceClient | undefined;
  const open = async () => {
    ready = await openPools(options);
    return ready;
  };
  const pools = () => {
    opened ??= open();
    return opened;
  };
  return {
    send: async (request) => (await pools()).send(request),
    transfer: async (request) => (await pools()).transfer(request),
    announce: (host) => ready?.announce(host) ?? ignore,
    close: async () => {
      await (await opened)?.close();
    },
  };
}

async function openPools(options: ServiceClientOptions): Promise<ServiceClient> {
  const { Agent, ProxyAgent, buildConnector } = await import('undici');
  // Made once: reading all trusted certificates takes longer than the rest of a connection.
  const secureContext = createSecureContext(options.ca ? { ca: [...options.ca] } : {});
  const tls = { timeout: options.timeoutMs, secureContext };
  const connections = options.connections ?? 64;
  const common = {
    connections,
    headersTimeout: options.timeoutMs,
    bodyTimeout: options.timeoutMs,
  };
  const spare = new SpareConnections(buildConnector(tls), { connections, lifetimeMs: SPARE_MS });
  const direct = new Agent({ ...common, connect: spare.connect });
  const proxies = new Map<string, InstanceType<typeof ProxyAgent>>();
  const dispatcherFor = (url: URL) => {
    const proxy = LINK_LOCAL.test(url.hostname) ? undefined : chooseProxy(url, options.env);
    if (proxy === undefined) return direct;
    const known = proxies.get(proxy.href);
    const agent =
      known ?? new ProxyAgent({ ...common, uri: proxy.href, requestTls: tls, proxyTls: tls });
    proxies.set(proxy.href, agent);
    return agent;
  };
  const sendOnce = async (request: AnyRequest): Promise<BinaryAnswer> => {
    const url = new URL(request.url);
    const limits = { timeoutMs: options.timeoutMs, bytes: LIMITS.serviceAnswerBytes };
    try {
      return await exchange(dispatcherFor(url), request, limits);
    } catch (error) {
      throw failure(error, url.host, options.timeoutMs);
    }
  };
  const send = async (request: AnyRequest): Promise<BinaryAnswer> => {
    const first = sendOnce(request);
    if (options.repeat !== true) return await first;
    return await first.catch((error: ToolError) => {
      if (error.got !== undefined && ENDED.includes(error.got)) return sendOnce(request);
      throw error;
    });
  };
  return {
    send,
    transfer: send,
    announce: (host) =>
      dispatcherFor(new URL(`https://${host}`)) === direct ? spare.announce(host) : ignore,
    close: async () => {
      spare.close();
      await Promise.all([direct, ...proxies.values()].map((pool) => pool.destroy()));
    },
  };
}

const ignore = () => undefined;

/** The error without the request: its URL may hold what only the service should see. */
function failure(error: unknown, host: string, timeoutMs: number): ToolError {
  if (error instanceof ToolError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (error instanceof LateError || code.endsWith('_TIMEOUT') || code === 'ETIMEDOUT') {
    return new ToolError('SERVICE_TIMEOUT', `${host} does not answer`, {
      want: `an answer within ${timeoutMs / 1000} s`,
    });
  }
  const tls = /CERT|SELF_SIGNED|UNABLE_TO|TLS|SSL/.test(code);
  return new ToolError('SERVICE_UNREACHABLE', `${host} cannot be reached`, {
    got: code === '' ? 'the connection failed' : code,
    ...(tls
      ? { hints: ['its certificate is not trusted: check the host, or give --ca-file'] }
      : {}),
    ...(code === 'ENOTFOUND' ? { hints: ['no such host: check the name of the service'] } : {}),
  });
}
