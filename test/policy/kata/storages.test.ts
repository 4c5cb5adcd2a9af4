import { describe, expect, it } from 'vitest';
import type { DiffId } from '../../../src/core/digest.js';
import { computeLayerIds } from '../../../src/policy/kata/storages.js';
import { buildOne, imageOf } from '../../support/pod-models.js';

const diffId = (letter: string) => `sha256:${letter.repeat(64)}` as DiffId;

describe('layer ids', () => {
  it('are digests of chain ids: the worked example', () => {
    expect(computeLayerIds([diffId('a')])).toEqual([
      '9f447b1b473d359884f2b8541a1ad0b7d194ed59b79e8eee48047ec4830564fd',
    ]);
    expect(computeLayerIds([diffId('c'), diffId('d')])).toEqual([
      '38b1f9c18f6bc8d4b0d5e19d19d654277acf2c474680f1d546b25513ac8b3e0d',
      'adb083ee8dfacdddd33f87dd4f144dd4d79af7015259ddf693c521940dda9887',
    ]);
  });
});

describe('layer storages', () => {
  const images = { two: imageOf('two', {}, [[], []]) };

  it('have the top layer first, then the overlay', () => {
    const { storages } = buildOne('C', { image: 'two' }, { images });
    const layer = (index: number) => ({
      driver: 'blk',
      driver_options: [],
      source: '',
      fstype: 'tar',
      options: [`$(hash${index})`],
      mount_point: `$(layer${index})`,
      fs_group: null,
    });
    const [lower, upper] = computeLayerIds([diffId('a'), diffId('b')]);
    expect(storages).toEqual([
      layer(0),
      layer(1),
      {
        ...layer(0),
        driver: 'overlayfs',
        fstype: 'fuse3.kata-overlay',
        options: [`${upper}:${lower}`, `${'1'.repeat(64)}:${'0'.repeat(64)}`],
        mount_point: '$(cpath)/$(bundle-id)',
      },
    ]);
  });

  it('are there where the guest or its settings ask for them', () => {
    const patch = [
      { op: 'replace', path: '/common/image_layer_verification', value: 'host-tarfs-dm-verity' },
    ];
    const count = (family: 'V' | 'M' | 'U', changes: readonly object[] = []) =>
      buildOne(family, { image: 'two' }, { images, patch: changes }).storages.length;
    expect([count('V'), count('M'), count('M', patch), count('U'), count('U', patch)]).toEqual([
      3, 0, 3, 0, 0,
    ]);
  });

  it('need the root hash of every layer', () => {
    const two = images.two;
    const bare = { ...two, layers: two.layers.map((facts) => ({ ...facts, rootHashes: {} })) };
    expect(() => buildOne('C', { image: 'two' }, { images: { two: bare } })).toThrow(
      expect.objectContaining({
        code: 'IMAGE_FACTS_INVALID',
        where: 'pod.yaml:6:12 spec.containers[0].image',
      }),
    );
    expect(buildOne('U', { image: 'two' }, { images: { two: bare } }).storages).toEqual([]);
  });
});
