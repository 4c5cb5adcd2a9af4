/**
 * Key import under a release policy: the configuration file of the importkey tool, and the request that it makes of it,
 * byte for byte (Key Vault REST API, import key). Keys never appear in errors.
 */
import type { KeyObject } from 'node:crypto';
import { ToolError } from '../core/error.js';
import { type JsonValue, parseJson } from '../core/json.js';
import {
  arrayOf,
  below,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  optionalField,
  readObject,
  readString,
  refuseUnknownKeys,
  requiredField,
} from '../core/json-read.js';

/** The key types that can be imported and released. */
export const IMPORT_TYPES = ['oct-HSM', 'RSA-HSM', 'EC-HSM'] as const;
export type ImportType = (typeof IMPORT_TYPES)[number];

/** Largest symmetric key that the vault takes, in bytes. */
const OCT_BYTES = 64;

export interface ImportConfig {
  readonly kid: string;
  readonly kty: ImportType;
  readonly keyOps: readonly string[];
  /** Attestation service, without scheme. */
  readonly authority: string;
  /** Vault, without scheme. */
  readonly vault: string;
  /** Query text, `api-version=7.4`. */
  readonly apiVersion: string;
  readonly bearerToken?: string;
  /** Each list becomes one entry of the release policy. */
  readonly claims: readonly (readonly { readonly claim: string; readonly equals: string }[])[];
  readonly derivation: { readonly salt?: string; readonly label?: string };
  readonly clientId?: string;
}

/** Reads the configuration. `what` names the file. Throws JSON_SYNTAX and KEY_CONFIG_INVALID. */
export function readImportConfig(text: string, what: string): ImportConfig {
  const root: JsonPlace = { code: 'KEY_CONFIG_INVALID', what, path: '' };
  const object = readObject(parseJson(text, what), root);
  const key = requiredField(object, 'key', root, readObject);
  const atKey = below(root, 'key');
  const vault = requiredField(key, 'akv', atKey, readObject);
  const authority = requiredField(key, 'authority', atKey, readObject);
  const derivation = optionalField(object, 'key_derivation', root, readObject) ?? {};
  const atDerivation = below(root, 'key_derivation');
  const identity = optionalField(object, 'identity', root, readObject) ?? {};
  const optional = (name: string, value: string | undefined) =>
    value === undefined || value === '' ? {} : { [name]: value };
  const textOf = (from: typeof object, field: string, place: JsonPlace) =>
    optionalField(from, field, place, readString);
  return {
    kid: requiredField(key, 'kid', atKey, readString),
    kty: readKeyType(textOf(key, 'kty', atKey), atKey),
    keyOps: optionalField(key, 'key_ops', atKey, arrayOf(readString)) ?? [],
    authority: requiredField(authority, 'endpoint', below(atKey, 'authority'), readString),
    vault: requiredField(vault, 'endpoint', below(atKey, 'akv'), readString),
    apiVersion: readApiVersion(textOf(vault, 'api_version', below(atKey, 'akv')), atKey),
    ...optional('bearerToken', textOf(vault, 'bearer_token', below(atKey, 'akv'))),
    claims: requiredField(object, 'claims', root, arrayOf(arrayOf(readClaim))),
    derivation: {
      ...optional('salt', textOf(derivation, 'salt', atDerivation)),
      ...optional('label', textOf(derivation, 'label', atDerivation)),
    },
    ...optional('clientId', textOf(identity, 'client_id', below(root, 'identity'))),
  };
}

/** The query of the request, for which nothing but the version may be given. Absent and empty: 7.4. */
function readApiVersion(text: string | undefined, atKey: JsonPlace): string {
  if (text === undefined || text === '') return 'api-version=7.4';
  if (/^api-version=[0-9]{1,4}(?:[.-][0-9A-Za-z]{1,20}){0,4}$/.test(text)) return text;
  throw invalidAt(below(below(atKey, 'akv'), 'api_version'), 'is no version of the interface', {
    want: 'api-version=7.4',
    got: text.slice(0, 100),
  });
}

function readKeyType(text: string | undefined, place: JsonPlace): ImportType {
  if (text === undefined || text === '') return 'oct-HSM';
  const known = IMPORT_TYPES.find((type) => type === text);
  if (known !== undefined) return known;
  throw new ToolError(
    'KEY_CONFIG_INVALID',
    `${place.what}: key.kty is not a key that can be imported`,
    {
      where: `${place.what} key.kty`,
      want: IMPORT_TYPES.join(', '),
      got: text.slice(0, 100),
    },
  );
}

const readClaim: JsonReader<{ claim: string; equals: string }> = (value, place) => {
  const object = readObject(value, place);
  refuseUnknownKeys(object, ['claim', 'equals'], place);
  return {
    claim: requiredField(object, 'claim', place, readString),
    equals: requiredField(object, 'equals', place, readString),
  };
};

/** Text of the release policy that a configuration asks for: compact, `version` first, escaped as Go escapes. */
export function printImportPolicy({ authority, claims }: ImportConfig): string {
  const anyOf = claims.map((list) => ({
    authority: `https://${authority}`,
    allOf: list.map(({ claim, equals }) => ({ claim, equals })),
  }));
  return JSON.stringify({ version: '1.0.0', anyOf }).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A symmetric key as the vault takes it. Throws KEY_CONFIG_INVALID for an empty key and beyond 64 bytes. */
export function buildOctJwk(key: Uint8Array, keyOps: readonly string[]): JsonValue {
  if (key.length === 0 || key.length > OCT_BYTES) {
    throw new ToolError(
      'KEY_CONFIG_INVALID',
      'the symmetric key has a length that the vault refuses',
      {
        want: `1 to ${OCT_BYTES} bytes`,
        got: `${key.length} bytes`,
        hints: ['an RSA key is imported with kty RSA-HSM'],
      },
    );
  }
  return {
    kty: 'oct-HSM',
    ...(keyOps.length === 0 ? {} : { key_ops: keyOps }),
    k: Buffer.from(key).toString('base64url'),
    key_size: key.length * 8,
  };
}

/** Sizes of RSA keys in bits, and curves by their names in OpenSSL, that the vault takes and a guest gets released. */
const RSA_BITS: readonly (number | undefined)[] = [2048, 3072, 4096];
const CURVES: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1'];

/**
 * An RSA or EC private key as the vault takes it: a JWK (RFC 7518, section 6) with its members sorted. Throws
 * KEY_CONFIG_INVALID for another key, and for a size or curve that the vault does not know.
 */
export function buildPrivateJwk(
  key: KeyObject,
  type: 'RSA-HSM' | 'EC-HSM',
  keyOps: readonly string[],
): JsonValue {
  const wanted = type === 'RSA-HSM' ? 'rsa' : 'ec';
  if (key.type !== 'private' || key.asymmetricKeyType !== wanted) {
    throw new ToolError(
      'KEY_CONFIG_INVALID',
      `the key file does not hold a private key of type ${type}`,
      {
        want: `PKCS#8 PEM of an ${wanted.toUpperCase()} key`,
      },
    );
  }
  checkStrength(key);
  const members: Record<string, unknown> = {
    ...key.export({ format: 'jwk' }),
    ...(keyOps.length === 0 ? {} : { key_ops: keyOps }),
  };
  return JSON.parse(JSON.stringify(members, Object.keys(members).sort())) as JsonValue;
}

function checkStrength({ asymmetricKeyType, asymmetricKeyDetails: details = {} }: KeyObject): void {
  const { modulusLength, namedCurve } = details;
  const isRsa = asymmetricKeyType === 'rsa';
  if (isRsa ? RSA_BITS.includes(modulusLength) : CURVES.includes(namedCurve)) return;
  throw new ToolError('KEY_CONFIG_INVALID', 'the vault does not take a key of this kind', {
    want: isRsa ? `RSA of ${RSA_BITS.join(', ')} bits` : 'EC on P-256, P-384 or P-521',
    got: isRsa ? `RSA of ${modulusLength} bits` : `EC on ${namedCurve ?? 'a curve without name'}`,
  });
}

/** A request without its token, which is added where it is sent. */
export interface VaultRequest {
  readonly method: 'PUT' | 'POST' | 'GET';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The import request. `policyText` is stored as it is. */
export function buildImportRequest(
  config: ImportConfig,
  jwk: JsonValue,
  policyText: string,
): VaultRequest {
  const body = {
    key: jwk,
    hsm: true,
    attributes: { exportable: true },
    release_policy: {
      contentType: 'application/json; charset=utf-8',
      data: Buffer.from(policyText).toString('base64url'),
    },
  };
  return {
    method: 'PUT',
    url: `https://${config.vault}/keys/${config.kid}?${config.apiVersion}`,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  };
}
