/** The referrers API (OCI distribution specification 1.1): which manifests name a manifest as their subject. */
import type { Digest } from '../../core/digest.js';
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import { readWhole, refuseWebPage } from './answer.js';
import type { Clock } from './clock.js';
import type { Endpoint } from './endpoint.js';
import { withRetry } from './retry.js';
import type { Session } from './session.js';

export interface ReferrerPorts {
  readonly session: Session;
  readonly clock: Clock;
  readonly wholeMs: number;
}

const NEXT = /<([^<>]{1,4096})>\s*;\s*rel="?next"?/i;

/** The answers of the API, page by page, as they are; undefined where the registry does not have it. */
export async function fetchReferrers(
  { session, clock, wholeMs }: ReferrerPorts,
  endpoint: Endpoint,
  subject: Digest,
  artifactType: string,
): Promise<readonly Uint8Array[] | undefined> {
  const what = `referrers of ${subject} in ${endpoint.host}/${endpoint.repository}`;
  const pages: Uint8Array[] = [];
  let path: string | URL | undefined =
    `referrers/${subject}?artifactType=${encodeURIComponent(artifactType)}`;
  while (path !== undefined) {
    if (pages.length === LIMITS.referrerPages) {
      throw new ToolError('LIMIT_EXCEEDED', `${what} have too many pages`, {
        want: `at most ${LIMITS.referrerPages}`,
      });
    }
    const asked: string | URL = path;
    const page = await withRetry(clock, async () => {
      const headers = { accept: 'application/vnd.oci.image.index.v1+json' };
      const answer = await session.send(endpoint, {
        path: asked,
        what,
        headers,
        accept: [200, 404],
      });
      if (answer.status === 404) {
        answer.discard();
        return undefined;
      }
      refuseWebPage(answer);
      const bytes = await readWhole(answer, { what, bytes: LIMITS.manifestBytes, wholeMs });
      const next = NEXT.exec(answer.header('link') ?? '')?.[1];
      const isUrl = next !== undefined && URL.canParse(next, answer.url.href);
      return { bytes, next: isUrl ? new URL(next, answer.url) : undefined };
    });
    if (page === undefined) return pages.length === 0 ? undefined : pages;
    pages.push(page.bytes);
    path = page.next;
  }
  return pages;
}
