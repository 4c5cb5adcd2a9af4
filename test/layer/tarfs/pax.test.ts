import { describe, expect, it } from 'vitest';
import { parsePax } from '../../../src/layer/tarfs/pax.js';
import { paxRecord } from './archive.js';

const CLEAN = { damaged: false, repeated: false, xattrs: false };
const parse = (...parts: readonly (string | Buffer)[]) =>
  parsePax(Buffer.concat(parts.map((part) => Buffer.from(part as string))));

describe('parsePax', () => {
  it('finds the keys that count', () => {
    expect(
      parse(
        paxRecord('mtime', '1.5'),
        paxRecord('path', 'a=b c'),
        paxRecord('linkpath', ''),
        paxRecord('size', '18446744073709551615'),
        paxRecord('uid', '+7'),
        paxRecord('gid', '00000000000000000000000000000008'),
      ),
    ).toEqual({
      ...CLEAN,
      path: 'a=b c',
      linkpath: '',
      size: 18446744073709551615n,
      uid: 7n,
      gid: 8n,
    });
  });

  it('keeps bytes as they are', () => {
    expect(parse(paxRecord('path', Buffer.from([0xff, 0x80]))).path).toBe('\xff\x80');
  });

  it.each(['', ' 5', '5 ', '-5', '0x5', '5.0', '18446744073709551616', '+', '1'.repeat(300)])(
    'takes uid %j for absent',
    (value) => {
      expect(parse(paxRecord('uid', value))).toEqual(CLEAN);
    },
  );

  it('tolerates a plus sign in the length', () => {
    expect(parse('+10 path=a\n')).not.toHaveProperty('path', 'a');
    expect(parse('+11 path=a\n')).toEqual({ ...CLEAN, path: 'a' });
  });

  it.each([
    ['no blank', 'path\n'],
    ['no equals sign', '7 path\n'],
    ['a wrong length', '99 path=a\n'],
    ['a length that is no number', 'x path=a\n'],
    ['a sign', '-9 path=a\n'],
  ])('goes on for texts, but not for numbers, after a line with %s', (_what, line) => {
    expect(parse(line, paxRecord('path', 'b'), paxRecord('uid', '1'))).toEqual({
      ...CLEAN,
      damaged: true,
      path: 'b',
    });
    expect(parse(paxRecord('uid', '1'), line).uid).toBe(1n);
  });

  it('ends at an empty line', () => {
    expect(parse(paxRecord('uid', '1'), '\n', paxRecord('path', 'b'))).toEqual({
      ...CLEAN,
      damaged: true,
      uid: 1n,
    });
  });

  it('is not damaged by the end of the content', () => {
    expect(parse('')).toEqual(CLEAN);
    expect(parse(paxRecord('mtime', '1').subarray(0, -1))).toEqual(CLEAN);
  });

  it('takes the first of repeated records, even if it is no number', () => {
    expect(parse(paxRecord('path', 'a'), paxRecord('path', 'b'))).toEqual({
      ...CLEAN,
      repeated: true,
      path: 'a',
    });
    expect(parse(paxRecord('uid', 'x'), paxRecord('uid', '2'))).toEqual({
      ...CLEAN,
      repeated: true,
    });
    expect(parse(paxRecord('mtime', '1'), paxRecord('mtime', '2'))).toEqual(CLEAN);
  });

  it.each(['SCHILY.xattr.security.capability', 'LIBARCHIVE.xattr.user.a'])('sees %s', (key) => {
    expect(parse(paxRecord(key, Buffer.from([1, 10, 10, 2]))).xattrs).toBe(true);
  });
});
