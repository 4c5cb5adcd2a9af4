import { expect, it } from 'vitest';
import { KIND } from '../../../src/layer/ext4/inode-table.js';
import {
  buildBareSpec,
  hasStoredContent,
  isDevice,
  kindOf,
} from '../../../src/layer/ext4/node-spec.js';

it('tells kinds by the upper bits of the mode', () => {
  expect(kindOf(KIND.fifo | 0o7777)).toBe(KIND.fifo);
  expect([KIND.charDevice, KIND.blockDevice, KIND.regular, KIND.fifo].map(isDevice)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

it('knows what has blocks of its own', () => {
  const spec = buildBareSpec(KIND.regular);
  expect(hasStoredContent(spec)).toBe(false);
  expect(hasStoredContent({ ...spec, size: 1 })).toBe(true);
  expect(hasStoredContent({ ...spec, linkname: 'l'.repeat(59) })).toBe(false);
  expect(hasStoredContent({ ...spec, linkname: 'l'.repeat(60) })).toBe(true);
});
