/** The 8 bytes of a TCB version -> security patch levels of its parts, compared part by part (spec snp-attestation 2.6). */
import { type Product, TCB_PARTS, type TcbPart } from './products.js';

/** Patch levels, 0 to 255 each; a part that the product does not have is absent. */
export type Tcb = Readonly<Partial<Record<TcbPart, number>>>;

/** The parts of a TCB. Bytes that must be zero are left out: see reservedTcbBytes. */
export function readTcb(bytes: Uint8Array, product: Product): Tcb {
  const tcb: Partial<Record<TcbPart, number>> = {};
  product.tcbBytes.forEach((part, index) => {
    if (part !== undefined) tcb[part] = bytes[index] ?? 0;
  });
  return tcb;
}

/** True if all bytes that have no meaning for this product are zero. */
export function hasReservedTcbBytes(bytes: Uint8Array, product: Product): boolean {
  return product.tcbBytes.some((part, index) => part === undefined && bytes[index] !== 0);
}

/** Parts in which `tcb` is below `floor`; a part that `tcb` does not have counts as 0. */
export function partsBelow(tcb: Tcb, floor: Tcb): readonly TcbPart[] {
  return TCB_PARTS.filter((part) => (tcb[part] ?? 0) < (floor[part] ?? 0));
}

/** As text: `bl 3, tee 0, snp 8, ucode 115`. */
export function printTcb(tcb: Tcb): string {
  return TCB_PARTS.filter((part) => tcb[part] !== undefined)
    .map((part) => `${part} ${tcb[part]}`)
    .join(', ');
}
