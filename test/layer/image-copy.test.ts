import { describe, expect, it } from 'vitest';
import { createInlineHasher } from '../../src/layer/block-hash.js';
import { createCopyingSink, type ImageCopy } from '../../src/layer/image-copy.js';
import { LayerOutputs } from '../../src/layer/layer-outputs.js';
import { createMerkleSink } from '../../src/layer/merkle.js';
import { naiveRootHash, patternBytes } from '../support/verity.js';

const BLOCK = 4096;

/** A copy in memory. */
function memoryCopy(): ImageCopy & { image(): Buffer } {
  const parts: Buffer[] = [];
  const patches: [number, Buffer][] = [];
  return {
    append: (bytes) => void parts.push(Buffer.from(bytes)),
    appendZeros: (count) => void parts.push(Buffer.alloc(count)),
    patchBlock: (index, block) => void patches.push([index, Buffer.from(block)]),
    image() {
      const image = Buffer.concat(parts);
      for (const [index, block] of patches) block.copy(image, index * BLOCK);
      return image;
    },
  };
}

describe('createCopyingSink', () => {
  it('gives both the same image: bytes, zeros and replaced blocks', async () => {
    const copy = memoryCopy();
    const sink = createCopyingSink(createMerkleSink(createInlineHasher()), copy);
    const index = sink.appendPatchable();
    sink.append(patternBytes(BLOCK + 7));
    sink.appendZeros(2 * BLOCK - 7);
    sink.patchBlock(index, patternBytes(BLOCK, 3));
    await sink.drained();
    expect(sink.length).toBe(4 * BLOCK);
    const image = copy.image();
    expect(image.subarray(0, BLOCK)).toEqual(patternBytes(BLOCK, 3));
    expect(await sink.finish()).toBe(naiveRootHash(image));
  });

  it('holds one format only', () => {
    const hasher = createInlineHasher();
    const base = { userFiles: false, hasher, notices: () => undefined, copy: memoryCopy() };
    expect(() => new LayerOutputs({ ...base, formats: ['ext4', 'tarfs'] })).toThrow(
      'a copy holds the image of one format',
    );
    expect(() => new LayerOutputs({ ...base, formats: ['ext4'] })).not.toThrow();
  });
});
