/** Tokens in logs: their header and claims may be seen where the issuer is Azure Attestation, their signature never. */
import type { JsonObject } from '../core/json.js';

const ATTESTATION_ISSUER = '.attest.azure.net';

/** The form of a token that may be logged. */
export function redactToken(token: string): string {
  const parts = token.split('.');
  const [header, payload] = parts;
  if (parts.length !== 3 || payload === undefined) return invalid('not a JWT');
  if (!/^[A-Za-z0-9_-]+$/.test(payload)) return invalid('failed to decode payload');
  let claims: JsonObject;
  try {
    claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as JsonObject;
  } catch {
    return invalid('failed to unmarshal payload');
  }
  const issuer = claims?.iss;
  if (typeof issuer !== 'string') return invalid('invalid issuer');
  if (issuer.endsWith(ATTESTATION_ISSUER)) return `${header}.${payload}.***`;
  return `<redacted token with issuer ${issuer}>`;
}

const invalid = (why: string) => `<redacted invalid token: ${why}>`;
