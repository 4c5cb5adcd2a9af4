/** Damaged tars: whatever happens, it is an image that agrees with itself or a refusal, and it comes to an end. */
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { createExt4Writer } from '../../../src/layer/ext4/writer.js';
import { sealed } from './archive.js';
import { readTar, VECTORS } from './vector-index.js';

const BLOCK = 512;
const MUTATIONS = 6000;
const LARGEST_TAR = 60_000;
/** More than any of these tars can ask for without a sparse size. */
const FIELDS: readonly (readonly [at: number, length: number])[] = [
  [0, 100],
  [100, 8],
  [108, 8],
  [124, 12],
  [136, 12],
  [156, 1],
  [157, 100],
  [257, 8],
  [329, 8],
  [345, 12],
  [386, 96],
  [482, 1],
  [483, 12],
];
const TYPES = '0123456xgLKSD7\0';

/** A generator of numbers below a bound, from a seed. */
function numbersFrom(seed: number): (bound: number) => number {
  let state = seed | 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

type Mutation = (tar: Buffer, next: (bound: number) => number) => Buffer;

const onHeader =
  (change: (block: Buffer, next: (bound: number) => number) => void): Mutation =>
  (tar, next) => {
    const block = tar.subarray(BLOCK * next(Math.max(1, tar.length / BLOCK))).subarray(0, BLOCK);
    if (block.length < BLOCK) return tar;
    change(block, next);
    sealed(block);
    return tar;
  };

const MUTATORS: readonly Mutation[] = [
  (tar, next) => {
    tar[next(tar.length)] = next(256);
    return tar;
  },
  (tar, next) => tar.subarray(0, next(tar.length)),
  (tar, next) => {
    const at = BLOCK * next(tar.length / BLOCK);
    return Buffer.concat([tar.subarray(0, at), tar.subarray(at + BLOCK * next(4))]);
  },
  (tar, next) => {
    const at = BLOCK * next(tar.length / BLOCK);
    const from = BLOCK * next(tar.length / BLOCK);
    const piece = tar.subarray(from, from + BLOCK * (1 + next(4)));
    return Buffer.concat([tar.subarray(0, at), piece, tar.subarray(at)]);
  },
  onHeader((block, next) => {
    block.write(TYPES[next(TYPES.length)]!, 156, 'latin1');
  }),
  onHeader((block, next) => {
    const [at, length] = FIELDS[next(FIELDS.length)]!;
    block[at + next(length)] = next(256);
  }),
  onHeader((block, next) => {
    const [at, length] = FIELDS[next(FIELDS.length)]!;
    block.fill([0, 0x20, 0x30, 0x80, 0xff][next(5)]!, at, at + length);
  }),
];

/** Writes to nothing, and counts. */
function convertToNothing(tar: Buffer): number {
  let length = 0;
  const writer = createExt4Writer({
    sink: {
      get length() {
        return length;
      },
      append: (bytes) => {
        length += bytes.length;
      },
      appendZeros: (count) => {
        length += count;
      },
      appendPatchable: () => {
        length += 4096;
        return length / 4096 - 1;
      },
      patchBlock: (index) => {
        expect(index).toBeLessThan(length / 4096);
      },
      drained: () => Promise.resolve(),
    },
    notices: ({ message }) => expect(message).toMatch(/^[^\n\x1b]+$/),
  });
  writer.write(tar);
  writer.end();
  return length;
}

describe('damaged tars', () => {
  const tars = VECTORS.filter(
    ({ file, tar_size }) => file && tar_size > 0 && tar_size < LARGEST_TAR,
  )
    .map(readTar)
    .filter((tar) => tar.length >= BLOCK);

  it('give an image or a ToolError', () => {
    const seen = { images: 0, refusals: 0 };
    for (let seed = 1; seed <= MUTATIONS; seed++) {
      const next = numbersFrom(Math.imul(seed, 0x9e3779b1));
      let tar = Buffer.from(tars[next(tars.length)]!);
      for (let i = 0; i <= next(3) && tar.length >= BLOCK; i++) {
        tar = Buffer.from(MUTATORS[next(MUTATORS.length)]!(tar, next));
      }
      try {
        expect(convertToNothing(tar) % 4096).toBe(0);
        seen.images++;
      } catch (error) {
        if (!(error instanceof ToolError)) throw new Error(`seed ${seed}`, { cause: error });
        expect(['LAYER_INVALID', 'LIMIT_EXCEEDED']).toContain(error.code);
        seen.refusals++;
      }
    }
    expect(seen.images).toBeGreaterThan(MUTATIONS / 10);
    expect(seen.refusals).toBeGreaterThan(MUTATIONS / 10);
  });
});
