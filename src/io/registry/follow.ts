/**
 * Follows redirects: at most LIMITS.redirects, never from https to http, never with credentials to another origin,
 * never into networks that the registry itself is not in (transport.ts).
 */
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';
import { printUrl } from './failure.js';
import type { HttpAnswer, HttpRequest, Transport } from './transport.js';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The first answer that is no redirect. `authorization` is dropped for good at the first change of origin. */
export async function sendFollowing(transport: Transport, first: HttpRequest): Promise<HttpAnswer> {
  let current = first;
  for (let hops = 0; ; hops += 1) {
    const answer = await transport.send(current);
    if (!REDIRECTS.has(answer.status)) return answer;
    answer.discard();
    if (hops === LIMITS.redirects) {
      throw refused(first.url, 'redirects too often', {
        want: `at most ${LIMITS.redirects} times`,
      });
    }
    current = nextRequest(transport, first, current, answer);
  }
}

function nextRequest(
  transport: Transport,
  first: HttpRequest,
  current: HttpRequest,
  answer: HttpAnswer,
): HttpRequest {
  const location = answer.header('location') ?? '';
  const base = current.url;
  if (location === '' || !URL.canParse(location, base.href)) {
    throw new ToolError('REGISTRY_PROTOCOL', `${base.host} redirects to nowhere`, {
      where: printUrl(base),
      want: 'a header Location with a URL',
    });
  }
  const url = new URL(location, base);
  url.hash = '';
  const isSafe =
    url.protocol === 'https:' || (url.protocol === 'http:' && base.protocol === 'http:');
  if (!isSafe || url.username !== '' || url.password !== '') {
    throw refused(base, 'redirects to a place that is not allowed', {
      want:
        base.protocol === 'http:' ? 'http:// or https:// without user' : 'https:// without user',
      got: printUrl(url),
    });
  }
  if (first.form !== undefined) {
    throw refused(base, 'redirects a request that carries a secret', { got: printUrl(url) });
  }
  if (first.method === 'POST' || first.method === 'PUT') {
    throw refused(base, 'redirects an upload', { got: printUrl(url) });
  }
  const { authorization, ...rest } = current.headers;
  const keepsOrigin = url.origin === base.origin && authorization !== undefined;
  const isHome = url.hostname === first.url.hostname;
  return {
    url,
    ...(first.method === undefined ? {} : { method: first.method }),
    headers: keepsOrigin ? { ...rest, authorization } : rest,
    sentFrom: isHome ? first.sentFrom : (first.sentFrom ?? transport.kindOf(first.url.hostname)),
  };
}

function refused(url: URL, problem: string, details: { want?: string; got?: string }): ToolError {
  return new ToolError('REGISTRY_REDIRECT_REFUSED', `${url.host} ${problem}`, {
    where: printUrl(url),
    ...details,
  });
}
