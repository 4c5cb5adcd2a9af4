/** All that speaks HTTP to registries, joined: loaded when the first question is asked. */
import type { Digest } from '../../core/digest.js';
import type { Descriptor } from '../../image/types.js';
import { createAuthorizer } from './authorizer.js';
import { streamBlob } from './blob.js';
import type { Clock } from './clock.js';
import { allowsPlainHttp, type Endpoint } from './endpoint.js';
import { fetchManifest, type ManifestName } from './manifest.js';
import { fetchReferrers } from './referrers.js';
import { createSession } from './session.js';
import type { RegistryOptions } from './source.js';
import { openTransport } from './transport.js';
import { uploadBlob, uploadManifest } from './upload.js';

/** What one server is asked for. */
export interface Connection {
  fetchManifest(endpoint: Endpoint, name: ManifestName): ReturnType<typeof fetchManifest>;
  streamBlob(endpoint: Endpoint, descriptor: Descriptor): ReturnType<typeof streamBlob>;
  fetchReferrers(
    endpoint: Endpoint,
    subject: Digest,
    artifactType: string,
  ): ReturnType<typeof fetchReferrers>;
  /** For endpoints whose actions have `push`. */
  uploadBlob(endpoint: Endpoint, bytes: Uint8Array): ReturnType<typeof uploadBlob>;
  uploadManifest(
    endpoint: Endpoint,
    name: string,
    manifest: { readonly bytes: Uint8Array; readonly mediaType: string },
  ): ReturnType<typeof uploadManifest>;
  close(): Promise<void>;
}

/** Opens the transport; nothing is connected to yet. Throws what openTransport throws. */
export async function openConnection(
  options: RegistryOptions,
  parsed: {
    readonly clock: Clock;
    readonly insecure: ReadonlySet<string>;
    readonly trustedRealms: ReadonlySet<string>;
  },
): Promise<Connection> {
  const { env, caFile, offline, timeouts, lookup, credentials } = options;
  const { clock, trustedRealms } = parsed;
  const transport = await openTransport({ env, caFile, offline, timeouts, lookup });
  const isPlainAllowed = (url: URL) => allowsPlainHttp(url, parsed.insecure);
  const shared = { transport, clock, allowsPlainHttp: isPlainAllowed };
  const authorizer = createAuthorizer({ ...shared, credentials, trustedRealms });
  const session = createSession({ ...shared, authorizer });
  const { wholeMs } = transport.timeouts;
  return {
    fetchManifest: (endpoint, name) => fetchManifest({ session, clock, wholeMs }, endpoint, name),
    streamBlob: (endpoint, descriptor) => streamBlob({ session, clock }, endpoint, descriptor),
    fetchReferrers: (endpoint, subject, artifactType) =>
      fetchReferrers({ session, clock, wholeMs }, endpoint, subject, artifactType),
    uploadBlob: (endpoint, bytes) => uploadBlob({ session, clock }, endpoint, bytes),
    uploadManifest: (endpoint, name, manifest) =>
      uploadManifest({ session, clock }, endpoint, name, manifest),
    close: () => transport.close(),
  };
}
