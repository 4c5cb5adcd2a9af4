import { describe, expect, it } from 'vitest';
import { printName } from '../../../src/layer/tarfs/member-name.js';

const latin1 = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

describe('printName', () => {
  it.each([
    ['usr/bin', '"usr/bin"'],
    [latin1('dép/日本'), '"dép/日本"'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    ['a\x1b[31m\nb', '"a\\u001b[31m\\nb"'],
    [latin1('a\u202eb\u200b\u0085'), '"a\\u202eb\\u200b\\u0085"'],
    ['\xff', '"\ufffd"'],
  ])('%j', (name, printed) => {
    expect(printName(name)).toBe(printed);
  });

  it('cuts long names', () => {
    expect(printName('x'.repeat(120))).toBe(`"${'x'.repeat(120)}"`);
    expect(printName('x'.repeat(121))).toBe(`"${'x'.repeat(120)}..."`);
  });
});
