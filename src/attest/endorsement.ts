/**
 * Endorsement of a utility VM: a COSE_Sign1 in which the publisher says which launch measurement a build has (spec
 * snp-attestation section 7, aci-framework section 14). Read only; uvm.ts verifies it.
 */
import { type CborMap, type CborValue, isCborArray, isCborMap } from '../core/cbor.js';
import { type CoseAlgorithm, findCoseAlgorithm } from '../core/cose-algorithms.js';
import { COSE_LABEL, type CoseSign1, parseCoseSign1 } from '../core/cose-sign1.js';
import { ToolError } from '../core/error.js';
import { parseJsonBytes } from '../core/json.js';
import { type JsonPlace, readObject } from '../core/json-read.js';
import { LIMITS } from '../core/limits.js';
import { parseAmdCertificate } from './certificate.js';
import { type Denial, deny } from './reasons.js';
import { isDenial } from './report.js';

/** An endorsement that has been read, not verified. */
export interface Endorsement {
  readonly message: CoseSign1;
  readonly payload: Buffer;
  readonly algorithm: CoseAlgorithm | undefined;
  /** DER, leaf first. */
  readonly certificates: readonly Buffer[];
  /** Empty where the header has none. */
  readonly issuer: string;
  readonly feed: string;
}

/** What the publisher says. */
export interface EndorsementPayload {
  readonly svn: bigint;
  /** 96 lower-case hex digits. */
  readonly launchMeasurement: string;
}

/** Reads an endorsement (tagged or not). E_UVM_FORMAT for what is none. */
export function parseEndorsement(bytes: Uint8Array): Endorsement | Denial {
  if (bytes.length > LIMITS.endorsementBytes) {
    return malformed(`it has ${bytes.length} bytes, at most ${LIMITS.endorsementBytes} are read`);
  }
  try {
    const tagged = bytes[0] === UNTAGGED ? Buffer.concat([TAG, bytes]) : bytes;
    const message = parseCoseSign1(tagged, 'the endorsement');
    const { protectedHeader, payload } = message;
    if (payload === undefined) return malformed('its payload is detached');
    const id = protectedHeader.get(COSE_LABEL.algorithm);
    if (typeof id !== 'bigint') return malformed('its header names no algorithm');
    const certificates = readCertificates(protectedHeader);
    if (isDenial(certificates)) return certificates;
    return {
      message,
      payload,
      algorithm: findCoseAlgorithm(id),
      certificates,
      ...readNames(protectedHeader),
    };
  } catch (error) {
    if (error instanceof ToolError) return malformed(error.message);
    throw error;
  }
}

/** First byte of an array of four, and of the tag that may stand before it. */
const UNTAGGED = 0x84;
const TAG = Buffer.of(0xd2);

const SVN_MEMBER = 'x-ms-sevsnpvm-guestsvn';
const MEASUREMENT_MEMBER = 'x-ms-sevsnpvm-launchmeasurement';

/** Reads the payload: a JSON object with both values as texts. E_UVM_PAYLOAD. */
export function parseEndorsementPayload(bytes: Uint8Array): EndorsementPayload | Denial {
  const what = 'the payload of the endorsement';
  const place: JsonPlace = { code: 'JSON_SYNTAX', what, path: '' };
  try {
    const object = readObject(parseJsonBytes(bytes, what), place);
    const { [SVN_MEMBER]: svn, [MEASUREMENT_MEMBER]: measurement } = object;
    if (typeof svn !== 'string' || !/^\d{1,20}$/.test(svn)) {
      return deny('E_UVM_PAYLOAD', `${what} has no ${SVN_MEMBER} of decimal digits`);
    }
    if (typeof measurement !== 'string' || !/^[0-9a-fA-F]{96}$/.test(measurement)) {
      return deny('E_UVM_PAYLOAD', `${what} has no ${MEASUREMENT_MEMBER} of 96 hex digits`);
    }
    return { svn: BigInt(svn), launchMeasurement: measurement.toLowerCase() };
  } catch (error) {
    if (error instanceof ToolError) return deny('E_UVM_PAYLOAD', error.message);
    throw error;
  }
}

/** Certificates of the protected header; those of the unprotected one are anybody's. */
function readCertificates(header: CborMap): readonly Buffer[] | Denial {
  const value = header.get(COSE_LABEL.x5chain) ?? null;
  const list = isCborArray(value) ? value : [];
  if (list.length < 2 || list.length > LIMITS.chainCertificates) {
    return malformed('its protected header does not hold a chain of certificates');
  }
  const certificates = list.filter((each) => Buffer.isBuffer(each));
  if (certificates.length !== list.length) return malformed('a certificate is no byte string');
  certificates.forEach((each, index) => {
    parseAmdCertificate(each, `certificate ${index} of the endorsement`);
  });
  return certificates;
}

const CWT_ISSUER = 1n;
const CWT_SUBJECT = 2n;

/** Issuer and feed: CWT claims where there are any, else the text labels. */
function readNames(header: CborMap): Pick<Endorsement, 'issuer' | 'feed'> {
  const text = (value: CborValue) => (typeof value === 'string' ? value : '');
  if (!header.has(COSE_LABEL.cwtClaims)) {
    return { issuer: text(header.get('iss')), feed: text(header.get('feed')) };
  }
  const claims = header.get(COSE_LABEL.cwtClaims) ?? null;
  const map: CborMap = isCborMap(claims) ? claims : new Map();
  return { issuer: text(map.get(CWT_ISSUER)), feed: text(map.get(CWT_SUBJECT)) };
}

function malformed(problem: string): Denial {
  return deny('E_UVM_FORMAT', `the endorsement cannot be read: ${problem}`);
}
