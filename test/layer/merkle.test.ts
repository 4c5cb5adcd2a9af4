import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import { createInlineHasher } from '../../src/layer/block-hash.js';
import { createMerkleSink } from '../../src/layer/merkle.js';
import { BATCH_BLOCKS, type BlockHasher } from '../../src/layer/ports.js';
import { naiveRootHash, patternBytes } from '../support/verity.js';

const BLOCK = 4096;
const BATCH = BATCH_BLOCKS * BLOCK;

/** Answers its calls last first, as soon as the caller waits. */
function reversingHasher(): BlockHasher {
  const inline = createInlineHasher();
  let held: (() => void)[] = [];
  return {
    takeBuffer: inline.takeBuffer,
    hashBlocks: (buffer, count) =>
      new Promise((resolve) => {
        held.push(() => resolve(inline.hashBlocks(buffer, count)));
        setImmediate(() => {
          for (const release of held.reverse()) release();
          held = [];
        });
      }),
  };
}

type Step =
  | { readonly kind: 'bytes'; readonly length: number; readonly seed: number }
  | { readonly kind: 'zeros'; readonly length: number }
  | { readonly kind: 'replaceable' }
  | { readonly kind: 'replace'; readonly pick: number; readonly seed: number };

const lengths = fc.oneof(
  fc.integer({ min: 0, max: 9000 }),
  fc.constantFrom(0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 128 * BLOCK, BATCH - 1, BATCH, BATCH + 5),
);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('bytes' as const),
        length: lengths,
        seed: fc.nat(),
      }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('zeros' as const), length: lengths }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('replaceable' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('replace' as const),
        pick: fc.nat(),
        seed: fc.nat(),
      }),
    },
  ),
  { minLength: 1, maxLength: 12 },
);

/** Runs the steps on a sink and on an image in memory; the end is padded to a block. */
async function runSteps(run: readonly Step[], hasher: BlockHasher) {
  const sink = createMerkleSink(hasher);
  const parts: Buffer[] = [];
  const replaceable: { index: number; bytes: Buffer }[] = [];
  const pad = (bytes: Buffer) => {
    parts.push(bytes);
    sink.appendZeros(bytes.length);
  };
  for (const step of run) {
    if (step.kind === 'bytes') {
      const bytes = patternBytes(step.length, step.seed);
      parts.push(Buffer.from(bytes));
      sink.append(bytes);
      bytes.fill(0xee);
    } else if (step.kind === 'zeros') pad(Buffer.alloc(step.length));
    else if (step.kind === 'replaceable') {
      pad(Buffer.alloc((BLOCK - (sink.length % BLOCK)) % BLOCK));
      const bytes = Buffer.alloc(BLOCK);
      parts.push(bytes);
      replaceable.push({ index: sink.appendPatchable(), bytes });
    } else {
      const target = replaceable[step.pick % Math.max(1, replaceable.length)];
      if (target === undefined) continue;
      target.bytes.set(patternBytes(BLOCK, step.seed));
      sink.patchBlock(target.index, target.bytes);
    }
    await sink.drained();
  }
  pad(
    Buffer.alloc(sink.length % BLOCK === 0 && sink.length > 0 ? 0 : BLOCK - (sink.length % BLOCK)),
  );
  const image = Buffer.concat(parts);
  expect(sink.length).toBe(image.length);
  return { root: await sink.finish(), image };
}

describe('createMerkleSink', () => {
  it('agrees with the naive tree on any sequence of operations', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (run) => {
        const { root, image } = await runSteps(run, reversingHasher());
        expect(root).toBe(naiveRootHash(image));
      }),
      { seed: 0xc0de, numRuns: 60 },
    );
  });

  it('does not depend on the sizes of the appended parts', async () => {
    const image = patternBytes(700 * BLOCK);
    const want = naiveRootHash(image);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 300_000 }), { maxLength: 40 }),
        async (cuts) => {
          const sink = createMerkleSink(createInlineHasher());
          let at = 0;
          for (const cut of [...cuts, image.length]) {
            sink.append(image.subarray(at, at + cut));
            at = Math.min(image.length, at + cut);
          }
          expect(await sink.finish()).toBe(want);
        },
      ),
      { seed: 0xc0de, numRuns: 15 },
    );
  });

  it('takes 43 GiB of zeros in no time', async () => {
    const sink = createMerkleSink({
      takeBuffer: () => expect.unreachable(),
      hashBlocks: () => expect.unreachable(),
    });
    sink.appendZeros(43 * 2 ** 30);
    const other = createMerkleSink(createInlineHasher());
    for (let block = 0; block < 43 * 2 ** 8; block++) other.appendZeros(2 ** 22);
    expect(await sink.finish()).toBe(await other.finish());
  });

  it('keeps few batches under way although nobody waits', async () => {
    const inline = createInlineHasher();
    let taken = 0;
    const sink = createMerkleSink({
      takeBuffer: () => {
        taken += 1;
        return inline.takeBuffer();
      },
      hashBlocks: inline.hashBlocks,
    });
    const image = patternBytes(30 * BATCH);
    sink.append(image);
    expect(taken).toBeLessThanOrEqual(10);
    expect(await sink.finish()).toBe(naiveRootHash(image));
  });

  it('waits in drained until the hasher has caught up', async () => {
    const inline = createInlineHasher();
    const release: (() => void)[] = [];
    const sink = createMerkleSink({
      takeBuffer: inline.takeBuffer,
      hashBlocks: (buffer, count) =>
        new Promise((resolve) => release.push(() => resolve(inline.hashBlocks(buffer, count)))),
    });
    sink.append(patternBytes(3 * BATCH));
    let isDrained = false;
    const drained = sink.drained().then(() => {
      isDrained = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDrained).toBe(false);
    release.shift()!();
    await drained;
    for (const answer of release) answer();
    await sink.finish();
  });

  it('throws a failure of the hasher from drained and finish', async () => {
    const failure = new ToolError('INTERNAL', 'no threads');
    const sink = createMerkleSink({
      takeBuffer: createInlineHasher().takeBuffer,
      hashBlocks: () => Promise.reject(failure),
    });
    sink.append(patternBytes(4 * BATCH));
    await expect(sink.drained()).rejects.toBe(failure);
    sink.append(patternBytes(BATCH));
    await expect(sink.finish()).rejects.toBe(failure);
  });

  it.each([0, 1, BLOCK - 1, BLOCK + 1])('refuses an image of %i bytes', async (length) => {
    const sink = createMerkleSink(createInlineHasher());
    sink.append(patternBytes(length));
    await expect(sink.finish()).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('refuses a replaceable block in the middle of another', () => {
    const sink = createMerkleSink(createInlineHasher());
    sink.appendZeros(1);
    expect(() => sink.appendPatchable()).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });
});
