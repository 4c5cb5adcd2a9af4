/** AMD's private extensions of a VCEK or VLEK (arc 1.3.6.1.4.1.3704.1; spec snp-attestation section 4.3). */
import { DER_TAG, parseDer, readContent, readSmallInteger } from '../core/der.js';
import { ToolError } from '../core/error.js';
import type { AmdCertificate } from './certificate.js';
import type { Product, TcbPart } from './products.js';
import { type Denial, deny } from './reasons.js';
import type { Tcb } from './tcb.js';

/** All of AMD's extensions begin so. */
export const AMD_ARC = '1.3.6.1.4.1.3704.1';

/** What signed a report: a key of the chip, or one that a cloud provider loaded. */
export type LeafKind = 'VCEK' | 'VLEK';

/** What the leaf certificate says. */
export interface LeafFacts {
  /** TCB that the key was derived from. */
  readonly tcb: Tcb;
  /** A patch level without meaning is not zero. */
  readonly hasReservedTcb: boolean;
  /** Bytes of the chip's identity; VCEK only. */
  readonly hardwareId?: Buffer;
  /** The cloud provider; VLEK only. */
  readonly cspId?: string;
}

const SPL: Readonly<Record<TcbPart, string>> = {
  bl: '3.1',
  tee: '3.2',
  snp: '3.3',
  ucode: '3.8',
  fmc: '3.9',
};
const RESERVED_SPL: readonly string[] = ['3.4', '3.5', '3.6', '3.7'];
const STRUCT_VERSION = '1';
const PRODUCT_NAME = '2';
const HARDWARE_ID = '4';
const CSP_ID = '5';

/** Reads the extensions of a leaf under the root of `product`: E_CERT_PROFILE or E_PRODUCT if they do not fit. */
export function readLeafExtensions(
  leaf: AmdCertificate,
  kind: LeafKind,
  product: Product,
): LeafFacts | Denial {
  const oids = leaf.extensions.map(({ oid }) => oid);
  const twice = oids.find((oid, index) => oids.indexOf(oid) !== index);
  if (twice !== undefined) return misfit(`it has the extension ${twice} twice`);
  const values = new Map<string, Buffer>(
    leaf.extensions
      .filter(({ oid }) => oid.startsWith(`${AMD_ARC}.`))
      .map(({ oid, value }) => [oid.slice(AMD_ARC.length + 1), value]),
  );
  try {
    return readValues(values, kind, product);
  } catch (error) {
    if (error instanceof Misfit) return error.denial;
    if (error instanceof ToolError) return misfit(error.message);
    throw error;
  }
}

/** Ends the reading of a leaf with a refusal; never leaves this file. */
class Misfit extends Error {
  readonly denial: Denial;

  constructor(denial: Denial) {
    super(denial.message);
    this.denial = denial;
  }
}

type Values = ReadonlyMap<string, Buffer>;

function readValues(values: Values, kind: LeafKind, product: Product): LeafFacts {
  readNumber(values, STRUCT_VERSION);
  const name = readAscii(values, PRODUCT_NAME);
  const hasFmc = product.tcbBytes.includes('fmc');
  if (!hasFmc && values.has(SPL.fmc)) throw new Misfit(misfit(`${product.line} has no FMC`));
  const parts = product.tcbBytes.filter((part) => part !== undefined);
  const tcb = Object.fromEntries(parts.map((part) => [part, readNumber(values, SPL[part])]));
  const reserved = RESERVED_SPL.filter((oid) => values.has(oid)).map((oid) =>
    readNumber(values, oid),
  );
  const owner = readOwner(values, kind, product);
  const line = name.split('-', 1)[0] ?? '';
  if (line !== product.line) {
    const message = 'the certificate is for another product line than its root';
    throw new Misfit(deny('E_PRODUCT', message, { want: product.line, got: name.slice(0, 80) }));
  }
  return { tcb, hasReservedTcb: reserved.some((level) => level !== 0), ...owner };
}

/** The chip of a VCEK or the provider of a VLEK; neither may carry the other's. */
function readOwner(
  values: Values,
  kind: LeafKind,
  product: Product,
): Pick<LeafFacts, 'hardwareId' | 'cspId'> {
  if (kind === 'VLEK') {
    if (values.has(HARDWARE_ID)) throw new Misfit(misfit('it is a VLEK with the ID of a chip'));
    return { cspId: readAscii(values, CSP_ID) };
  }
  if (values.has(CSP_ID)) throw new Misfit(misfit('it is a VCEK with the ID of a provider'));
  return { hardwareId: readHardwareId(needed(values, HARDWARE_ID), product) };
}

/** Raw bytes, or the same as an OCTET STRING. */
function readHardwareId(value: Buffer, { chipIdBytes }: Product): Buffer {
  if (value.length === chipIdBytes) return value;
  const wrapped = value[0] === DER_TAG.octetString && value[1] === chipIdBytes;
  if (wrapped && value.length === chipIdBytes + 2) return value.subarray(2);
  const message = 'the chip ID of the certificate has a wrong length';
  const details = { want: `${chipIdBytes} bytes`, got: `${value.length} bytes` };
  throw new Misfit(deny('E_CERT_PROFILE', message, details));
}

/** A minimal INTEGER from 0 to 255. */
function readNumber(values: Values, oid: string): number {
  return readSmallInteger(parseDer(needed(values, oid), `extension ${AMD_ARC}.${oid}`), 255);
}

function readAscii(values: Values, oid: string): string {
  const element = parseDer(needed(values, oid), `extension ${AMD_ARC}.${oid}`);
  const content = readContent(element, DER_TAG.ia5String);
  if (content.every((byte) => byte < 0x80)) return content.toString('latin1');
  throw new Misfit(misfit(`the extension ${AMD_ARC}.${oid} is not ASCII`));
}

function needed(values: Values, oid: string): Buffer {
  const value = values.get(oid);
  if (value !== undefined) return value;
  throw new Misfit(misfit(`it lacks the extension ${AMD_ARC}.${oid}`));
}

function misfit(problem: string): Denial {
  return deny('E_CERT_PROFILE', `the leaf certificate does not have AMD's form: ${problem}`);
}
