/** Keys of the stand-in vault: create, import and show, in the form of the service (REST API 7.4). */
import { createPrivateKey, type JsonWebKey, type KeyObject, randomBytes } from 'node:crypto';
import { decodeBase64Url } from '../../core/base64.js';
import { ToolError } from '../../core/error.js';
import type { JsonObject, JsonValue } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import { makeEcPair, makeRsaPair } from '../../core/key-pair.js';
import type { ServiceAnswer } from '../../keyrelease/ports.js';
import { type ReleasePolicyDocument, readReleasePolicy } from '../../release/grammar.js';
import { failure, json } from './attestation-service.js';

/** A key in the vault. */
export interface StoredKey {
  readonly name: string;
  /** 32 hex digits. */
  readonly version: string;
  /** `RSA-HSM`, `EC-HSM` or `oct-HSM`. */
  readonly kty: string;
  readonly keyOps: readonly string[];
  /** PKCS#8 DER, or the raw bytes of a symmetric key. Secret. */
  readonly material: Buffer;
  readonly policy: ReleasePolicyDocument;
  readonly policyText: string;
}

/** Reads the policy of a key to store. Throws as readReleasePolicy. */
export function storedKey(
  key: Omit<StoredKey, 'policy' | 'policyText'>,
  policyText: string,
  what: string,
): StoredKey {
  return { ...key, policyText, policy: readReleasePolicy(policyText, what) };
}

/** A key from the body of a create or import request, or the refusal. */
export async function keyFromRequest(
  name: string,
  body: JsonObject,
): Promise<StoredKey | ServiceAnswer> {
  const { release_policy: wrapped, attributes, key } = body;
  const exportable = isJsonObject(attributes) && attributes.exportable === true;
  const data = isJsonObject(wrapped) && typeof wrapped.data === 'string' ? wrapped.data : '';
  const policyText = decodeBase64Url(data)?.toString('utf8') ?? '';
  if (!exportable || policyText === '') {
    return failure(400, 'BadParameter', 'an exportable key needs a release policy');
  }
  const imported = isJsonObject(key) ? key : undefined;
  const material = imported === undefined ? await newMaterial(body) : importedMaterial(imported);
  if (material === undefined) return failure(400, 'BadParameter', 'the key is not supported');
  const operations = imported?.key_ops ?? body.key_ops;
  try {
    return storedKey(
      {
        name,
        version: randomBytes(16).toString('hex'),
        ...material,
        keyOps: Array.isArray(operations)
          ? operations.filter((one) => typeof one === 'string')
          : [],
      },
      policyText,
      'release_policy',
    );
  } catch (error) {
    if (error instanceof ToolError) return failure(400, 'BadParameter', error.message);
    throw error;
  }
}

/** The answer that shows a key: never its private half. */
export function showKey(host: string, key: StoredKey): ServiceAnswer {
  return json(200, {
    key: {
      kid: `https://${host}/keys/${key.name}/${key.version}`,
      kty: key.kty,
      key_ops: key.keyOps,
      ...publicMembers(key),
    },
    attributes: { enabled: true, exportable: true },
    release_policy: {
      contentType: 'application/json; charset=utf-8',
      data: Buffer.from(key.policyText).toString('base64url'),
    },
  });
}

type Material = Pick<StoredKey, 'kty' | 'material'>;

/** What the vault makes. */
const OCT_BITS = [128, 192, 256];
const RSA_BITS = [2048, 3072, 4096];
const CURVES = ['P-256', 'P-384', 'P-521'];

const oneOf = <T extends JsonValue>(known: readonly T[], value: JsonValue): T | undefined =>
  known.find((one) => one === value);

async function newMaterial({
  kty,
  key_size: size,
  crv,
}: JsonObject): Promise<Material | undefined> {
  if (kty === 'oct-HSM') {
    const bits = oneOf(OCT_BITS, size ?? 256);
    return bits === undefined ? undefined : { kty, material: randomBytes(bits / 8) };
  }
  if (kty === 'RSA-HSM') {
    const modulusLength = oneOf(RSA_BITS, size ?? 2048);
    if (modulusLength === undefined) return undefined;
    const { privateKey } = await makeRsaPair(modulusLength);
    return { kty, material: derOf(privateKey) };
  }
  const namedCurve = kty === 'EC-HSM' ? oneOf(CURVES, crv ?? 'P-256') : undefined;
  if (kty !== 'EC-HSM' || namedCurve === undefined) return undefined;
  const { privateKey } = await makeEcPair(namedCurve);
  return { kty, material: derOf(privateKey) };
}

function importedMaterial(jwk: JsonObject): Material | undefined {
  if (jwk.kty === 'oct-HSM') {
    const material = typeof jwk.k === 'string' ? decodeBase64Url(jwk.k) : undefined;
    return material === undefined || material.length > 64 ? undefined : { kty: jwk.kty, material };
  }
  try {
    const key = createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' });
    const kty = key.asymmetricKeyType === 'rsa' ? 'RSA-HSM' : 'EC-HSM';
    return { kty, material: derOf(key) };
  } catch {
    return undefined;
  }
}

const derOf = (key: KeyObject): Buffer => key.export({ type: 'pkcs8', format: 'der' });

function publicMembers({ kty, material }: StoredKey): object {
  if (kty === 'oct-HSM') return {};
  const key = createPrivateKey({ key: material, format: 'der', type: 'pkcs8' });
  const { n, e, crv, x, y } = key.export({ format: 'jwk' });
  return kty === 'RSA-HSM' ? { n, e } : { crv, x, y };
}
