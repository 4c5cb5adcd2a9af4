import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isSha256Hex,
  parseDigest,
  parseRootHash,
  sha256Digest,
  sha256Hex,
} from '../../src/core/digest.js';

describe('digests', () => {
  it('SHA-256 of the empty text (FIPS 180-4)', () => {
    expect(sha256Hex('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(sha256Digest(new Uint8Array())).toBe(`sha256:${sha256Hex('')}`);
  });

  it('only lower-case sha256 digests are accepted', () => {
    const good = sha256Digest('x');
    expect(parseDigest(good, 'blob')).toBe(good);
    for (const bad of [
      good.toUpperCase(),
      good.slice(0, -1),
      `${good}0`,
      `${good}\n`,
      'sha512:00',
      '',
      5,
      null,
    ]) {
      expect(() => parseDigest(bad, 'blob')).toThrow(
        expect.objectContaining({ code: 'IMAGE_INVALID' }),
      );
    }
    expect(() => parseRootHash(`${'a'.repeat(63)}A`, 'x')).toThrow();
  });

  it('no text but 64 lower-case hex digits is one', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 80 }),
        (text) => isSha256Hex(text) === /^[0-9a-f]{64}$/.test(text) && !text.endsWith('\n'),
      ),
      { seed: 1 },
    );
  });
});
