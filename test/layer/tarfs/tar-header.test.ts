import { describe, expect, it } from 'vitest';
import {
  createHeaderBlock,
  FIELDS,
  headerKind,
  headerName,
  numberField,
  octalField,
  sizeField,
} from '../../../src/layer/tarfs/tar-header.js';
import { headerOf } from './archive.js';

const mode = (bytes: string | Buffer) =>
  octalField(headerOf({ mode: Buffer.from(bytes as string) }), FIELDS.mode);

describe('octalField', () => {
  it.each([
    ['0000644\0', 0o644],
    ['00000644', 0o644],
    ['644\0junk', 0o644],
    ['   644 \0', 0o644],
    ['644 ', 0o644],
    ['+644\0', 0o644],
    ['\t\n644\r\0', 0o644],
    ['\u0085644\u00a0', 0o644],
    ['\u3000644\u2028'.slice(0, 4), 0o644],
    ['0\0', 0],
  ])('reads %j', (bytes, value) => {
    expect(mode(bytes)).toBe(value);
  });

  it.each([
    '\0',
    '    ',
    ' \0 644',
    '648\0',
    '0x644\0',
    '-644\0',
    '+\0',
    '++6\0',
    '6 44\0',
    '\ufeff644',
    Buffer.from([0x36, 0xff, 0]),
    Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 1]),
  ])('does not read %j', (bytes) => {
    expect(mode(bytes)).toBeUndefined();
  });
});

describe('numberField', () => {
  it('reads base-256 and keeps the low bits', () => {
    const read = (bytes: readonly number[]) =>
      numberField(headerOf({ uid: Buffer.from(bytes) }), FIELDS.uid);
    expect(read([0x80, 0, 0, 0, 0, 0x20, 0, 1])).toBe(0x200001);
    expect(read([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])).toBe(2 ** 48 - 1);
    expect(read([0x30, 0x31, 0x32, 0])).toBe(0o12);
  });
});

describe('sizeField', () => {
  const size = (bytes: Buffer) => sizeField(headerOf({ size: bytes }), FIELDS.size);

  it('ignores the first four bytes of base-256', () => {
    expect(size(Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 1, 2]))).toBe(258);
  });

  it('is infinite from 2^48 on', () => {
    expect(size(Buffer.from([0x80, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255]))).toBe(
      2 ** 48 - 1,
    );
    expect(size(Buffer.from([0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]))).toBe(
      Number.POSITIVE_INFINITY,
    );
    expect(size(Buffer.alloc(12, 0xff))).toBe(Number.POSITIVE_INFINITY);
  });

  it('reads all twelve octal digits', () => {
    expect(size(Buffer.from('777777777777'))).toBe(8 ** 12 - 1);
    expect(size(Buffer.from('no number'))).toBeUndefined();
  });
});

describe('header', () => {
  it.each([
    ['ustar\x0000', 'ustar'],
    ['ustar  \0', 'gnu'],
    ['ustar\x0001', 'old'],
    ['ustar \x0000', 'old'],
    ['\0\0\0\0\0\0\0\0', 'old'],
  ])('with magic %j is %s', (magic, kind) => {
    const header = headerOf({ patches: { 257: Buffer.from(magic, 'latin1') } });
    expect(headerKind(header)).toBe(kind);
  });

  it('has a prefix only if it is USTAR', () => {
    const header = headerOf({ name: 'n'.repeat(100), prefix: 'p' });
    expect(headerName(header, 'ustar')).toBe(`p/${'n'.repeat(100)}`);
    expect(headerName(header, 'gnu')).toBe('n'.repeat(100));
  });

  it('is summed up without overflow', () => {
    const block = createHeaderBlock();
    expect(block.load(Buffer.alloc(600, 255), 88)).toBe(512 * 255);
    expect(block.bytes.equals(Buffer.alloc(512, 255))).toBe(true);
    expect(block.load(Buffer.alloc(512), 0)).toBe(0);
    for (let at = 0; at < 512; at++) {
      const bytes = Buffer.alloc(512);
      bytes[at] = 200;
      expect(block.load(bytes, 0)).toBe(200);
    }
  });
});
