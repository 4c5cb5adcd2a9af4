/** Verifies the endorsement of a utility VM by its publisher (spec snp-attestation section 7). */
import { type CoseAlgorithm, verifyCose } from '../core/cose-algorithms.js';
import { sigStructure } from '../core/cose-sign1.js';
import { parseDid } from '../core/did-x509.js';
import { checkPredicate } from '../core/did-x509-predicates.js';
import { ToolError } from '../core/error.js';
import { type Certificate, fingerprintOf, parseCertificate, publicKeyOf } from '../core/x509.js';
import { checkChain, isSelfSigned } from '../core/x509-chain.js';
import { basicConstraintsOf } from '../core/x509-extensions.js';
import type { CheckName, Ledger, Outcome } from './checks.js';
import {
  type Endorsement,
  type EndorsementPayload,
  parseEndorsement,
  parseEndorsementPayload,
} from './endorsement.js';
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

/** The algorithms that endorsements may be signed with. The curve of a key is not tied to one of them. */
const ALGORITHMS: ReadonlySet<string> = new Set([
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
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

function readEndorsement(bytes: Uint8Array | undefined): Endorsement | Denial {
  if (bytes !== undefined) return parseEndorsement(bytes);
  return deny('E_UVM_FORMAT', 'there is no endorsement of the utility VM although one is expected');
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
    return verifyCose(algorithm, publicKeyOf(leaf, 'the leaf'), signed, signature);
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
