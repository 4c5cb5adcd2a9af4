/** Compact JWS (RFC 7515): three base64url parts without padding, header and payload strict JSON objects. */
import { type KeyObject, verify } from 'node:crypto';
import { decodeBase64Url } from '../core/base64.js';
import type { ToolError } from '../core/error.js';
import { type JsonObject, parseJsonBytes } from '../core/json.js';
import { LIMITS } from '../core/limits.js';

export interface Jws {
  readonly header: JsonObject;
  readonly payload: JsonObject;
  readonly signature: Buffer;
  /** The ASCII text that is signed: header, full stop, payload. */
  readonly signingInput: Buffer;
}

/** Why a text is no JWS, lower case, no full stop; never a part of the text itself, which may be a secret. */
export interface JwsProblem {
  readonly problem: string;
}

/**
 * Parses a compact JWS. Duplicate members are a problem: two readers would see two tokens. So are extensions that must be
 * understood (`crit`, RFC 7515 section 4.1.11), since none is.
 */
export function parseJws(text: string): Jws | JwsProblem {
  if (text.length > LIMITS.jwsChars)
    return { problem: `longer than ${LIMITS.jwsChars} characters` };
  const parts = text.split('.');
  if (parts.length !== 3) return { problem: `want 3 parts, got ${parts.length}` };
  const [header, payload, signature] = parts.map(decodeBase64Url);
  if (header === undefined || payload === undefined || signature === undefined) {
    return { problem: 'a part is not base64url without padding' };
  }
  const head = readObject(header);
  const body = readObject(payload);
  if (head === undefined) return { problem: 'the header is not a JSON object without duplicates' };
  if (head.crit !== undefined) return { problem: 'the header has critical extensions' };
  if (body === undefined) return { problem: 'the payload is not a JSON object without duplicates' };
  const signingInput = Buffer.from(text.slice(0, text.lastIndexOf('.')), 'latin1');
  return { header: head, payload: body, signature, signingInput };
}

/** True if `signature` is the RS256 (RSASSA-PKCS1-v1_5, SHA-256) signature of `key`, an RSA key of at least 2048 bits. */
export function verifyRs256(jws: Jws, key: KeyObject): boolean {
  if (key.asymmetricKeyType !== 'rsa') return false;
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048) return false;
  return verify('sha256', jws.signingInput, key, jws.signature);
}

function readObject(bytes: Buffer): JsonObject | undefined {
  try {
    const value = parseJsonBytes(bytes, 'part');
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return value as JsonObject;
  } catch (error) {
    if ((error as ToolError).name === 'ToolError') return undefined;
    throw error;
  }
}
