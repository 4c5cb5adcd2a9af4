/**
 * undici's connection pools: one for hosts that the user named, one for each kind of registry that sends us elsewhere,
 * one for each proxy. Pools are apart so that a connection opened on one footing is never used on another.
 */
import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { ToolError } from '../../core/error.js';
import { type AddressKind, kindOfAddress, kindOfHost, mayLeadTo } from './addresses.js';

/** Deadlines in milliseconds. undici's own are five minutes, too long for a command that someone waits for. */
export interface Timeouts {
  /** TCP and TLS together. */
  readonly connectMs: number;
  /** From the request to the last header of the answer. */
  readonly headersMs: number;
  /** Between two pieces of a body. */
  readonly bodyMs: number;
  /** For the whole of a manifest or token. */
  readonly wholeMs: number;
}

/** As dns.lookup with `all: true`. */
export type Lookup = (
  hostname: string,
  options: LookupOptions & { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface Dispatchers {
  /** The pool for a request; `sentFrom` as in transport.ts. */
  choose(proxy: URL | undefined, sentFrom: AddressKind | undefined): Dispatcher;
  /** Kind of address at which a host that the user named was reached; `public` if that is not known. */
  kindOf(hostname: string): AddressKind;
  /** Ends all connections. */
  destroy(): Promise<void>;
}

export interface DispatcherOptions {
  readonly timeouts: Timeouts;
  /** All trusted certificates; Node's own if absent. */
  readonly ca: readonly string[] | undefined;
  readonly lookup: Lookup | undefined;
}

/** Blob downloads and token requests share these connections. */
const CONNECTIONS_PER_ORIGIN = 8;
const KEEP_ALIVE_MS = 4_000;

/** Pools that open connections as they are needed. */
export function createDispatchers(options: DispatcherOptions): Dispatchers {
  const { timeouts, ca, lookup = systemLookup } = options;
  const pools = new Map<string, Dispatcher>();
  const seen = new Map<string, AddressKind>();
  const tls = { timeout: timeouts.connectMs, ...(ca === undefined ? {} : { ca: [...ca] }) };
  const common = {
    connections: CONNECTIONS_PER_ORIGIN,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: timeouts.headersMs,
    bodyTimeout: timeouts.bodyMs,
  };
  const open = (proxy: URL | undefined, sentFrom: AddressKind | undefined): Dispatcher => {
    if (proxy !== undefined) {
      return new ProxyAgent({ ...common, uri: proxy.href, requestTls: tls, proxyTls: tls });
    }
    const note = (hostname: string, kind: AddressKind) => {
      if (sentFrom === undefined) seen.set(hostname, kind);
    };
    return new Agent({ ...common, connect: { ...tls, lookup: guarded(lookup, sentFrom, note) } });
  };
  return {
    choose(proxy, sentFrom) {
      const key = proxy === undefined ? `direct ${sentFrom ?? 'named'}` : `proxy ${proxy.href}`;
      const pool = pools.get(key) ?? open(proxy, sentFrom);
      pools.set(key, pool);
      return pool;
    },
    kindOf: (hostname) => kindOfHost(hostname) ?? seen.get(hostname) ?? 'public',
    async destroy() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
    },
  };
}

/** The error for an address to which a registry must not lead. */
export function addressRefused(hostname: string, kind: AddressKind): ToolError {
  return new ToolError(
    'REGISTRY_REDIRECT_REFUSED',
    `a registry leads to ${hostname}, which is not a public address`,
    {
      want: 'a public address, or one of the same kind as that of the registry',
      got: kind,
      hints: ['do not use this registry: it may be trying to reach into your network'],
    },
  );
}

/** A lookup that tells what it finds, and refuses addresses to which a registry of kind `sentFrom` must not lead. */
function guarded(
  lookup: Lookup,
  sentFrom: AddressKind | undefined,
  note: (hostname: string, kind: AddressKind) => void,
): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) {
        callback(error ?? Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), '', 4);
        return;
      }
      const kinds = addresses.map(({ address }) => kindOfAddress(address));
      note(hostname, kindOfAddress(first.address));
      const refused = sentFrom && kinds.find((kind) => !mayLeadTo(sentFrom, kind));
      if (refused !== undefined) callback(addressRefused(hostname, refused), '', 4);
      else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}
