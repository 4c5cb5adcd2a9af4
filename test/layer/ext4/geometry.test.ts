import { describe, expect, it } from 'vitest';
import { buildGeometry, countDescriptorBlocks } from '../../../src/layer/ext4/geometry.js';

const GIB = 1024 ** 3;

/** The search as the format words it: fewest groups, then fewest inodes per group. */
function naive(tableStart: number, inodes: number) {
  let best = { groups: Number.MAX_SAFE_INTEGER, inodesPerGroup: 0 };
  for (let ipg = 16; ipg <= 32768; ipg += 16) {
    const data = 32768 - ipg / 16 - 2;
    let groups = 1;
    while (groups * data < tableStart || groups * ipg < inodes) groups++;
    if (groups < best.groups) best = { groups, inodesPerGroup: ipg };
  }
  return best;
}

describe('geometry', () => {
  it.each([
    [128 * GIB, 8],
    [16 * GIB, 1],
    [16 * 1024 * GIB, 1024],
    [4096, 1],
  ])('sets aside descriptor blocks for %d bytes', (size, blocks) => {
    expect(countDescriptorBlocks(size)).toBe(blocks);
  });

  it.each([
    [12, 12],
    [12, 16],
    [12, 17],
    [100, 32768],
    [100, 32769],
    [32765, 11],
    [32766, 11],
    [40000, 33000],
    [300000, 2000000],
    [3000, 65537],
  ])('of a table at block %d with %d inodes has the fewest groups', (tableStart, inodes) => {
    expect(buildGeometry(tableStart, inodes)).toMatchObject(naive(tableStart, inodes));
  });

  it('fills up to the last group where inodes force more groups', () => {
    const geometry = buildGeometry(100, 70000);
    expect(geometry.groups).toBe(3);
    expect(geometry.usedBlocks).toBe(geometry.bitmapStart + 6);
    expect(geometry.diskBlocks).toBe(2 * 32768 + 1);
  });

  it('uses a second descriptor block from 129 groups on', () => {
    const group = 32768 - 2 - 1;
    expect(buildGeometry(128 * group, 11)).toMatchObject({ groups: 128, descriptorBlocks: 1 });
    expect(buildGeometry(128 * group + 1, 11)).toMatchObject({ groups: 129, descriptorBlocks: 2 });
  });
});
