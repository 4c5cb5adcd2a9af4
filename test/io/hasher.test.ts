import { describe, expect, it } from 'vitest';
import { openHasher } from '../../src/io/hasher.js';
import { loadNative } from '../../src/io/native.js';
import { naiveBlockHash, patternBytes } from '../support/verity.js';

describe.each([
  ['as it is', loadNative()],
  ['without the addon', { kind: 'absent', reason: 'left out' } as const],
])('hasher of a run, %s', (_how, state) => {
  it('hashes blocks', async () => {
    const hasher = openHasher(state);
    const block = patternBytes(4096, 3);
    const buffer = hasher.takeBuffer();
    buffer.set(block);
    expect(Buffer.from(await hasher.hashBlocks(buffer, 1))).toEqual(naiveBlockHash(block));
    await hasher.close();
  });
});
