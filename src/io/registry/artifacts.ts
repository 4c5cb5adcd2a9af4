/**
 * The port `ArtifactStore` for registries: what is attached to images is read and written there. Mirrors are not asked:
 * they seldom have referrers, and nothing is written to them.
 */
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import { parseReference } from '../../core/reference.js';
import type { ArtifactStore } from '../../fragment/ports.js';
import type { Descriptor } from '../../image/types.js';
import { systemClock } from './clock.js';
import type { Connection } from './connection.js';
import { type Endpoint, endpointsOf, parseHosts } from './endpoint.js';
import type { RegistryOptions } from './source.js';

export interface RegistryArtifacts extends ArtifactStore {
  /** Ends all connections. */
  close(): Promise<void>;
}

/** Opens the artifacts of registries. Throws USAGE_CONFLICT for invalid options at once, the rest when used. */
export function openRegistryArtifacts(options: RegistryOptions): RegistryArtifacts {
  const insecure = parseHosts(options.insecureRegistries ?? [], '--insecure-registry');
  const trustedRealms = parseHosts(options.trustedRealms ?? [], '--trust-realm');
  const closing = new AbortController();
  const clock = options.clock ?? systemClock(closing.signal);
  let opening: Promise<Connection> | undefined;
  const opened = () => {
    opening ??= import('./connection.js').then(({ openConnection }) =>
      openConnection(options, { clock, insecure, trustedRealms }),
    );
    return opening;
  };
  return {
    async fetchManifest(text, digest) {
      const reference = parseReference(text);
      const wanted = digest ?? reference.digest;
      const name =
        wanted === undefined
          ? ({ kind: 'tag', tag: reference.tag ?? 'latest' } as const)
          : ({ kind: 'digest', digest: wanted } as const);
      return (await opened()).fetchManifest(endpointOf(text), name);
    },
    async readBlob(text, descriptor) {
      return readSmallBlob(await opened(), endpointOf(text), descriptor);
    },
    async listReferrers(text, subject, artifactType) {
      return (await opened()).fetchReferrers(endpointOf(text), subject, artifactType);
    },
    async uploadBlob(text, bytes) {
      await (await opened()).uploadBlob(writable(text), bytes);
    },
    async uploadManifest(text, name, manifest) {
      return (await opened()).uploadManifest(writable(text), name, manifest);
    },
    async close() {
      closing.abort();
      const open = await opening?.catch(() => undefined);
      await open?.close();
    },
  };
}

function endpointOf(text: string): Endpoint {
  const { registry, repository } = parseReference(text);
  const [endpoint] = endpointsOf(registry, repository, new Map());
  if (endpoint === undefined) throw new ToolError('INTERNAL', `${text} has no registry`);
  return endpoint;
}

const writable = (text: string): Endpoint => ({ ...endpointOf(text), actions: 'pull,push' });

async function readSmallBlob(
  connection: Connection,
  endpoint: Endpoint,
  descriptor: Descriptor,
): Promise<Buffer> {
  if (descriptor.size > LIMITS.artifactBytes) {
    throw new ToolError('LIMIT_EXCEEDED', `blob ${descriptor.digest} is too large`, {
      want: `at most ${LIMITS.artifactBytes} bytes`,
      got: String(descriptor.size),
    });
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of connection.streamBlob(endpoint, descriptor)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
