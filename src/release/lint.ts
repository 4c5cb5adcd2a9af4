/**
 * Linting of key release policies: what makes one release a key to more guests than meant, or to none. Conditions are
 * judged by what an entry as a whole requires, through nested groups.
 */
import { type AuditRule, type Finding, sortFindings } from '../core/finding.js';
import { type ClaimKind, claimKind, plainClaim } from './claims.js';
import {
  type AuthorityNode,
  type ClaimNode,
  type ConditionNode,
  isGroup,
  type ReleasePolicyDocument,
} from './grammar.js';
import { LINT } from './lint-rules.js';
import { COMPLIANCE_VALUES } from './release-policy.js';

const HOST_DATA = 'x-ms-sevsnpvm-hostdata';
const AUTHORITY = /^https:\/\/[a-z0-9.-]+(:[0-9]+)?$/;
/** Domains of Azure Attestation in the public and the national clouds. */
const ATTESTATION_DOMAINS = ['.attest.azure.net', '.attest.azure.us', '.attest.azure.cn'];

/** Findings about a policy read from `file`, worst first. */
export function lintReleasePolicy(policy: ReleasePolicyDocument, file: string): readonly Finding[] {
  const lint = new Linter(file);
  if (policy.version !== '1.0.0') {
    lint.report(LINT.oldVersion, 'version', `the version is ${JSON.stringify(policy.version)}`);
  }
  const seen = new Map<string, string>();
  for (const entry of policy.anyOf) {
    lint.entry(entry);
    const text = contentOf(entry);
    const first = seen.get(text);
    if (first !== undefined) lint.report(LINT.duplicate, entry.path, `says what ${first} says`);
    else seen.set(text, entry.path);
  }
  return sortFindings(lint.findings);
}

/** Findings that forbid to store a policy: what holds for too many guests, is of an old form, or is not documented. */
export function blockingFindings(findings: readonly Finding[]): readonly Finding[] {
  const blocking: readonly string[] = [
    LINT.noHostData,
    LINT.zeroHostData,
    LINT.noEnclave,
    LINT.debuggable,
    LINT.authorityForm,
    LINT.oldVersion,
    LINT.unsure,
  ].map(({ id }) => id);
  return findings.filter(({ id }) => blocking.includes(id));
}

class Linter {
  readonly findings: Finding[] = [];
  private readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  report({ id, severity, remedy }: AuditRule, path: string, message: string): void {
    const place = { file: this.file };
    this.findings.push({ id, severity, message, subject: path, place, path, remedy });
  }

  entry(entry: AuthorityNode): void {
    this.authority(entry);
    const sgx = requires(entry, (node) => node.claim.startsWith('x-ms-sgx-'));
    if (sgx) this.enclave(entry);
    else this.guest(entry);
    for (const node of claimsOf(entry)) this.claim(node);
    this.contradictions(entry);
  }

  private authority({ authority, path }: AuthorityNode): void {
    const where = `${path}.authority`;
    if (!AUTHORITY.test(authority)) {
      this.report(LINT.authorityForm, where, `the authority is ${JSON.stringify(authority)}`);
    } else if (!ATTESTATION_DOMAINS.some((domain) => authority.endsWith(domain))) {
      this.report(LINT.authorityForeign, where, `the authority is ${authority}`);
    }
  }

  /** What every entry for SGX enclaves must require. */
  private enclave(entry: AuthorityNode): void {
    const { path } = entry;
    const identities = ['x-ms-sgx-mrenclave', 'x-ms-sgx-mrsigner'];
    if (!requires(entry, (node) => node.operator === 'equals' && identities.includes(node.claim))) {
      this.report(LINT.noEnclave, path, 'no condition names the enclave or its signer');
    }
    if (!requiresEqual(entry, 'x-ms-sgx-is-debuggable', 'false')) {
      this.report(LINT.debuggable, path, 'no condition refuses debuggable enclaves');
    }
  }

  /** What every entry for SNP guests must require. */
  private guest(entry: AuthorityNode): void {
    const { path } = entry;
    if (!requiresEqual(entry, HOST_DATA)) {
      this.report(LINT.noHostData, path, 'no condition binds HOST_DATA to a measurement');
    }
    if (!requiresEqual(entry, 'x-ms-sevsnpvm-is-debuggable', 'false')) {
      this.report(LINT.debuggable, path, 'no condition refuses debuggable guests');
    }
    if (!requiresEqual(entry, 'x-ms-compliance-status')) {
      this.report(LINT.noCompliance, path, 'no condition names the compliance status');
    }
    if (!requiresEqual(entry, 'x-ms-attestation-type')) {
      this.report(LINT.noAttestationType, path, 'no condition names the attestation type');
    }
    if (!requiresEqual(entry, 'x-ms-sevsnpvm-vmpl')) {
      this.report(LINT.noVmpl, path, 'no condition names the VMPL');
    }
  }

  private claim(node: ClaimNode): void {
    const { claim, operator, value, path } = node;
    const kind = claimKind(claim);
    if (kind === undefined) {
      this.report(LINT.unknownClaim, path, `${claim} is not a claim of the service`);
    }
    const doubt = doubtOf(node, kind);
    if (doubt !== undefined) this.report(LINT.unsure, path, `${claim}: ${doubt}`);
    if (operator !== 'equals') this.report(LINT.laterOperator, path, `${claim}: ${operator}`);
    if (operator === 'exists') return;
    if (typeof kind === 'object') this.hex(node, kind.hexDigits);
    const form =
      kind === 'boolean' ? /^(true|false)$/ : kind === 'number' ? /^(0|[1-9][0-9]*)$/ : /^/;
    if (!form.test(String(value))) {
      this.report(LINT.valueForm, path, `${claim} is never ${JSON.stringify(value)}`);
    }
    if (plainClaim(claim) === HOST_DATA && operator === 'equals' && /^0{64}$/.test(String(value))) {
      this.report(LINT.zeroHostData, path, 'HOST_DATA of all zeros');
    }
    const compliance = plainClaim(claim) === 'x-ms-compliance-status' && operator === 'equals';
    if (compliance && !COMPLIANCE_VALUES.includes(String(value))) {
      this.report(LINT.unknownCompliance, path, `the status ${JSON.stringify(value)}`);
    }
  }

  private hex({ claim, value, path }: ClaimNode, digits: number): void {
    const text = String(value);
    if (text.length === digits && /^[0-9a-f]*$/.test(text)) return;
    const problem =
      text.length === digits && /^[0-9a-fA-F]*$/.test(text)
        ? 'has upper-case digits'
        : `is not ${digits} hex digits`;
    this.report(LINT.hexForm, path, `the value of ${claim} ${problem}`);
  }

  /** Two values for one claim in the conditions that must all hold. */
  private contradictions(entry: AuthorityNode): void {
    if (entry.kind !== 'allOf') return;
    const values = new Map<string, string | number | boolean>();
    for (const node of entry.conditions) {
      if (isGroup(node) || node.operator !== 'equals') continue;
      const former = values.get(node.claim);
      if (former !== undefined && String(former) !== String(node.value)) {
        this.report(LINT.neverHolds, node.path, `${node.claim} cannot have two values at once`);
      }
      values.set(node.claim, node.value);
    }
  }
}

/** Why it is not documented how the service decides this condition. */
function doubtOf({ operator, value }: ClaimNode, kind: ClaimKind | undefined): string | undefined {
  if (typeof value === 'boolean') return 'a boolean value is outside the grammar, write it as text';
  if ((typeof value === 'number' || kind === 'number') && isInexact(Number(value))) {
    return 'not every reader tells numbers beyond 2^53 apart';
  }
  if (operator === 'exists') {
    if (value !== 'true') return 'only exists "true" is documented';
    return kind === 'object' ? 'the claim is not a single value' : undefined;
  }
  if (kind === 'object') return 'the claim is not a single value';
  if (operator === 'notEquals' && kind !== 'boolean' && /\p{Lu}/u.test(String(value))) {
    return 'texts that differ in case alone may be equal to the service, write it in lower case';
  }
  if (operator === 'equals' || operator === 'notEquals') return doubtOfForm(value, kind);
  if (typeof value !== 'number') return 'how texts are ordered is not documented';
  return kind === 'number' || kind === undefined ? undefined : 'the claim is not a number';
}

const isInexact = (value: number) => Math.abs(value) > Number.MAX_SAFE_INTEGER;

/** Why it is not documented whether the value is that of a claim of the kind, which has one way to write each value. */
function doubtOfForm(value: string | number, kind: ClaimKind | undefined): string | undefined {
  if (typeof value === 'number') {
    const texts = kind === 'text' || typeof kind === 'object';
    return texts ? 'a number is compared with a text' : undefined;
  }
  const plain =
    kind === 'boolean' ? value.toLowerCase() : kind === 'number' ? String(Number(value)) : value;
  const alike = kind === 'boolean' ? /^(true|false)$/.test(plain) : value.trim() !== '';
  return plain !== value && plain !== 'NaN' && alike ? 'the value is written otherwise' : undefined;
}

/** True if the node can hold only where a condition that meets `test` holds. */
function requires(node: ConditionNode, test: (node: ClaimNode) => boolean): boolean {
  if (!isGroup(node)) return test(node);
  const { kind, conditions } = node;
  if (kind === 'allOf') return conditions.some((condition) => requires(condition, test));
  return conditions.every((condition) => requires(condition, test));
}

/** True if the node can hold only where the claim equals `value`, or any value. */
function requiresEqual(entry: ConditionNode, claim: string, value?: string): boolean {
  return requires(
    entry,
    (node) =>
      plainClaim(node.claim) === claim &&
      node.operator === 'equals' &&
      (value ?? String(node.value)) === String(node.value),
  );
}

function claimsOf(node: ConditionNode): readonly ClaimNode[] {
  return isGroup(node) ? node.conditions.flatMap(claimsOf) : [node];
}

/** What a node says, without its place. */
function contentOf(node: ConditionNode): string {
  if (!isGroup(node)) return JSON.stringify([node.claim, node.operator, node.value]);
  const authority = 'authority' in node ? node.authority : '';
  return JSON.stringify([authority, node.kind, ...node.conditions.map(contentOf)]);
}
