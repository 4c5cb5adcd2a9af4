/**
 * Tokens of Azure Attestation as a relying party must check them: signed by a key of the configured service (the header
 * never says where keys come from), of this time, about the guest that is expected. Source: the public REST reference of
 * the service, claim set of SEV-SNP guests.
 */
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { JsonObject, JsonValue } from '../core/json.js';
import { isJsonObject, sameJson } from '../core/json-equal.js';
import { parseJws, verifyRs256 } from './jws.js';

/** Codes of refusals, in the order of the checks. */
export const TOKEN_REASONS = {
  'token-form': 'not a JWS of three parts with JSON objects',
  'token-algorithm': 'not signed with RS256',
  'token-key-unknown': 'signed by a key that the configured service does not publish',
  'token-signature': 'the signature is wrong',
  'token-issuer': 'issued by another service',
  'token-time': 'expired, not valid yet, or without times',
  'token-attestation-type': 'not about an SEV-SNP guest',
  'token-compliance': 'the guest is not of the expected compliance status',
  'token-debuggable': 'the guest is debuggable, or the token does not say',
  'token-hostdata': 'HOST_DATA is not the expected measurement',
  'token-runtime-data': 'about other runtime data than was sent',
} as const;
export type TokenReason = keyof typeof TOKEN_REASONS;

export interface TokenExpectation {
  /** `https://HOST`, exactly as the token's `iss`. */
  readonly issuer: string;
  /** The keys that this issuer publishes at its own `/certs`. */
  readonly jwks: JsonObject;
  /** Seconds since 1970. */
  readonly now: number;
  /** Tolerated difference of clocks in seconds; at most 300. */
  readonly skew: number;
  /** 64 lower-case hex digits; absent: any HOST_DATA. */
  readonly hostData?: string;
  /** A status that the token must have; absent: any, but one. */
  readonly compliance?: string;
  /** The runtime data as it was sent: JSON. Absent: any. */
  readonly runtimeData?: JsonValue;
}

export type TokenVerdict =
  | { readonly accepted: true; readonly claims: JsonObject }
  | { readonly accepted: false; readonly reason: TokenReason; readonly detail: string };

/** The claims of a token that passes every check, or the first check that fails. Never throws. */
export function verifyMaaToken(token: string, expectation: TokenExpectation): TokenVerdict {
  const jws = parseJws(token);
  if ('problem' in jws) return refuse('token-form', jws.problem);
  if (jws.header.alg !== 'RS256') return refuse('token-algorithm', `alg ${show(jws.header.alg)}`);
  const key = findSigningKey(expectation.jwks, jws.header.kid);
  if (key === undefined) return refuse('token-key-unknown', `kid ${show(jws.header.kid)}`);
  if (!verifyRs256(jws, key)) return refuse('token-signature', 'it does not fit header and claims');
  return judgeClaims(jws.payload, expectation);
}

/** Keys that have been opened, by the object of the set that they stand in: a set is used for many tokens. */
const openedKeys = new WeakMap<JsonObject, KeyObject>();

/** The public RSA key of a JWK set with the given ID, from its certificate or its modulus. */
export function findSigningKey(
  jwks: JsonObject,
  kid: JsonValue | undefined,
): KeyObject | undefined {
  if (typeof kid !== 'string' || kid === '' || !Array.isArray(jwks.keys)) return undefined;
  const found = (jwks.keys as readonly JsonValue[]).filter(
    (key): key is JsonObject => isJsonObject(key) && key.kid === kid && key.kty === 'RSA',
  );
  const [jwk] = found;
  if (jwk === undefined || found.length !== 1) return undefined;
  const key = openedKeys.get(jwk) ?? openKey(jwk);
  if (key !== undefined) openedKeys.set(jwk, key);
  return key;
}

function openKey({ n, e, x5c }: JsonObject): KeyObject | undefined {
  try {
    if (typeof n === 'string' && typeof e === 'string') {
      return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
    }
    const [leaf] = Array.isArray(x5c) ? x5c : [];
    if (typeof leaf !== 'string') return undefined;
    return new X509Certificate(Buffer.from(leaf, 'base64')).publicKey;
  } catch {
    return undefined;
  }
}

function judgeClaims(claims: JsonObject, expectation: TokenExpectation): TokenVerdict {
  const { issuer, hostData, compliance, runtimeData } = expectation;
  if (claims.iss !== issuer) {
    return refuse('token-issuer', `iss: want ${show(issuer)}, got ${show(claims.iss)}`);
  }
  const time = judgeTime(claims, expectation);
  if (time !== undefined) return refuse('token-time', time);
  const type = claims['x-ms-attestation-type'];
  if (type !== 'sevsnpvm')
    return refuse('token-attestation-type', `x-ms-attestation-type: got ${show(type)}`);
  const status = claims['x-ms-compliance-status'];
  if (typeof status !== 'string' || status === '' || (compliance ?? status) !== status) {
    return refuse(
      'token-compliance',
      `x-ms-compliance-status: want ${show(compliance ?? 'one')}, got ${show(status)}`,
    );
  }
  const debuggable = claims['x-ms-sevsnpvm-is-debuggable'];
  if (debuggable !== false)
    return refuse('token-debuggable', `x-ms-sevsnpvm-is-debuggable: got ${show(debuggable)}`);
  const measured = claims['x-ms-sevsnpvm-hostdata'];
  if (hostData !== undefined && measured !== hostData) {
    return refuse(
      'token-hostdata',
      `x-ms-sevsnpvm-hostdata: want ${hostData}, got ${show(measured)}`,
    );
  }
  if (runtimeData !== undefined && !sameJson(claims['x-ms-runtime'], runtimeData)) {
    return refuse('token-runtime-data', 'x-ms-runtime is not the data that was sent');
  }
  return { accepted: true, claims };
}

function judgeTime(claims: JsonObject, { now, skew }: TokenExpectation): string | undefined {
  const { exp, nbf } = claims;
  const tolerance = Math.min(Math.max(skew, 0), 300);
  if (typeof exp !== 'number') return 'it has no exp';
  if (nbf !== undefined && typeof nbf !== 'number') return 'nbf is not a number';
  if (now >= exp + tolerance) return `it expired at ${exp}, now is ${now}`;
  if (nbf !== undefined && now < nbf - tolerance) return `it is valid from ${nbf}, now is ${now}`;
  return undefined;
}

function refuse(reason: TokenReason, detail: string): TokenVerdict {
  return { accepted: false, reason, detail };
}

function show(value: JsonValue | undefined): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 200);
}
