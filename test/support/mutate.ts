/** Changes of bytes for fuzzing; equal seeds give equal changes. */

/** Numbers below a bound; equal seeds give equal numbers (mulberry32). */
export type Dice = (bound: number) => number;

export function rollFrom(seed: number): Dice {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

export const pick = <T>(list: readonly T[], dice: Dice): T => list[dice(list.length)] as T;

/** A copy with one to three changes: bits, bytes, words, lengths, moved pieces. */
export function mutate(bytes: Uint8Array, dice: Dice): Buffer {
  let copy = Buffer.from(bytes);
  for (let left = 1 + dice(3); left > 0; left -= 1) copy = pick(CHANGES, dice)(copy, dice);
  return copy;
}

type Change = (bytes: Buffer<ArrayBuffer>, dice: Dice) => Buffer<ArrayBuffer>;

const at = (bytes: Buffer, dice: Dice) => dice(Math.max(bytes.length, 1));
const edited = (bytes: Buffer<ArrayBuffer>, edit: (copy: Buffer) => void) => {
  if (bytes.length > 0) edit(bytes);
  return bytes;
};

const flipBit: Change = (bytes, dice) =>
  edited(bytes, (copy) => {
    const offset = at(copy, dice);
    copy[offset] = (copy[offset] ?? 0) ^ (1 << dice(8));
  });

const CHANGES: readonly Change[] = [
  flipBit,
  flipBit,
  flipBit,
  flipBit,
  (bytes, dice) => edited(bytes, (copy) => copy.fill(dice(256), at(copy, dice))),
  (bytes, dice) =>
    edited(bytes, (copy) => {
      copy[at(copy, dice)] = pick([0, 1, 0x7f, 0x80, 0xff], dice);
    }),
  (bytes, dice) =>
    edited(bytes, (copy) => {
      const offset = at(copy, dice);
      copy.fill(pick([0, 0xff], dice), offset, Math.min(copy.length, offset + 1 + dice(8)));
    }),
  (bytes, dice) => Buffer.from(bytes.subarray(0, at(bytes, dice))),
  (bytes, dice) => Buffer.concat([bytes, Buffer.alloc(1 + dice(3), dice(256))]),
  (bytes, dice) =>
    edited(bytes, (copy) => {
      copy.copy(copy, at(copy, dice), at(copy, dice), at(copy, dice));
    }),
];

/** A change of a report that keeps its length: mostly of fields that have a meaning. */
export function mutateReport(bytes: Uint8Array, dice: Dice): Buffer {
  if (dice(20) === 0) return mutate(bytes, dice);
  const copy = Buffer.from(bytes);
  for (let left = dice(3); left >= 0; left -= 1) {
    const offset = dice(4) === 0 ? at(copy, dice) : pick(FIELD_OFFSETS, dice);
    if (offset >= copy.length) continue;
    if (dice(2) === 0) copy[offset] = (copy[offset] ?? 0) ^ (1 << dice(8));
    else copy[offset] = dice(3) === 0 ? dice(256) : pick([0, 1, 2, 3, 4, 5, 0xff], dice);
  }
  return copy;
}

/** Offsets of bytes on which checks depend. */
const FIELD_OFFSETS = [
  0, 4, 8, 9, 0xa, 0xb, 0xc, 0x10, 0x20, 0x30, 0x33, 0x34, 0x38, 0x3a, 0x3e, 0x3f, 0x40, 0x41, 0x48,
  0x4c, 0x50, 0x90, 0xc0, 0xe0, 0x110, 0x160, 0x180, 0x182, 0x186, 0x187, 0x188, 0x189, 0x18a,
  0x18b, 0x1a0, 0x1a8, 0x1e0, 0x1e6, 0x1e8, 0x1e9, 0x1ea, 0x1eb, 0x1ec, 0x1ed, 0x1f0, 0x1f8, 0x200,
  0x208, 0x29f, 0x2a0, 0x2cf, 0x2d0, 0x2e7, 0x2e8, 0x317, 0x318, 0x330, 0x49f,
];
