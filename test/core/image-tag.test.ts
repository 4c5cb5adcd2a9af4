import { describe, expect, it } from 'vitest';
import { mutableTagOf, ruleOfTag } from '../../src/core/image-tag.js';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('tags of images', () => {
  it.each([
    ['busybox', 'latest'],
    ['busybox:latest', 'latest'],
    ['host:5000/a/b:1.2', '1.2'],
    ['host:5000/a/b', 'latest'],
    [`busybox@${DIGEST}`, undefined],
    [`busybox:1@${DIGEST}`, undefined],
    ['Not An Image', undefined],
    ['', undefined],
  ])('%s: %s', (image, tag) => {
    expect(mutableTagOf(image)).toBe(tag);
  });

  it('latest is worse than others', () => {
    expect([ruleOfTag('latest'), ruleOfTag('1.2')]).toEqual([
      'image-latest-tag',
      'image-mutable-tag',
    ]);
  });
});
