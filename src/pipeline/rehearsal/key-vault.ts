/**
 * A stand-in for Azure Key Vault, strict: it keeps exportable keys under release policies, verifies tokens with the keys
 * of the authority that signed them, evaluates the policy and wraps the key for the guest's ephemeral key. Same requests
 * and answers as the service (REST API 7.4).
 */
import {
  constants,
  createCipheriv,
  createHash,
  createPublicKey,
  type KeyObject,
  publicEncrypt,
  randomBytes,
  sign,
} from 'node:crypto';
import { ToolError } from '../../core/error.js';
import { type JsonObject, type JsonValue, parseJson, parseJsonBytes } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import { withoutAbsent } from '../../core/record.js';
import { parseJws, verifyRs256 } from '../../keyrelease/jws.js';
import {
  isWrapAlgorithm,
  WRAP_ALGORITHMS,
  type WrapAlgorithm,
} from '../../keyrelease/key-unwrap.js';
import { findSigningKey } from '../../keyrelease/maa-token.js';
import type { SendRequest, ServiceAnswer, ServiceRequest } from '../../keyrelease/ports.js';
import { evaluateReleasePolicy, type ReleaseEvaluation } from '../../release/evaluate.js';
import { failure, json, type StandIn } from './attestation-service.js';
import type { ServerCertificate } from './authority.js';
import { keyFromRequest, type StoredKey, showKey } from './stored-keys.js';

export interface KeyVaultOptions {
  /** `HOST[:PORT]`. */
  readonly host: string;
  readonly now: () => number;
  /** Signs the answers. */
  readonly signer: ServerCertificate;
  /** Reaches the attestation services, whose keys sign the tokens. */
  readonly send: SendRequest;
  /** Told of each evaluation of a policy: for the one who rehearses, not for the caller. */
  readonly onEvaluation?: (evaluation: ReleaseEvaluation) => void;
}

export interface KeyVault extends StandIn {
  store(key: StoredKey): void;
}

/** Makes an empty vault that signs with the given certificate. */
export function makeKeyVault(options: KeyVaultOptions): KeyVault {
  const keys: Keys = new Map();
  return {
    host: options.host,
    store: (key) => {
      keys.set(key.name, [...(keys.get(key.name) ?? []), key]);
    },
    handle: async (request) => {
      const refused = refuseEarly(request);
      if (refused !== undefined) return refused;
      const path = readPath(request.url);
      if (path?.operation === 'release' && request.method === 'POST') {
        const order = readOrder(request, findKey(keys, path));
        return 'status' in order ? order : await release(order, options);
      }
      const stored = path === undefined ? undefined : await manage(request, path, keys);
      if (stored === undefined) return failure(404, 'NotFound', 'there is no such operation');
      return 'status' in stored ? stored : showKey(options.host, stored);
    },
  };
}

interface Order {
  readonly key: StoredKey;
  readonly token: string;
  readonly enc: WrapAlgorithm;
  readonly nonce?: string;
}

interface KeyPath {
  readonly name: string;
  readonly version?: string;
  readonly operation?: string;
}

type Keys = Map<string, StoredKey[]>;

/** The parts of `/keys/NAME[/VERSION][/OPERATION]`. */
function readPath(url: string): KeyPath | undefined {
  const { pathname } = new URL(url);
  const match = /^\/keys\/([0-9A-Za-z-]{1,127})(?:\/([0-9a-f]{32}))?(?:\/(release|create))?$/.exec(
    pathname,
  );
  if (match === null) return undefined;
  const [, name = '', version, operation] = match;
  return withoutAbsent({ name, version, operation });
}

/** What is wrong with any request that is no request of a known version, or carries no access token. */
function refuseEarly({ url, headers }: ServiceRequest): ServiceAnswer | undefined {
  if (!/^7\.[3-6]$/.test(new URL(url).searchParams.get('api-version') ?? '')) {
    return failure(400, 'BadParameter', 'api-version is missing or not supported');
  }
  const bearer = Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization');
  if (/^Bearer \S+$/.test(bearer?.[1] ?? '')) return undefined;
  return failure(401, 'Unauthorized', 'no access token');
}

function findKey(keys: Keys, { name, version }: KeyPath): StoredKey | undefined {
  const versions = keys.get(name) ?? [];
  return version === undefined ? versions.at(-1) : versions.find((one) => one.version === version);
}

/** Create, import and get: the key that they are about, or the refusal. */
async function manage(
  { method, body }: ServiceRequest,
  path: KeyPath,
  keys: Keys,
): Promise<StoredKey | ServiceAnswer | undefined> {
  if (method === 'GET' && path.operation === undefined) return findKey(keys, path) ?? KEY_NOT_FOUND;
  const creates = method === 'POST' && path.operation === 'create';
  const imports = method === 'PUT' && path.operation === undefined;
  if (path.version !== undefined || (!creates && !imports)) return undefined;
  const input = tryParse(() => parseJson(body ?? '', 'body'));
  if (!isJsonObject(input)) return failure(400, 'BadParameter', 'the body is not a JSON object');
  const key = await keyFromRequest(path.name, input);
  if (!('status' in key)) keys.set(key.name, [...(keys.get(key.name) ?? []), key]);
  return key;
}

const KEY_NOT_FOUND = failure(404, 'KeyNotFound', 'there is no key of that name and version');

function readOrder({ body }: ServiceRequest, key: StoredKey | undefined): Order | ServiceAnswer {
  if (key === undefined) return KEY_NOT_FOUND;
  const input = tryParse(() => parseJson(body ?? '', 'body'));
  const { target, enc = 'CKM_RSA_AES_KEY_WRAP', nonce } = isJsonObject(input) ? input : {};
  if (typeof target !== 'string') return failure(400, 'BadParameter', 'target is missing');
  if (!isWrapAlgorithm(enc)) return failure(400, 'BadParameter', 'enc is not supported');
  if (nonce !== undefined && typeof nonce !== 'string') {
    return failure(400, 'BadParameter', 'nonce is not a text');
  }
  return { key, token: target, enc, ...(nonce === undefined ? {} : { nonce }) };
}

/** Verifies the token, evaluates the policy, wraps the key. A token's own words decide nothing before its signature. */
async function release(order: Order, options: KeyVaultOptions): Promise<ServiceAnswer> {
  const claims = await verifyTarget(order, options);
  if (typeof claims === 'string') return failure(403, 'Forbidden', claims);
  const evaluation = evaluateReleasePolicy(order.key.policy, claims);
  options.onEvaluation?.(evaluation);
  if (evaluation.decision !== 'release') {
    return failure(
      403,
      'Forbidden',
      `the release policy does not hold: ${failedClaims(evaluation)}`,
    );
  }
  const wrappingKey = encryptionKeyOf(claims['x-ms-runtime']);
  if (wrappingKey === undefined) {
    return failure(403, 'Forbidden', 'x-ms-runtime has no RSA key for encryption');
  }
  return json(200, { value: signAnswer(order, wrappingKey, options) });
}

/** The claims that failed in the entry that came nearest, by name. */
function failedClaims({ entries }: ReleaseEvaluation): string {
  const failed = entries.map(({ claims }) => claims.filter(({ holds }) => holds !== true));
  const [nearest = []] = failed.toSorted((a, b) => a.length - b.length);
  return nearest.map(({ claim }) => claim).join(', ');
}

async function verifyTarget(
  { token, key }: Order,
  { now, send }: KeyVaultOptions,
): Promise<JsonObject | string> {
  const jws = parseJws(token);
  if ('problem' in jws) return 'the target is not a token';
  const { iss, exp, nbf } = jws.payload;
  const authorities = key.policy.anyOf.map(({ authority }) => authority);
  if (typeof iss !== 'string' || !authorities.includes(iss)) {
    return 'iss: the issuer of the token is not an authority of the release policy';
  }
  const answer = await send({ method: 'GET', url: `${iss}/certs`, headers: {} });
  const jwks = tryParse(() => parseJsonBytes(answer.body, 'keys'));
  const signingKey = isJsonObject(jwks) ? findSigningKey(jwks, jws.header.kid) : undefined;
  if (jws.header.alg !== 'RS256' || signingKey === undefined || !verifyRs256(jws, signingKey)) {
    return 'the signature of the token is not by its issuer';
  }
  if (typeof exp !== 'number' || exp <= now()) return 'exp: the token is expired';
  if (typeof nbf === 'number' && nbf > now() + 300) return 'nbf: the token is not valid yet';
  return jws.payload;
}

/** The first key of the runtime data that is for encryption. */
function encryptionKeyOf(runtime: JsonValue | undefined): KeyObject | undefined {
  const keys = isJsonObject(runtime) && Array.isArray(runtime.keys) ? runtime.keys : [];
  const found = (keys as readonly JsonValue[]).find((key): key is JsonObject => {
    if (!isJsonObject(key)) return false;
    const operations = Array.isArray(key.key_ops) ? key.key_ops : [];
    return key.use === 'enc' || operations.includes('encrypt');
  });
  if (found?.kty !== 'RSA') return undefined;
  try {
    const { n, e } = found;
    if (typeof n !== 'string' || typeof e !== 'string') return undefined;
    return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

function signAnswer(
  { key, enc, nonce }: Order,
  wrappingKey: KeyObject,
  { host, signer: { certificates: chain, privateKey } }: KeyVaultOptions,
): string {
  const kid = `https://${host}/keys/${key.name}/${key.version}`;
  const ciphertext = wrap(key.material, wrappingKey, enc).toString('base64url');
  const wrapped = {
    schema_version: '1.0',
    header: { kid: 'TransportKey', alg: 'dir', enc },
    ciphertext,
  };
  const header = {
    alg: 'RS256',
    kid: createHash('sha1').update(chain[0]).digest('hex').toUpperCase(),
    x5c: chain.map((bytes) => bytes.toString('base64')),
    'x5t#S256': createHash('sha256').update(chain[0]).digest('base64url'),
  };
  const payload = {
    request: { 'api-version': '7.4', enc, kid, ...(nonce === undefined ? {} : { nonce }) },
    response: {
      key: {
        key: { kid, kty: key.kty, key_ops: key.keyOps, key_hsm: part(wrapped) },
        attributes: { enabled: true, exportable: true },
      },
    },
  };
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
}

/** CKM_RSA_AES_KEY_WRAP: a fresh AES key under RSA-OAEP, the material under the AES key (RFC 5649). */
function wrap(material: Buffer, publicKey: KeyObject, enc: WrapAlgorithm): Buffer {
  const kek = randomBytes(32);
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const first = publicEncrypt({ key: publicKey, padding, oaepHash: WRAP_ALGORITHMS[enc] }, kek);
  const cipher = createCipheriv('id-aes256-wrap-pad', kek, Buffer.from('a65959a6', 'hex'));
  return Buffer.concat([first, cipher.update(material), cipher.final()]);
}

function tryParse<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ToolError) return undefined;
    throw error;
  }
}
