/**
 * Signed fragments and trust lists as files -> what a guest loads of them: their envelope verified and their issuer resolved
 * as the guest does both (spec aci-framework 10.1 and 11.3). Whether the policy takes them is for the policy to say.
 */
import { KeyObject } from 'node:crypto';
import { checkReceipt } from '../../core/ccf-receipt.js';
import { resolveDid } from '../../core/did-x509.js';
import { ToolError } from '../../core/error.js';
import { type SignedStatement, svnOf, unpackStatement } from '../../core/signed-statement.js';
import { parseTrustList } from '../../fragment/trust-list.js';
import type { VerifiedFragment, VerifiedTrustList } from '../../rego/aci/load.js';
import type { AttachedReceipt } from '../../rego/aci/trust-store.js';

/** First bytes of every envelope: tag 18, array of four. */
const ENVELOPE = Buffer.from([0xd2, 0x84]);

/** True for bytes that start as an envelope does. */
export function isEnvelope(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, ENVELOPE.length)).equals(ENVELOPE);
}

/** A signed fragment; `what` names it. Throws FRAGMENT_INVALID with the guest's reason, and LIMIT_EXCEEDED. */
export function openFragment(bytes: Uint8Array, what: string): VerifiedFragment {
  const { statement, svn } = openEnvelope(bytes, what);
  const { issuer, feed } = statement;
  return {
    issuer,
    feed,
    ...(svn === undefined ? {} : { headerSvn: svn }),
    text: decodeText(statement.payload, what),
    receipts: receiptsOf(statement),
  };
}

/** A signed trust list; `what` names it. Throws FRAGMENT_INVALID, TRUST_LIST_INVALID, CBOR_INVALID and LIMIT_EXCEEDED. */
export function openTrustList(bytes: Uint8Array, what: string): VerifiedTrustList {
  const { statement, svn } = openEnvelope(bytes, what);
  if (svn === undefined) throw invalid(what, 'its claims have no svn');
  const list = parseTrustList(statement.payload, `the payload of ${what}`);
  return { issuer: statement.issuer, subject: statement.feed, svn, keys: list };
}

function openEnvelope(
  bytes: Uint8Array,
  what: string,
): { readonly statement: SignedStatement; readonly svn: number | undefined } {
  const unpacked = unpackStatement(bytes, what);
  if (!unpacked.ok) throw invalid(what, unpacked.message);
  const { statement } = unpacked;
  const { issuer, feed, chain } = statement;
  if (issuer === '' || feed === '') throw invalid(what, 'its headers name no issuer or no feed');
  const resolved = resolveDid(issuer, chain, 'guest');
  if (!resolved.ok) throw invalid(what, `its issuer does not resolve: ${resolved.problem}`);
  const svn = svnOf(statement);
  if (svn.kind === 'invalid') throw invalid(what, svn.message);
  return { statement, svn: svn.kind === 'number' ? exactNumber(svn.value, what) : undefined };
}

/** Rules compare it as a number. */
function exactNumber(value: bigint, what: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw invalid(what, `its svn ${value} is beyond what can be simulated`);
}

function receiptsOf({ receipts, message }: SignedStatement): readonly AttachedReceipt[] {
  return receipts.map((receipt) => ({
    issuer: receipt.issuer,
    keyId: receipt.keyId,
    isProvenBy: (key) =>
      key instanceof KeyObject && checkReceipt(receipt, message, key) === undefined,
  }));
}

function decodeText(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ToolError('FRAGMENT_INVALID', `the payload of ${what} is not UTF-8 text`, { cause });
  }
}

function invalid(what: string, problem: string): ToolError {
  return new ToolError('FRAGMENT_INVALID', `a guest does not load ${what}: ${problem}`, {
    where: what,
    hints: ['podseal fragment verify FILE tells more'],
  });
}
