/**
 * Answers 401: chooses among the challenges of a registry and remembers what was granted, one token per registry and
 * repository until it expires.
 */
import type { Credential, CredentialLookup, CredentialStore } from '../credentials/credential.js';
import { unauthorized } from './answer.js';
import type { Challenge } from './challenge.js';
import type { Endpoint } from './endpoint.js';
import { basicHeader, requestToken, type TokenOptions } from './token.js';

/** A token is renewed this long before it ends, or at nine tenths of a short life. */
const MARGIN_MS = 10_000;

export interface AuthorizerOptions extends TokenOptions {
  readonly credentials: CredentialStore;
}

/** Gives the header Authorization for requests to a registry. */
export interface Authorizer {
  /** The header that the registry took before, renewed if it has expired; undefined if none was needed yet. */
  header(registry: URL, endpoint: Endpoint): Promise<string | undefined>;
  /**
   * The header after a request was refused with 401.
   * Throws REGISTRY_UNAUTHORIZED, REGISTRY_REALM_REFUSED, REGISTRY_PROTOCOL and the errors of credentials.
   */
  answer(registry: URL, endpoint: Endpoint, refusal: Refusal): Promise<string>;
  /** Where the credentials of an endpoint come from. */
  lookup(endpoint: Endpoint): Promise<CredentialLookup>;
}

export interface Refusal {
  readonly challenges: readonly Challenge[];
  /** The header that the refused request carried. */
  readonly refused: string | undefined;
}

interface Grant {
  readonly header: string;
  /** Milliseconds since the epoch; infinite for credentials that do not expire. */
  readonly expires: number;
  readonly challenges: readonly Challenge[];
}

/** An authorizer that keeps its grants in memory. */
export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const granted = new Map<string, Grant>();
  const underWay = new Map<string, Promise<Grant>>();
  const lookup = (endpoint: Endpoint) =>
    options.credentials.find(endpoint.host, endpoint.repository);

  /** Requests that need the same grant at the same time share one. */
  const renew = async (registry: URL, endpoint: Endpoint, refusal: Refusal): Promise<string> => {
    const key = keyOf(registry, endpoint);
    const running =
      underWay.get(key) ??
      requestGrant(options, registry, endpoint, refusal).finally(() => underWay.delete(key));
    underWay.set(key, running);
    const grant = await running;
    granted.set(key, grant);
    return grant.header;
  };
  return {
    lookup,
    async header(registry, endpoint) {
      const grant = granted.get(keyOf(registry, endpoint));
      if (grant === undefined || options.clock.now() < grant.expires) return grant?.header;
      return renew(registry, endpoint, { challenges: grant.challenges, refused: undefined });
    },
    async answer(registry, endpoint, refusal) {
      const grant = granted.get(keyOf(registry, endpoint));
      const isNewer = grant !== undefined && grant.header !== refusal.refused;
      return isNewer ? grant.header : renew(registry, endpoint, refusal);
    },
  };
}

const keyOf = (registry: URL, { repository, actions = 'pull' }: Endpoint) =>
  `${registry.origin} ${repository} ${actions}`;

async function requestGrant(
  options: AuthorizerOptions,
  registry: URL,
  endpoint: Endpoint,
  { challenges, refused }: Refusal,
): Promise<Grant> {
  const lookup = await options.credentials.find(endpoint.host, endpoint.repository);
  const { credential } = lookup;
  const challenge = challenges.find(({ scheme }) => scheme === 'bearer');
  if (challenge !== undefined && credential?.kind !== 'registry-token') {
    const { repository, actions = 'pull' } = endpoint;
    const started = options.clock.now();
    const { token, lifetimeS } = await requestToken(options, {
      registry,
      repository,
      actions,
      challenge,
      lookup,
    });
    const lifeMs = lifetimeS * 1000;
    const expires = started + Math.max(lifeMs - MARGIN_MS, lifeMs * 0.9);
    return { header: `Bearer ${token}`, expires, challenges };
  }
  const schemes = challenges.map(({ scheme }) => scheme);
  const header = directHeader(credential, schemes);
  if (header !== undefined && header !== refused) {
    return { header, expires: Number.POSITIVE_INFINITY, challenges };
  }
  const what = `${endpoint.host}/${endpoint.repository}`;
  throw unauthorized(
    { host: endpoint.host, what, credentials: lookup, writes: endpoint.actions === 'pull,push' },
    { got: `401, asking for ${schemes.join(' or ') || 'nothing in particular'}` },
  );
}

/** The header for credentials that the registry itself takes; undefined if it does not take that kind. */
function directHeader(
  credential: Credential | undefined,
  schemes: readonly string[],
): string | undefined {
  if (credential?.kind === 'registry-token' && schemes.includes('bearer')) {
    return `Bearer ${credential.token}`;
  }
  if (credential?.kind === 'basic' && schemes.includes('basic')) return basicHeader(credential);
  return undefined;
}
