/**
 * The chain of certificates from a pinned root of AMD to the key that signed the report (spec snp-attestation section
 * 5.2, steps G to N). Each step looks at all that it can although a later one would catch it too.
 */
import { DER_TAG, parseDer, readDerBoolean, readParts, readSmallInteger } from '../core/der.js';
import { ToolError } from '../core/error.js';
import { printTime } from '../core/time.js';
import { AMD_ARC, type LeafFacts, type LeafKind, readLeafExtensions } from './amd-extensions.js';
import { type AmdCertificate, isIssuedBy, isPssSha384, keyOf } from './certificate.js';
import { checkRevocation } from './check-revocation.js';
import type { CheckName, Ledger } from './checks.js';
import type { Expectation } from './expectation.js';
import { PRODUCTS, type Product, type TrustedRoot } from './products.js';
import { type Denial, deny } from './reasons.js';
import { isDenial } from './report.js';

/** The certificates in their places. */
export interface Chain {
  readonly leaf: AmdCertificate;
  /** ASK (for a VCEK) or ASVK (for a VLEK). */
  readonly intermediate: AmdCertificate;
  /** ARK. */
  readonly root: AmdCertificate;
}

/** What the chain is judged by. */
export interface ChainTerms {
  /** Key that the report names; absent if it names none (the report is refused for that) or there is no report. */
  readonly signingKey?: LeafKind;
  readonly expectation: Expectation;
  /** Seconds since 1970. */
  readonly time: number;
  readonly roots: readonly TrustedRoot[];
  /** DER, one list. */
  readonly crl?: Uint8Array;
}

/** A leaf that a trusted root stands for. */
export interface ProvenLeaf extends LeafFacts {
  readonly certificate: AmdCertificate;
  readonly kind: LeafKind;
  readonly product: Product;
}

/** Checks about certificates, in order. */
export const CHAIN_CHECKS = [
  'chain-format',
  'leaf-kind',
  'chain-anchor',
  'chain-signature',
  'chain-profile',
  'chain-time',
  'revocation',
  'leaf-extensions',
] as const satisfies readonly CheckName[];

/** Common names of leaf certificates. */
const LEAF_NAMES: ReadonlyMap<string | undefined, LeafKind> = new Map([
  ['SEV-VCEK', 'VCEK'],
  ['SEV-VLEK', 'VLEK'],
]);

/** Common name of the intermediate certificate, before the product line. */
const ISSUER_PREFIX: Readonly<Record<LeafKind, string>> = { VCEK: 'SEV-', VLEK: 'SEV-VLEK-' };

/** Kind of a leaf by its name; undefined for another certificate. */
export function leafKindOf({ commonName }: AmdCertificate): LeafKind | undefined {
  return LEAF_NAMES.get(commonName);
}

/** Judges steps G to N; gives the leaf if its chain and its extensions hold. `parsed` is the outcome of reading. */
export function judgeChain(
  ledger: Ledger,
  parsed: Chain | Denial,
  terms: ChainTerms,
): ProvenLeaf | undefined {
  const proven = judgeSteps(ledger, parsed, terms);
  ledger.block(CHAIN_CHECKS);
  return proven;
}

function judgeSteps(
  ledger: Ledger,
  parsed: Chain | Denial,
  terms: ChainTerms,
): ProvenLeaf | undefined {
  ledger.judge('chain-format', ['certificate-table', 'version'], () => {
    return isDenial(parsed) ? parsed : (checkPlaces(parsed) ?? 'pass');
  });
  if (isDenial(parsed) || ledger.isBroken('chain-format')) return undefined;
  const { expectation, roots, time } = terms;
  const kind = leafKindOf(parsed.leaf);
  const pinned = roots.find((row) => row.certificateSha256 === parsed.root.sha256);
  ledger.judge('leaf-kind', [], () => checkLeafKind(parsed.leaf, terms) ?? 'pass');
  ledger.judge('chain-anchor', ['leaf-kind'], () => checkAnchor(parsed.root, pinned) ?? 'pass');
  if (kind === undefined || pinned === undefined || ledger.isBroken('chain-anchor'))
    return undefined;
  const product = PRODUCTS[pinned.line];
  const issuerName = `${ISSUER_PREFIX[kind]}${product.line}`;
  ledger.judge('chain-signature', [], () => checkSignatures(parsed, issuerName) ?? 'pass');
  ledger.judge('chain-profile', ['chain-signature'], () => checkProfile(parsed) ?? 'pass');
  ledger.judge('chain-time', ['chain-profile'], () => {
    return expectation.skip?.includes('chain-time')
      ? 'skipped'
      : (checkTime(parsed, time) ?? 'pass');
  });
  ledger.judge('revocation', ['chain-profile'], () => checkRevocation(parsed, terms));
  const facts = ledger.isBroken('chain-profile')
    ? undefined
    : readLeafExtensions(parsed.leaf, kind, product);
  ledger.judge('leaf-extensions', ['chain-profile'], () => (isDenial(facts) ? facts : 'pass'));
  if (facts === undefined || isDenial(facts)) return undefined;
  return { ...facts, certificate: parsed.leaf, kind, product };
}

/** Step G, last part: a leaf in the place of an issuer. */
function checkPlaces({ intermediate }: Chain): Denial | undefined {
  if (leafKindOf(intermediate) === undefined) return undefined;
  return deny('E_CHAIN_FORMAT', 'a leaf certificate stands in the place of the ASK or ASVK', {
    got: intermediate.commonName ?? '',
  });
}

/** Step H. */
function checkLeafKind(leaf: AmdCertificate, terms: ChainTerms): Denial | undefined {
  const kind = leafKindOf(leaf);
  if (kind === undefined) {
    return deny('E_CERT_PROFILE', 'the leaf certificate is neither a VCEK nor a VLEK', {
      want: 'common name SEV-VCEK or SEV-VLEK',
      got: leaf.commonName?.slice(0, 80) ?? 'none',
    });
  }
  const { signingKey = kind } = terms;
  if (kind !== signingKey) {
    return deny('E_SIGNING_KEY', 'the report names another kind of key than the certificate', {
      want: signingKey,
      got: kind,
    });
  }
  if (kind === 'VCEK' || terms.expectation.allowVlek !== false) return undefined;
  return deny('E_SIGNING_KEY', 'a VLEK is not allowed', { want: 'VCEK', got: kind });
}

/** Step I: names count for nothing, a trusted root is known by its digest. */
function checkAnchor(root: AmdCertificate, pinned: TrustedRoot | undefined): Denial | undefined {
  if (!root.issuer.equals(root.subject)) {
    return deny('E_CHAIN_FORMAT', 'the last certificate is not a root', {
      want: 'the ARK',
      got: root.commonName?.slice(0, 80) ?? 'a certificate without a name',
    });
  }
  if (pinned === undefined) {
    return deny('E_CHAIN_ANCHOR', 'the root certificate is not one of the trusted ones', {
      got: root.sha256,
    });
  }
  const good = isPssSha384(root.signatureAlgorithm) && isIssuedBy(root, root);
  return good ? undefined : deny('E_CHAIN_FORMAT', 'the root certificate did not sign itself');
}

/** Step J. */
function checkSignatures(chain: Chain, issuerName: string): Denial | undefined {
  const { leaf, intermediate, root } = chain;
  const links = [
    { name: 'intermediate', certificate: intermediate, issuer: root },
    { name: 'leaf', certificate: leaf, issuer: intermediate },
  ];
  const unnamed = links.find(
    ({ certificate, issuer }) => !certificate.issuer.equals(issuer.subject),
  );
  if (unnamed !== undefined) {
    return deny('E_CHAIN_SIG', `the ${unnamed.name} certificate names another issuer`, {
      got: unnamed.issuer.commonName?.slice(0, 80) ?? 'none',
    });
  }
  const other = links.find(({ certificate }) => !isPssSha384(certificate.signatureAlgorithm));
  if (other !== undefined) {
    return deny('E_CERT_PROFILE', `the ${other.name} certificate has another signature algorithm`, {
      want: 'RSASSA-PSS, SHA-384, MGF1 with SHA-384, salt of 48 bytes',
    });
  }
  const unsigned = links.find(({ certificate, issuer }) => !isIssuedBy(certificate, issuer));
  if (unsigned !== undefined) {
    return deny('E_CHAIN_SIG', `the signature of the ${unsigned.name} certificate is wrong`);
  }
  if (intermediate.commonName === issuerName) return undefined;
  return deny('E_CERT_PROFILE', 'the intermediate certificate is not one for this kind of leaf', {
    want: issuerName,
    got: intermediate.commonName?.slice(0, 80) ?? 'none',
  });
}

const BASIC_CONSTRAINTS = '2.5.29.19';
const KEY_USAGE = '2.5.29.15';
const RSA_BITS = 4096;
/** SubjectPublicKeyInfo of a P-384 key up to the coordinates of an uncompressed point. */
const P384_PREFIX = Buffer.from('3076301006072a8648ce3d020106052b8104002203620004', 'hex');
const P384_SPKI_BYTES = 120;

/** Step K. */
function checkProfile(chain: Chain): Denial | undefined {
  for (const [name, issuer] of [
    ['root', chain.root],
    ['intermediate', chain.intermediate],
  ] as const) {
    if (!isAuthority(issuer)) return misfit(`the ${name} certificate is not one of an authority`);
    const key = keyOf(issuer);
    const isRsa = key?.asymmetricKeyType === 'rsa';
    if (!isRsa || key.asymmetricKeyDetails?.modulusLength !== RSA_BITS) {
      return misfit(`the key of the ${name} certificate is not RSA of ${RSA_BITS} bits`);
    }
  }
  const { spki } = chain.leaf;
  const isP384 =
    spki.length === P384_SPKI_BYTES && spki.subarray(0, P384_PREFIX.length).equals(P384_PREFIX);
  if (!isP384 || keyOf(chain.leaf) === undefined) {
    return misfit('the key of the leaf certificate is not on P-384');
  }
  for (const certificate of [chain.root, chain.intermediate, chain.leaf]) {
    const unknown = certificate.extensions.find(({ critical, oid }) => critical && !isKnown(oid));
    if (unknown !== undefined)
      return misfit(`a certificate has a critical extension ${unknown.oid}`);
  }
  return undefined;
}

function isKnown(oid: string): boolean {
  return oid === BASIC_CONSTRAINTS || oid === KEY_USAGE || oid.startsWith(`${AMD_ARC}.`);
}

/** True for BasicConstraints with CA:TRUE. */
function isAuthority({ extensions }: AmdCertificate): boolean {
  const value = extensions.find(({ oid }) => oid === BASIC_CONSTRAINTS)?.value;
  if (value === undefined) return false;
  try {
    const [ca, length, ...more] = readParts(parseDer(value, 'extension'), DER_TAG.sequence);
    if (length !== undefined) readSmallInteger(length, 255);
    return ca !== undefined && readDerBoolean(ca) && more.length === 0;
  } catch (error) {
    if (error instanceof ToolError) return false;
    throw error;
  }
}

/** Step L: both ends of a period belong to it. */
function checkTime(chain: Chain, time: number): Denial | undefined {
  for (const [name, { notBefore, notAfter }] of [
    ['leaf', chain.leaf],
    ['intermediate', chain.intermediate],
    ['root', chain.root],
  ] as const) {
    if (notBefore <= time && time <= notAfter) continue;
    return deny('E_CERT_TIME', `the ${name} certificate is not valid at this time`, {
      want: `${printTime(notBefore)} to ${printTime(notAfter)}`,
      got: printTime(time),
    });
  }
  return undefined;
}

function misfit(problem: string): Denial {
  return deny('E_CERT_PROFILE', problem);
}
