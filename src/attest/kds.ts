/**
 * Layout of AMD's key distribution service (spec snp-attestation section 4.4): the path below its address at which each
 * certificate stands. A folder with files of these names is a copy of it.
 */
import type { LeafKind } from './amd-extensions.js';
import { lineOfCpu, PRODUCTS, type ProductLine, TCB_PARTS } from './products.js';
import type { SnpReport } from './report.js';
import { readTcb } from './tcb.js';

/** A place with the layout of the service; undefined for a path that it does not have. Throws if it cannot be asked. */
export interface CertificateStore {
  /** As people know it: folder or host. */
  readonly name: string;
  read(path: string): Promise<Uint8Array | undefined>;
}

const PARAMETERS = { fmc: 'fmcSPL', bl: 'blSPL', tee: 'teeSPL', snp: 'snpSPL', ucode: 'ucodeSPL' };
const SERVICE: Readonly<Record<LeafKind, string>> = { VCEK: 'vcek', VLEK: 'vlek' };

/** Paths at which the VCEK of a report may stand, the usual spelling first. Built from the reported TCB. */
export function vcekPaths(report: SnpReport, line: ProductLine): readonly string[] {
  const product = PRODUCTS[line];
  const chip = Buffer.from(report.chipId.subarray(0, product.chipIdBytes)).toString('hex');
  const tcb = readTcb(report.reportedTcb, product);
  const parts = TCB_PARTS.filter((part) => tcb[part] !== undefined);
  return [2, 1].map((digits) => {
    const query = parts.map((part) => {
      return `${PARAMETERS[part]}=${String(tcb[part]).padStart(digits, '0')}`;
    });
    return `vcek/v1/${line}/${chip}?${query.join('&')}`;
  });
}

/** Path of the intermediate certificate and the root, PEM in this order. */
export function chainPath(kind: LeafKind, line: ProductLine): string {
  return `${SERVICE[kind]}/v1/${line}/cert_chain`;
}

/** Path of the revocation list of the root, DER. */
export function crlPath(kind: LeafKind, line: ProductLine): string {
  return `${SERVICE[kind]}/v1/${line}/crl`;
}

/** Lines that a report may be of; a report of version 2 does not name its processor, and Turin has none of that version. */
export function linesOf(report: SnpReport): readonly ProductLine[] {
  if (report.version < 3) return ['Milan', 'Genoa'];
  const line = lineOfCpu(report.cpuidFamily, report.cpuidModel);
  return line === undefined ? [] : [line];
}
