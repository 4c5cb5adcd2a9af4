/**
 * COSE_Sign1 (RFC 9052 section 4.2) as a tagged document. Reading accepts exactly what the decoder in the guest accepts;
 * the bytes of the protected header are kept, since they are what is signed.
 */
import {
  type CborMap,
  type CborValue,
  decodeCbor,
  encodeCbor,
  isCborArray,
  isCborMap,
  isCborTag,
} from './cbor.js';
import { ToolError } from './error.js';

/** Labels of header parameters; integers are bigints as decodeCbor gives them. */
export const COSE_LABEL = {
  algorithm: 1n,
  critical: 2n,
  contentType: 3n,
  keyId: 4n,
  iv: 5n,
  partialIv: 6n,
  counterSignature: 7n,
  counterSignature0: 9n,
  counterSignatureV2: 11n,
  counterSignature0V2: 12n,
  cwtClaims: 15n,
  type: 16n,
  x5chain: 33n,
  x5t: 34n,
  payloadHashAlgorithm: 258n,
  preimageContentType: 259n,
  payloadLocation: 260n,
  receipts: 394n,
  verifiableData: 395n,
  proofs: 396n,
} as const;

/** A decoded document. */
export interface CoseSign1 {
  /** Content of the byte string that holds the protected header. */
  readonly protectedBytes: Buffer;
  readonly protectedHeader: CborMap;
  readonly unprotectedHeader: CborMap;
  /** Undefined if it is detached (nil). */
  readonly payload: Buffer | undefined;
  readonly signature: Buffer;
}

/** First bytes of every document: tag 18 and an array of four. */
const PREFIX = Buffer.from([0xd2, 0x84]);

/** Reads a document. `what` names it in messages. Throws COSE_INVALID, CBOR_INVALID or LIMIT_EXCEEDED. */
export function parseCoseSign1(bytes: Uint8Array, what: string): CoseSign1 {
  if (!PREFIX.equals(bytes.subarray(0, PREFIX.length))) {
    throw coseInvalid(what, 'it does not begin with tag 18 and an array of four');
  }
  const outer = decodeCbor(bytes, what);
  const parts = isCborTag(outer) && isCborArray(outer.content) ? outer.content : [];
  const [protectedBytes, unprotectedHeader, payload, signature] = parts;
  if (!Buffer.isBuffer(protectedBytes)) {
    throw coseInvalid(what, 'the protected header is no byte string');
  }
  if (unprotectedHeader === undefined || !isCborMap(unprotectedHeader)) {
    throw coseInvalid(what, 'the unprotected header is no map');
  }
  if (payload !== null && !Buffer.isBuffer(payload)) {
    throw coseInvalid(what, 'the payload is neither a byte string nor nil');
  }
  if (!Buffer.isBuffer(signature) || signature.length === 0) {
    throw coseInvalid(what, 'the signature is no byte string, or empty');
  }
  if (hasTag(unprotectedHeader)) {
    throw coseInvalid(what, 'the unprotected header has a tagged item');
  }
  const protectedHeader = readProtected(protectedBytes, what);
  checkHeader(protectedHeader, true, what);
  checkHeader(unprotectedHeader, false, what);
  checkVectors(protectedHeader, unprotectedHeader, what);
  return {
    protectedBytes,
    protectedHeader,
    unprotectedHeader,
    payload: payload ?? undefined,
    signature,
  };
}

/** Writes a document. */
export function encodeCoseSign1(message: Omit<CoseSign1, 'protectedHeader'>): Buffer {
  const { protectedBytes, unprotectedHeader, payload = null, signature } = message;
  return encodeCbor({
    tag: 18n,
    content: [protectedBytes, unprotectedHeader, payload, signature],
  });
}

/** The bytes that are signed: Sig_structure with no external data. */
export function sigStructure(protectedBytes: Buffer, payload: Buffer): Buffer {
  return encodeCbor(['Signature1', protectedBytes, Buffer.alloc(0), payload]);
}

function readProtected(bytes: Buffer, what: string): CborMap {
  if (bytes.length === 0) return new Map();
  const header = decodeCbor(bytes, `the protected header of ${what}`);
  if (isCborMap(header)) return header;
  throw coseInvalid(what, 'the protected header is no map');
}

type HeaderRule = (value: CborValue, header: CborMap) => boolean;

const isBytes: HeaderRule = (value) => Buffer.isBuffer(value);
const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

function isLabel(value: CborValue): boolean {
  if (typeof value === 'bigint') return value >= INT64.min && value <= INT64.max;
  return typeof value === 'string';
}

/** Parameters whose form the guest's decoder checks: the check, and in which header the parameter may stand. */
const HEADER_RULES: ReadonlyMap<
  CborValue,
  { check: HeaderRule; in?: 'protected' | 'unprotected' }
> = new Map([
  [COSE_LABEL.algorithm, { check: isLabel }],
  [COSE_LABEL.critical, { check: isCritical, in: 'protected' as const }],
  [COSE_LABEL.contentType, { check: isMediaType }],
  [COSE_LABEL.type, { check: isMediaType }],
  [COSE_LABEL.keyId, { check: isBytes }],
  [COSE_LABEL.iv, { check: isBytes }],
  [COSE_LABEL.partialIv, { check: isBytes }],
  [COSE_LABEL.counterSignature, { check: isCountersignature, in: 'unprotected' as const }],
  [COSE_LABEL.counterSignatureV2, { check: isCountersignature, in: 'unprotected' as const }],
  [COSE_LABEL.counterSignature0, { check: isBytes, in: 'unprotected' as const }],
  [COSE_LABEL.counterSignature0V2, { check: isBytes, in: 'unprotected' as const }],
]);

function checkHeader(header: CborMap, isProtected: boolean, what: string): void {
  const name = isProtected ? 'protected' : 'unprotected';
  for (const [label, value] of header) {
    if (!isLabel(label)) {
      throw coseInvalid(what, `a label of the ${name} header is neither an integer nor a text`);
    }
    if (!isRepresentable(value)) {
      throw coseInvalid(what, `the ${name} header has an item that the guest cannot read`);
    }
    const rule = HEADER_RULES.get(label);
    if (rule === undefined) continue;
    if ((rule.in ?? name) !== name || !rule.check(value, header)) {
      throw coseInvalid(what, `header parameter ${String(label)} has a wrong form or place`);
    }
  }
}

/** A text of the form type/subtype, or an unsigned integer (RFC 9052 section 3.1). */
function isMediaType(value: CborValue): boolean {
  if (typeof value === 'bigint') return value >= 0n;
  if (typeof value !== 'string' || value === '') return false;
  const trimmed = !value.startsWith(' ') && !value.endsWith(' ');
  return trimmed && value.split('/').length === 2;
}

/** A list of labels that are all there. */
function isCritical(value: CborValue, header: CborMap): boolean {
  if (!isCborArray(value) || value.length === 0) return false;
  return value.every((label) => isLabel(label) && header.has(label));
}

/** One countersignature, a list of them, or nothing; none is ever verified. */
function isCountersignature(value: CborValue): boolean {
  if (value === null || value === undefined) return true;
  if (!isCborArray(value)) return false;
  const isOne = (parts: CborValue): boolean =>
    isCborArray(parts) &&
    parts.length === 3 &&
    Buffer.isBuffer(parts[0]) &&
    isCborMap(parts[1]) &&
    Buffer.isBuffer(parts[2]) &&
    parts[2].length > 0;
  return isOne(value) || value.every(isOne);
}

/** Both initialisation vectors must not be there at once, in whatever header. */
function checkVectors(one: CborMap, other: CborMap, what: string): void {
  const has = (label: bigint) => one.has(label) || other.has(label);
  if (has(COSE_LABEL.iv) && has(COSE_LABEL.partialIv)) {
    throw coseInvalid(what, 'it has an IV and a partial IV');
  }
}

const RFC3339 =
  /^\d{4}-(?:0\d|1[0-2])-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** Content of the tags that the guest's decoder gives a meaning: date text, epoch, big integers. */
const TAG_RULES = new Map<bigint, (content: CborValue) => boolean>([
  [0n, (content) => typeof content === 'string' && RFC3339.test(content)],
  [1n, (content) => typeof content === 'bigint' || typeof content === 'number'],
  [2n, (content) => Buffer.isBuffer(content)],
  [3n, (content) => Buffer.isBuffer(content)],
]);

/** Integers are not above 63 bits (below, the guest's decoder takes them as big ones); well-known tags fit. */
function isRepresentable(value: CborValue): boolean {
  if (typeof value === 'bigint') return value <= INT64.max;
  if (isCborArray(value)) return value.every(isRepresentable);
  if (isCborMap(value)) {
    return [...value].every(([key, each]) => isRepresentable(key) && isRepresentable(each));
  }
  if (!isCborTag(value)) return true;
  return (TAG_RULES.get(value.tag)?.(value.content) ?? true) && isRepresentable(value.content);
}

function hasTag(value: CborValue): boolean {
  if (isCborTag(value)) return true;
  if (isCborArray(value)) return value.some(hasTag);
  return isCborMap(value) && [...value.values()].some(hasTag);
}

function coseInvalid(what: string, problem: string): ToolError {
  return new ToolError('COSE_INVALID', `${what} is not a valid COSE_Sign1 document: ${problem}`);
}
