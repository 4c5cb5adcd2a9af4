import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DER_TAG,
  parseDer,
  parseDerList,
  readBitString,
  readDerBoolean,
  readInteger,
  readOid,
  readParts,
  readSmallInteger,
  readText,
  readTime,
} from '../../src/core/der.js';
import { ToolError } from '../../src/core/error.js';
import { LIMITS } from '../../src/core/limits.js';
import { der, oid, sequence } from '../support/certificates.js';
import { thrownBy } from '../support/failure.js';

const SEED = 0xde2;
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const element = (text: string) => parseDer(hex(text), 'x');

describe('parseDer', () => {
  it.each([
    ['', 'ends early'],
    ['30', 'ends early'],
    ['30 01', 'ends early'],
    ['30 80 00 00', 'indefinite'],
    ['04 81 01 00', 'not minimal'],
    ['04 82 00 80', 'not minimal'],
    ['04 85 00 00 00 00 01 00', 'indefinite or too large'],
    ['04 84 ff ff ff ff', 'ends early'],
    ['04 81', 'ends early'],
    ['1f 01 00', 'more than one octet'],
    ['05 00 00', 'bytes follow'],
  ])('refuses %s', (text, problem) => {
    const error = thrownBy(() => element(text));
    expect(error.code).toBe('DER_INVALID');
    expect(error.message).toContain(problem);
  });

  it('reads what the writer of the tests writes, at every length form', () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
      const bytes = der(4, Buffer.alloc(length, 7));
      expect(parseDer(bytes, 'x').content.length).toBe(length);
    }
  });

  it('allows as many parts as the limit says, and no more', () => {
    const parts = (count: number) => Buffer.alloc(2 * count).fill(hex('0500'));
    expect(parseDerList(parts(LIMITS.derElements), 'x')).toHaveLength(LIMITS.derElements);
    expect(thrownBy(() => parseDerList(parts(LIMITS.derElements + 1), 'x')).code).toBe(
      'LIMIT_EXCEEDED',
    );
  });

  it('throws nothing but its own errors, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          const parsed = parseDer(bytes, 'x');
          expect(parsed.bytes.equals(bytes)).toBe(true);
          for (const part of readParts(parsed, DER_TAG.sequence)) readText(part);
        } catch (error) {
          if (!(error instanceof ToolError)) throw error;
        }
      }),
      { seed: SEED, numRuns: 2_000 },
    );
  });
});

describe('readOid', () => {
  it.each([
    ['06 03 55 04 03', '2.5.4.3'],
    ['06 01 27', '0.39'],
    ['06 01 28', '1.0'],
    ['06 01 4f', '1.39'],
    ['06 02 88 37', '2.999'],
    ['06 08 2b 06 01 04 01 9c 78 01', '1.3.6.1.4.1.3704.1'],
  ])('reads %s', (text, dotted) => {
    expect(readOid(element(text))).toBe(dotted);
  });

  it.each(['06 00', '06 02 2a 80', '06 03 2a 80 01', '02 01 01'])('refuses %s', (text) => {
    expect(thrownBy(() => readOid(element(text))).code).toBe('DER_INVALID');
  });

  it('allows as many octets as the limit says, and no more', () => {
    const bytes = (count: number) => parseDer(der(6, Buffer.alloc(count, 0x2a)), 'x');
    expect(readOid(bytes(LIMITS.oidBytes)).split('.')).toHaveLength(LIMITS.oidBytes + 1);
    expect(thrownBy(() => readOid(bytes(LIMITS.oidBytes + 1))).code).toBe('DER_INVALID');
  });

  it('undoes the writer', () => {
    const arcs = fc.array(fc.nat(2 ** 31 - 1), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.nat(39), arcs, (second, rest) => {
        const dotted = ['1', second, ...rest].join('.');
        expect(readOid(parseDer(oid(dotted), 'x'))).toBe(dotted);
      }),
      { seed: SEED },
    );
  });
});

describe('readInteger', () => {
  it.each([
    ['02 01 00', 0n],
    ['02 01 7f', 127n],
    ['02 02 00 80', 128n],
    ['02 01 80', -128n],
    ['02 02 ff 7f', -129n],
    ['02 09 00 ff ff ff ff ff ff ff ff', 0xffff_ffff_ffff_ffffn],
  ])('reads %s', (text, value) => {
    expect(readInteger(element(text))).toBe(value);
  });

  it.each(['02 00', '02 02 00 7f', '02 02 ff 80', '0a 01 00'])('refuses %s', (text) => {
    expect(thrownBy(() => readInteger(element(text))).code).toBe('DER_INVALID');
  });

  it('holds the range of small integers', () => {
    expect(readSmallInteger(element('02 01 05'), 5)).toBe(5);
    expect(thrownBy(() => readSmallInteger(element('02 01 06'), 5)).want).toBe('0 to 5');
    expect(thrownBy(() => readSmallInteger(element('02 01 ff'), 5)).code).toBe('DER_INVALID');
  });

  it('allows as many octets as the limit says, and no more', () => {
    const bytes = (count: number) => parseDer(der(2, Buffer.alloc(count, 1)), 'x');
    expect(readInteger(bytes(LIMITS.derIntegerBytes))).toBeGreaterThan(0n);
    expect(thrownBy(() => readInteger(bytes(LIMITS.derIntegerBytes + 1))).code).toBe('DER_INVALID');
  });
});

describe('readTime', () => {
  const utc = (text: string) => readTime(parseDer(der(0x17, Buffer.from(text)), 'x'));
  const general = (text: string) => readTime(parseDer(der(0x18, Buffer.from(text)), 'x'));

  it.each([
    ['700101000000Z', 0],
    ['491231235959Z', 2_524_607_999],
    ['500101000000Z', -631_152_000],
    ['240229120000Z', 1_709_208_000],
  ])('reads the UTCTime %s', (text, seconds) => {
    expect(utc(text)).toBe(seconds);
  });

  it.each([
    ['20500101000000Z', 2_524_608_000],
    ['99991231235959Z', 253_402_300_799],
    ['00010101000000Z', -62_135_596_800],
  ])('reads the GeneralizedTime %s', (text, seconds) => {
    expect(general(text)).toBe(seconds);
  });

  it.each([
    '2401010000Z',
    '240101000000',
    '240101000000+0000',
    '241301000000Z',
    '240230000000Z',
    '230229000000Z',
    '240101240000Z',
    '240101006000Z',
    '240101000060Z',
    '240100000000Z',
  ])('refuses the UTCTime %s', (text) => {
    expect(thrownBy(() => utc(text)).code).toBe('DER_INVALID');
  });

  it('refuses fractions of seconds', () => {
    expect(thrownBy(() => general('20240101000000.5Z')).code).toBe('DER_INVALID');
  });
});

describe('texts, booleans and bit strings', () => {
  it.each([
    ['0c 02 c3 a9', 'é'],
    ['13 03 61 2a 26', 'a*&'],
    ['16 01 40', '@'],
    ['1e 04 00 41 20 ac', 'A€'],
    ['1c 04 00 01 f6 00', '😀'],
    ['14 01 e9', 'é'],
  ])('reads %s', (text, value) => {
    expect(readText(element(text))).toBe(value);
  });

  it.each(['0c 01 ff', '13 01 40', '16 01 80', '1e 01 41', '1e 02 d8 00', '12 01 41', '04 01 41'])(
    'refuses the text %s',
    (text) => {
      expect(thrownBy(() => readText(element(text))).code).toBe('DER_INVALID');
    },
  );

  it('knows two booleans', () => {
    expect(readDerBoolean(element('01 01 ff'))).toBe(true);
    expect(readDerBoolean(element('01 01 00'))).toBe(false);
    for (const text of ['01 01 01', '01 00', '01 02 ff ff']) {
      expect(thrownBy(() => readDerBoolean(element(text))).code).toBe('DER_INVALID');
    }
  });

  it('reads bit strings whose unused bits are zero', () => {
    expect(readBitString(element('03 02 02 04'))).toEqual({ octets: hex('04'), unused: 2 });
    expect(readBitString(element('03 01 00'))).toEqual({ octets: hex(''), unused: 0 });
    for (const text of ['03 00', '03 01 01', '03 02 08 00', '03 02 02 01']) {
      expect(thrownBy(() => readBitString(element(text))).code).toBe('DER_INVALID');
    }
  });

  it('refuses an element of another type', () => {
    const error = thrownBy(() => readParts(parseDer(sequence(), 'x'), DER_TAG.set));
    expect(error).toMatchObject({ code: 'DER_INVALID', want: '0x31', got: '0x30' });
  });
});
