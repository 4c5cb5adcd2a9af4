import { expect, it } from 'vitest';
import { buildGeometry } from '../../../src/layer/ext4/geometry.js';
import { printSuperblock } from '../../../src/layer/ext4/superblock.js';

it('holds the geometry and nothing that could vary', () => {
  const geometry = buildGeometry(12, 12);
  const block = printSuperblock(geometry, { blocks: 7, inodes: 4 });
  expect(block.length).toBe(4096);
  const u32 = (at: number): number => block.readUInt32LE(1024 + at);
  expect([0, 4, 0x0c, 0x10, 0x28].map(u32)).toEqual([16, 15, 7, 4, 16]);
  block.fill(0, 1024, 1024 + 0x2c);
  const rest: [number, number][] = [...block.entries()].filter(([, byte]) => byte !== 0);
  expect(rest.map(([at, byte]) => `${(at - 1024).toString(16)}=${byte.toString(16)}`)).toEqual(
    '38=53 39=ef 3a=1 3c=1 4c=1 54=b 59=1 5c=8 5d=2 60=42 61=2 64=4a 65=10 15c=18 15e=18 174=1f 268=b'.split(
      ' ',
    ),
  );
});
