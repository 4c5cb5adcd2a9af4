/**
 * What differs between AMD's product lines: TCB layout, chip ID, processor models, and the root that is trusted (spec
 * snp-attestation sections 2.6 to 2.8 and 4.2). A root is known by its digests alone; its certificate comes with the
 * evidence.
 */

/** Product lines with a published root. */
export const PRODUCT_LINES = ['Milan', 'Genoa', 'Turin'] as const;
export type ProductLine = (typeof PRODUCT_LINES)[number];

/** A security patch level of one part of the firmware. */
export type TcbPart = 'fmc' | 'bl' | 'tee' | 'snp' | 'ucode';
/** In the order in which they are printed. */
export const TCB_PARTS: readonly TcbPart[] = ['fmc', 'bl', 'tee', 'snp', 'ucode'];

export interface Product {
  readonly line: ProductLine;
  /** What each of the 8 bytes of a TCB is; undefined: must be zero. */
  readonly tcbBytes: readonly (TcbPart | undefined)[];
  /** Bytes of the chip ID that are in use, and of the HWID extension. */
  readonly chipIdBytes: 64 | 8;
}

const EARLY_TCB = [
  'bl',
  'tee',
  undefined,
  undefined,
  undefined,
  undefined,
  'snp',
  'ucode',
] as const;
const TURIN_TCB = ['fmc', 'bl', 'tee', 'snp', undefined, undefined, undefined, 'ucode'] as const;

export const PRODUCTS: Readonly<Record<ProductLine, Product>> = {
  Milan: { line: 'Milan', tcbBytes: EARLY_TCB, chipIdBytes: 64 },
  Genoa: { line: 'Genoa', tcbBytes: EARLY_TCB, chipIdBytes: 64 },
  Turin: { line: 'Turin', tcbBytes: TURIN_TCB, chipIdBytes: 8 },
};

/** A root that is trusted: SHA-256 of the whole certificate, lower-case hex, and the line that it stands for. */
export interface TrustedRoot {
  readonly line: ProductLine;
  readonly certificateSha256: string;
}

/** AMD's roots (ARK), each self-signed and valid for 25 years. */
export const AMD_ROOTS: readonly TrustedRoot[] = [
  {
    line: 'Milan',
    certificateSha256: '69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd',
  },
  {
    line: 'Genoa',
    certificateSha256: '4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1',
  },
  {
    line: 'Turin',
    certificateSha256: '1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a',
  },
];

interface ModelRange {
  readonly family: number;
  readonly first: number;
  readonly last: number;
  readonly line: ProductLine;
}

const MODELS: readonly ModelRange[] = [
  { family: 0x19, first: 0x00, last: 0x0f, line: 'Milan' },
  { family: 0x19, first: 0x10, last: 0x1f, line: 'Genoa' },
  { family: 0x19, first: 0xa0, last: 0xaf, line: 'Genoa' },
  { family: 0x1a, first: 0x00, last: 0x11, line: 'Turin' },
];

/** Product line of a processor by its combined family and model; undefined for one without a known root. */
export function lineOfCpu(family: number, model: number): ProductLine | undefined {
  return MODELS.find((row) => row.family === family && row.first <= model && model <= row.last)
    ?.line;
}
