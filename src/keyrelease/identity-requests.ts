/** Requests for access tokens of a managed identity, a workload identity or a client secret (Microsoft Entra ID). */
import { ToolError } from '../core/error.js';
import { type JsonValue, parseJson } from '../core/json.js';
import { isJsonObject } from '../core/json-equal.js';
import { withoutAbsent } from '../core/record.js';
import { HOST_PATTERN } from './hosts.js';
import type { AccessToken } from './ports.js';

/** A request whose body and headers may hold secrets: never logged. */
export interface IdentityRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

const IMDS = 'http://169.254.169.254/metadata/identity/oauth2/token';

/** Instance metadata service of a VM or container group. `endpoint` replaces its address in tests. */
export function buildImdsRequest(
  resource: string,
  clientId?: string,
  endpoint: string = IMDS,
): IdentityRequest {
  const query = new URLSearchParams({ 'api-version': '2018-02-01', resource });
  if (clientId !== undefined && clientId !== '') query.set('client_id', clientId);
  return { method: 'GET', url: `${endpoint}?${query}`, headers: { Metadata: 'true' } };
}

/** Identity endpoint of App Service and Arc (`IDENTITY_ENDPOINT`, `IDENTITY_HEADER`). */
export function buildIdentityEndpointRequest(
  endpoint: string,
  header: string,
  resource: string,
  clientId?: string,
): IdentityRequest {
  const query = new URLSearchParams({ 'api-version': '2019-08-01', resource });
  if (clientId !== undefined && clientId !== '') query.set('client_id', clientId);
  return {
    method: 'GET',
    url: `${endpoint}?${query}`,
    headers: { 'X-IDENTITY-HEADER': header },
  };
}

/** Who asks, for the token endpoint of a tenant. */
export interface ClientCredential {
  /** `https://login.microsoftonline.com`. */
  readonly authority: string;
  readonly tenant: string;
  readonly clientId: string;
  /** A federated assertion (workload identity), or a client secret. */
  readonly proof: { readonly assertion: string } | { readonly secret: string };
}

/** Client credentials flow for `RESOURCE/.default`. */
export function buildClientTokenRequest(
  { authority, tenant, clientId, proof }: ClientCredential,
  resource: string,
): IdentityRequest {
  const form = new URLSearchParams({
    client_id: clientId,
    grant_type: 'client_credentials',
    scope: `${resource}/.default`,
  });
  if ('assertion' in proof) {
    form.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    form.set('client_assertion', proof.assertion);
  } else form.set('client_secret', proof.secret);
  const base = authority.replace(/\/+$/, '');
  return {
    method: 'POST',
    url: `${base}/${encodeURIComponent(tenant)}/oauth2/v2.0/token`,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  };
}

/** The token in an answer; `source` names who gave it. Throws IDENTITY_FAILED without quoting the answer. */
export function readAccessToken(text: string, source: string): AccessToken {
  const value = parseJson(text, `answer of ${source}`);
  const answer = isJsonObject(value) ? value : {};
  const token = answer.access_token ?? answer.accessToken;
  if (typeof token === 'string' && token !== '') {
    const [expiresIn, expiresOn] = [answer.expires_in, answer.expires_on].map(readSeconds);
    return withoutAbsent({ token, expiresIn, expiresOn });
  }
  throw new ToolError('IDENTITY_FAILED', `${source} gave no access token`, {
    want: 'a JSON object with access_token',
  });
}

/** A count of seconds, which some services write as a text. Undefined for anything else. */
function readSeconds(value: JsonValue | undefined): number | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && /^[0-9]{1,12}$/.test(text) ? Number(text) : undefined;
}

/** `https://HOST[:PORT]` of an identity authority: https, no path, user information or blanks. Throws SERVICE_HOST_REFUSED. */
export function parseServiceOrigin(text: string): string {
  const host = text
    .toLowerCase()
    .replace(/^https:\/\//, '')
    .replace(/\/$/, '');
  if (text.toLowerCase().startsWith('https://') && HOST_PATTERN.test(host))
    return `https://${host}`;
  throw new ToolError('SERVICE_HOST_REFUSED', 'the identity authority is not an https address', {
    want: 'https://HOST',
    got: text.slice(0, 300),
  });
}
