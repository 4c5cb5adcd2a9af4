/** Standard extensions of certificates (RFC 5280 section 4.2) as values. An absent extension is undefined, never a default. */
import {
  contextTag,
  DER_TAG,
  type DerElement,
  parseDer,
  readBitString,
  readContent,
  readDerBoolean,
  readOid,
  readParts,
  readSmallInteger,
} from './der.js';
import { ToolError } from './error.js';
import { type Certificate, type CertificateName, findExtension, readName } from './x509.js';

/** OIDs of the extensions that are read here or that a path check handles. */
export const EXTENSION = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyId: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
} as const;

/** Bits of KeyUsage by name, in bit order. */
const KEY_USAGES = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export type KeyUsage = (typeof KEY_USAGES)[number];

/** Kinds of GeneralName by the number of their tag. */
const GENERAL_NAMES = [
  'other',
  'email',
  'dns',
  'x400',
  'directory',
  'ediParty',
  'uri',
  'ip',
  'registeredId',
] as const;

/** One name: `text` for email, dns and uri, `name` for directory; `bytes` are the content octets. */
export interface GeneralName {
  readonly kind: (typeof GENERAL_NAMES)[number];
  readonly bytes: Buffer;
  readonly text?: string;
  readonly name?: CertificateName;
}

/** Whether the subject is an authority, and how many more authorities may follow below it. */
export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLength: number | undefined;
}

/** Subtrees of names that certificates below may or may not have. */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** basicConstraints; undefined if absent. Throws CERTIFICATE_INVALID or DER_INVALID, as all readers here. */
export function basicConstraintsOf(certificate: Certificate): BasicConstraints | undefined {
  const element = extensionDer(certificate, EXTENSION.basicConstraints);
  if (element === undefined) return undefined;
  const parts = [...readParts(element, DER_TAG.sequence)];
  const ca = parts[0]?.tag === DER_TAG.boolean && readDerBoolean(parts.shift() as DerElement);
  const [length, ...more] = parts;
  if (more.length > 0) throw damaged(element);
  return { ca, pathLength: length === undefined ? undefined : readSmallInteger(length, 0xffff) };
}

/** keyUsage as the set of its bits; undefined if absent. */
export function keyUsageOf(certificate: Certificate): ReadonlySet<KeyUsage> | undefined {
  const element = extensionDer(certificate, EXTENSION.keyUsage);
  if (element === undefined) return undefined;
  const { octets } = readBitString(element);
  return new Set(
    KEY_USAGES.filter((_usage, bit) => ((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0),
  );
}

/** extendedKeyUsage as OIDs in order; undefined if absent. */
export function extendedKeyUsageOf(certificate: Certificate): readonly string[] | undefined {
  const element = extensionDer(certificate, EXTENSION.extendedKeyUsage);
  if (element === undefined) return undefined;
  const parts = readParts(element, DER_TAG.sequence);
  if (parts.length === 0) throw damaged(element);
  return parts.map((part) => readOid(part));
}

/** subjectAltName; undefined if absent. */
export function subjectAltNamesOf(certificate: Certificate): readonly GeneralName[] | undefined {
  const element = extensionDer(certificate, EXTENSION.subjectAltName);
  return element && readParts(element, DER_TAG.sequence).map(readGeneralName);
}

/** nameConstraints; undefined if absent. Subtrees with a minimum or maximum are refused (RFC 5280 forbids them). */
export function nameConstraintsOf(certificate: Certificate): NameConstraints | undefined {
  const element = extensionDer(certificate, EXTENSION.nameConstraints);
  if (element === undefined) return undefined;
  const lists: [GeneralName[], GeneralName[]] = [[], []];
  const parts = readParts(element, DER_TAG.sequence);
  if (parts.length === 0) throw damaged(element);
  for (const part of parts) {
    const list = lists[part.tag - contextTag(0, 'constructed')];
    if (list === undefined || list.length > 0) throw damaged(element);
    for (const subtree of readParts(part, part.tag)) {
      const [base, ...limits] = readParts(subtree, DER_TAG.sequence);
      if (base === undefined || limits.length > 0) throw damaged(element);
      list.push(readGeneralName(base));
    }
  }
  return { permitted: lists[0], excluded: lists[1] };
}

const CONSTRUCTED_NAMES: ReadonlySet<string> = new Set(['other', 'x400', 'directory', 'ediParty']);
const TEXT_NAMES: ReadonlySet<string> = new Set(['email', 'dns', 'uri']);

function readGeneralName(element: DerElement): GeneralName {
  const number = element.tag & 0x1f;
  const kind = GENERAL_NAMES[number];
  const form =
    kind !== undefined && CONSTRUCTED_NAMES.has(kind) ? 'constructed' : ('primitive' as const);
  if (kind === undefined || element.tag !== contextTag(number, form)) throw damaged(element);
  const bytes = element.content;
  if (kind === 'directory') {
    return { kind, bytes, name: readName(parseDer(bytes, element.what)) };
  }
  if (!TEXT_NAMES.has(kind)) return { kind, bytes };
  if (bytes.some((byte) => byte >= 0x80)) throw damaged(element);
  return { kind, bytes, text: bytes.toString('latin1') };
}

/** The value of an extension as one DER element; undefined if the extension is absent. */
export function extensionDer(certificate: Certificate, oid: string): DerElement | undefined {
  const extension = findExtension(certificate, oid);
  return extension && parseDer(extension.value, `extension ${oid}`);
}

/** subjectKeyIdentifier and the key identifier of authorityKeyIdentifier; each undefined if absent. */
export function keyIdsOf(certificate: Certificate): {
  readonly subject: Buffer | undefined;
  readonly authority: Buffer | undefined;
} {
  const subject = extensionDer(certificate, EXTENSION.subjectKeyId);
  const authority = extensionDer(certificate, EXTENSION.authorityKeyId);
  const keyId = authority && readParts(authority, DER_TAG.sequence)[0];
  const tag = contextTag(0, 'primitive');
  return {
    subject: subject && readContent(subject, DER_TAG.octetString),
    authority: keyId?.tag === tag ? keyId.content : undefined,
  };
}

function damaged(element: DerElement): ToolError {
  return new ToolError('CERTIFICATE_INVALID', `${element.what} of a certificate is damaged`);
}
