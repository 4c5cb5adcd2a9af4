/**
 * Path validation (RFC 5280 section 6). `checkChain` takes the chain as it stands; `findPath` searches a path through
 * unordered intermediates the way the guest's library does. The time and the trust anchor are always the caller's.
 */
import { ToolError } from './error.js';
import { LIMITS } from './limits.js';
import { type Certificate, findExtension } from './x509.js';
import { basicConstraintsOf, EXTENSION, keyIdsOf, keyUsageOf } from './x509-extensions.js';
import { checkNames, hasForeignConstraint } from './x509-names.js';
import { type ChainProblem, checkSignedBy } from './x509-signature.js';

export {
  type ChainProblem,
  type ChainReason,
  checkSignedBy,
  isSelfSigned,
} from './x509-signature.js';

/** How `checkChain` checks. */
export interface ChainRules {
  /** Seconds since 1970 at which all certificates must be valid; undefined: validity is not looked at. */
  readonly time: number | undefined;
  /** Certificates of which the last one of the chain must be one; undefined: the caller trusts the last one. */
  readonly anchors?: readonly Certificate[];
  /** Issuers must have basicConstraints with CA and keyUsage with keyCertSign, version 1 or not. */
  readonly strict?: boolean;
}

/** Critical extensions that path validation handles; any other one refuses the certificate. */
const HANDLED: ReadonlySet<string> = new Set([
  EXTENSION.keyUsage,
  EXTENSION.subjectAltName,
  EXTENSION.basicConstraints,
  EXTENSION.nameConstraints,
  EXTENSION.certificatePolicies,
  EXTENSION.policyMappings,
  EXTENSION.policyConstraints,
  EXTENSION.extendedKeyUsage,
  EXTENSION.inhibitAnyPolicy,
]);

/**
 * Checks a chain in the given order: leaf first, each certificate issued by the next, the last one the trust anchor.
 * Gives every problem, none for a good chain. A chain of one certificate is its own anchor.
 */
export function checkChain(
  chain: readonly Certificate[],
  rules: ChainRules,
): readonly ChainProblem[] {
  const anchor = chain.at(-1);
  if (anchor === undefined) return [{ reason: 'too-short', message: 'the chain is empty' }];
  const problems = chain.flatMap((certificate, index): readonly ChainProblem[] => {
    return guarded(index, () => {
      const issuer = chain[index + 1];
      const signed = issuer === undefined ? undefined : checkSignedBy(certificate, issuer);
      const strict = rules.strict === true && index > 0 && !isStrictAuthority(certificate);
      return [
        ...(signed === undefined ? [] : [signed]),
        ...(strict ? [NOT_AN_AUTHORITY] : []),
        ...checkOne(certificate, chain.slice(0, index), rules.time),
      ];
    });
  });
  const trusted = rules.anchors?.some(({ der }) => der.equals(anchor.der)) ?? true;
  return trusted ? problems : [...problems, UNTRUSTED];
}

const UNTRUSTED: ChainProblem = {
  reason: 'untrusted',
  message: 'the chain does not end in a trusted certificate',
};

const NOT_AN_AUTHORITY: ChainProblem = {
  reason: 'not-an-authority',
  message: 'an issuer lacks basicConstraints with CA or keyUsage with keyCertSign',
};

/** What `findPath` gives: the certificates from the leaf to the anchor, or why there is no such path. */
export type PathResult =
  | { readonly path: readonly Certificate[] }
  | { readonly problems: readonly ChainProblem[] };

/**
 * Searches a path from the first to the last certificate, which is the only anchor, through those in between in any
 * order; certificates that are not needed do no harm. All must be valid at `time` (seconds since 1970).
 */
export function findPath(chain: readonly Certificate[], time: number): PathResult {
  const [leaf, ...others] = chain;
  const anchor = others.pop();
  if (leaf === undefined || anchor === undefined) {
    return { problems: [{ reason: 'too-short', message: 'the chain has no issuer' }] };
  }
  const search: Search = { anchor, pool: others, time, signatures: 0, problems: [] };
  const wrong = guarded(0, () => checkOne(leaf, [], time));
  if (wrong.length > 0) return { problems: wrong };
  if (leaf.der.equals(anchor.der)) return { path: [leaf] };
  const path = extend([leaf], search);
  if (path !== undefined) return { path };
  return { problems: search.problems.length > 0 ? search.problems : [UNTRUSTED] };
}

interface Search {
  readonly anchor: Certificate;
  readonly pool: readonly Certificate[];
  readonly time: number;
  signatures: number;
  problems: ChainProblem[];
}

/** The path completed by issuers of its last certificate, the anchor first; undefined if there is none. */
function extend(path: readonly Certificate[], search: Search): readonly Certificate[] | undefined {
  const last = path.at(-1);
  if (last === undefined) return undefined;
  if (isNext(last, search.anchor, path, search)) return [...path, search.anchor];
  const named = search.pool.filter(
    (candidate) =>
      candidate.subject.der.equals(last.issuer.der) &&
      !path.some((certificate) => isSameEntity(certificate, candidate)),
  );
  for (const candidate of byKeyId(last, named)) {
    if (!isNext(last, candidate, path, search)) continue;
    const longer = extend([...path, candidate], search);
    if (longer !== undefined) return longer;
  }
  return undefined;
}

/** Whether `candidate` may follow `last` in the path; notes why not. */
function isNext(
  last: Certificate,
  candidate: Certificate,
  path: readonly Certificate[],
  search: Search,
): boolean {
  if (!candidate.subject.der.equals(last.issuer.der)) return false;
  search.signatures += 1;
  if (search.signatures > LIMITS.chainSignatures) {
    throw new ToolError('LIMIT_EXCEEDED', 'a certificate chain needs too many signature checks', {
      want: `at most ${LIMITS.chainSignatures}`,
    });
  }
  const problems = guarded(path.length, () => {
    const signed = checkSignedBy(last, candidate);
    if (signed !== undefined) return [signed];
    const intermediate = candidate !== search.anchor;
    const authority = !intermediate || basicConstraintsOf(candidate)?.ca === true;
    return authority ? checkOne(candidate, path, search.time) : [NOT_AN_AUTHORITY];
  });
  search.problems.push(...problems);
  return problems.length === 0;
}

/** Same subject and key: going there again makes no progress. */
function isSameEntity(a: Certificate, b: Certificate): boolean {
  const alternative = (certificate: Certificate) =>
    findExtension(certificate, EXTENSION.subjectAltName)?.value ?? Buffer.alloc(0);
  return (
    a.subject.der.equals(b.subject.der) &&
    a.spki.equals(b.spki) &&
    alternative(a).equals(alternative(b))
  );
}

/** Candidates whose key identifier fits first, then those without one, then the others. */
function byKeyId(
  certificate: Certificate,
  candidates: readonly Certificate[],
): readonly Certificate[] {
  const rank = (candidate: Certificate): number => {
    const { authority } = keyIdsOf(certificate);
    const { subject } = keyIdsOf(candidate);
    if (authority === undefined || subject === undefined) return 1;
    return authority.equals(subject) ? 0 : 2;
  };
  return [0, 1, 2].flatMap((wanted) => candidates.filter((each) => rank(each) === wanted));
}

/** What is wrong with one certificate that stands above those `below` (leaf first), apart from its signature. */
function checkOne(
  certificate: Certificate,
  below: readonly Certificate[],
  time: number | undefined,
): readonly ChainProblem[] {
  const problems: ChainProblem[] = [];
  if (time !== undefined && time < certificate.notBefore) {
    problems.push({ reason: 'not-yet-valid', message: 'a certificate is not valid yet' });
  }
  if (time !== undefined && time > certificate.notAfter) {
    problems.push({ reason: 'expired', message: 'a certificate has expired' });
  }
  const foreign = certificate.extensions.find(({ critical, oid }) => critical && !HANDLED.has(oid));
  if (foreign !== undefined) {
    const message = `the critical extension ${foreign.oid} is unknown`;
    problems.push({ reason: 'critical-extension', message });
  }
  if (below.length === 0) return problems;
  const limit = basicConstraintsOf(certificate)?.pathLength;
  const between = below.slice(1).filter((each) => !each.subject.der.equals(each.issuer.der));
  if (limit !== undefined && between.length > limit) {
    problems.push({ reason: 'path-length', message: 'more authorities follow than are allowed' });
  }
  if (hasForeignConstraint(certificate)) {
    const message = 'names of an unknown kind are constrained';
    problems.push({ reason: 'name-constraint', message });
  }
  for (const each of below) {
    const message = checkNames(each, certificate);
    if (message !== undefined) problems.push({ reason: 'name-constraint', message });
  }
  return problems;
}

function isStrictAuthority(certificate: Certificate): boolean {
  const usage = keyUsageOf(certificate);
  return basicConstraintsOf(certificate)?.ca === true && usage?.has('keyCertSign') === true;
}

/** Runs a check; an extension that cannot be read is a problem of its certificate. */
function guarded(index: number, check: () => readonly ChainProblem[]): readonly ChainProblem[] {
  try {
    return check().map((problem) => ({ ...problem, index }));
  } catch (error) {
    if (!(error instanceof ToolError) || error.code === 'LIMIT_EXCEEDED') throw error;
    return [{ reason: 'damaged', message: error.message, index }];
  }
}
