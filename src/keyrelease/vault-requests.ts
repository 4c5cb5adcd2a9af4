/** Requests to Azure Key Vault and Managed HSM (REST API 7.4): create, get and release of keys. */
import type { KeyId } from './hosts.js';
import type { VaultRequest } from './import-key.js';
import type { WrapAlgorithm } from './key-unwrap.js';

const API = 'api-version=7.4';
const JSON_BODY = { 'Content-Type': 'application/json' };

/** What is released, and how the answer must be wrapped. */
export interface ReleaseRequestOptions {
  /** Token of the attestation service. */
  readonly target: string;
  /** Absent: the service's default, CKM_RSA_AES_KEY_WRAP. */
  readonly enc?: WrapAlgorithm;
  readonly nonce?: string;
}

const keyPath = ({ name, version }: KeyId) =>
  version === undefined ? `/keys/${name}` : `/keys/${name}/${version}`;

/** The release operation. The body holds a secret token. */
export function buildReleaseRequest(
  host: string,
  key: KeyId,
  { target, enc, nonce }: ReleaseRequestOptions,
): VaultRequest {
  const body = {
    target,
    ...(nonce === undefined ? {} : { nonce }),
    ...(enc === undefined ? {} : { enc }),
  };
  return {
    method: 'POST',
    url: `https://${host}${keyPath(key)}/release?${API}`,
    headers: JSON_BODY,
    body: JSON.stringify(body),
  };
}

/** A key to create inside the vault. */
export interface CreateKeyOptions {
  readonly kty: 'RSA-HSM' | 'EC-HSM' | 'oct-HSM';
  /** Bits, for RSA and oct. */
  readonly keySize?: number;
  readonly curve?: string;
  readonly keyOps: readonly string[];
  readonly policyText: string;
  /** True: the policy of this version can never be changed. */
  readonly immutable: boolean;
}

/** The create operation: an exportable key under a release policy. */
export function buildCreateRequest(
  host: string,
  name: string,
  options: CreateKeyOptions,
): VaultRequest {
  const { kty, keySize, curve, keyOps, policyText, immutable } = options;
  const body = {
    kty,
    ...(keySize === undefined ? {} : { key_size: keySize }),
    ...(curve === undefined ? {} : { crv: curve }),
    key_ops: keyOps,
    attributes: { exportable: true },
    release_policy: {
      contentType: 'application/json; charset=utf-8',
      data: Buffer.from(policyText.trimEnd()).toString('base64url'),
      ...(immutable ? { immutable: true } : {}),
    },
  };
  return {
    method: 'POST',
    url: `https://${host}/keys/${name}/create?${API}`,
    headers: JSON_BODY,
    body: JSON.stringify(body),
  };
}

/** Reads a key's public half, attributes and release policy. */
export function buildGetKeyRequest(host: string, key: KeyId): VaultRequest {
  return { method: 'GET', url: `https://${host}${keyPath(key)}?${API}`, headers: {} };
}
