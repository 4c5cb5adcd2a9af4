/**
 * The answer to a release: a JWS signed with the vault's TLS certificate, which holds the key wrapped for this guest's
 * ephemeral key. The host relays it, so it is proven to come from that vault, for that key, before it is unwrapped.
 */
import type { KeyObject } from 'node:crypto';
import { decodeBase64, decodeBase64Url } from '../core/base64.js';
import type { ToolError } from '../core/error.js';
import { type JsonObject, type JsonValue, parseJson, parseJsonBytes } from '../core/json.js';
import { isJsonObject } from '../core/json-equal.js';
import { LIMITS } from '../core/limits.js';
import type { ReadBytes } from '../core/remember.js';
import { type Certificate, parseCertificate } from '../core/x509.js';
import type { KeyId } from './hosts.js';
import { parseJws, verifyRs256 } from './jws.js';
import {
  isWrapAlgorithm,
  unwrapReleasedKey,
  unwrapReleasedKeyAside,
  type WrapAlgorithm,
} from './key-unwrap.js';
import { buildReleasedJwk } from './released-key.js';
import { certificateProblem } from './vault-certificate.js';

/** Codes of refusals, in the order of the checks. */
export const RELEASE_REASONS = {
  'answer-form': 'the answer is not a JSON object with the text "value"',
  'jws-form': 'the value is not a JWS of three parts with JSON objects',
  'jws-algorithm': 'not signed with RS256',
  'certificate-missing': 'the header holds no readable certificate',
  'jws-signature': 'the signature is not by the certificate',
  'certificate-chain': 'the certificate does not chain to a trusted root at this time',
  'certificate-name': 'the certificate is not for the vault that was asked',
  'certificate-thumbprint': 'the header names another certificate',
  'wrong-key': 'the answer is about another key',
  'wrong-algorithm': 'the key is wrapped by another mechanism than was asked for',
  'wrong-nonce': 'the answer is not to this request',
  'wrapped-key-form': 'the wrapped key has no known form',
  'unwrap-failed': 'the key cannot be unwrapped by the key of this request',
  'key-type': 'the released bytes are not a key of the named type',
} as const;
export type ReleaseReason = keyof typeof RELEASE_REASONS;

export interface ReleaseExpectation {
  /** `HOST[:PORT]` of the vault that was asked. */
  readonly host: string;
  readonly key: KeyId;
  /** The private half of the key in the attested runtime data. */
  readonly wrappingKey: KeyObject;
  /** Certificates that end a trusted chain. */
  readonly roots: readonly Certificate[];
  /** Seconds since 1970. */
  readonly now: number;
  /** The mechanism that was asked for; absent: any known one. */
  readonly enc?: WrapAlgorithm;
  /** The nonce that was sent. */
  readonly nonce?: string;
  /** Reads the certificates; one that keeps what it has read suits many answers. */
  readonly readCertificate?: ReadBytes<Certificate>;
}

/** The JWK is secret. */
export type ReleaseOutcome =
  | { readonly released: true; readonly jwk: string }
  | { readonly released: false; readonly reason: ReleaseReason; readonly detail: string };

/** Stops the checks; never leaves this module. */
class Refusal extends Error {
  readonly reason: ReleaseReason;

  constructor(reason: ReleaseReason, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

/** Checks the body of a release answer and unwraps the key. The first failing check decides. Never throws. */
export function openReleaseAnswer(body: string, expectation: ReleaseExpectation): ReleaseOutcome {
  try {
    const { enc, ciphertext, key } = checkAnswer(body, expectation);
    return finish(key, unwrapReleasedKey(enc, ciphertext, expectation.wrappingKey));
  } catch (error) {
    return refusedBy(error);
  }
}

/** As openReleaseAnswer; the key is unwrapped on another thread, once all else is checked. Never rejects. */
export async function openReleaseAnswerAside(
  body: string,
  expectation: ReleaseExpectation,
): Promise<ReleaseOutcome> {
  try {
    const { enc, ciphertext, key } = checkAnswer(body, expectation);
    return finish(key, await unwrapReleasedKeyAside(enc, ciphertext, expectation.wrappingKey));
  } catch (error) {
    return refusedBy(error);
  }
}

function refusedBy(error: unknown): ReleaseOutcome {
  if (!(error instanceof Refusal)) throw error;
  return { released: false, reason: error.reason, detail: error.message };
}

/** What an answer holds that passes every check but those of the key itself. */
interface CheckedAnswer {
  readonly enc: WrapAlgorithm;
  readonly key: WrappedKey;
  /** As the vault wrapped it. */
  readonly ciphertext: Buffer;
}

function checkAnswer(body: string, expectation: ReleaseExpectation): CheckedAnswer {
  const jws = parseJws(signedValue(body));
  if ('problem' in jws) throw new Refusal('jws-form', jws.problem);
  const { header, payload } = jws;
  if (header.alg !== 'RS256') throw new Refusal('jws-algorithm', 'the header names another');
  const [leaf, ...others] = certificatesOf(header, expectation.readCertificate);
  if (leaf === undefined) throw new Refusal('certificate-missing', 'x5c is empty');
  if (!isSignedBy(jws, leaf)) throw new Refusal('jws-signature', 'it does not fit');
  const problem = certificateProblem(leaf, others, header['x5t#S256'], expectation);
  if (problem !== undefined) throw new Refusal(problem.reason, problem.detail);
  const { enc, key } = checkPayload(payload, expectation);
  return { enc, key, ciphertext: ciphertextOf(key, enc) };
}

function signedValue(body: string): string {
  if (body.length > LIMITS.serviceAnswerBytes) throw new Refusal('answer-form', 'it is too long');
  const answer = tryParse(() => parseJson(body, 'answer'));
  const value = isJsonObject(answer) ? answer.value : undefined;
  if (typeof value === 'string') return value;
  throw new Refusal('answer-form', 'it has no text "value"');
}

function certificatesOf(
  { x5c }: JsonObject,
  read: ReadBytes<Certificate> = parseCertificate,
): readonly Certificate[] {
  if (!Array.isArray(x5c) || x5c.length === 0 || x5c.length > LIMITS.chainCertificates) {
    throw new Refusal('certificate-missing', 'x5c is absent, empty or too long');
  }
  return x5c.map((text: JsonValue, index) => {
    const bytes = typeof text === 'string' ? decodeBase64(text) : undefined;
    const parsed = bytes && tryParse(() => read(bytes, `x5c[${index}]`));
    if (parsed === undefined) throw new Refusal('certificate-missing', `x5c[${index}] is none`);
    return parsed;
  });
}

function isSignedBy(jws: Parameters<typeof verifyRs256>[0], leaf: Certificate): boolean {
  try {
    return verifyRs256(jws, leaf.x509.publicKey);
  } catch {
    return false;
  }
}

interface WrappedKey {
  readonly kty: string;
  readonly keyOps: readonly string[];
  readonly keyHsm: string;
}

function checkPayload(
  payload: JsonObject,
  { host, key: wanted, enc: askedEnc, nonce }: ReleaseExpectation,
): { enc: WrapAlgorithm; key: WrappedKey } {
  const request = objectAt(payload, 'request');
  const key = objectAt(objectAt(objectAt(payload, 'response'), 'key'), 'key');
  const prefix = `https://${host}/keys/${wanted.name}/`;
  const [asked, given] = [request.kid, key.kid].map((kid) => {
    const version = typeof kid === 'string' ? keyVersion(kid, prefix) : undefined;
    if (version !== undefined && (wanted.version ?? version).toLowerCase() === version) {
      return version;
    }
    throw new Refusal('wrong-key', 'the kid of request or answer is not that of the request');
  });
  if (asked !== given) throw new Refusal('wrong-key', 'request and answer differ');
  const { enc } = request;
  if (!isWrapAlgorithm(enc) || (askedEnc ?? enc) !== enc) {
    throw new Refusal('wrong-algorithm', `want ${askedEnc ?? 'a known mechanism'}`);
  }
  if (nonce !== undefined && request.nonce !== nonce) {
    throw new Refusal('wrong-nonce', 'the nonce is not the one that was sent');
  }
  const { kty, key_ops: keyOps, key_hsm: keyHsm } = key;
  if (typeof kty !== 'string' || typeof keyHsm !== 'string') {
    throw new Refusal('wrapped-key-form', 'kty or key_hsm is missing');
  }
  return { enc, key: { kty, keyOps: operationsOf(keyOps), keyHsm } };
}

/** The operations of a key; absent and null are none. */
function operationsOf(value: JsonValue | undefined): readonly string[] {
  const list: JsonValue = value ?? [];
  if (Array.isArray(list) && list.every((one) => typeof one === 'string')) {
    return list as readonly string[];
  }
  throw new Refusal('wrapped-key-form', 'key_ops is not a list of texts');
}

/** The version in a key's address, in lower case. */
function keyVersion(kid: string, prefix: string): string | undefined {
  if (!kid.toLowerCase().startsWith(prefix.toLowerCase())) return undefined;
  const version = kid.slice(prefix.length).toLowerCase();
  return /^[0-9a-f]{32}$/.test(version) ? version : undefined;
}

function ciphertextOf(key: WrappedKey, enc: WrapAlgorithm): Buffer {
  const bytes = decodeBase64Url(key.keyHsm);
  const wrapped = bytes && tryParse(() => parseJsonBytes(bytes, 'key_hsm'));
  const header = isJsonObject(wrapped) ? wrapped.header : undefined;
  const text = isJsonObject(wrapped) ? wrapped.ciphertext : undefined;
  const ciphertext = typeof text === 'string' ? decodeBase64Url(text) : undefined;
  if (ciphertext === undefined) throw new Refusal('wrapped-key-form', 'key_hsm has no ciphertext');
  if (isJsonObject(header) && header.enc !== undefined && header.enc !== enc) {
    throw new Refusal('wrong-algorithm', 'key_hsm names another mechanism than the answer');
  }
  return ciphertext;
}

/** The JWK of the plaintext, which is wiped. */
function finish(key: WrappedKey, plaintext: Buffer | undefined): ReleaseOutcome {
  if (plaintext === undefined) throw new Refusal('unwrap-failed', 'wrong key or damaged text');
  const jwk = buildReleasedJwk(key.kty, plaintext, key.keyOps);
  plaintext.fill(0);
  if (jwk === undefined) throw new Refusal('key-type', `kty ${key.kty.slice(0, 50)}`);
  return { released: true, jwk };
}

function objectAt(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  if (isJsonObject(value)) return value;
  throw new Refusal('wrapped-key-form', `the member ${name} is missing`);
}

/** What `parse` gives; undefined for what it refuses. */
function tryParse<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if ((error as ToolError).name === 'ToolError') return undefined;
    throw error;
  }
}
