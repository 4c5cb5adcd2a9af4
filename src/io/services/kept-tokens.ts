/**
 * Access tokens that are kept for later requests: a metadata service takes a few requests a second, and a token of a
 * managed identity lasts a day. A token goes to the resource alone that it was made for, and to none after its time.
 */
import type { AccessToken } from '../../keyrelease/ports.js';

/** Seconds before its end from which a token is not given any more. */
const MARGIN = 300;
/** Most seconds for which one is kept: what it says of its owner may have changed. */
const LONGEST = 3_600;

interface Kept {
  readonly token: string;
  /** Seconds since 1970. */
  readonly until: number;
}

export interface KeptTokensOptions {
  /** Gets a new token. */
  readonly fetch: (resource: string) => Promise<AccessToken>;
  /** Seconds since 1970. */
  readonly now: () => number;
}

/**
 * Gives a token for a resource, a kept one while it lasts. Requests for the same resource at once are one request; failures
 * are not kept. `refused` is a token that a service did not take: it is not given again. Throws what `fetch` throws.
 */
export function keepTokens({
  fetch,
  now,
}: KeptTokensOptions): (resource: string, refused?: string) => Promise<string> {
  const kept = new Map<string, Kept>();
  const fetching = new Map<string, Promise<string>>();
  const renew = async (resource: string): Promise<string> => {
    const asked = now();
    const { token, expiresIn, expiresOn } = await fetch(resource);
    const ends = [expiresOn, expiresIn === undefined ? undefined : asked + expiresIn].filter(
      (end) => end !== undefined,
    );
    const until = Math.min(asked + LONGEST, ...ends.map((end) => end - MARGIN));
    if (ends.length > 0) kept.set(resource, { token, until });
    return token;
  };
  return async (resource, refused) => {
    const found = kept.get(resource);
    if (found !== undefined && found.token !== refused && now() < found.until) return found.token;
    kept.delete(resource);
    const pending =
      fetching.get(resource) ?? renew(resource).finally(() => fetching.delete(resource));
    fetching.set(resource, pending);
    return await pending;
  };
}
