/**
 * Certificates from what carries them -> the three of a chain in their places (spec snp-attestation sections 4.1 and
 * 4.4, step G). All of it is untrusted transport.
 */
import { ToolError } from '../core/error.js';
import { parseJson } from '../core/json.js';
import { type JsonPlace, readObject, readString, requiredField } from '../core/json-read.js';
import { parsePem } from '../core/pem.js';
import type { ReadBytes } from '../core/remember.js';
import { type AmdCertificate, parseAmdCertificate } from './certificate.js';
import type { TableEntry, TableRole } from './certificate-table.js';
import type { Chain } from './check-chain.js';
import type { CertificateSource } from './evidence.js';
import { type Denial, deny } from './reasons.js';

/** Bytes of certificates in the order leaf, intermediate, root. */
type Places = readonly Uint8Array[];

/** Labels of a PEM block that holds a certificate. */
const CERTIFICATE = 'CERTIFICATE';
const NAMES = ['leaf certificate', 'intermediate certificate', 'root certificate'] as const;

/** What Azure's certificate service answers (THIM, `host-amd-cert-base64`). */
export interface ThimAnswer {
  /** DER of the leaf. */
  readonly leaf: Uint8Array;
  /** DER, in the order ASK, ARK. */
  readonly chain: readonly Uint8Array[];
}

/**
 * The chain of a source, its certificates read by `read`. `table` are the entries of a table source. E_CHAIN_FORMAT for
 * anything else than a chain.
 */
export function readChain(
  source: CertificateSource | undefined,
  table: readonly TableEntry[] | undefined,
  leafKind: 'VCEK' | 'VLEK' | undefined,
  read: ReadBytes<AmdCertificate> = parseAmdCertificate,
): Chain | Denial {
  try {
    const places = placesOf(source, table, leafKind);
    if (!Array.isArray(places)) return places as Denial;
    const [leaf, intermediate, root] = (places as Places).map((bytes, index) => {
      return read(bytes, `the ${NAMES[index] ?? 'certificate'}`);
    });
    if (leaf && intermediate && root && places.length === 3) return { leaf, intermediate, root };
    return malformed('the chain does not have the two certificates that the leaf needs');
  } catch (error) {
    if (error instanceof ToolError) return malformed(error.message);
    throw error;
  }
}

/** Reads a THIM answer: one certificate in vcekCert, the chain in certificateChain. Throws CERTIFICATE_INVALID and others. */
export function parseThim(text: string, what: string): ThimAnswer {
  const place: JsonPlace = { code: 'CERTIFICATE_INVALID', what, path: '' };
  const object = readObject(parseJson(text, what), place);
  const [leaf, ...others] = pemCertificates(
    Buffer.from(requiredField(object, 'vcekCert', place, readString)),
    `vcekCert of ${what}`,
  );
  if (leaf === undefined || others.length > 0) {
    throw new ToolError('CERTIFICATE_INVALID', `vcekCert of ${what} is not one certificate`);
  }
  return {
    leaf,
    chain: pemCertificates(
      Buffer.from(requiredField(object, 'certificateChain', place, readString)),
      `certificateChain of ${what}`,
    ),
  };
}

/** DER of all certificates of a PEM text. Throws PEM_INVALID. */
export function pemCertificates(bytes: Uint8Array, what: string): readonly Uint8Array[] {
  return parsePem(bytes, what)
    .filter(({ label }) => label === CERTIFICATE)
    .map((block) => block.bytes);
}

function placesOf(
  source: CertificateSource | undefined,
  table: readonly TableEntry[] | undefined,
  leafKind: 'VCEK' | 'VLEK' | undefined,
): Places | Denial {
  if (source === undefined) {
    return malformed('there are no certificates', ['give them, or fetch them with --kds']);
  }
  if (source.kind === 'chain') return [source.leaf, ...source.chain];
  if (source.kind === 'thim') {
    const { leaf, chain } = parseThim(source.text, 'the THIM answer');
    return [leaf, ...chain];
  }
  const blob = (role: TableRole) => table?.find((entry) => entry.role === role)?.bytes;
  const [vcek, vlek] = [blob('vcek'), blob('vlek')];
  const leaf = leafKind === 'VLEK' ? (vlek ?? vcek) : (vcek ?? vlek);
  return [leaf, blob('intermediate'), blob('root')].filter((bytes) => bytes !== undefined);
}

function malformed(problem: string, hints: readonly string[] = []): Denial {
  return deny('E_CHAIN_FORMAT', problem, hints.length === 0 ? {} : { hints });
}
