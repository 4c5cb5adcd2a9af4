/**
 * Would a guest load this fragment: the checks of the guest in its order (aci-framework 10.1 to 10.9), against an import
 * of a policy. Every reason is collected; what was not asked for is listed as skipped.
 */
import { checkReceipt } from '../core/ccf-receipt.js';
import { resolveDid } from '../core/did-x509.js';
import { ToolError } from '../core/error.js';
import { compareSemver, isSemver } from '../core/semver.js';
import {
  type SignedStatement,
  type StatementReason,
  svnOf,
  unpackStatement,
} from '../core/signed-statement.js';
import { type FragmentPayload, parseFragment } from './payload.js';
import { compareSvn, isSameSvn, type Svn } from './svn.js';
import type { TrustedLedgers } from './trust-list.js';

/** Why a fragment is not loaded. */
export type FragmentReason =
  | StatementReason
  | 'issuer-or-feed-missing'
  | 'issuer-unresolved'
  | 'svn-claim'
  | 'payload'
  | 'issuer'
  | 'feed'
  | 'svn'
  | 'svn-type'
  | 'svn-missing'
  | 'svn-mismatch'
  | 'framework-version'
  | 'receipt';

/** An import as a policy states it. */
export interface ExpectedImport {
  readonly issuer: string;
  readonly feed: string;
  readonly minimumSvn: Svn;
  /** Ledgers that must have given a receipt; `TTL:SUBJECT` for one known from that trust list, `*` for any. */
  readonly requiredReceipts?: readonly string[];
}

/** What a fragment is checked against. */
export interface FragmentExpectation {
  /** Imports of which one must fit; undefined: any issuer and feed will do, which says nothing about trust. */
  readonly imports: readonly ExpectedImport[] | undefined;
  /** Framework version of the guest. */
  readonly frameworkVersion: string;
  /** Keys of ledgers, for receipts. */
  readonly ledgers: TrustedLedgers;
}

export interface FragmentFinding {
  readonly reason: FragmentReason;
  readonly message: string;
}

/** A receipt with what is wrong with it. */
export interface JudgedReceipt {
  readonly issuer: string;
  readonly keyId: string;
  readonly problem: string | undefined;
  /** Subjects of the trust lists that the key comes from. */
  readonly offeredBy: readonly string[];
}

export interface FragmentVerdict {
  readonly kind: 'allowed' | 'denied';
  /** Never empty for `denied`. */
  readonly reasons: readonly FragmentFinding[];
  /** Names of checks that were not made. */
  readonly skipped: readonly string[];
  /** What a guest does not mind but the method's specification does. */
  readonly remarks: readonly string[];
  /** What could be read. */
  readonly statement: SignedStatement | undefined;
  readonly payload: FragmentPayload | undefined;
  readonly receipts: readonly JudgedReceipt[];
}

/** Judges a signed fragment. Throws LIMIT_EXCEEDED only. */
export function verifyFragment(
  bytes: Uint8Array,
  what: string,
  expectation: FragmentExpectation,
): FragmentVerdict {
  const unpacked = unpackStatement(bytes, what);
  if (!unpacked.ok) {
    return {
      kind: 'denied',
      reasons: [{ reason: unpacked.reason, message: unpacked.message }],
      skipped: ['issuer', 'payload', 'import', 'receipts'],
      remarks: [],
      statement: undefined,
      payload: undefined,
      receipts: [],
    };
  }
  const { statement } = unpacked;
  const receipts = judgeReceipts(statement, expectation.ledgers);
  const payload = readPayload(statement, what);
  const reasons = [
    ...issuerFindings(statement),
    ...(isFinding(payload) ? [payload] : payloadFindings(payload, statement, expectation)),
    ...importFindings(statement, isFinding(payload) ? undefined : payload, receipts, expectation),
  ];
  return {
    kind: reasons.length === 0 ? 'allowed' : 'denied',
    reasons,
    skipped: expectation.imports === undefined ? ['import', 'receipts'] : [],
    remarks: remarksOn(statement),
    statement,
    payload: isFinding(payload) ? undefined : payload,
    receipts,
  };
}

const finding = (reason: FragmentReason, message: string): FragmentFinding => ({ reason, message });

const isFinding = (value: FragmentPayload | FragmentFinding): value is FragmentFinding =>
  'reason' in value;

function issuerFindings(statement: SignedStatement): readonly FragmentFinding[] {
  const findings: FragmentFinding[] = [];
  if (statement.issuer === '' || statement.feed === '') {
    findings.push(finding('issuer-or-feed-missing', 'the headers name no issuer or no feed'));
  }
  if (statement.issuer !== '') {
    const resolved = resolveDid(statement.issuer, statement.chain, 'guest');
    if (!resolved.ok) findings.push(finding('issuer-unresolved', resolved.problem));
  }
  const svn = svnOf(statement);
  if (svn.kind === 'invalid') findings.push(finding('svn-claim', svn.message));
  return findings;
}

/** What the specification of did:x509 refuses although the guest does not. */
function remarksOn(statement: SignedStatement): readonly string[] {
  if (statement.issuer === '') return [];
  const guest = resolveDid(statement.issuer, statement.chain, 'guest');
  const strict = resolveDid(statement.issuer, statement.chain, 'specification');
  if (!guest.ok || strict.ok) return [];
  return [`by the specification of did:x509 the issuer does not resolve: ${strict.problem}`];
}

function readPayload(statement: SignedStatement, what: string): FragmentPayload | FragmentFinding {
  try {
    return parseFragment(statement.payload, `the payload of ${what}`);
  } catch (error) {
    if (!(error instanceof ToolError) || error.code === 'LIMIT_EXCEEDED') throw error;
    const place = error.where === undefined ? '' : ` (${error.where})`;
    return finding('payload', `${error.message}${place}`);
  }
}

function payloadFindings(
  payload: FragmentPayload,
  statement: SignedStatement,
  { frameworkVersion: current }: FragmentExpectation,
): readonly FragmentFinding[] {
  const findings: FragmentFinding[] = [];
  const version = payload.frameworkVersion;
  if (version === undefined) {
    findings.push(finding('framework-version', 'framework_version is missing'));
  } else if (!isSemver(version) || (compareSemver(version, current) ?? 1) > 0) {
    const message = `framework_version ${version} is ahead of the guest's, ${current}`;
    findings.push(finding('framework-version', message));
  }
  const header = svnOf(statement);
  if (payload.svn === undefined && header.kind === 'absent') {
    findings.push(finding('svn-missing', 'neither the text nor the headers give an svn'));
  }
  const given = header.kind === 'number' && payload.svn !== undefined;
  if (given && !isSameSvn(header.value, payload.svn)) {
    const message = `svn ${header.value} of the headers is not svn ${payload.svn} of the text`;
    findings.push(finding('svn-mismatch', message));
  }
  return findings;
}

/** One import must fit in all points; the reasons are those of the import that comes closest. */
function importFindings(
  statement: SignedStatement,
  payload: FragmentPayload | undefined,
  receipts: readonly JudgedReceipt[],
  { imports }: FragmentExpectation,
): readonly FragmentFinding[] {
  if (imports === undefined) return [];
  const ofIssuer = imports.filter(({ issuer }) => issuer === statement.issuer);
  if (ofIssuer.length === 0) return [finding('issuer', 'no import names this issuer')];
  const candidates = ofIssuer.filter(({ feed }) => feed === statement.feed);
  if (candidates.length === 0) return [finding('feed', 'no import names this feed of the issuer')];
  const problems = candidates.map((each) => [
    ...svnFindings(statement, payload, each),
    ...receiptFindings(each, receipts),
  ]);
  return problems.reduce((best, each) => (each.length < best.length ? each : best));
}

function svnFindings(
  statement: SignedStatement,
  payload: FragmentPayload | undefined,
  { minimumSvn }: ExpectedImport,
): readonly FragmentFinding[] {
  const header = svnOf(statement);
  const given = [
    ...(header.kind === 'number' ? [header.value] : []),
    ...(payload?.svn === undefined ? [] : [payload.svn]),
  ];
  for (const svn of given) {
    const order = compareSvn(svn, minimumSvn);
    if (order === 'below') {
      return [finding('svn', `svn ${svn} is below the minimum ${minimumSvn}`)];
    }
    if (order !== 'at-least') {
      return [finding('svn-type', `svn ${svn} cannot be compared with the minimum ${minimumSvn}`)];
    }
  }
  return [];
}

function receiptFindings(
  { requiredReceipts = [] }: ExpectedImport,
  receipts: readonly JudgedReceipt[],
): readonly FragmentFinding[] {
  const counted = receipts.filter(({ problem }) => problem === undefined);
  return requiredReceipts
    .filter((wanted) => !counted.some((receipt) => satisfies(receipt, wanted)))
    .map((wanted) => finding('receipt', `there is no valid receipt from ${wanted}`));
}

function satisfies({ issuer, offeredBy }: JudgedReceipt, wanted: string): boolean {
  if (wanted === '*') return true;
  if (wanted.startsWith('TTL:')) return offeredBy.includes(wanted.slice('TTL:'.length));
  return wanted === issuer;
}

function judgeReceipts(
  statement: SignedStatement,
  ledgers: TrustedLedgers,
): readonly JudgedReceipt[] {
  return statement.receipts.map((receipt) => {
    const keys = ledgers.get(receipt.issuer);
    const trusted = keys?.get(receipt.keyId);
    const problem =
      keys === undefined
        ? 'no keys of this ledger are known'
        : checkReceipt(receipt, statement.message, trusted?.key);
    const { issuer, keyId } = receipt;
    return { issuer, keyId, problem, offeredBy: trusted?.offeredBy ?? [] };
  });
}
