/**
 * Why is the key not released? Each part of a release is tried by itself, from the network to the claims: the first that
 * fails is the one to repair. Nothing is changed, and no key leaves the vault.
 */
import { ToolError } from '../core/error.js';
import type { KeyId } from '../keyrelease/hosts.js';
import { tokenResourceOf } from '../keyrelease/hosts.js';
import type { SendRequest } from '../keyrelease/ports.js';
import { readVaultKey, type VaultKey } from '../keyrelease/vault-answer.js';
import { buildGetKeyRequest } from '../keyrelease/vault-requests.js';
import { evaluateReleasePolicy } from '../release/evaluate.js';
import { type ReleasePolicyDocument, readReleasePolicy } from '../release/grammar.js';
import { lintReleasePolicy } from '../release/lint.js';

export interface Examination {
  readonly part: string;
  readonly result: 'ok' | 'failed' | 'not examined';
  readonly detail: string;
  readonly remedies: readonly string[];
}

export interface DoctorOptions {
  readonly vault: string;
  readonly key: KeyId;
  readonly attestationService: string;
  readonly send: SendRequest;
  readonly accessToken: (resource: string) => Promise<string>;
  /** What the workload will have in HOST_DATA; absent: the claims are not examined. */
  readonly hostData?: string;
  readonly compliance: string;
}

/** Examines network, identity, role and key, policy and claims. Never throws for what it examines. */
export async function examineRelease(options: DoctorOptions): Promise<readonly Examination[]> {
  const network = await Promise.all([
    reach(options, options.attestationService, '/certs', 'network: attestation service'),
    reach(options, options.vault, '/keys?api-version=7.4', 'network: key vault'),
  ]);
  const identity = await attempt('identity', () =>
    options.accessToken(tokenResourceOf(options.vault)),
  );
  if (typeof identity !== 'string') return [...network, identity, ...notExamined(2)];
  const asked = await attempt('key', async () => await getKey(options, identity));
  const known = examination('identity', 'ok', 'the identity gets an access token');
  if ('result' in asked) return [...network, known, asked, ...notExamined(1)];
  const exportable = asked.exportable
    ? examination('key', 'ok', `${asked.kid} is exportable`)
    : examination('key', 'failed', `${asked.kid} is not exportable`, [
        'create the key with attributes.exportable true and a release policy: `podseal key create`',
      ]);
  return [...network, known, exportable, ...examinePolicy(asked, options)];
}

async function reach(
  { send }: DoctorOptions,
  host: string,
  path: string,
  part: string,
): Promise<Examination> {
  const answer = await attempt(part, () =>
    send({ method: 'GET', url: `https://${host}${path}`, headers: {} }),
  );
  if ('result' in answer) return answer;
  return examination(part, 'ok', `${host} answers with status ${answer.status}`);
}

async function getKey({ send, vault, key }: DoctorOptions, token: string): Promise<VaultKey> {
  const request = buildGetKeyRequest(vault, key);
  const headers = { ...request.headers, Authorization: `Bearer ${token}` };
  return readVaultKey(await send({ ...request, headers }), vault);
}

function examinePolicy(key: VaultKey, options: DoctorOptions): readonly Examination[] {
  if (key.policyText === undefined) {
    const remedies = ['put a release policy on a new version of the key: `podseal key create`'];
    return [examination('release policy', 'failed', 'the key has no release policy', remedies)];
  }
  let policy: ReleasePolicyDocument;
  try {
    policy = readReleasePolicy(key.policyText, 'the release policy of the key');
  } catch (error) {
    if (error instanceof ToolError) return [examination('release policy', 'failed', error.message)];
    throw error;
  }
  const findings = lintReleasePolicy(policy, 'the release policy of the key');
  const worst = findings.filter(({ severity }) => severity === 'critical' || severity === 'high');
  const [first] = worst;
  const linted =
    first === undefined
      ? examination('release policy', 'ok', `${policy.anyOf.length} entries`)
      : examination('release policy', 'failed', `${first.path}: ${first.message}`, [first.remedy]);
  return [linted, examineClaims(policy, options)];
}

/** The policy over the claims that a healthy guest with the measurement would get. */
function examineClaims(
  policy: ReleasePolicyDocument,
  { attestationService, hostData, compliance }: DoctorOptions,
): Examination {
  if (hostData === undefined) {
    return examination('claims', 'not examined', 'give --manifest to compare its measurement');
  }
  const { decision, entries } = evaluateReleasePolicy(policy, {
    iss: `https://${attestationService}`,
    'x-ms-attestation-type': 'sevsnpvm',
    'x-ms-compliance-status': compliance,
    'x-ms-sevsnpvm-hostdata': hostData,
    'x-ms-sevsnpvm-is-debuggable': false,
    'x-ms-sevsnpvm-vmpl': 0,
  });
  if (decision === 'release') {
    return examination('claims', 'ok', 'a healthy guest with this policy gets the key');
  }
  const failed = entries.map(({ claims }) => claims.filter(({ holds }) => holds !== true));
  const [nearest = []] = failed.toSorted((a, b) => a.length - b.length);
  const detail = nearest.map(({ claim, reason }) => `${claim}: ${reason}`).join('; ');
  return examination('claims', 'failed', detail, [
    'trust the measurement of the manifest: `podseal release-policy create --update`, on a new version of the key if the policy is immutable',
  ]);
}

async function attempt<T>(part: string, work: () => Promise<T>): Promise<T | Examination> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    const got = error.got === undefined ? '' : `: ${error.got}`;
    return examination(part, 'failed', `${error.message}${got}`, error.hints);
  }
}

function examination(
  part: string,
  result: Examination['result'],
  detail: string,
  remedies: readonly string[] = [],
): Examination {
  return { part, result, detail, remedies };
}

const LATER = ['key', 'release policy'];

const notExamined = (count: number): readonly Examination[] =>
  LATER.slice(-count).map((part) => examination(part, 'not examined', 'what it needs has failed'));
