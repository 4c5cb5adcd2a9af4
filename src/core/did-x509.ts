/**
 * did:x509 identifiers: a pinned certificate authority and predicates about the leaf certificate below it. Two sets of
 * rules: the method's specification, and those of the guest's library, which decide whether a fragment loads.
 */
import type { JsonWebKey } from 'node:crypto';
import { checkPredicate, type DidRules, hasRepeatedAttribute } from './did-x509-predicates.js';
import { ToolError } from './error.js';
import { LIMITS } from './limits.js';
import { type Certificate, fingerprintOf, publicKeyOf } from './x509.js';
import { checkChain, findPath } from './x509-chain.js';
import { keyUsageOf, subjectAltNamesOf } from './x509-extensions.js';

export type { DidRules } from './did-x509-predicates.js';

/** DID document of a resolved identifier. */
export interface DidDocument {
  readonly '@context': string;
  readonly id: string;
  readonly verificationMethod: readonly {
    readonly id: string;
    readonly type: 'JsonWebKey';
    readonly controller: string;
    readonly publicKeyJwk: JsonWebKey;
  }[];
  readonly authentication?: readonly string[];
  readonly assertionMethod?: readonly string[];
  readonly keyAgreement?: readonly string[];
}

export type DidResult =
  | { readonly ok: true; readonly document: DidDocument }
  | { readonly ok: false; readonly problem: string };

/** The parts of an identifier. */
export interface DidParts {
  readonly algorithm: 'sha256' | 'sha384' | 'sha512';
  /** Unpadded base64url of the pinned certificate's hash. */
  readonly fingerprint: string;
  /** Name of each predicate and its value as written, with colons and percent signs. */
  readonly predicates: readonly { readonly name: string; readonly value: string }[];
}

const PREFIX = ['did', 'x509', '0'];
const ALGORITHMS = ['sha256', 'sha384', 'sha512'] as const;

/** Splits an identifier without a URL fragment. Gives a sentence about what is wrong instead of throwing. */
export function parseDid(did: string): DidParts | string {
  if (did.length > LIMITS.didChars) return 'the identifier is too long';
  const [head = '', ...rest] = did.split('::');
  const [method, name, version, algorithm, fingerprint, ...more] = head.split(':');
  if (method !== PREFIX[0] || name !== PREFIX[1] || version !== PREFIX[2]) {
    return 'the identifier does not begin with did:x509:0:';
  }
  if (fingerprint === undefined || more.length > 0) return 'the identifier names no certificate';
  const known = ALGORITHMS.find((each) => each === algorithm);
  if (known === undefined) return 'the fingerprint algorithm is unknown';
  if (rest.length === 0) return 'the identifier has no predicate';
  const predicates = rest.map((text) => {
    const colon = text.indexOf(':');
    const end = colon < 0 ? text.length : colon;
    return { name: text.slice(0, end), value: text.slice(end + 1) };
  });
  return { algorithm: known, fingerprint, predicates };
}

/**
 * Resolves an identifier against a chain, leaf first. `specification` checks the chain as it stands without regard to
 * time; `guest` searches a path to its last certificate at the end of the leaf's validity, as the guest's library does.
 */
export function resolveDid(did: string, chain: readonly Certificate[], rules: DidRules): DidResult {
  const refused = (problem: string): DidResult => ({ ok: false, problem });
  const id = rules === 'specification' ? (did.split('#', 1)[0] ?? '') : did;
  const [leaf] = chain;
  if (leaf === undefined || chain.length < 2) {
    return refused('the chain has fewer than two certificates');
  }
  try {
    const path = trustedPath(chain, rules);
    if (typeof path === 'string') return refused(path);
    if (rules === 'specification') {
      const problem = strictProblem(id, leaf);
      if (problem !== undefined) return refused(problem);
    }
    const parts = parseDid(id);
    if (typeof parts === 'string') return refused(parts);
    const pinned = path.slice(1).some((certificate) => {
      return (
        fingerprintOf(certificate, parts.algorithm).toString('base64url') === parts.fingerprint
      );
    });
    if (!pinned) return refused('no authority of the chain has the fingerprint');
    for (const { name, value } of parts.predicates) {
      const problem = checkPredicate(name, value, leaf, rules);
      if (problem !== undefined) return refused(problem);
    }
    return documentOf(id, leaf);
  } catch (error) {
    // Damaged extensions and keys: the certificates do not bear out anything.
    if (error instanceof ToolError && error.code !== 'LIMIT_EXCEEDED')
      return refused(error.message);
    throw error;
  }
}

function trustedPath(
  chain: readonly Certificate[],
  rules: DidRules,
): readonly Certificate[] | string {
  if (rules === 'guest') {
    const result = findPath(chain, chain[0]?.notAfter ?? 0);
    if ('path' in result) return result.path;
    return `the certificates form no chain: ${result.problems[0]?.message ?? ''}`;
  }
  const [problem] = checkChain(chain, { time: undefined, strict: true });
  return problem === undefined ? chain : `the certificates form no chain: ${problem.message}`;
}

const SAN_KINDS: ReadonlySet<string> = new Set(['email', 'dns', 'uri', 'directory']);

/** What the specification refuses beside the predicates. */
function strictProblem(id: string, leaf: Certificate): string | undefined {
  if (id.includes('?')) return 'the identifier has a URL query';
  if (id.includes('/')) return 'the identifier has a URL path';
  if (hasRepeatedAttribute(leaf.subject)) return 'the subject has the same attribute twice';
  const foreign = subjectAltNamesOf(leaf)?.find(({ kind }) => !SAN_KINDS.has(kind));
  return foreign && `the certificate has an alternative name of the kind ${foreign.kind}`;
}

const CONTEXT = 'https://www.w3.org/ns/cid/v1';

function documentOf(id: string, leaf: Certificate): DidResult {
  const usage = keyUsageOf(leaf);
  const signs = usage === undefined || usage.has('digitalSignature');
  const agrees = usage === undefined || usage.has('keyAgreement');
  if (!signs && !agrees) {
    return {
      ok: false,
      problem: 'the key usage of the leaf allows neither signatures nor key agreement',
    };
  }
  const key = `${id}#0`;
  const publicKeyJwk = publicKeyOf(leaf, 'the leaf certificate').export({ format: 'jwk' });
  const method = { id: key, type: 'JsonWebKey', controller: id, publicKeyJwk } as const;
  return {
    ok: true,
    document: {
      '@context': CONTEXT,
      id,
      verificationMethod: [method],
      ...(signs ? { authentication: [key], assertionMethod: [key] } : {}),
      ...(agrees ? { keyAgreement: [key] } : {}),
    },
  };
}
