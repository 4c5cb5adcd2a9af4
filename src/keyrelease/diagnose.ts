/**
 * Why a release failed, from the text of an error as a side-car, the vault or the agent printed it: which part is to blame,
 * and what to do. The first row that fits decides.
 */

/** The parts of a release that can fail, in the order in which they are needed. */
export const RELEASE_PARTS = [
  'network',
  'identity',
  'role',
  'evidence',
  'certificates',
  'attestation',
  'claims',
  'key',
  'request',
  'guest policy',
] as const;
export type ReleasePart = (typeof RELEASE_PARTS)[number];

export interface Diagnosis {
  readonly part: ReleasePart;
  readonly cause: string;
  readonly remedies: readonly string[];
}

interface Row extends Diagnosis {
  readonly pattern: RegExp;
}

const row = (
  pattern: RegExp,
  part: ReleasePart,
  cause: string,
  ...remedies: readonly string[]
): Row => ({ pattern, part, cause, remedies });

const ROWS: readonly Row[] = [
  row(
    /blocked by policy|policyDecision/i,
    'guest policy',
    'the agent in the guest refuses to start the container',
    '`podseal explain POLICY ERROR` says which check failed',
    'on AKS often the variables of workload identity, which the policy does not allow',
  ),
  row(
    /SNP reported TCB value.*doesn't match|certificates do not fit the report/i,
    'certificates',
    'the firmware of the host was updated, its certificates are stale',
    'name a certificate source in SkrSideCarArgs (certcache), or restart the pod on another node',
  ),
  row(
    /no SNP device|SEV guest driver is missing|\/dev\/sev/i,
    'evidence',
    'the container does not run in a confidential guest, or cannot see its device',
    'check the runtime class (kata-cc) or the confidential SKU, and that the device is there',
  ),
  row(
    /no such host|ENOTFOUND|cannot be reached|ECONNREFUSED|EAI_AGAIN|dial tcp/i,
    'network',
    'a service cannot be reached by that name',
    'check the host names of vault and attestation service, DNS, firewall and private endpoints',
  ),
  row(
    /does not answer|timeout|ETIMEDOUT|deadline/i,
    'network',
    'a service does not answer in time',
    'check firewall and private endpoints; on AKS the egress rules of the pod',
  ),
  row(
    /gives no access token|IDENTITY_FAILED|identity not found|AADSTS|federated token/i,
    'identity',
    'the workload gets no access token',
    'check that the managed identity is assigned, or the federated credential names system:serviceaccount:NAMESPACE:ACCOUNT and audience api://AzureADTokenExchange',
  ),
  row(
    /k property of oct key is too large/i,
    'key',
    'an RSA key was imported as a symmetric one',
    'write kty RSA-HSM into the import configuration',
  ),
  row(/Key not supported/i, 'key', 'the type of the key is not one that can be imported'),
  row(
    /release policy does not hold: ([^\n]+)/i,
    'claims',
    'claims of the token are not those of the release policy',
    '`podseal release-policy evaluate POLICY --token TOKEN` shows each claim',
    'after a change of the manifest the measurement is another: `podseal release-policy create --update`',
  ),
  row(
    /token-debuggable|is-debuggable/i,
    'claims',
    'the guest is debuggable',
    'never release keys to debuggable guests: use the production image of the guest',
  ),
  row(
    /\b401\b|Unauthorized|access token is expired/i,
    'identity',
    'the access token is expired or for another resource',
    '`az account get-access-token --resource https://vault.azure.net` (or https://managedhsm.azure.net)',
  ),
  row(
    /ForbiddenByRbac|does not have .*permission|ForbiddenByPolicy|ForbiddenByFirewall/i,
    'role',
    'the identity may not release keys of this vault',
    'assign the role Key Vault Crypto Service Release User, for a managed HSM Managed HSM Crypto Service Release User',
  ),
  row(
    /\b403\b|Forbidden/i,
    'claims',
    'the vault refuses the release: the claims, the authority or the role',
    'the policy hash changed since the key was made: compare `podseal measure MANIFEST` with the release policy',
    'the attestation service differs from the authority of the release policy',
    'the role Key Vault Crypto Service Release User is missing',
  ),
  row(
    /\b404\b|KeyNotFound|Not Found/i,
    'key',
    'the key has another name or version',
    'check the key id; without version the current one is meant',
  ),
  row(
    /refuses the evidence|status 400|\b400\b/i,
    'attestation',
    'the attestation service refuses report, chain, endorsement or runtime data',
    'runtime data must be the JSON that was hashed into the report',
    'the certificates must be those of this chip and TCB, the endorsement that of this guest image',
  ),
  row(/\b429\b|throttl/i, 'request', 'a service is throttled', 'try again later'),
];

/** The diagnosis of an error text; undefined if nothing in it is known. */
export function diagnoseError(text: string): Diagnosis | undefined {
  const found = ROWS.find(({ pattern }) => pattern.test(text));
  if (found === undefined) return undefined;
  const { part, cause, remedies, pattern } = found;
  const named = pattern.exec(text)?.[1];
  return { part, cause: named === undefined ? cause : `${cause}: ${named.trim()}`, remedies };
}
