/**
 * Asks the token service behind a Bearer challenge (distribution token specification): GET with Basic or nothing
 * through the library, POST with a refresh token by ourselves.
 */
import { ToolError } from '../../core/error.js';
import { type JsonObject, parseJsonBytes } from '../../core/json.js';
import { LIMITS } from '../../core/limits.js';
import type { CredentialLookup } from '../credentials/credential.js';
import { readWhole, statusFailure } from './answer.js';
import type { Challenge } from './challenge.js';
import type { Clock } from './clock.js';
import type { Actions } from './endpoint.js';
import { sendFollowing } from './follow.js';
import { tokenThroughLibrary } from './library.js';
import { parseRealm } from './realm.js';
import { withRetry } from './retry.js';
import type { HttpRequest, Transport } from './transport.js';

/** Lifetime of a token whose answer names none. */
const DEFAULT_LIFETIME_S = 60;

export interface TokenOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Hosts of --trust-realm. */
  readonly trustedRealms: ReadonlySet<string>;
  readonly allowsPlainHttp: (url: URL) => boolean;
}

export interface TokenRequest {
  /** Address of the registry that asks for the token. */
  readonly registry: URL;
  readonly repository: string;
  readonly actions: Actions;
  readonly challenge: Challenge;
  readonly lookup: CredentialLookup;
}

export interface Token {
  readonly token: string;
  readonly lifetimeS: number;
}

/**
 * A token for one repository. Throws REGISTRY_REALM_REFUSED, REGISTRY_UNAUTHORIZED, REGISTRY_PROTOCOL and the
 * errors of the transport.
 */
export async function requestToken(options: TokenOptions, request: TokenRequest): Promise<Token> {
  const { registry, repository, actions, challenge } = request;
  const { credential, source } = request.lookup;
  const realm = parseRealm(challenge.params.get('realm') ?? '', {
    registry,
    trusted: options.trustedRealms,
    allowsPlainHttp: options.allowsPlainHttp,
    source: credential === undefined ? undefined : source,
  });
  const service = challenge.params.get('service');
  const query = {
    ...(service === undefined ? {} : { service }),
    scope: `repository:${repository}:${actions}`,
  };
  if (credential?.kind === 'identity-token') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'podseal',
      ...query,
      refresh_token: credential.token,
    });
    const bytes = await exchange(options, request, { url: realm, headers: {}, form: `${form}` });
    return readToken(bytes, realm);
  }
  for (const [key, value] of Object.entries(query)) realm.searchParams.append(key, value);
  const basic = credential?.kind === 'basic' ? credential : undefined;
  let answer: Token | undefined;
  const token = await tokenThroughLibrary(registry.host, basic, async (made) => {
    // The library takes an empty user name or password for "anonymous".
    const authorization = made ?? (basic && basicHeader(basic));
    const headers = authorization === undefined ? {} : { authorization };
    const bytes = await exchange(options, request, { url: realm, headers });
    answer = readToken(bytes, realm);
    return bytes;
  });
  if (token === undefined || answer?.token !== token) throw noToken(realm);
  return answer;
}

/** The header for a user and password (RFC 7617, UTF-8). */
export function basicHeader(user: {
  readonly username: string;
  readonly password: string;
}): string {
  return `Basic ${Buffer.from(`${user.username}:${user.password}`, 'utf8').toString('base64')}`;
}

/** One exchange with the token service, repeated where that can help. */
function exchange(
  { transport, clock }: TokenOptions,
  { registry, repository, lookup }: TokenRequest,
  question: HttpRequest,
): Promise<Uint8Array> {
  const isHome = question.url.hostname === registry.hostname;
  const sentFrom = isHome ? undefined : transport.kindOf(registry.hostname);
  return withRetry(clock, async () => {
    const answer = await sendFollowing(transport, { ...question, sentFrom });
    const what = `the token for ${registry.host}/${repository}`;
    if (answer.status === 200) {
      const limits = { what, bytes: LIMITS.tokenBytes, wholeMs: transport.timeouts.wholeMs };
      return readWhole(answer, limits);
    }
    throw await statusFailure(answer, {
      host: registry.host,
      what: `${registry.host}/${repository}`,
      origin: question.url.origin,
      credentials: lookup,
      now: clock.now(),
    });
  });
}

/** `{"token" or "access_token", "expires_in"}`. */
function readToken(bytes: Uint8Array, realm: URL): Token {
  let document: unknown;
  try {
    document = parseJsonBytes(bytes, 'token');
  } catch {
    throw noToken(realm);
  }
  const isObject = typeof document === 'object' && document !== null && !Array.isArray(document);
  const fields = isObject ? (document as JsonObject) : {};
  const token = fields.token || fields.access_token;
  // A header is made of it: anything but visible ASCII would be an attempt to add another one.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) throw noToken(realm);
  const life = fields.expires_in;
  return { token, lifetimeS: typeof life === 'number' && life > 0 ? life : DEFAULT_LIFETIME_S };
}

function noToken(realm: URL): ToolError {
  return new ToolError('REGISTRY_PROTOCOL', `${realm.host} gives no token`, {
    want: 'a JSON object with the string token or access_token',
  });
}
