/** Tokens in logs: their header and claims may be seen where the issuer is Azure Attestation, their signature never. */
import { decodeBase64Url } from '../core/base64.js';
import type { JsonObject } from '../core/json.js';

const ATTESTATION_ISSUER = '.attest.azure.net';

/** The form of a token that may be logged. */
export function redactToken(token: string): string {
  const parts = token.split('.');
  const [header, payload] = parts;
  if (parts.length !== 3 || payload === undefined) return invalid('not a JWT');
  const bytes = decodeBase64Url(payload);
  if (bytes === undefined) return invalid('failed to decode payload');
  const claims = readClaims(bytes);
  if (claims === undefined) return invalid('failed to unmarshal payload');
  const issuer = claims.iss;
  if (typeof issuer !== 'string') return invalid('invalid issuer');
  if (issuer.endsWith(ATTESTATION_ISSUER)) return `${header}.${payload}.***`;
  return `<redacted token with issuer ${issuer}>`;
}

/** The members of a JSON object, none for null; undefined for anything else. */
function readClaims(bytes: Buffer): JsonObject | undefined {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8')) ?? {};
  } catch {
    return undefined;
  }
  return typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

const invalid = (why: string) => `<redacted invalid token: ${why}>`;
