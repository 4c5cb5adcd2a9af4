/** Answers of the key vault about a key's public half and policy -> PEM, information file, release policy. */
import { createPublicKey } from 'node:crypto';
import { ToolError } from '../core/error.js';
import { type JsonObject, type JsonValue, parseJsonBytes } from '../core/json.js';
import { isJsonObject } from '../core/json-equal.js';
import { hideSecrets } from '../core/secret.js';
import type { ServiceAnswer } from './ports.js';

/** A key as the vault shows it. */
export interface VaultKey {
  /** `https://HOST/keys/NAME/VERSION`. */
  readonly kid: string;
  readonly kty: string;
  readonly keyOps: readonly string[];
  readonly exportable: boolean;
  /** PEM of the public half; absent for symmetric keys. */
  readonly publicKey?: string;
  /** Text of the release policy, decoded. */
  readonly policyText?: string;
  readonly policyImmutable: boolean;
}

/** Reads the answer to create, import or get. Throws VAULT_REFUSED with what the vault said, VAULT_ANSWER_INVALID. */
export function readVaultKey({ status, body }: ServiceAnswer, host: string): VaultKey {
  const value = tryParse(body);
  if (status !== 200) throw vaultRefused(status, value, host);
  const root = isJsonObject(value) ? value : {};
  const key = isJsonObject(root.key) ? root.key : {};
  const { kid, kty, key_ops: operations } = key;
  if (typeof kid !== 'string' || typeof kty !== 'string') {
    throw new ToolError('VAULT_ANSWER_INVALID', `the answer of ${host} holds no key`);
  }
  const policy = isJsonObject(root.release_policy) ? root.release_policy : {};
  const publicKey = publicPem(key);
  return {
    kid,
    kty,
    keyOps: Array.isArray(operations) ? operations.filter((one) => typeof one === 'string') : [],
    exportable: isJsonObject(root.attributes) && root.attributes.exportable === true,
    ...(publicKey === undefined ? {} : { publicKey }),
    ...(typeof policy.data === 'string'
      ? { policyText: Buffer.from(policy.data, 'base64url').toString('utf8') }
      : {}),
    policyImmutable: policy.immutable === true,
  };
}

/** `KEY-info.json`: what a wrapper of secrets must know. Hosts without scheme. */
export function printKeyInfo(publicKeyPath: string, vault: string, attestation: string): string {
  const info = {
    public_key_path: publicKeyPath,
    kms_endpoint: vault,
    attester_endpoint: attestation,
  };
  return `${JSON.stringify(info, null, 2)}\n`;
}

/** What to do about each status of the vault. */
export const VAULT_REMEDIES: Readonly<Record<number, string>> = {
  400: 'the request does not fit: the size, type or policy of the key',
  401: 'the access token is expired or for another resource: `az account get-access-token --resource https://vault.azure.net` (or https://managedhsm.azure.net)',
  403: 'the role is missing (release: Key Vault Crypto Service Release User; create: Key Vault Crypto Officer), or a firewall refuses this address',
  404: 'there is no key of that name and version',
  409: 'a key of that name is deleted but not purged, or it is being changed',
  429: 'the vault is throttled: try again later',
};

function vaultRefused(status: number, value: JsonValue | undefined, host: string): ToolError {
  const error = isJsonObject(value) && isJsonObject(value.error) ? value.error : {};
  const said = [error.code, error.message].filter((part) => typeof part === 'string').join(': ');
  const remedy = VAULT_REMEDIES[status];
  return new ToolError('VAULT_REFUSED', `${host} refuses the request`, {
    // A vault may quote the token that it was shown.
    got: said === '' ? `status ${status}` : `status ${status}: ${hideSecrets(said).slice(0, 500)}`,
    ...(remedy === undefined ? {} : { hints: [remedy] }),
  });
}

function publicPem(key: JsonObject): string | undefined {
  const { n, e, crv, x, y } = key;
  const text = (value: JsonValue | undefined) => (typeof value === 'string' ? value : '');
  const jwk =
    crv === undefined
      ? { kty: 'RSA', n: text(n), e: text(e) }
      : { kty: 'EC', crv: text(crv), x: text(x), y: text(y) };
  if (jwk.kty === 'RSA' && text(n) === '') return undefined;
  try {
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
    return publicKey.export({ type: 'spki', format: 'pem' }).toString();
  } catch {
    return undefined;
  }
}

function tryParse(body: Buffer): JsonValue | undefined {
  try {
    return parseJsonBytes(body, 'answer');
  } catch (error) {
    if (error instanceof ToolError) return undefined;
    throw error;
  }
}
