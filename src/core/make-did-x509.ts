/**
 * Makes a did:x509 identifier for a chain: pins an authority by SHA-256 and states something about the leaf. The result
 * is resolved before it is given back.
 */
import { resolveDid } from './did-x509.js';
import { type DidRules, isNamedUsage } from './did-x509-predicates.js';
import { ToolError } from './error.js';
import { attributesOf, type Certificate, fingerprintOf } from './x509.js';
import { extendedKeyUsageOf } from './x509-extensions.js';

/** What to make. */
export interface DidPlan {
  /** Place of the pinned certificate: 1 is the issuer of the leaf. */
  readonly index: number;
  /** `CN`, `EKU` (in any case), or predicates with plain values: `subject:CN:Contoso Ltd`, `san:dns:a.example`. */
  readonly policy: string;
  /**
   * `strict`: every value percent-encoded as the method says; the result must resolve by the specification and in the
   * guest. `reference`: the bytes of the guest's own tool, which encodes the first subject value only.
   */
  readonly form: 'strict' | 'reference';
}

/** Makes an identifier. Throws DID_INVALID. */
export function makeDid(chain: readonly Certificate[], plan: DidPlan): string {
  const pinned = chain[plan.index];
  const [leaf] = chain;
  if (!Number.isInteger(plan.index) || plan.index < 1 || leaf === undefined || !pinned) {
    throw new ToolError('DID_INVALID', 'the certificate to pin is not in the chain', {
      want: `1 to ${chain.length - 1}, where 0 is the leaf`,
      got: String(plan.index),
      hints: ['give the whole chain: the leaf first, then its issuers'],
    });
  }
  const fingerprint = fingerprintOf(pinned).toString('base64url');
  const did = `did:x509:0:sha256:${fingerprint}::${predicateOf(leaf, plan)}`;
  const rules: readonly DidRules[] =
    plan.form === 'strict' ? ['guest', 'specification'] : ['guest'];
  for (const each of rules) {
    const result = resolveDid(did, chain, each);
    if (result.ok) continue;
    throw new ToolError('DID_INVALID', `the issuer ${did} does not resolve: ${result.problem}`, {
      where: each === 'guest' ? 'by the rules of the guest' : 'by the specification of did:x509',
    });
  }
  return did;
}

function predicateOf(leaf: Certificate, { policy, form }: DidPlan): string {
  const word = policy.toUpperCase();
  if (word === 'CN') return `subject:CN:${encodeWith(form, commonNameOf(leaf))}`;
  if (word === 'EKU') return `eku:${usageOf(leaf)}`;
  if (form === 'strict') return strictPredicates(policy);
  const parts = policy.split(':');
  const value = parts.indexOf('subject') + 2;
  if (value < 2) return policy;
  return parts.map((part, at) => (at === value ? encodeReference(part) : part)).join(':');
}

/** Predicates in plain text, separated by `::`, with all values encoded. */
function strictPredicates(policy: string): string {
  return policy
    .split('::')
    .map((predicate) => {
      const [name = '', ...parts] = predicate.split(':');
      const isValue = VALUE_PLACES.get(name) ?? (() => true);
      return [name, ...parts.map((part, at) => (isValue(at) ? encodeStrict(part) : part))].join(
        ':',
      );
    })
    .join('::');
}

/** Which parts of a predicate are values; the others are keys. */
const VALUE_PLACES: ReadonlyMap<string, (place: number) => boolean> = new Map([
  ['subject', (place) => place % 2 === 1],
  ['san', (place) => place === 1],
]);

function commonNameOf(leaf: Certificate): string {
  const name = attributesOf(leaf.subject, '2.5.4.3').at(-1);
  if (name !== undefined && name !== '') return name;
  throw new ToolError('DID_INVALID', 'the leaf certificate has no common name', {
    hints: ['state something else about the leaf, e.g. eku or san:dns:HOST'],
  });
}

/** The first usage that the guest's library does not know by name, else the first one. */
function usageOf(leaf: Certificate): string {
  const usages = extendedKeyUsageOf(leaf) ?? [];
  const usage = usages.find((oid) => !isNamedUsage(oid)) ?? usages[0];
  if (usage !== undefined) return usage;
  throw new ToolError('DID_INVALID', 'the leaf certificate has no extended key usage');
}

function encodeWith(form: DidPlan['form'], text: string): string {
  return form === 'strict' ? encodeStrict(text) : encodeReference(text);
}

/** All but letters, digits and `-._` as %XX of the UTF-8 bytes. */
function encodeStrict(text: string): string {
  return percentEncode(text, /[A-Za-z0-9\-._]/);
}

/** As the reference's tool: more characters stay as they are. */
function encodeReference(text: string): string {
  return percentEncode(text, /[A-Za-z0-9\-_.~$&+=:@]/);
}

function percentEncode(text: string, plain: RegExp): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      if (plain.test(character)) return character;
      return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
