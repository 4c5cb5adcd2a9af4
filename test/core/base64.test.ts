import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64, decodeBase64Url, encodeBase64UrlPadded } from '../../src/core/base64.js';

describe('strict base64', () => {
  it('decodes what Node encodes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        expect(decodeBase64(buffer.toString('base64'))).toEqual(buffer);
        expect(decodeBase64Url(buffer.toString('base64url'))).toEqual(buffer);
        const padded = encodeBase64UrlPadded(bytes);
        expect(padded.length % 4).toBe(0);
        expect(Buffer.from(padded, 'base64url')).toEqual(buffer);
      }),
      { seed: 3 },
    );
  });

  it('ignores line ends as Go does', () =>
    expect(decodeBase64('YW\r\nJj\n')).toEqual(Buffer.from('abc')));

  it.each(['YWI', 'YW=', 'YWJj=', 'YW Jj', '-_-_', 'YQ==YQ==', '====', 'YWJj!'])(
    'refuses %j as standard',
    (text) => expect(decodeBase64(text)).toBeUndefined(),
  );

  it.each(['YWI=', 'YW+/', 'a', 'YW\nJj', 'YR'])('refuses %j as base64url', (text) =>
    expect(decodeBase64Url(text)).toBeUndefined(),
  );

  it('takes long texts', () => {
    expect(decodeBase64('A'.repeat(4 << 22))?.length).toBe(3 << 22);
  });
});
