import { expect, it } from 'vitest';
import type { RootHash } from '../../src/core/digest.js';
import { printVerityParameters } from '../../src/layer/verity-parameters.js';

it('printVerityParameters names all that dm-verity needs', () => {
  const rootHash = 'ab'.repeat(32) as RootHash;
  const text = printVerityParameters({ rootHash, dataBlocks: 15, image: 'i', tree: 't' });
  expect(text.split('\n').slice(0, 10)).toEqual([
    `root-hash=${rootHash}`,
    'data-file=i',
    'hash-file=t',
    'format=1',
    'hash=sha256',
    'data-block-size=4096',
    'hash-block-size=4096',
    'data-blocks=15',
    'hash-offset=0',
    `salt=${'0'.repeat(64)}`,
  ]);
  expect(text).toContain(` i t ${rootHash}\n`);
  // The length of the device is in sectors of 512 bytes.
  expect(text).toContain(`'0 120 verity 1 IMAGE TREE 4096 4096 15 0 sha256 ${rootHash} `);
});
