/** A manifest, index or config of a registry: its exact bytes, compared with every digest that is known of them. */
import { type Digest, sha256Digest } from '../../core/digest.js';
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import type { StoredManifest } from '../../image/types.js';
import { readWhole, refuseWebPage } from './answer.js';
import type { Clock } from './clock.js';
import type { Endpoint } from './endpoint.js';
import { essenceOf } from './failure.js';
import { callThroughLibrary } from './library.js';
import { withRetry } from './retry.js';
import type { Session } from './session.js';
import type { HttpAnswer } from './transport.js';

/** All four types of today, so that no registry converts what it stores (OCI image spec, Docker schema 2). */
const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');
/** Types that say nothing: image/ then goes by the manifest itself. */
const GENERIC_TYPES = ['application/json', 'application/octet-stream', 'text/plain'];

export interface ManifestPorts {
  readonly session: Session;
  readonly clock: Clock;
  readonly wholeMs: number;
}

/** What a manifest is asked by. */
export type ManifestName =
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'digest'; readonly digest: Digest };

/** Throws DIGEST_MISMATCH, LIMIT_EXCEEDED, REGISTRY_PROTOCOL and the errors of the session. */
export async function fetchManifest(
  ports: ManifestPorts,
  endpoint: Endpoint,
  name: ManifestName,
): Promise<StoredManifest> {
  const suffix = name.kind === 'tag' ? `:${name.tag}` : `@${name.digest}`;
  const what = `${endpoint.host}/${endpoint.repository}${suffix}`;
  const path = `manifests/${name.kind === 'tag' ? name.tag : name.digest}`;
  let head: HttpAnswer | undefined;
  const load = () =>
    withRetry(ports.clock, async () => {
      const wanted = { path, what, headers: { accept: ACCEPT }, accept: [200] };
      head = await ports.session.send(endpoint, wanted);
      refuseWebPage(head);
      const limits = { what, bytes: LIMITS.manifestBytes, wholeMs: ports.wholeMs };
      return readWhole(head, limits);
    });
  const bytes = await callThroughLibrary(endpoint.host, `/v2/${endpoint.repository}/${path}`, load);
  checkDigests(bytes, what, [
    name.kind === 'digest' ? name.digest : undefined,
    head?.header('docker-content-digest'),
  ]);
  const mediaType = essenceOf(head?.header('content-type'));
  const isTelling = mediaType !== undefined && !GENERIC_TYPES.includes(mediaType);
  return isTelling ? { bytes, mediaType } : { bytes };
}

/** Digests of other algorithms than SHA-256 are no digests of images that we take, so they prove nothing here. */
function checkDigests(
  bytes: Uint8Array,
  what: string,
  expected: readonly (string | undefined)[],
): void {
  const got = sha256Digest(bytes);
  for (const want of expected) {
    if (want === undefined || !want.startsWith('sha256:') || want === got) continue;
    throw new ToolError('DIGEST_MISMATCH', `${what} does not match its digest`, {
      want,
      got,
      hints: ['the registry, a mirror or a proxy changed the bytes'],
    });
  }
}
