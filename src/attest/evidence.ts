/**
 * Evidence as one file, `podseal.evidence/v1`: a report with what is needed to verify it offline. Nothing in it is
 * trusted, and nothing in it is secret. The verifier inside the guest reads and writes the same files.
 */
import { decodeBase64Strictly } from '../core/base64.js';
import { ToolError } from '../core/error.js';
import { type JsonObject, type JsonValue, parseJson } from '../core/json.js';
import {
  arrayOf,
  below,
  invalidAt,
  type JsonPlace,
  type JsonReader,
  readObject,
  readString,
  refuseUnknownKeys,
} from '../core/json-read.js';
import { withoutAbsent } from '../core/record.js';

export const EVIDENCE_FORMAT = 'podseal.evidence/v1';

/** Where the certificates come from, as they were delivered. */
export type CertificateSource =
  | {
      readonly kind: 'chain';
      /** DER of VCEK or VLEK. */
      readonly leaf: Uint8Array;
      /** DER of ASK or ASVK, then ARK. */
      readonly chain: readonly Uint8Array[];
    }
  | { readonly kind: 'table'; readonly table: Uint8Array }
  | { readonly kind: 'thim'; readonly text: string };

/** Everything that is judged. */
export interface Evidence {
  /** The report as it came: bare, or inside of an HCL report. */
  readonly report?: Uint8Array;
  readonly hclReport?: Uint8Array;
  readonly certificates?: CertificateSource;
  /** DER, the revocation list of the root. */
  readonly crl?: Uint8Array;
  /** COSE_Sign1 that endorses the launch measurement. */
  readonly uvmEndorsement?: Uint8Array;
}

const MEMBERS = [
  'format',
  'report',
  'hclReport',
  'certificates',
  'certificateTable',
  'thim',
  'crl',
  'uvmEndorsement',
] as const;

/** Reads an evidence file. `what` names it. Throws EVIDENCE_INVALID. */
export function parseEvidence(text: string, what: string): Evidence {
  try {
    return readEvidence(parseJson(text, what), what);
  } catch (cause) {
    if (!(cause instanceof ToolError) || cause.code === 'EVIDENCE_INVALID') throw cause;
    throw new ToolError('EVIDENCE_INVALID', cause.message, {
      ...withoutAbsent({ where: cause.where, want: cause.want, got: cause.got }),
      cause,
    });
  }
}

/** True for a text that says that it is an evidence file. */
export function isEvidenceText(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, 4096)).toString('latin1');
  return start.trimStart().startsWith('{') && start.includes(EVIDENCE_FORMAT);
}

/** Reads evidence from a JSON value. Throws EVIDENCE_INVALID. */
export function readEvidence(value: JsonValue, what: string): Evidence {
  const place: JsonPlace = { code: 'EVIDENCE_INVALID', what, path: '' };
  const object = readObject(value, place);
  refuseUnknownKeys(object, MEMBERS, place);
  if (object.format !== EVIDENCE_FORMAT) {
    throw invalidAt(below(place, 'format'), 'does not fit', { want: EVIDENCE_FORMAT });
  }
  const read = <T>(member: (typeof MEMBERS)[number], reader: JsonReader<T>): T | undefined => {
    const field = object[member];
    return field === undefined || field === null ? undefined : reader(field, below(place, member));
  };
  const table = read('certificateTable', readBytes);
  const thim = read('thim', readString);
  const sources: readonly (CertificateSource | undefined)[] = [
    read('certificates', readChain),
    table && { kind: 'table', table },
    thim === undefined ? undefined : { kind: 'thim', text: thim },
  ];
  const [certificates, ...more] = sources.filter((source) => source !== undefined);
  if (more.length > 0) {
    throw invalidAt(place, 'has more than one of certificates, certificateTable and thim');
  }
  const [report, hclReport] = [read('report', readBytes), read('hclReport', readBytes)];
  if (report !== undefined && hclReport !== undefined) {
    throw invalidAt(place, 'has both report and hclReport');
  }
  return withoutAbsent({
    report,
    hclReport,
    certificates,
    crl: read('crl', readBytes),
    uvmEndorsement: read('uvmEndorsement', readBytes),
  });
}

/** The text of an evidence file; parseEvidence reads it back. */
export function printEvidence(evidence: Evidence): string {
  return `${JSON.stringify(evidenceAsJson(evidence), null, 2)}\n`;
}

/** Evidence as a JSON value; readEvidence reads it back. */
export function evidenceAsJson(evidence: Evidence): JsonObject {
  const base64 = (bytes: Uint8Array | undefined) => bytes && encode(bytes);
  const { certificates: source } = evidence;
  return withoutAbsent({
    format: EVIDENCE_FORMAT,
    report: base64(evidence.report),
    hclReport: base64(evidence.hclReport),
    certificates:
      source?.kind === 'chain'
        ? { leaf: encode(source.leaf), chain: source.chain.map(encode) }
        : undefined,
    certificateTable: source?.kind === 'table' ? base64(source.table) : undefined,
    thim: source?.kind === 'thim' ? source.text : undefined,
    crl: base64(evidence.crl),
    uvmEndorsement: base64(evidence.uvmEndorsement),
  });
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function readBytes(value: JsonValue, place: JsonPlace): Uint8Array {
  const bytes = decodeBase64Strictly(readString(value, place));
  if (bytes !== undefined) return bytes;
  throw invalidAt(place, 'is not base64 with padding');
}

function readChain(value: JsonValue, place: JsonPlace): CertificateSource {
  const object = readObject(value, place);
  refuseUnknownKeys(object, ['leaf', 'chain'], place);
  const { leaf, chain } = object;
  if (leaf === undefined || chain === undefined) {
    throw invalidAt(place, 'needs leaf and chain');
  }
  return {
    kind: 'chain',
    leaf: readBytes(leaf, below(place, 'leaf')),
    chain: arrayOf(readBytes)(chain, below(place, 'chain')),
  };
}
