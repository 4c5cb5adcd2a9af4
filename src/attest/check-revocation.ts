/** Revocation of the ASK or ASVK by the list that the root signed (spec snp-attestation section 4.5, step M). */
import { ToolError } from '../core/error.js';
import { printTime } from '../core/time.js';
import { isPssSha384, isSignedBy } from './certificate.js';
import type { Chain, ChainTerms } from './check-chain.js';
import type { Outcome } from './checks.js';
import { parseCrl, type RevocationList } from './crl.js';
import { type Denial, deny } from './reasons.js';

/** Step M. Chips cannot be revoked by it: all VCEKs have the serial number 0. */
export function checkRevocation(chain: Chain, { crl, expectation, time }: ChainTerms): Outcome {
  if (crl === undefined) {
    if (expectation.requireCrl !== true) return 'not-asked';
    return deny('E_CRL', 'there is no revocation list although one is required');
  }
  let list: RevocationList;
  try {
    list = parseCrl(crl, 'the revocation list');
  } catch (error) {
    if (error instanceof ToolError) return deny('E_CRL', error.message);
    throw error;
  }
  return checkList(list, chain, time) ?? checkSerial(list, chain) ?? 'pass';
}

function checkList(list: RevocationList, { root }: Chain, time: number): Denial | undefined {
  if (!list.issuer.equals(root.subject)) {
    return deny('E_CRL', 'the revocation list was not issued by the root');
  }
  const good = isPssSha384(list.signatureAlgorithm) && isSignedBy(list.tbs, list.signature, root);
  if (!good) return deny('E_CRL', 'the signature of the revocation list is wrong');
  if (list.hasCriticalExtension) {
    return deny('E_CRL', 'the revocation list has a critical extension, so it may not be complete');
  }
  const { thisUpdate, nextUpdate } = list;
  if (nextUpdate !== undefined && thisUpdate <= time && time <= nextUpdate) return undefined;
  return deny('E_CRL', 'the revocation list does not hold at this time', {
    want: `${printTime(thisUpdate)} to ${nextUpdate === undefined ? 'no end' : printTime(nextUpdate)}`,
    got: printTime(time),
  });
}

function checkSerial(list: RevocationList, { intermediate }: Chain): Denial | undefined {
  if (!list.serials.includes(intermediate.serial)) return undefined;
  return deny('E_REVOKED', 'the intermediate certificate has been revoked', {
    got: `${intermediate.commonName}, serial number 0x${intermediate.serial.toString(16)}`,
  });
}
