import { describe, expect, it } from 'vitest';
import { compareBytes, recordOf, withoutAbsent } from '../../src/core/record.js';

describe('record', () => {
  it('drops undefined fields and keeps null, zero and empty ones', () => {
    const record = withoutAbsent({ a: undefined, b: 0, c: '', d: null });
    expect(Object.keys(record)).toEqual(['b', 'c', 'd']);
  });

  it('has no special keys', () => {
    const record = recordOf([['__proto__', 'x']]);
    expect(Object.entries(record)).toEqual([['__proto__', 'x']]);
    expect('toString' in record).toBe(false);
  });

  it('orders by UTF-8 bytes, where UTF-16 differs', () => {
    expect(['\u{1f600}', '\uffee', 'a', ''].sort(compareBytes)).toEqual([
      '',
      'a',
      '\uffee',
      '\u{1f600}',
    ]);
  });
});
