/**
 * Memory of the virtual machine of a pod: a base for its own system and what the limits of the containers add. Requests
 * do not count.
 */

/** What a pod without any limit gets, and the base under the limits of others: 2 GiB. */
export const VM_BASE_BYTES = 2 * 1024 ** 3;

/** Factors of Kubernetes quantities. */
const FACTORS: Readonly<Record<string, number>> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
  Pi: 1024 ** 5,
  Ei: 1024 ** 6,
};
const QUANTITY =
  /^\+?([0-9]{1,18}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(?:([eE][+-]?[0-9]{1,2})|([mkMGTPE]|[KMGTPE]i)?)$/;

/** Bytes of a Kubernetes quantity, rounded up; undefined if it is none. */
export function parseBytes(quantity: string): number | undefined {
  const match = QUANTITY.exec(quantity.trim());
  if (match === null) return undefined;
  const [, digits = '', exponent = '', suffix = ''] = match;
  return Math.ceil(Number(`${digits}${exponent}`) * (FACTORS[suffix] ?? 1));
}

/** The part of a container that its memory limit adds; `isInit` for those that end before the others start. */
export interface MemoryShare {
  readonly limitBytes: number;
  readonly isInit: boolean;
}

/** Bytes of the virtual machine: init containers run one after the other, the others together. */
export function vmMemory(shares: readonly MemoryShare[]): number {
  const together = shares
    .filter(({ isInit }) => !isInit)
    .reduce((sum, { limitBytes }) => sum + limitBytes, 0);
  const alone = shares.filter(({ isInit }) => isInit).map(({ limitBytes }) => limitBytes);
  return VM_BASE_BYTES + Math.max(together, ...alone);
}

/** `3072 MiB`. */
export function printMebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 ** 2)} MiB`;
}
