/**
 * A whole key release on one machine: a made-up platform, a stand-in attestation service and a stand-in key vault, all
 * strict, all reached through one `send`. The services answer under the names of the real ones; nothing leaves the process.
 */
import { randomBytes } from 'node:crypto';
import type { TrustedRoot } from '../../attest/products.js';
import { ToolError } from '../../core/error.js';
import { makeRsaPair } from '../../core/key-pair.js';
import type { Collateral, SendRequest } from '../../keyrelease/ports.js';
import type { ReleaseEvaluation } from '../../release/evaluate.js';
import { failure, json, makeAttestationService, type StandIn } from './attestation-service.js';
import { makeServerCertificate, type ServerCertificate } from './authority.js';
import { type KeyVault, makeKeyVault } from './key-vault.js';
import { makeSyntheticPlatform, type SyntheticGuest, type SyntheticPlatform } from './platform.js';
import { storedKey } from './stored-keys.js';

export { makeServerCertificate } from './authority.js';

export interface RehearsalOptions {
  /** `HOST[:PORT]` of the attestation service and of the vault; they may be the same. */
  readonly attestationHost: string;
  readonly vaultHost: string;
  /** Text of the release policy under which the key is put. */
  readonly policyText: string;
  readonly policyName: string;
  /** Name of the key. */
  readonly key: string;
  /** PKCS#8 DER of the RSA key to release; a fresh one if absent. */
  readonly material?: Buffer;
  readonly compliance: string;
  readonly guest: SyntheticGuest;
  /** TCB of the platform; a recent one if absent. */
  readonly tcb?: bigint;
  /** The platform that the guest runs on; a fresh one if absent. */
  readonly platform?: SyntheticPlatform;
  /** Seconds for which tokens are valid. */
  readonly tokenLifetime?: number;
  /** Seconds since 1970. */
  readonly now: () => number;
  readonly onEvaluation?: (evaluation: ReleaseEvaluation) => void;
  /** The vault's certificate; a fresh one for its host if absent. */
  readonly signer?: ServerCertificate;
}

export interface Rehearsal {
  readonly platform: SyntheticPlatform;
  readonly vault: KeyVault;
  /** Certificate with which the vault signs, and its authority. */
  readonly signer: ServerCertificate;
  /** Version of the key in the vault. */
  readonly keyVersion: string;
  /** Reaches the stand-ins by host, and nothing else. */
  readonly send: SendRequest;
}

/** What `/rehearsal/platform` tells a side-car that runs on made-up evidence. */
export interface PlatformFacts {
  readonly roots: readonly TrustedRoot[];
}

/** Makes platform and services, and puts a fresh RSA key under the policy. Throws as readReleasePolicy. */
export async function makeRehearsal(options: RehearsalOptions): Promise<Rehearsal> {
  const { attestationHost, vaultHost, now, tokenLifetime: lifetime, onEvaluation } = options;
  const [name = ''] = vaultHost.split(':');
  const signer = options.signer ?? (await makeServerCertificate(name, now()));
  const keyVersion = randomBytes(16).toString('hex');
  const key = storedKey(
    {
      name: options.key,
      version: keyVersion,
      kty: 'RSA-HSM',
      keyOps: ['decrypt', 'unwrapKey'],
      material: options.material ?? (await newRsaKey()),
    },
    options.policyText,
    options.policyName,
  );
  const platform = options.platform ?? (await makeSyntheticPlatform(now(), options.tcb));
  const attestation = await makeAttestationService({
    host: attestationHost,
    roots: platform.roots,
    compliance: options.compliance,
    now,
    ...(lifetime === undefined ? {} : { lifetime }),
  });
  const services: StandIn[] = [attestation];
  const send: SendRequest = async (request) => {
    const { host, pathname } = new URL(request.url);
    if (host === vaultHost && pathname.startsWith('/keys')) return await vault.handle(request);
    const service = services.find((one) => one.host === host);
    if (service !== undefined) return await service.handle(request);
    throw new ToolError('SERVICE_UNREACHABLE', `${host} cannot be reached`, {
      got: 'a rehearsal has no other services than its own',
    });
  };
  const vault = makeKeyVault({
    host: vaultHost,
    now,
    send,
    signer,
    ...(onEvaluation === undefined ? {} : { onEvaluation }),
  });
  vault.store(key);
  return { platform, vault, signer, keyVersion, send };
}

async function newRsaKey(): Promise<Buffer> {
  const { privateKey } = await makeRsaPair(3072);
  return privateKey.export({ type: 'pkcs8', format: 'der' });
}

/** THIM's answer for the certificates of a platform. */
export function thimAnswer({ chain, tcbText }: Collateral): object {
  const end = chain.indexOf('-----END CERTIFICATE-----') + '-----END CERTIFICATE-----\n'.length;
  return {
    vcekCert: chain.slice(0, end),
    tcbm: tcbText,
    certificateChain: chain.slice(end),
    cacheControl: '86400',
  };
}

/**
 * The services of the machine itself, for `--serve`: THIM, an identity endpoint, and reports of the made-up guest. Paths
 * as the platform has them; whoever asks gets an answer, so they listen on loopback.
 */
export function makeMachineServices(
  { platform }: Rehearsal,
  guest: SyntheticGuest,
): StandIn['handle'] {
  return async ({ method, url, body }) => {
    const { pathname } = new URL(url);
    if (method === 'GET' && pathname === '/metadata/THIM/amd/certification') {
      return json(200, thimAnswer(platform.collateral));
    }
    if (method === 'GET' && pathname === '/metadata/identity/oauth2/token') {
      return json(200, { access_token: 'rehearsal', token_type: 'Bearer', expires_in: '3600' });
    }
    if (method === 'GET' && pathname === '/rehearsal/platform') {
      return json(200, { roots: platform.roots } satisfies PlatformFacts);
    }
    if (method === 'POST' && pathname === '/rehearsal/report') {
      const reportData = Buffer.from(body ?? '', 'hex');
      if (reportData.length !== 64) return failure(400, 'BadParameter', 'want 64 bytes in hex');
      return json(200, { report: platform.report(guest, reportData).toString('hex') });
    }
    return failure(404, 'NotFound', 'there is no such path');
  };
}
