/**
 * Images of registries (OCI distribution specification, pull). Hands over exact bytes; image/ and layer/ check them
 * against digests and sizes. Nothing is read or connected to before the first question.
 */
import { ToolError } from '../../core/error.js';
import { createGate } from '../../core/parallel.js';
import { type ImageReference, parseReference } from '../../core/reference.js';
import type { Descriptor, ImageSource } from '../../image/types.js';
import type { CredentialStore, Environment } from '../credentials/credential.js';
import { type Clock, systemClock } from './clock.js';
import type { Connection } from './connection.js';
import type { Lookup, Timeouts } from './dispatchers.js';
import { type Endpoint, endpointsOf, type Mirrors, parseHosts, parseMirrors } from './endpoint.js';
import type { ManifestName } from './manifest.js';

/** Downloads of blobs from one host at a time; more only split the same bandwidth and annoy registries. */
const DOWNLOADS_PER_HOST = 4;

export interface RegistryOptions {
  readonly env: Environment;
  readonly credentials: CredentialStore;
  /** Values of --registry-mirror, each `REGISTRY=HOST[:PORT][/PREFIX]`. */
  readonly mirrors?: readonly string[];
  /** Values of --insecure-registry: hosts that may be spoken to in plain HTTP. */
  readonly insecureRegistries?: readonly string[];
  /** Values of --trust-realm: hosts of token services that may have credentials. */
  readonly trustedRealms?: readonly string[];
  /** Path of --ca-file. */
  readonly caFile?: string;
  /** Makes every attempt to connect an error (REGISTRY_OFFLINE). */
  readonly offline?: boolean;
  /** Replaced by tests. */
  readonly clock?: Clock;
  readonly timeouts?: Partial<Timeouts>;
  readonly lookup?: Lookup;
}

export interface RegistrySource extends ImageSource {
  /** Ends all connections; downloads that are under way fail. */
  close(): Promise<void>;
}

/** A source of images in registries. Throws USAGE_CONFLICT for invalid options at once, the rest when used. */
export function openRegistrySource(options: RegistryOptions): RegistrySource {
  const mirrors = parseMirrors(options.mirrors ?? []);
  const insecure = parseHosts(options.insecureRegistries ?? [], '--insecure-registry');
  const trustedRealms = parseHosts(options.trustedRealms ?? [], '--trust-realm');
  const closing = new AbortController();
  const clock = options.clock ?? systemClock(closing.signal);
  const enterHost = gatesByHost();
  let opening: Promise<Connection> | undefined;
  // The modules that speak HTTP take longer to load than a policy takes from image facts.
  const opened = () => {
    opening ??= import('./connection.js').then(({ openConnection }) =>
      openConnection(options, { clock, insecure, trustedRealms }),
    );
    return opening;
  };
  return {
    async fetchManifest(text, descriptor) {
      const reference = parseReference(text);
      const connection = await opened();
      const name = nameOf(reference, descriptor);
      return tryEach(servers(reference, mirrors), (endpoint) =>
        connection.fetchManifest(endpoint, name),
      );
    },
    async openBlob(text, descriptor) {
      const endpoints = servers(parseReference(text), mirrors);
      const connection = await opened();
      return streamFromEach(endpoints, async function* (endpoint) {
        const leave = await enterHost(endpoint.host);
        try {
          yield* connection.streamBlob(endpoint, descriptor);
        } finally {
          leave();
        }
      });
    },
    async close() {
      closing.abort();
      // What could not be opened has told so to whoever asked for it.
      const open = await opening?.catch(() => undefined);
      await open?.close();
    },
  };
}

const servers = (reference: ImageReference, mirrors: Mirrors) =>
  endpointsOf(reference.registry, reference.repository, mirrors);

/** A descriptor or digest names bytes; a tag counts only where there is neither. */
function nameOf(reference: ImageReference, descriptor: Descriptor | undefined): ManifestName {
  const digest = descriptor?.digest ?? reference.digest;
  return digest === undefined
    ? { kind: 'tag', tag: reference.tag ?? 'latest' }
    : { kind: 'digest', digest };
}

/** Failures of one mirror after which the next one is asked. Refused credentials and wrong bytes are not among them. */
const NEXT_MIRROR: ReadonlySet<string> = new Set([
  'REGISTRY_NOT_FOUND',
  'REGISTRY_UNREACHABLE',
  'REGISTRY_TIMEOUT',
  'REGISTRY_RATE_LIMITED',
]);

async function tryEach<T>(
  endpoints: readonly Endpoint[],
  attempt: (endpoint: Endpoint) => Promise<T>,
): Promise<T> {
  for (const endpoint of endpoints.slice(0, -1)) {
    try {
      return await attempt(endpoint);
    } catch (error) {
      if (!mayTryNext(error)) throw error;
    }
  }
  return attempt(endpoints.at(-1)!);
}

/** As tryEach, for a stream: the next mirror is asked only while nothing has been delivered. */
async function* streamFromEach(
  endpoints: readonly Endpoint[],
  stream: (endpoint: Endpoint) => AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  for (const [index, endpoint] of endpoints.entries()) {
    let hasStarted = false;
    try {
      for await (const chunk of stream(endpoint)) {
        hasStarted = true;
        yield chunk;
      }
      return;
    } catch (error) {
      const isLast = index === endpoints.length - 1;
      if (hasStarted || isLast || !mayTryNext(error)) throw error;
    }
  }
}

function mayTryNext(error: unknown): boolean {
  return error instanceof ToolError && NEXT_MIRROR.has(error.code);
}

/** A gate per host; entering gives the function that leaves it. */
function gatesByHost(): (host: string) => Promise<() => void> {
  const gates = new Map<string, ReturnType<typeof createGate>>();
  return (host) => {
    const gate = gates.get(host) ?? createGate(DOWNLOADS_PER_HOST);
    gates.set(host, gate);
    return new Promise((entered) => {
      void gate(() => new Promise<void>((leave) => entered(leave)));
    });
  };
}
