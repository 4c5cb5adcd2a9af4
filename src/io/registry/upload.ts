/**
 * Stores blobs and manifests (OCI distribution specification, push): each named by its digest, which the registry must
 * confirm. A repetition stores the same bytes again, so that what may pass is tried again.
 */
import { type Digest, sha256Digest } from '../../core/digest.js';
import { ToolError } from '../../core/error.js';
import type { Clock } from './clock.js';
import type { Endpoint } from './endpoint.js';
import { printUrl } from './failure.js';
import { withRetry } from './retry.js';
import type { Session } from './session.js';
import type { HttpAnswer } from './transport.js';

export interface UploadPorts {
  readonly session: Session;
  readonly clock: Clock;
}

/** Stores a blob unless it is there. Throws DIGEST_MISMATCH, REGISTRY_PROTOCOL and the errors of the session. */
export async function uploadBlob(
  { session, clock }: UploadPorts,
  endpoint: Endpoint,
  bytes: Uint8Array,
): Promise<void> {
  const digest = sha256Digest(bytes);
  const what = `blob ${digest} of ${endpoint.host}/${endpoint.repository}`;
  await withRetry(clock, async () => {
    const head = await session.send(endpoint, {
      path: `blobs/${digest}`,
      what,
      headers: {},
      accept: [200, 404],
      method: 'HEAD',
    });
    head.discard();
    if (head.status === 200) return;
    const begun = await session.send(endpoint, {
      path: 'blobs/uploads/',
      what,
      headers: {},
      accept: [202],
      method: 'POST',
      body: new Uint8Array(),
    });
    begun.discard();
    const done = await session.send(endpoint, {
      path: uploadUrl(begun, digest),
      what,
      headers: { 'content-type': 'application/octet-stream' },
      accept: [201],
      method: 'PUT',
      body: bytes,
    });
    done.discard();
    checkConfirmed(done, digest, what);
  });
}

/** What storing a manifest tells. */
export interface StoredAnswer {
  /** The registry lists the manifest among the referrers of its subject by itself. */
  readonly listsReferrers: boolean;
}

/** Stores a manifest under a tag or its digest. Throws as uploadBlob. */
export async function uploadManifest(
  { session, clock }: UploadPorts,
  endpoint: Endpoint,
  name: string,
  manifest: { readonly bytes: Uint8Array; readonly mediaType: string },
): Promise<StoredAnswer> {
  const digest = sha256Digest(manifest.bytes);
  const what = `${endpoint.host}/${endpoint.repository} ${name}`;
  return withRetry(clock, async () => {
    const answer = await session.send(endpoint, {
      path: `manifests/${name}`,
      what,
      headers: { 'content-type': manifest.mediaType },
      accept: [201],
      method: 'PUT',
      body: manifest.bytes,
    });
    answer.discard();
    checkConfirmed(answer, digest, what);
    return { listsReferrers: answer.header('oci-subject') !== undefined };
  });
}

/** The place that the registry gave for the upload, with the digest by which it is finished. */
function uploadUrl(begun: HttpAnswer, digest: Digest): URL {
  const location = begun.header('location') ?? '';
  if (location === '' || !URL.canParse(location, begun.url.href)) {
    throw new ToolError('REGISTRY_PROTOCOL', `${begun.url.host} names no place for an upload`, {
      where: printUrl(begun.url),
      want: 'a header Location with a URL',
    });
  }
  const url = new URL(location, begun.url);
  url.searchParams.set('digest', digest);
  return url;
}

function checkConfirmed(answer: HttpAnswer, want: Digest, what: string): void {
  const got = answer.header('docker-content-digest');
  if (got === undefined || got === want || !got.startsWith('sha256:')) return;
  throw new ToolError('DIGEST_MISMATCH', `${what} is stored under another digest`, { want, got });
}
