/**
 * Endorsement of the utility VM: a COSE_Sign1 in which the publisher says which launch measurement a build has (spec
 * snp-attestation section 7, aci-framework section 14).
 */
import { type CborMap, type CborValue, isCborArray, isCborMap } from '../core/cbor.js';
import { type CoseAlgorithm, findCoseAlgorithm, verifyCose } from '../core/cose-algorithms.js';
import { COSE_LABEL, type CoseSign1, parseCoseSign1, sigStructure } from '../core/cose-sign1.js';
import { parseDid } from '../core/did-x509.js';
import { checkPredicate } from '../core/did-x509-predicates.js';
import { ToolError } from '../core/error.js';
import { parseJsonBytes } from '../core/json.js';
import { type JsonPlace, readObject } from '../core/json-read.js';
import { LIMITS } from '../core/limits.js';
import { type Certificate, fingerprintOf, parseCertificate, publicKeyOf } from '../core/x509.js';
import { checkChain, isSelfSigned } from '../core/x509-chain.js';
import { basicConstraintsOf } from '../core/x509-extensions.js';
import { parseAmdCertificate } from './certificate.js';
import type { CheckName, Ledger, Outcome } from './checks.js';
import type { Expectation, UvmExpectation } from './expectation.js';
import { type Denial, deny } from './reasons.js';
import { isDenial, type SnpReport } from './report.js';

/** Checks about endorsements, in order. */
export const UVM_CHECKS = [
  'uvm-format',
  'uvm-chain',
  'uvm-signature',
  'uvm-issuer',
  'uvm-feed',
  'uvm-payload',
  'uvm-svn',
  'uvm-measurement',
] as const satisfies readonly CheckName[];

/** What an endorsement is judged by. Without a report its measurement must be one of `expectation.launchMeasurements`. */
export interface UvmTerms {
  readonly expectation: Expectation;
  readonly report?: SnpReport;
}

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

/** The algorithms that endorsements may be signed with, with the curve of the key for ECDSA. */
const ALGORITHMS: ReadonlyMap<string, string | undefined> = new Map([
  ['PS256', undefined],
  ['PS384', undefined],
  ['PS512', undefined],
  ['ES256', 'prime256v1'],
  ['ES384', 'secp384r1'],
]);

/** Judges an endorsement; nothing is asked without `uvm` in the expectation. */
export function judgeUvm(
  ledger: Ledger,
  endorsement: Uint8Array | undefined,
  terms: UvmTerms,
): void {
  const { uvm } = terms.expectation;
  if (uvm === undefined) {
    for (const check of UVM_CHECKS) ledger.judge(check, [], () => 'not-asked');
    return;
  }
  const found = readEndorsement(endorsement);
  ledger.judge('uvm-format', [], () => (isDenial(found) ? found : 'pass'));
  if (isDenial(found)) return;
  const chain = readEndorsementChain(found);
  ledger.judge('uvm-chain', [], () => (isDenial(chain) ? chain : 'pass'));
  if (isDenial(chain)) return;
  ledger.judge('uvm-signature', [], () => checkSignature(found, chain) ?? 'pass');
  ledger.judge('uvm-issuer', ['uvm-signature'], () => checkIssuer(found, chain, uvm) ?? 'pass');
  ledger.judge('uvm-feed', ['uvm-signature'], () => checkFeed(found, uvm) ?? 'pass');
  const payload = parseEndorsementPayload(found.payload);
  ledger.judge('uvm-payload', ['uvm-signature'], () => (isDenial(payload) ? payload : 'pass'));
  if (isDenial(payload)) return;
  ledger.judge('uvm-svn', ['uvm-payload'], () => checkSvn(payload, uvm) ?? 'pass');
  const needs = ['uvm-payload', 'length', 'version'] as const;
  ledger.judge('uvm-measurement', needs, () => checkMeasurement(payload, terms));
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

function readEndorsement(bytes: Uint8Array | undefined): Endorsement | Denial {
  if (bytes !== undefined) return parseEndorsement(bytes);
  return deny('E_UVM_FORMAT', 'there is no endorsement of the utility VM although one is expected');
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

/** Each certificate issued by the next, the last one by itself, at the end of the leaf's validity. */
function readEndorsementChain({ certificates }: Endorsement): readonly Certificate[] | Denial {
  const refused = (problem: string) =>
    deny('E_UVM_CHAIN', `the certificates of the endorsement form no chain: ${problem}`);
  try {
    const chain = certificates.map((each, index) => parseCertificate(each, `certificate ${index}`));
    const [problem] = checkChain(chain, { time: chain[0]?.notAfter });
    if (problem !== undefined) return refused(problem.message);
    const [leaf, ...issuers] = chain;
    const last = issuers.at(-1);
    const hasAuthorities = issuers.every((each) => basicConstraintsOf(each)?.ca === true);
    if (leaf === undefined || last === undefined || !hasAuthorities) {
      return refused('an issuer is not an authority');
    }
    return isSelfSigned(last) ? chain : refused('it does not end in a root');
  } catch (error) {
    if (error instanceof ToolError) return refused(error.message);
    throw error;
  }
}

function checkSignature(
  { message, payload, algorithm }: Endorsement,
  [leaf]: readonly Certificate[],
): Denial | undefined {
  if (algorithm === undefined || !ALGORITHMS.has(algorithm.name)) {
    return deny(
      'E_UVM_SIGNATURE',
      'the endorsement has a signature algorithm that is not accepted',
    );
  }
  const signed = sigStructure(message.protectedBytes, payload);
  const good = leaf !== undefined && isSignedByLeaf(leaf, algorithm, signed, message.signature);
  return good ? undefined : deny('E_UVM_SIGNATURE', 'the signature of the endorsement is wrong');
}

function isSignedByLeaf(
  leaf: Certificate,
  algorithm: CoseAlgorithm,
  signed: Buffer,
  signature: Buffer,
): boolean {
  try {
    const key = publicKeyOf(leaf, 'the leaf');
    const curve = ALGORITHMS.get(algorithm.name);
    if (curve !== undefined && key.asymmetricKeyDetails?.namedCurve !== curve) return false;
    return verifyCose(algorithm, key, signed, signature);
  } catch (error) {
    if (error instanceof ToolError) return false;
    throw error;
  }
}

/** The name alone proves nothing: it must hold for the certificates that signed. */
function checkIssuer(
  { issuer }: Endorsement,
  chain: readonly Certificate[],
  uvm: UvmExpectation,
): Denial | undefined {
  if (issuer !== uvm.issuer) {
    return deny('E_UVM_ISSUER', 'the endorsement names another issuer', {
      want: uvm.issuer,
      got: issuer.slice(0, 500),
    });
  }
  const problem = issuerProblem(issuer, chain);
  if (problem === undefined) return undefined;
  const message = `the certificates of the endorsement are not those of its issuer: ${problem}`;
  return deny('E_UVM_ISSUER', message);
}

/** Why the identifier does not hold for the chain; undefined if it pins an authority and all it says of the leaf is so. */
function issuerProblem(issuer: string, chain: readonly Certificate[]): string | undefined {
  const parts = parseDid(issuer.split('#', 1)[0] ?? '');
  if (typeof parts === 'string') return parts;
  const [leaf, ...authorities] = chain;
  const { algorithm, fingerprint, predicates } = parts;
  const pinned = authorities.some((authority) => {
    return fingerprintOf(authority, algorithm).toString('base64url') === fingerprint;
  });
  if (leaf === undefined || !pinned) return 'no authority of the chain has the fingerprint';
  try {
    const problems = predicates.map(({ name, value }) => {
      return checkPredicate(name, value, leaf, 'specification');
    });
    return problems.find((problem) => problem !== undefined);
  } catch (error) {
    if (error instanceof ToolError) return error.message;
    throw error;
  }
}

function checkFeed({ feed }: Endorsement, uvm: UvmExpectation): Denial | undefined {
  if (feed === uvm.feed) return undefined;
  return deny('E_UVM_FEED', 'the endorsement is of another feed', {
    want: uvm.feed,
    got: feed.slice(0, 500),
  });
}

function checkSvn({ svn }: EndorsementPayload, uvm: UvmExpectation): Denial | undefined {
  if (svn >= BigInt(uvm.minimumSvn)) return undefined;
  return deny('E_UVM_SVN', 'the security version of the endorsement is below the minimum', {
    want: `at least ${uvm.minimumSvn}`,
    got: svn.toString(),
  });
}

function checkMeasurement(
  { launchMeasurement }: EndorsementPayload,
  { report, expectation }: UvmTerms,
): Outcome {
  const wanted =
    report === undefined
      ? expectation.launchMeasurements
      : [Buffer.from(report.launchMeasurement).toString('hex')];
  if (wanted === undefined) return 'blocked';
  if (wanted.includes(launchMeasurement)) return 'pass';
  return deny('E_UVM_MEASUREMENT', 'the endorsement is of another launch measurement', {
    want: wanted.join(', '),
    got: launchMeasurement,
  });
}

function malformed(problem: string): Denial {
  return deny('E_UVM_FORMAT', `the endorsement cannot be read: ${problem}`);
}
