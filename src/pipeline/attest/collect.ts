/** Files and stores -> evidence: a report with the certificates that belong to it, wherever they come from. */

import type { LeafKind } from '../../attest/amd-extensions.js';
import { type AmdCertificate, parseAmdCertificate } from '../../attest/certificate.js';
import { parseThim, pemCertificates } from '../../attest/certificate-sources.js';
import { parseCertificateTable, type TableEntry } from '../../attest/certificate-table.js';
import {
  type CertificateSource,
  type Evidence,
  isEvidenceText,
  parseEvidence,
} from '../../attest/evidence.js';
import { signingKey } from '../../attest/flags.js';
import { parseHcl } from '../../attest/hcl.js';
import { type CertificateStore, chainPath, crlPath, linesOf, vcekPaths } from '../../attest/kds.js';
import type { ProductLine } from '../../attest/products.js';
import type { Denial } from '../../attest/reasons.js';
import { isDenial, parseReport, type SnpReport } from '../../attest/report.js';
import type { SecurityContext } from '../../attest/security-context.js';
import { decodeBase64 } from '../../core/base64.js';
import { ToolError } from '../../core/error.js';
import { withoutAbsent } from '../../core/record.js';

/** Bytes with the name under which people know them. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What a command was given. At most one of the certificate sources. */
export interface EvidenceInputs {
  /** A bare report, an HCL report or an evidence file. */
  readonly report: NamedBytes;
  readonly isHcl: boolean;
  /** PEM or DER: the leaf, alone or with its chain behind it. */
  readonly leaf?: NamedBytes;
  /** PEM or DER: intermediate and root, in this order. */
  readonly chain: readonly NamedBytes[];
  readonly thim?: NamedBytes;
  readonly table?: NamedBytes;
  readonly securityContext?: SecurityContext;
  /** Where to look for certificates that were not given. */
  readonly store?: CertificateStore;
  /** Look for the revocation list in the store as well. */
  readonly wantsCrl: boolean;
  readonly crl?: NamedBytes;
  /** COSE_Sign1, or base64 of it. */
  readonly uvmEndorsement?: NamedBytes;
}

/** The evidence. Throws EVIDENCE_INVALID, COLLATERAL_INVALID and USAGE_CONFLICT; bad values are for the verdict. */
export async function collectEvidence(inputs: EvidenceInputs): Promise<Evidence> {
  const base = readReportFile(inputs);
  const sources = certificateSources(inputs);
  const [source, ...more] = sources;
  if (more.length > 0) {
    throw new ToolError('USAGE_CONFLICT', 'the certificates are given more than once', {
      want: 'one of --leaf, --thim, --certificate-table and --security-context',
    });
  }
  const given = withoutAbsent({
    ...base,
    certificates: source ?? base.certificates,
    crl: inputs.crl?.bytes ?? base.crl,
    uvmEndorsement: endorsementOf(inputs) ?? base.uvmEndorsement,
  });
  return inputs.store === undefined ? given : completeFrom(inputs.store, given, inputs.wantsCrl);
}

/** The report inside of evidence; undefined if it cannot be read. */
function reportOf({ report, hclReport }: Evidence): SnpReport | undefined {
  const hcl = hclReport && parseHcl(hclReport);
  const bytes = hcl === undefined || isDenial(hcl) ? report : hcl.report;
  const parsed = bytes && parseReport(bytes);
  return parsed === undefined || isDenial(parsed) ? undefined : parsed;
}

/** The report of a file, to be shown. Throws REPORT_INVALID, saying what the file may be instead. */
export function readReport(input: Pick<EvidenceInputs, 'report' | 'isHcl'>): SnpReport {
  const { report, hclReport } = readReportFile(input);
  const hcl = hclReport && parseHcl(hclReport);
  const found = isDenial(hcl) ? hcl : parseReport(hcl?.report ?? report ?? new Uint8Array());
  if (!isDenial(found)) return found;
  const { message, want, got, hints } = found;
  throw new ToolError('REPORT_INVALID', message, withoutAbsent({ want, got, hints }));
}

/** The same evidence with its certificates as a plain chain. Throws COLLATERAL_INVALID if they are not three. */
export function withPlainChain(evidence: Evidence): Evidence {
  const { certificates: source } = evidence;
  if (source === undefined || source.kind === 'chain') return evidence;
  const plain =
    source.kind === 'thim'
      ? { ...parseThim(source.text, 'the THIM answer'), crl: undefined }
      : fromTable(tableOf(source.table), leafKindOf(evidence));
  const { leaf, chain, crl } = plain;
  return withoutAbsent({
    ...evidence,
    certificates: { kind: 'chain', leaf, chain } as const,
    crl: evidence.crl ?? crl,
  });
}

function readReportFile({ report, isHcl }: Pick<EvidenceInputs, 'report' | 'isHcl'>): Evidence {
  if (isEvidenceText(report.bytes)) {
    return parseEvidence(Buffer.from(report.bytes).toString(), report.name);
  }
  return isHcl ? { hclReport: report.bytes } : { report: report.bytes };
}

function certificateSources(inputs: EvidenceInputs): readonly CertificateSource[] {
  const { leaf, chain, thim, table, securityContext } = inputs;
  if (leaf === undefined && chain.length > 0) {
    throw new ToolError('USAGE_CONFLICT', '--chain needs --leaf');
  }
  const sources: readonly (CertificateSource | undefined)[] = [
    leaf && fromFiles(leaf, chain),
    thim && { kind: 'thim', text: Buffer.from(thim.bytes).toString() },
    table && { kind: 'table', table: table.bytes },
    securityContext?.thim === undefined ? undefined : { kind: 'thim', text: securityContext.thim },
  ];
  return sources.filter((source) => source !== undefined);
}

function fromFiles(leaf: NamedBytes, chain: readonly NamedBytes[]): CertificateSource {
  const [first, ...rest] = [leaf, ...chain].flatMap(certificatesOf);
  if (first === undefined) {
    throw new ToolError('COLLATERAL_INVALID', `${leaf.name} holds no certificate`);
  }
  return { kind: 'chain', leaf: first, chain: rest };
}

const DER_SEQUENCE = 0x30;

/** DER of the certificates of a file: all PEM blocks, or the whole file. */
function certificatesOf({ bytes, name }: NamedBytes): readonly Uint8Array[] {
  return bytes[0] === DER_SEQUENCE ? [bytes] : pemCertificates(bytes, name);
}

const COSE_STARTS: readonly (number | undefined)[] = [0xd2, 0x84];

/** The endorsement as bytes, from the option or the security context. */
function endorsementOf(inputs: EvidenceInputs): Uint8Array | undefined {
  const given = inputs.uvmEndorsement;
  if (given === undefined) return inputs.securityContext?.uvmEndorsement;
  if (COSE_STARTS.includes(given.bytes[0])) return given.bytes;
  return decodeBase64(Buffer.from(given.bytes).toString('latin1').trim()) ?? given.bytes;
}

function leafKindOf(evidence: Evidence): LeafKind | undefined {
  const report = reportOf(evidence);
  return report && signingKey(report.keyInfo);
}

function tableOf(table: Uint8Array): readonly TableEntry[] {
  return accepted(parseCertificateTable(table));
}

function fromTable(table: readonly TableEntry[], kind: LeafKind | undefined) {
  const blob = (role: TableEntry['role']) => table.find((entry) => entry.role === role)?.bytes;
  const [wanted, other] =
    kind === 'VLEK' ? (['vlek', 'vcek'] as const) : (['vcek', 'vlek'] as const);
  const leaf = blob(wanted) ?? blob(other);
  if (leaf === undefined) {
    throw new ToolError('COLLATERAL_INVALID', 'the certificate table has no certificates');
  }
  const chain = [blob('intermediate'), blob('root')].filter((bytes) => bytes !== undefined);
  return { leaf, chain, crl: blob('crl') };
}

function accepted<T extends object>(result: T | Denial): T {
  if (!isDenial(result)) return result;
  throw new ToolError('COLLATERAL_INVALID', result.message, withoutAbsent({ got: result.got }));
}

/** Looks up what the evidence lacks. */
async function completeFrom(
  store: CertificateStore,
  evidence: Evidence,
  wantsCrl: boolean,
): Promise<Evidence> {
  const report = reportOf(evidence);
  const kind = report && signingKey(report.keyInfo);
  if (report === undefined || kind === undefined) return evidence;
  const source = withPlainChain(evidence).certificates;
  const plain = source?.kind === 'chain' ? source : undefined;
  const isComplete = plain?.chain.length === 2;
  if (isComplete && !wantsCrl) return evidence;
  const lines = linesOf(report);
  const leaf = plain?.leaf ?? (await findVcek(store, report, kind));
  const [line, ...others] = lines;
  const known = isComplete && line !== undefined && others.length === 0;
  const found = known
    ? { chain: plain.chain, line }
    : await findChain(store, kind, { lines, leaf });
  const crl = wantsCrl ? await store.read(crlPath(kind, found.line)) : undefined;
  return withoutAbsent({
    ...evidence,
    certificates: { kind: 'chain', leaf, chain: isComplete ? plain.chain : found.chain } as const,
    crl: evidence.crl ?? crl,
  });
}

async function findVcek(
  store: CertificateStore,
  report: SnpReport,
  kind: LeafKind,
): Promise<Uint8Array> {
  if (kind === 'VLEK') {
    throw new ToolError('USAGE_CONFLICT', 'a VLEK is not to be had from a certificate service', {
      hints: [
        'the cloud provider hands it to the guest: give it with --leaf or --certificate-table',
      ],
    });
  }
  const paths = linesOf(report).flatMap((line) => vcekPaths(report, line));
  for (const path of paths) {
    const leaf = await store.read(path);
    if (leaf !== undefined) return leaf;
  }
  throw new ToolError('COLLATERAL_INVALID', `${store.name} does not have the VCEK of this report`, {
    want: paths.filter((_path, index) => index % 2 === 0).join(' or '),
  });
}

interface ChainWanted {
  readonly lines: readonly ProductLine[];
  readonly leaf: Uint8Array;
}

/** The chain whose first certificate issued the leaf, among those of the lines that the report may be of. */
async function findChain(
  store: CertificateStore,
  kind: LeafKind,
  { lines, leaf }: ChainWanted,
): Promise<{ readonly chain: readonly Uint8Array[]; readonly line: ProductLine }> {
  const { issuer } = readCertificate(leaf, 'the leaf certificate');
  for (const line of lines) {
    const path = chainPath(kind, line);
    const pem = await store.read(path);
    const chain = pem === undefined ? [] : pemCertificates(pem, path);
    const [intermediate] = chain;
    if (intermediate === undefined) continue;
    if (readCertificate(intermediate, path).subject.equals(issuer)) return { chain, line };
  }
  const message = `${store.name} does not have the certificates above the leaf of this report`;
  throw new ToolError('COLLATERAL_INVALID', message, {
    want: lines.map((line) => chainPath(kind, line)).join(' or '),
  });
}

function readCertificate(bytes: Uint8Array, what: string): AmdCertificate {
  try {
    return parseAmdCertificate(bytes, what);
  } catch (cause) {
    if (!(cause instanceof ToolError)) throw cause;
    throw new ToolError('COLLATERAL_INVALID', cause.message, { cause });
  }
}
