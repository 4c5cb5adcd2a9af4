/** Name constraints (RFC 5280 section 4.2.1.10): may the alternative names of a certificate stand below an authority. */
import type { Certificate } from './x509.js';
import { type GeneralName, nameConstraintsOf, subjectAltNamesOf } from './x509-extensions.js';

type Matcher = (name: GeneralName, constraint: GeneralName) => boolean;

/** Kinds of names that constraints are understood for. Another kind in a constraint is refused by the caller. */
const MATCHERS: Readonly<Partial<Record<GeneralName['kind'], Matcher>>> = {
  dns: (name, constraint) => isWithinDomain(name.text ?? '', constraint.text ?? ''),
  email: matchesEmail,
  uri: matchesUri,
  ip: matchesAddress,
};

/** True if `authority` constrains names of a kind that this module does not understand. */
export function hasForeignConstraint(authority: Certificate): boolean {
  const constraints = nameConstraintsOf(authority);
  if (constraints === undefined) return false;
  const all = [...constraints.permitted, ...constraints.excluded];
  return all.some((constraint) => MATCHERS[constraint.kind] === undefined);
}

/** What is wrong with the names of `certificate` under the constraints of `authority`; undefined if nothing is. */
export function checkNames(certificate: Certificate, authority: Certificate): string | undefined {
  const constraints = nameConstraintsOf(authority);
  if (constraints === undefined) return undefined;
  for (const name of subjectAltNamesOf(certificate) ?? []) {
    const matches = MATCHERS[name.kind];
    if (matches === undefined) continue;
    const of = (list: readonly GeneralName[]) => list.filter(({ kind }) => kind === name.kind);
    const constrained = of([...constraints.excluded, ...constraints.permitted]).length > 0;
    const shown = name.text === undefined ? `an ${name.kind} name` : JSON.stringify(name.text);
    if (constrained && !isWellFormed(name)) return `${shown} has no host to compare`;
    if (of(constraints.excluded).some((constraint) => matches(name, constraint))) {
      return `${shown} is excluded`;
    }
    const permitted = of(constraints.permitted);
    if (permitted.length > 0 && !permitted.some((constraint) => matches(name, constraint))) {
      return `${shown} is not permitted`;
    }
  }
  return undefined;
}

/** `host` is the domain or below it; with a leading dot only below it. An empty domain has every host. */
function isWithinDomain(host: string, domain: string): boolean {
  const name = host.toLowerCase();
  const constraint = domain.toLowerCase();
  if (constraint === '') return true;
  if (constraint.startsWith('.')) return name.endsWith(constraint);
  return name === constraint || name.endsWith(`.${constraint}`);
}

/** A constraint is a mailbox, or a host or domain as for dns. */
function matchesEmail(name: GeneralName, constraint: GeneralName): boolean {
  const [local, host] = splitMailbox(name.text ?? '');
  const wanted = constraint.text ?? '';
  if (!wanted.includes('@')) return isWithinDomain(host, wanted);
  const [wantedLocal, wantedHost] = splitMailbox(wanted);
  return local === wantedLocal && host.toLowerCase() === wantedHost.toLowerCase();
}

function splitMailbox(text: string): readonly [string, string] {
  const at = text.lastIndexOf('@');
  return [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
}

/** A name that constraints of its kind can be applied to: a URI with a host that is a name, a mailbox with a host. */
function isWellFormed({ kind, text = '' }: GeneralName): boolean {
  if (kind === 'email') return splitMailbox(text).every((part) => part !== '');
  if (kind !== 'uri') return true;
  const host = URI_HOST.exec(text)?.[1];
  return host !== undefined && !/^[\d.]+$/.test(host);
}

const URI_HOST = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#:@[\]]+)(?::\d*)?(?:[/?#]|$)/i;

function matchesUri(name: GeneralName, constraint: GeneralName): boolean {
  const host = URI_HOST.exec(name.text ?? '')?.[1];
  return host !== undefined && isWithinDomain(host, constraint.text ?? '');
}

/** The constraint is an address and a mask of the same length. */
function matchesAddress(name: GeneralName, constraint: GeneralName): boolean {
  const size = name.bytes.length;
  if (constraint.bytes.length !== 2 * size) return false;
  return name.bytes.every((byte, index) => {
    const mask = constraint.bytes[size + index] ?? 0xff;
    return (byte & mask) === ((constraint.bytes[index] ?? 0) & mask);
  });
}
