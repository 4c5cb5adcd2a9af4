/** The certificate with which a vault signs: it must chain to a trusted root now, and be a server's of the vault's name. */
import { ToolError } from '../core/error.js';
import type { JsonValue } from '../core/json.js';
import { type Certificate, fingerprintOf } from '../core/x509.js';
import { findPath, type PathResult } from '../core/x509-chain.js';
import { extendedKeyUsageOf } from '../core/x509-extensions.js';

export interface VaultCertificateRules {
  /** `HOST[:PORT]` of the vault that was asked. */
  readonly host: string;
  /** Certificates that end a trusted chain. */
  readonly roots: readonly Certificate[];
  /** Seconds since 1970. */
  readonly now: number;
}

export interface VaultCertificateProblem {
  readonly reason: 'certificate-chain' | 'certificate-name' | 'certificate-thumbprint';
  /** Lower case, no full stop. */
  readonly detail: string;
}

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const ANY_USAGE = '2.5.29.37.0';
/** Alternative names alone count, and `*` stands for one whole label (RFC 6125 section 6.4). */
const NAME_RULES = { subject: 'never', partialWildcards: false } as const;

/**
 * The first thing that is wrong with `leaf`; undefined if nothing is. `others` are the further certificates of the answer,
 * which make a path but are no roots; `thumbprint` is the header's `x5t#S256`, if there is one.
 */
export function certificateProblem(
  leaf: Certificate,
  others: readonly Certificate[],
  thumbprint: JsonValue | undefined,
  { roots, now, host }: VaultCertificateRules,
): VaultCertificateProblem | undefined {
  const detail = chainProblem(leaf, others, roots, now);
  if (detail !== undefined) return { reason: 'certificate-chain', detail };
  const name = host.replace(/:[0-9]+$/, '');
  if (leaf.x509.checkHost(name, NAME_RULES) === undefined) {
    return { reason: 'certificate-name', detail: `want ${name}` };
  }
  if (!isForServers(leaf)) {
    return { reason: 'certificate-name', detail: 'the certificate is not for a server' };
  }
  if (thumbprint === undefined || isThumbprintOf(leaf, thumbprint)) return undefined;
  return { reason: 'certificate-thumbprint', detail: 'x5t#S256 is of another certificate' };
}

/** A path that was found, and for what. */
interface KnownPath {
  readonly others: readonly Certificate[];
  readonly roots: readonly Certificate[];
  readonly path: readonly Certificate[];
}

/** The last path of each leaf, by the object of its certificate: a vault signs all its answers with the same one. */
const knownPaths = new WeakMap<Certificate, KnownPath>();

/**
 * Why no path leads from the leaf to one of the roots. A root among `others` is trusted only if it is among `roots`.
 * A path that was found among the same certificates is one as long as all of it is valid: nothing else depends on the time.
 */
function chainProblem(
  leaf: Certificate,
  others: readonly Certificate[],
  roots: readonly Certificate[],
  now: number,
): string | undefined {
  const known = knownPaths.get(leaf);
  if (known !== undefined && known.roots === roots && sameList(known.others, others)) {
    const valid = known.path.every((each) => each.notBefore <= now && now <= each.notAfter);
    if (valid) return undefined;
  }
  const issuers = [leaf, ...others].map(({ issuer }) => issuer.der);
  const candidates = roots.filter(({ subject }) => issuers.some((der) => der.equals(subject.der)));
  let detail = 'no trusted root has issued it';
  for (const root of candidates) {
    const result = searchPath([leaf, ...others, root], now);
    if ('path' in result) {
      if (result.path.slice(1).every(isForServers)) {
        knownPaths.set(leaf, { others, roots, path: result.path });
        return undefined;
      }
      detail = 'an issuer is not for certificates of servers';
    } else detail = result.problems[0]?.message ?? detail;
  }
  return detail;
}

/** True for lists of the very same objects. */
function sameList(a: readonly Certificate[], b: readonly Certificate[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index]);
}

/** As findPath; certificates that are too entangled to search are no path. */
function searchPath(chain: readonly Certificate[], now: number): PathResult {
  try {
    return findPath(chain, now);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    return { problems: [{ reason: 'untrusted', message: error.message }] };
  }
}

/** True where the extended key usage is absent or names servers; one that cannot be read names nobody. */
function isForServers(certificate: Certificate): boolean {
  try {
    const usages = extendedKeyUsageOf(certificate) ?? [SERVER_AUTH];
    return usages.some((usage) => usage === SERVER_AUTH || usage === ANY_USAGE);
  } catch (error) {
    if (error instanceof ToolError) return false;
    throw error;
  }
}

/** SHA-256 of the DER, as base64url or, as some vaults write it, in hex. */
function isThumbprintOf(leaf: Certificate, thumbprint: JsonValue): boolean {
  const own = fingerprintOf(leaf);
  if (typeof thumbprint !== 'string') return false;
  return (
    thumbprint === own.toString('base64url') || thumbprint.toLowerCase() === own.toString('hex')
  );
}
