/** Keys of the stand-in vault: create, import and show, in the form of the service (REST API 7.4). */
import {
  createPrivateKey,
  generateKeyPair,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { promisify } from 'node:util';
import { decodeBase64Url } from '../../core/base64.js';
import { ToolError } from '../../core/error.js';
import type { JsonObject } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import type { ServiceAnswer } from '../../keyrelease/ports.js';
import { type ReleasePolicyDocument, readReleasePolicy } from '../../release/grammar.js';
import { failure, json } from './attestation-service.js';

const generate = promisify(generateKeyPair);

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
  if (!exportable || data === '') {
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
        keyOps: Array.isArray(operations) ? operations.map(String) : [],
      },
      Buffer.from(data, 'base64url').toString('utf8'),
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

async function newMaterial({
  kty,
  key_size: size,
  crv,
}: JsonObject): Promise<Material | undefined> {
  if (kty === 'oct-HSM') return { kty, material: randomBytes(Number(size ?? 256) / 8) };
  if (kty === 'RSA-HSM') {
    const { privateKey } = await generate('rsa', { modulusLength: Number(size ?? 2048) });
    return { kty, material: derOf(privateKey) };
  }
  if (kty !== 'EC-HSM') return undefined;
  const { privateKey } = await generate('ec', { namedCurve: String(crv ?? 'P-256') });
  return { kty, material: derOf(privateKey) };
}

function importedMaterial(jwk: JsonObject): Material | undefined {
  if (jwk.kty === 'oct-HSM') {
    const material = typeof jwk.k === 'string' ? decodeBase64Url(jwk.k) : undefined;
    return material === undefined || material.length > 64 ? undefined : { kty: jwk.kty, material };
  }
  try {
    const key = createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' });
    return { kty: `${String(jwk.kty)}-HSM`, material: derOf(key) };
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
