/**
 * The seven steps of a key release, seen from the guest: a fresh key pair, a report bound to it, a token for the report, and
 * the key released to that token alone. Releases at the same time may have the first three in common. Nothing is trusted
 * that was not checked, and nothing is sent to a host that is not Azure's or listed.
 */
import type { KeyObject } from 'node:crypto';
import { ToolError } from '../../core/error.js';
import { type JsonObject, type JsonValue, parseJsonBytes } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import type { ReadBytes } from '../../core/remember.js';
import { hideSecrets } from '../../core/secret.js';
import type { Certificate } from '../../core/x509.js';
import {
  type ListedHosts,
  parseKeyId,
  parseServiceHost,
  tokenResourceOf,
} from '../../keyrelease/hosts.js';
import type { WrapAlgorithm } from '../../keyrelease/key-unwrap.js';
import { ATTEST_PATH, buildAttestationRequest } from '../../keyrelease/maa-request.js';
import { TOKEN_REASONS, type TokenVerdict, verifyMaaToken } from '../../keyrelease/maa-token.js';
import type {
  SendRequest,
  ServiceAnswer,
  ServiceRequest,
  WrappingKey,
} from '../../keyrelease/ports.js';
import { openReleaseAnswerAside, RELEASE_REASONS } from '../../keyrelease/release-answer.js';
import { buildReleaseRequest } from '../../keyrelease/vault-requests.js';
import { buildWrappingKeySet } from '../../keyrelease/wrapping-key.js';
import type { EvidenceCollector } from './evidence.js';
import type { SharedAttestations } from './shared-attestation.js';

export interface ReleasePorts {
  readonly evidence: EvidenceCollector;
  readonly send: SendRequest;
  /** Says that a request to a vault follows; the result is called when it is sent, or will not be. */
  readonly announce?: (host: string) => () => void;
  /**
   * An access token for a resource, which may have been used before; `refused` is one that the service did not take. The
   * given one of a request is used instead.
   */
  readonly accessToken: (resource: string, refused?: string) => Promise<string>;
  /** A pair that nobody else gets; taken for each attestation of `attestations`. */
  readonly newWrappingKey: () => Promise<WrappingKey>;
  /** Attestations for releases; one object for the whole life of a side-car. */
  readonly attestations: SharedAttestations<AttestedKey>;
  /** Seconds since 1970. */
  readonly now: () => number;
  /** 64 random bits. */
  readonly nonce: () => bigint;
  /** TLS roots that a vault's certificate may chain to. */
  readonly roots: readonly Certificate[];
  /** Reads the certificates of vaults; one that keeps what it has read suits many releases. */
  readonly readCertificate?: ReadBytes<Certificate>;
  readonly listedHosts: ListedHosts;
  readonly signingKeys: SigningKeys;
  readonly uvmEndorsement?: Uint8Array;
  readonly userAgent: () => string;
  /** The mechanism to ask the vault for; absent: its default. */
  readonly enc?: WrapAlgorithm;
}

/** A wrapping key pair and the token of the attestation service that names it. */
export interface AttestedKey {
  /** Secret, and of no use to anybody without the private key. */
  readonly token: string;
  /** Secret. */
  readonly privateKey: KeyObject;
}

/** What `/key/release` is asked for, as texts of a request. */
export interface ReleaseOrder {
  readonly attestationService: string;
  readonly vault: string;
  readonly kid: string;
  /** Secret. */
  readonly accessToken?: string;
}

/** Most seconds that the clocks of guest and service may differ. */
const SKEW = 300;

/**
 * A token of the attestation service about this guest and `runtimeData` (JSON), verified. Throws ATTESTATION_REFUSED,
 * SERVICE_HOST_REFUSED, and what evidence and requests throw.
 */
export async function attestGuest(
  ports: ReleasePorts,
  service: string,
  runtimeData: Uint8Array,
): Promise<string> {
  const host = parseServiceHost(service, 'attestation service', ports.listedHosts);
  const runtime = parseRuntimeData(runtimeData);
  const { report, collateral } = await ports.evidence.collect(runtimeData);
  const { uvmEndorsement } = ports;
  const answer = await ports.send({
    method: 'POST',
    url: `https://${host}${ATTEST_PATH}`,
    headers: { 'Content-Type': 'application/json', 'User-Agent': ports.userAgent() },
    body: buildAttestationRequest({
      report,
      certificateChain: collateral.chain,
      ...(uvmEndorsement === undefined ? {} : { uvmEndorsement }),
      runtimeData,
      nonce: ports.nonce(),
    }),
  });
  const token = tokenOf(answer, host);
  const verdict = await verifyToken(ports, host, token, runtime);
  if (verdict.accepted) return token;
  throw new ToolError('ATTESTATION_REFUSED', `the token of ${host} is refused`, {
    got: `${TOKEN_REASONS[verdict.reason]} [${verdict.reason}]: ${verdict.detail}`,
  });
}

/** Judges a token by the published keys; keys that are not known yet are looked up once more. */
async function verifyToken(
  ports: ReleasePorts,
  host: string,
  token: string,
  runtimeData: JsonValue,
): Promise<TokenVerdict> {
  const judge = async (fresh: boolean) => {
    const jwks = await ports.signingKeys.of(host, ports, fresh);
    const now = ports.now();
    return verifyMaaToken(token, { issuer: `https://${host}`, jwks, now, skew: SKEW, runtimeData });
  };
  const verdict = await judge(false);
  const unknown = !verdict.accepted && verdict.reason === 'token-key-unknown';
  return unknown ? await judge(true) : verdict;
}

/** Seconds for which signing keys are kept. */
const KEYS_LIFETIME = 600;

/** Signing keys of attestation services by host, kept for a while; requests for the same ones are one request. */
export class SigningKeys {
  private readonly known = new Map<string, { readonly keys: JsonObject; readonly until: number }>();
  private readonly fetching = new Map<string, Promise<JsonObject>>();

  /** The keys that `host` publishes. Throws ATTESTATION_REFUSED. */
  async of(
    host: string,
    ports: Pick<ReleasePorts, 'send' | 'now'>,
    fresh: boolean,
  ): Promise<JsonObject> {
    const now = ports.now();
    const found = this.known.get(host);
    if (!fresh && found !== undefined && now < found.until) return found.keys;
    const pending = this.fetching.get(host) ?? fetchKeys(ports, host);
    this.fetching.set(host, pending);
    try {
      const keys = await pending;
      this.known.set(host, { keys, until: now + KEYS_LIFETIME });
      return keys;
    } finally {
      this.fetching.delete(host);
    }
  }
}

/** The signing keys that the service itself publishes; the token never says where they are. */
async function fetchKeys({ send }: Pick<ReleasePorts, 'send'>, host: string): Promise<JsonObject> {
  const answer = await send({ method: 'GET', url: `https://${host}/certs`, headers: {} });
  const keys = answer.status === 200 ? tryParse(answer.body) : undefined;
  if (isJsonObject(keys)) return keys;
  throw new ToolError('ATTESTATION_REFUSED', `${host} does not publish its signing keys`, {
    got: `status ${answer.status}`,
  });
}

/**
 * Releases a key to this guest: the JWK as text, secret. Throws SERVICE_HOST_REFUSED, KEY_ID_INVALID,
 * ATTESTATION_REFUSED, KEY_RELEASE_REFUSED, and what the ports throw.
 */
export async function releaseKey(ports: ReleasePorts, order: ReleaseOrder): Promise<string> {
  const vault = parseServiceHost(order.vault, 'key vault', ports.listedHosts);
  const key = parseKeyId(order.kid);
  const service = parseServiceHost(
    order.attestationService,
    'attestation service',
    ports.listedHosts,
  );
  const arrived = ports.announce?.(vault);
  const attested = await ports.attestations
    .of(service, () => attestNewKey(ports, service))
    .finally(arrived);
  const nonce = ports.nonce().toString();
  const { enc, readCertificate } = ports;
  const request = buildReleaseRequest(vault, key, {
    target: attested.token,
    nonce,
    ...(enc === undefined ? {} : { enc }),
  });
  const answer = await sendToVault(ports, vault, request, order.accessToken);
  if (answer.status !== 200) throw vaultRefusal(answer, vault);
  const outcome = await openReleaseAnswerAside(answer.body.toString('utf8'), {
    host: vault,
    key,
    wrappingKey: attested.privateKey,
    roots: ports.roots,
    now: ports.now(),
    nonce,
    ...(enc === undefined ? {} : { enc }),
    ...(readCertificate === undefined ? {} : { readCertificate }),
  });
  if (outcome.released) return outcome.jwk;
  throw new ToolError('KEY_RELEASE_REFUSED', `the answer of ${vault} is refused`, {
    got: `${RELEASE_REASONS[outcome.reason]} [${outcome.reason}]: ${outcome.detail}`,
  });
}

/** A fresh pair with its token. Throws what attestGuest and the ports throw. */
async function attestNewKey(ports: ReleasePorts, service: string): Promise<AttestedKey> {
  const { publicKey, privateKey } = await ports.newWrappingKey();
  const runtimeData = Buffer.from(buildWrappingKeySet(publicKey));
  return { token: await attestGuest(ports, service, runtimeData), privateKey };
}

/** Sends a request with an access token. A kept one that the vault does not take is replaced by a new one, once. */
async function sendToVault(
  { send, accessToken }: ReleasePorts,
  vault: string,
  request: ServiceRequest,
  given: string | undefined,
): Promise<ServiceAnswer> {
  const sendWith = async (bearer: string) => {
    const headers = { ...request.headers, Authorization: `Bearer ${bearer}` };
    return await send({ ...request, headers });
  };
  if (given !== undefined) return await sendWith(given);
  const resource = tokenResourceOf(vault);
  const bearer = await accessToken(resource);
  const answer = await sendWith(bearer);
  if (answer.status !== 401) return answer;
  const renewed = await accessToken(resource, bearer);
  return renewed === bearer ? answer : await sendWith(renewed);
}

function tokenOf({ status, body }: ServiceAnswer, host: string): string {
  if (status !== 200) {
    throw new ToolError('ATTESTATION_REFUSED', `${host} refuses the evidence`, {
      got: `status ${status}${upstreamText(body)}`,
      ...(status === 400
        ? {
            hints: [
              'the report, its certificates, the endorsement and the runtime data must belong together',
            ],
          }
        : {}),
    });
  }
  const answer = tryParse(body);
  const token = isJsonObject(answer) ? answer.token : undefined;
  if (typeof token === 'string' && token !== '') return token;
  throw new ToolError('ATTESTATION_REFUSED', `the answer of ${host} holds no token`);
}

const VAULT_HINTS: Readonly<Record<number, string>> = {
  401: 'the access token is expired or for another resource',
  403: 'the policy hash changed since the key was made, the role is missing, or the authority of the release policy is another attestation service; see `podseal release-policy evaluate`',
  404: 'the key has another name or version',
  429: 'the vault is throttled: try again later',
};

function vaultRefusal({ status, body }: ServiceAnswer, vault: string): ToolError {
  const hint = VAULT_HINTS[status];
  return new ToolError('KEY_RELEASE_REFUSED', `${vault} refuses to release the key`, {
    got: `http response status equal to ${status}${upstreamText(body)}`,
    ...(hint === undefined ? {} : { hints: [hint] }),
  });
}

/** `: CODE: MESSAGE` of an error answer; nothing of any other body. */
function upstreamText(body: Buffer): string {
  const value = tryParse(body);
  const error = isJsonObject(value) ? value.error : undefined;
  if (!isJsonObject(error)) return '';
  const parts = [error.code, error.message].filter((part) => typeof part === 'string');
  // A service may quote the token that it was shown.
  return parts.length === 0 ? '' : `: ${hideSecrets(parts.join(': ')).slice(0, 500)}`;
}

function parseRuntimeData(bytes: Uint8Array): JsonValue {
  const value = tryParse(bytes);
  if (value !== undefined) return value;
  throw new ToolError('SIDECAR_REQUEST_INVALID', 'the runtime data is not JSON', {
    hints: ['the attestation service takes JSON only; /attest/raw takes any bytes'],
  });
}

function tryParse(bytes: Uint8Array): JsonValue | undefined {
  try {
    return parseJsonBytes(bytes, 'answer');
  } catch (error) {
    if (error instanceof ToolError) return undefined;
    throw error;
  }
}
