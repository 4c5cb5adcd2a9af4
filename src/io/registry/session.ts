/** Requests to the API of a registry: finds out whether it speaks TLS, authorizes, renews once on 401. */
import { ToolError } from '../../core/error.js';
import { statusFailure } from './answer.js';
import type { Authorizer } from './authorizer.js';
import { parseChallenges } from './challenge.js';
import type { Clock } from './clock.js';
import type { Endpoint } from './endpoint.js';
import { codeOf } from './failure.js';
import { sendFollowing } from './follow.js';
import { TransientFailure } from './retry.js';
import type { HttpAnswer, Transport } from './transport.js';

export interface SessionOptions {
  readonly transport: Transport;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly allowsPlainHttp: (url: URL) => boolean;
}

/** One object of a repository, or a place for one. */
export interface Wanted {
  /** `manifests/REFERENCE` or `blobs/DIGEST`; or an absolute URL that the registry gave, which must be its own. */
  readonly path: string | URL;
  /** For messages: `app:1.0 on HOST`. */
  readonly what: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Statuses that are a success. */
  readonly accept: readonly number[];
  /** GET if absent. */
  readonly method?: 'HEAD' | 'POST' | 'PUT';
  readonly body?: Uint8Array;
}

export interface Session {
  /** An answer with one of the accepted statuses. Throws ToolError, or TransientFailure for what may pass. */
  send(endpoint: Endpoint, wanted: Wanted): Promise<HttpAnswer>;
}

/** What a server without TLS makes of a TLS greeting: an error of OpenSSL, or the end of the connection. */
const NO_TLS =
  /^(EPROTO|ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)|ECONNREFUSED|ECONNRESET|UND_ERR_SOCKET)$/;

/** A session over `transport`; it keeps no connections of its own. */
export function createSession(options: SessionOptions): Session {
  const { transport, authorizer, clock } = options;
  const origins = new Map<string, Promise<URL>>();
  const originOf = (host: string) => {
    const origin = origins.get(host) ?? findOrigin(host, options);
    origins.set(host, origin);
    origin.catch(() => origins.delete(host));
    return origin;
  };
  return {
    async send(endpoint, { path, what, headers, accept, method, body }) {
      const origin = await originOf(endpoint.host);
      const url = urlOf(path, endpoint, origin);
      const send = (authorization: string | undefined) =>
        sendFollowing(transport, {
          url,
          ...(method === undefined ? {} : { method }),
          ...(body === undefined ? {} : { body }),
          headers: authorization === undefined ? headers : { ...headers, authorization },
        });
      const used = await authorizer.header(origin, endpoint);
      let answer = await send(used);
      if (answer.status === 401 && answer.url.origin === origin.origin) {
        const challenges = parseChallenges(answer.headerLines('www-authenticate'), origin.host);
        answer.discard();
        answer = await send(
          await authorizer.answer(origin, endpoint, { challenges, refused: used }),
        );
      }
      if (accept.includes(answer.status)) return answer;
      const isDenied = [401, 403, 404].includes(answer.status);
      throw await statusFailure(answer, {
        host: endpoint.host,
        what,
        origin: origin.origin,
        credentials: isDenied ? await authorizer.lookup(endpoint) : undefined,
        writes: method === 'POST' || method === 'PUT',
        now: clock.now(),
      });
    },
  };
}

/** Credentials go along, so that a place which the registry names must be its own. */
function urlOf(path: string | URL, endpoint: Endpoint, origin: URL): URL {
  if (typeof path === 'string') return new URL(`/v2/${endpoint.repository}/${path}`, origin);
  if (path.origin === origin.origin && path.username === '' && path.password === '') return path;
  throw new ToolError('REGISTRY_REDIRECT_REFUSED', `${origin.host} wants an upload elsewhere`, {
    want: origin.origin,
    got: path.origin,
  });
}

/** HTTPS, except for hosts that may speak plain HTTP and answer a TLS greeting with anything but TLS. */
async function findOrigin(host: string, options: SessionOptions): Promise<URL> {
  const secure = new URL(`https://${host}`);
  if (!options.allowsPlainHttp(secure)) return secure;
  try {
    const answer = await options.transport.send({ url: new URL('/v2/', secure), headers: {} });
    answer.discard();
    return secure;
  } catch (error) {
    const failure = error instanceof TransientFailure ? error.failure : error;
    const cause = failure instanceof ToolError ? failure.cause : undefined;
    if (NO_TLS.test(codeOf(cause))) return new URL(`http://${host}`);
    throw error;
  }
}
