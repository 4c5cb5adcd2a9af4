/** A throw-away PKI shaped like AMD's, and reports that it signs: good signatures over whatever a test wants to say. */
import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { Evidence } from '../../src/attest/evidence.js';
import {
  PRODUCTS,
  type ProductLine,
  type TcbPart,
  type TrustedRoot,
} from '../../src/attest/products.js';
import {
  bits,
  der,
  ecKey,
  integer,
  type KeyPair,
  name,
  octets,
  oid,
  sequence,
  TRUE,
} from './certificates.js';

export const AMD_ARC = '1.3.6.1.4.1.3704.1';
/** A time at which all certificates of this file are valid. */
export const TEST_TIME = Date.UTC(2026, 0, 1) / 1000;

/** Patch levels of reports and certificates of this file. */
export const LEVELS: Readonly<Record<TcbPart, number>> = {
  fmc: 1,
  bl: 4,
  tee: 0,
  snp: 24,
  ucode: 219,
};

export const CHIP_ID = createHash('sha512').update('chip').digest();

const SHA384 = sequence(oid('2.16.840.1.101.3.4.2.2'));
export const PSS_SHA384 = sequence(
  oid('1.2.840.113549.1.1.10'),
  sequence(
    der(0xa0, SHA384),
    der(0xa1, sequence(oid('1.2.840.113549.1.1.8'), SHA384)),
    der(0xa2, integer(48)),
  ),
);

export interface PlainExtension {
  readonly oid: string;
  readonly value: Buffer;
  readonly critical?: boolean;
}

interface CertificateParts {
  readonly subject: string;
  readonly issuer: string;
  readonly spki: Buffer;
  readonly serial: number;
  readonly extensions: readonly PlainExtension[];
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly algorithm?: Buffer;
}

export interface LeafPlan {
  readonly kind?: 'VCEK' | 'VLEK';
  readonly commonName?: string;
  readonly issuerName?: string;
  readonly key?: KeyPair;
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly algorithm?: Buffer;
  /** Changes the list of AMD's extensions. */
  readonly change?: (extensions: readonly PlainExtension[]) => readonly PlainExtension[];
}

export interface AmdPki {
  readonly line: ProductLine;
  readonly roots: readonly TrustedRoot[];
  readonly ark: Buffer;
  readonly ask: Buffer;
  readonly asvk: Buffer;
  /** An issuer under the root, made differently. */
  makeIssuer(subject: string, plan?: Partial<CertificateParts>): Buffer;
  makeLeaf(plan?: LeafPlan): { readonly der: Buffer; readonly key: KeyPair };
  makeCrl(plan?: CrlPlan): Buffer;
  /** Evidence with the chain that the leaf needs. */
  evidence(report: Buffer, leaf: Buffer, kind?: 'VCEK' | 'VLEK'): Evidence;
}

export interface CrlPlan {
  readonly serials?: readonly number[];
  readonly issuer?: string;
  readonly thisUpdate?: string;
  /** Null: none. */
  readonly nextUpdate?: string | null;
  readonly critical?: boolean;
}

const RSA_BITS = 4096;
let rsaKey: KeyPair | undefined;

/** The RSA key of every issuer of this file: making one takes seconds. */
export function issuerKey(): KeyPair {
  rsaKey ??= generateKeyPairSync('rsa', { modulusLength: RSA_BITS });
  return rsaKey;
}

/** Root, intermediates and a way to make leaves, for one product line. */
export function createAmdPki(line: ProductLine): AmdPki {
  const spki = issuerKey().publicKey.export({ type: 'spki', format: 'der' });
  const makeIssuer = (subject: string, plan: Partial<CertificateParts> = {}) =>
    makeCertificate({
      subject,
      issuer: `ARK-${line}`,
      spki,
      serial: 1,
      extensions: CA,
      ...plan,
    });
  const ark = makeIssuer(`ARK-${line}`, { serial: 0 });
  const [ask, asvk] = [makeIssuer(`SEV-${line}`), makeIssuer(`SEV-VLEK-${line}`, { serial: 2 })];
  return {
    line,
    ark,
    ask,
    asvk,
    makeIssuer,
    roots: [{ line, certificateSha256: createHash('sha256').update(ark).digest('hex') }],
    makeLeaf: (plan = {}) => makeLeaf(line, plan),
    makeCrl: (plan = {}) => makeCrl(`ARK-${line}`, plan),
    evidence: (report, leaf, kind = 'VCEK') => ({
      report,
      certificates: { kind: 'chain', leaf, chain: [kind === 'VLEK' ? asvk : ask, ark] },
    }),
  };
}

const CA: readonly PlainExtension[] = [
  { oid: '2.5.29.19', critical: true, value: sequence(TRUE) },
  { oid: '2.5.29.15', critical: true, value: bits(Buffer.of(0x06), 1) },
];

const SPL: Readonly<Record<TcbPart, string>> = {
  bl: '3.1',
  tee: '3.2',
  snp: '3.3',
  ucode: '3.8',
  fmc: '3.9',
};

/** AMD's extensions of a leaf with the levels of this file. */
export function leafExtensions(
  line: ProductLine,
  kind: 'VCEK' | 'VLEK',
): readonly PlainExtension[] {
  const product = PRODUCTS[line];
  const parts = product.tcbBytes.filter((part) => part !== undefined);
  const owner =
    kind === 'VCEK'
      ? { oid: `${AMD_ARC}.4`, value: CHIP_ID.subarray(0, product.chipIdBytes) }
      : { oid: `${AMD_ARC}.5`, value: der(0x16, Buffer.from('CN=cloud.example')) };
  const text = kind === 'VCEK' && line === 'Milan' ? 'Milan-B0' : line;
  return [
    { oid: `${AMD_ARC}.1`, value: integer(line === 'Turin' ? 1 : 0) },
    { oid: `${AMD_ARC}.2`, value: der(0x16, Buffer.from(text)) },
    ...parts.map((part) => ({ oid: `${AMD_ARC}.${SPL[part]}`, value: integer(LEVELS[part]) })),
    ...['3.5', '3.6', '3.7'].map((spl) => ({ oid: `${AMD_ARC}.${spl}`, value: integer(0) })),
    owner,
  ];
}

function makeLeaf(line: ProductLine, plan: LeafPlan): { der: Buffer; key: KeyPair } {
  const { kind = 'VCEK', key = ecKey('P-384'), change = (list) => list } = plan;
  const { notBefore, notAfter, algorithm } = plan;
  const certificate = makeCertificate({
    subject: plan.commonName ?? `SEV-${kind}`,
    issuer: plan.issuerName ?? (kind === 'VCEK' ? `SEV-${line}` : `SEV-VLEK-${line}`),
    spki: key.publicKey.export({ type: 'spki', format: 'der' }),
    serial: 0,
    extensions: change(leafExtensions(line, kind)),
    ...(notBefore && { notBefore }),
    ...(notAfter && { notAfter }),
    ...(algorithm && { algorithm }),
  });
  return { der: certificate, key };
}

const time = (text: string) => der(0x18, Buffer.from(text));
const amdName = (commonName: string) => name(['2.5.4.11', 'Engineering'], ['2.5.4.3', commonName]);

function makeCertificate(parts: CertificateParts): Buffer {
  const algorithm = parts.algorithm ?? PSS_SHA384;
  const tbs = sequence(
    der(0xa0, integer(2)),
    integer(parts.serial),
    algorithm,
    amdName(parts.issuer),
    sequence(time(parts.notBefore ?? '20200101000000Z'), time(parts.notAfter ?? '20450101000000Z')),
    amdName(parts.subject),
    parts.spki,
    der(0xa3, sequence(...parts.extensions.map(printExtension))),
  );
  return sequence(tbs, algorithm, bits(signPss(tbs)));
}

function printExtension({ oid: id, critical, value }: PlainExtension): Buffer {
  return sequence(oid(id), ...(critical ? [TRUE] : []), octets(value));
}

function makeCrl(root: string, plan: CrlPlan): Buffer {
  const { serials = [], issuer = root, thisUpdate = '20250101000000Z', critical } = plan;
  const { nextUpdate = '20270101000000Z' } = plan;
  const revoked = serials.map((serial) => sequence(integer(serial), time('20250601000000Z')));
  const number = { oid: '2.5.29.20', value: integer(1), ...(critical && { critical }) };
  const tbs = sequence(
    integer(1),
    PSS_SHA384,
    amdName(issuer),
    time(thisUpdate),
    ...(nextUpdate === null ? [] : [time(nextUpdate)]),
    ...(revoked.length === 0 ? [] : [sequence(...revoked)]),
    der(0xa0, sequence(printExtension(number))),
  );
  return sequence(tbs, PSS_SHA384, bits(signPss(tbs)));
}

function signPss(data: Buffer): Buffer {
  return sign('sha384', data, {
    key: issuerKey().privateKey,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: 48,
  });
}

const CPU: Readonly<Record<ProductLine, readonly [number, number, number]>> = {
  Milan: [0x19, 0x01, 1],
  Genoa: [0x19, 0x11, 1],
  Turin: [0x1a, 0x02, 1],
};

export interface ReportPlan {
  readonly line?: ProductLine;
  readonly version?: number;
  readonly kind?: 'VCEK' | 'VLEK';
  /** Changes the bytes before they are signed. */
  readonly change?: (bytes: Buffer) => void;
}

/** HOST_DATA of the reports of this file: SHA-256 of this text. */
export const POLICY_TEXT = 'package policy\n\nallow := true\n';

/** A report that every default check accepts, signed with `key`. */
export function makeReport(key: KeyPair, plan: ReportPlan = {}): Buffer {
  const { line = 'Milan', version = 3, kind = 'VCEK', change } = plan;
  const { tcbBytes, chipIdBytes } = PRODUCTS[line];
  const bytes = Buffer.alloc(1184);
  bytes.writeUInt32LE(version, 0x000);
  bytes.writeUInt32LE(2, 0x004);
  bytes.writeBigUInt64LE(0x3001fn, 0x008);
  bytes.writeUInt32LE(1, 0x034);
  bytes.writeBigUInt64LE(0x25n, 0x040);
  bytes.writeUInt32LE(kind === 'VLEK' ? 4 : 0, 0x048);
  createHash('sha512').update('nonce').digest().copy(bytes, 0x050);
  createHash('sha384').update('guest image').digest().copy(bytes, 0x090);
  createHash('sha256').update(POLICY_TEXT).digest().copy(bytes, 0x0c0);
  bytes.fill(0xff, 0x160, 0x180);
  const tcb = Buffer.from(tcbBytes.map((part) => (part === undefined ? 0 : LEVELS[part])));
  for (const offset of [0x038, 0x180, 0x1e0, 0x1f0]) tcb.copy(bytes, offset);
  if (version >= 3) Buffer.from(CPU[line]).copy(bytes, 0x188);
  if (kind === 'VCEK') CHIP_ID.copy(bytes, 0x1a0, 0, chipIdBytes);
  for (const offset of [0x1e8, 0x1ec]) Buffer.of(21, 55, 1).copy(bytes, offset);
  if (version >= 5) for (const offset of [0x1f8, 0x200]) bytes.writeBigUInt64LE(0x3fn, offset);
  change?.(bytes);
  return signReport(bytes, key);
}

/** Signs the first 672 bytes in place. */
export function signReport(bytes: Buffer, key: KeyPair, hash = 'sha384'): Buffer {
  const signature = sign(hash, bytes.subarray(0, 0x2a0), {
    key: key.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  const half = signature.length / 2;
  for (const [offset, start] of [
    [0x2a0, 0],
    [0x2e8, half],
  ] as const) {
    Buffer.from(signature.subarray(start, start + half))
      .reverse()
      .copy(bytes, offset);
  }
  return bytes;
}
