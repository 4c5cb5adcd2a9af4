/** Predicates of did:x509 about the leaf certificate, under the rules of the specification and of the guest's library. */
import { attributesOf, type Certificate, type CertificateName, findExtension } from './x509.js';
import { extendedKeyUsageOf, type GeneralName, subjectAltNamesOf } from './x509-extensions.js';

/** Whose rules decide. */
export type DidRules = 'specification' | 'guest';

type Predicate = (value: string, leaf: Certificate, rules: DidRules) => string | undefined;

const PREDICATES: ReadonlyMap<string, Predicate> = new Map([
  ['subject', checkSubject],
  ['san', checkAlternativeName],
  ['eku', checkExtendedKeyUsage],
  ['fulcio-issuer', checkFulcioIssuer],
]);

/** Why a predicate does not hold for the leaf; undefined if it does. `value` is as written in the identifier. */
export function checkPredicate(
  name: string,
  value: string,
  leaf: Certificate,
  rules: DidRules,
): string | undefined {
  const check = PREDICATES.get(name);
  if (check === undefined) return `the predicate ${JSON.stringify(name)} is unknown`;
  return check(value, leaf, rules);
}

/** True for a name that has two attributes of one type. */
export function hasRepeatedAttribute(name: CertificateName): boolean {
  return new Set(name.attributes.map(({ oid }) => oid)).size !== name.attributes.length;
}

const DOTTED = /^[0-2](?:\.(?:0|[1-9][0-9]*))+$/;

/** Attribute types by the key that names them. */
const SUBJECT_KEYS: Readonly<Record<DidRules, ReadonlyMap<string, string>>> = {
  specification: new Map([
    ['CN', '2.5.4.3'],
    ['L', '2.5.4.7'],
    ['ST', '2.5.4.8'],
    ['O', '2.5.4.10'],
    ['OU', '2.5.4.11'],
    ['C', '2.5.4.6'],
    ['STREET', '2.5.4.9'],
  ]),
  guest: new Map([
    ['CN', '2.5.4.3'],
    ['SERIALNUMBER', '2.5.4.5'],
    ['C', '2.5.4.6'],
    ['L', '2.5.4.7'],
    ['S', '2.5.4.8'],
    ['STREET', '2.5.4.9'],
    ['O', '2.5.4.10'],
    ['OU', '2.5.4.11'],
    ['POSTALCODE', '2.5.4.17'],
  ]),
};

/** Of these attributes the guest's library sees the last one only. */
const SINGLE: ReadonlySet<string> = new Set(['CN', 'SERIALNUMBER']);

function checkSubject(value: string, leaf: Certificate, rules: DidRules): string | undefined {
  const parts = value.split(':');
  if (parts.length % 2 !== 0) return 'a subject predicate needs pairs of key and value';
  const seen = new Set<string>();
  for (let index = 0; index < parts.length; index += 2) {
    const written = parts[index] ?? '';
    const key = rules === 'guest' ? written.toUpperCase() : written;
    if (seen.has(key)) return `the subject key ${written} stands there twice`;
    seen.add(key);
    const oid = SUBJECT_KEYS[rules].get(key) ?? (DOTTED.test(key) ? key : undefined);
    if (oid === undefined) return `the subject key ${JSON.stringify(written)} is unknown`;
    const wanted = decodeValue(parts[index + 1] ?? '', rules);
    const texts = attributesOf(leaf.subject, oid);
    const visible = rules === 'guest' && SINGLE.has(key) ? texts.slice(-1) : texts;
    if (wanted === undefined || !visible.includes(wanted)) {
      return `the subject of the leaf does not have this ${written}`;
    }
  }
  return undefined;
}

/** Kinds of alternative names by the word that names them. */
const SAN_TYPES: Readonly<Record<DidRules, ReadonlyMap<string, GeneralName['kind']>>> = {
  specification: new Map([
    ['email', 'email'],
    ['dns', 'dns'],
    ['uri', 'uri'],
  ]),
  guest: new Map([
    ['email', 'email'],
    ['dns', 'dns'],
    ['uri', 'uri'],
    ['ipaddress', 'ip'],
  ]),
};

function checkAlternativeName(
  value: string,
  leaf: Certificate,
  rules: DidRules,
): string | undefined {
  const [type = '', encoded, ...more] = value.split(':');
  if (encoded === undefined || more.length > 0) return 'a san predicate needs one type and value';
  const kind = SAN_TYPES[rules].get(type);
  if (kind === undefined) return `the san type ${JSON.stringify(type)} is unknown`;
  const wanted = decodeValue(encoded, rules);
  const names = (subjectAltNamesOf(leaf) ?? []).filter((name) => name.kind === kind);
  const has = names.some((name) => (name.text ?? addressText(name.bytes)) === wanted);
  return wanted !== undefined && has ? undefined : 'the leaf does not have this alternative name';
}

/** Usages that the guest's library knows by name; it finds no extension where a leaf has no other ones. */
const NAMED_USAGES: ReadonlySet<string> = new Set([
  '2.5.29.37.0',
  '1.3.6.1.5.5.7.3.1',
  '1.3.6.1.5.5.7.3.2',
  '1.3.6.1.5.5.7.3.3',
  '1.3.6.1.5.5.7.3.4',
  '1.3.6.1.5.5.7.3.5',
  '1.3.6.1.5.5.7.3.6',
  '1.3.6.1.5.5.7.3.7',
  '1.3.6.1.5.5.7.3.8',
  '1.3.6.1.5.5.7.3.9',
  '1.3.6.1.4.1.311.10.3.3',
  '2.16.840.1.113730.4.1',
  '1.3.6.1.4.1.311.2.1.22',
  '1.3.6.1.4.1.311.61.1.1',
]);

/** True for an extended key usage that the guest's library knows by name. */
export function isNamedUsage(oid: string): boolean {
  return NAMED_USAGES.has(oid);
}

function checkExtendedKeyUsage(
  value: string,
  leaf: Certificate,
  rules: DidRules,
): string | undefined {
  if (!DOTTED.test(value)) return 'an eku predicate needs one object identifier';
  const usages = extendedKeyUsageOf(leaf) ?? [];
  if (usages.length === 0) return 'the leaf has no extended key usage';
  if (rules === 'guest' && usages.every(isNamedUsage)) {
    return 'the leaf has no extended key usage but those that the guest knows by name';
  }
  return usages.includes(value) ? undefined : 'the leaf does not have this extended key usage';
}

const FULCIO_ISSUER = '1.3.6.1.4.1.57264.1.1';

function checkFulcioIssuer(value: string, leaf: Certificate, rules: DidRules): string | undefined {
  if (value.includes(':')) return 'a fulcio-issuer predicate needs one value';
  const extension = findExtension(leaf, FULCIO_ISSUER);
  if (extension === undefined) return 'the leaf has no Fulcio issuer';
  const decoded = decodeValue(value, rules);
  const wanted = Buffer.from(`https://${decoded ?? ''}`);
  if (decoded !== undefined && extension.value.equals(wanted)) return undefined;
  return 'the leaf has another Fulcio issuer';
}

const ENCODED = /^(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2})*$/;

/** Percent-decoding; undefined for what is not encoded well. The guest reads `+` as a blank, and plain characters. */
function decodeValue(text: string, rules: DidRules): string | undefined {
  if (rules === 'specification' && !ENCODED.test(text)) return undefined;
  try {
    return decodeURIComponent(rules === 'guest' ? text.replaceAll('+', ' ') : text);
  } catch {
    return undefined;
  }
}

/** An address as Go prints it: dotted, or groups of hex with the longest run of zeros left out. */
function addressText(bytes: Buffer): string | undefined {
  const mapped = bytes.length === 16 && bytes.subarray(0, 12).equals(MAPPED_PREFIX);
  const plain = mapped ? bytes.subarray(12) : bytes;
  if (plain.length === 4) return [...plain].join('.');
  if (plain.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_each, index) => plain.readUInt16BE(2 * index));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < groups.length; start += 1) {
    const end = groups.findIndex((group, at) => at >= start && group !== 0);
    const length = (end < 0 ? groups.length : end) - start;
    if (length > best.length) best = { start, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.length < 2) return hex.join(':');
  const before = hex.slice(0, best.start).join(':');
  return `${before}::${hex.slice(best.start + best.length).join(':')}`;
}

const MAPPED_PREFIX = Buffer.from('00000000000000000000ffff', 'hex');
