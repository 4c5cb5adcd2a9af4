/** Runs the ext4 writer onto the simplest image sink. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import type { Notice } from '../../../src/core/notice.js';
import { createExt4Writer, type Ext4Layout } from '../../../src/layer/ext4/writer.js';
import type { ImageSink } from '../../../src/layer/ports.js';
import { naiveBlockHash, naiveRootHash } from '../../support/verity.js';

export const GIB = 1024 ** 3;
const BLOCK = 4096;

export interface NaiveSink extends ImageSink {
  image(): Buffer;
}

/** Keeps everything in memory, and is as strict as a sink may be. */
export function createNaiveSink(): NaiveSink {
  const parts: Buffer[] = [];
  const patches = new Map<number, Buffer | undefined>();
  let length = 0;
  const push = (part: Buffer): void => {
    parts.push(part);
    length += part.length;
  };
  return {
    get length() {
      return length;
    },
    append: (bytes) => push(Buffer.from(bytes)),
    appendZeros: (count) => push(Buffer.alloc(count)),
    appendPatchable() {
      expect(length % BLOCK).toBe(0);
      const index = length / BLOCK;
      patches.set(index, undefined);
      push(Buffer.alloc(BLOCK));
      return index;
    },
    patchBlock(index, block) {
      expect(patches.has(index)).toBe(true);
      expect(block.length).toBe(BLOCK);
      patches.set(index, Buffer.from(block));
    },
    drained: () => Promise.resolve(),
    image() {
      const image = Buffer.concat(parts);
      for (const [index, block] of patches) block?.copy(image, index * BLOCK);
      return image;
    },
  };
}

export interface Converted {
  readonly image: Buffer;
  readonly notices: readonly Notice[];
}

/** The image of a tar that comes in `chunks`. */
export function convert(chunks: Iterable<Uint8Array>, layout?: Ext4Layout): Converted {
  const sink = createNaiveSink();
  const notices: Notice[] = [];
  const writer = createExt4Writer({ sink, notices: (notice) => notices.push(notice) }, layout);
  for (const chunk of chunks) writer.write(chunk);
  writer.end();
  return { image: sink.image(), notices };
}

/** The error of a tar that must be refused, which is to be the same for the writer's later calls. */
export function refusal(tar: Uint8Array, layout?: Ext4Layout): ToolError {
  const writer = createExt4Writer({ sink: createNaiveSink(), notices: () => {} }, layout);
  const attempt = (step: () => void): unknown => {
    try {
      step();
    } catch (error) {
      return error;
    }
    return undefined;
  };
  const error = attempt(() => writer.write(tar)) ?? attempt(() => writer.end());
  if (!(error instanceof ToolError)) expect.unreachable(`not refused: ${String(error)}`);
  expect(attempt(() => writer.write(Buffer.alloc(1)))).toBe(error);
  expect(attempt(() => writer.end())).toBe(error);
  return error;
}

/** The rule in a refusal's message. */
export function ruleOf(error: ToolError): string | undefined {
  return /\[([a-z-]+)\]$/.exec(error.message)?.[1];
}

/** What the vectors record of an image. */
export function factsOf(image: Buffer) {
  const prefixes: string[] = [];
  for (let at = 0; at < image.length; at += BLOCK) {
    prefixes.push(naiveBlockHash(image.subarray(at, at + BLOCK)).toString('hex', 0, 4));
  }
  return {
    size: image.length,
    sha256: createHash('sha256').update(image).digest('hex'),
    rootHash: naiveRootHash(image),
    leafPrefixes: prefixes.join(''),
  };
}

/** `bytes` cut into pieces of 1 to 2 * `mean` bytes. */
export function cut(bytes: Uint8Array, mean: number, seed: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let state = seed | 1;
  for (let at = 0; at < bytes.length; ) {
    state = Math.imul(state, 1_103_515_245) + 12_345;
    const size = 1 + ((state >>> 8) % (2 * mean));
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

/** Seeds of cuts for property tests. */
export const cutSeeds = fc.record({
  mean: fc.constantFrom(1, 7, 100, 512, 700, 5000),
  seed: fc.nat(),
});
