/** Searches outputs for very many needles at once: a rolling hash of eight bytes, then the whole needle. */
import { type Needle, SHORTEST } from './needles.js';

export interface Found {
  readonly needle: Needle;
  /** Offset in bytes. */
  readonly at: number;
}

const BASE = 0x01000193;
const FILTER_BITS = 1 << 24;

/** Gives the needles in a text, each once. */
export type Search = (text: Buffer) => readonly Found[];

/** Makes a search; what it costs for a text does not depend on the number of needles. */
export function openSearch(needles: readonly Needle[]): Search {
  const byHash = new Map<number, Needle[]>();
  const filter = new Uint8Array(FILTER_BITS / 8);
  for (const needle of needles) {
    const hash = hashOf(needle.bytes);
    const known = byHash.get(hash);
    if (known === undefined) byHash.set(hash, [needle]);
    else known.push(needle);
    const bit = hash & (FILTER_BITS - 1);
    filter[bit >>> 3]! |= 1 << (bit & 7);
  }
  return (text) => searchIn(text, byHash, filter);
}

/** Factor of the byte that leaves the window. */
const LEAVING = Array.from({ length: SHORTEST }).reduce<number>(
  (power) => Math.imul(power, BASE),
  1,
);

function hashOf(bytes: Uint8Array): number {
  let hash = 0;
  for (let i = 0; i < SHORTEST; i += 1) hash = (Math.imul(hash, BASE) + bytes[i]!) | 0;
  return hash;
}

function searchIn(
  text: Buffer,
  byHash: ReadonlyMap<number, readonly Needle[]>,
  filter: Uint8Array,
): readonly Found[] {
  if (text.length < SHORTEST) return [];
  const found = new Map<Needle, number>();
  let hash = hashOf(text);
  for (let end = SHORTEST; ; end += 1) {
    const bit = hash & (FILTER_BITS - 1);
    if ((filter[bit >>> 3]! & (1 << (bit & 7))) !== 0) {
      const at = end - SHORTEST;
      for (const needle of byHash.get(hash) ?? []) {
        const isHere = needle.bytes.equals(text.subarray(at, at + needle.bytes.length));
        if (isHere && !found.has(needle)) found.set(needle, at);
      }
    }
    if (end === text.length) break;
    hash = (Math.imul(hash, BASE) + text[end]! - Math.imul(LEAVING, text[end - SHORTEST]!)) | 0;
  }
  return [...found].map(([needle, at]) => ({ needle, at }));
}
