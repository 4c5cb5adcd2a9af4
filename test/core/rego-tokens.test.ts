import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import { positionIn, scanRego } from '../../src/core/rego-tokens.js';

const texts = (text: string) => scanRego(text, 't').map((token) => token.text);

describe('tokens of Rego', () => {
  it.each([
    ['x := 1 # y := 2\nz', ['x', ':=', '1', 'z']],
    ['a == "b # c" != `d\n# e`', ['a', '==', '"b # c"', '!=', '`d\n# e`']],
    ['"\\"\\\\" x', ['"\\"\\\\"', 'x']],
    ['a.b_1[2e5]<=c', ['a', '.', 'b_1', '[', '2e5', ']', '<=', 'c']],
    ['# only\r\n\t', []],
  ])('%j', (text, want) => {
    expect(texts(text)).toEqual(want);
  });

  it('know their line and depth', () => {
    const tokens = scanRego('x if {\n  y[0]\n}\nz', 't');
    const told = tokens.map(
      ({ text, startsLine, depth }) => `${text}${depth}${startsLine ? '!' : ''}`,
    );
    expect(told).toEqual(['x0!', 'if0', '{0', 'y1!', '[1', '02', ']1', '}0!', 'z0!']);
  });

  it('a comment ends with LF alone', () => {
    expect(texts('# a\rb\nc')).toEqual(['c']);
  });

  it('stop where asked, without looking further', () => {
    const tokens = scanRego('a b "unfinished', 't', (token) => token.text === 'b');
    expect(tokens.map(({ text }) => text)).toEqual(['a', 'b']);
  });

  it.each([
    ['x "y', 't:1:3'],
    ['x\n`y', 't:2:1'],
    ['"a\nb"', 't:1:1'],
    ['{]', 't:1:2'],
    [')', 't:1:1'],
    ['a\n[', 't:2:2'],
    ['x := $"y"', 't:1:6'],
    ['"a\\', 't:1:1'],
  ])('%j is refused', (text, where) => {
    try {
      scanRego(text, 't');
    } catch (error) {
      expect(error).toBeInstanceOf(ToolError);
      expect(error).toMatchObject({ code: 'POLICY_UNREADABLE', where });
      return;
    }
    throw new Error('not refused');
  });

  it('take large texts in their stride', () => {
    const size = 2_000_000;
    expect(texts(`"${'\\n'.repeat(size)}"`)).toHaveLength(1);
    expect(texts('# c\n'.repeat(size / 4))).toEqual([]);
    expect(texts(' '.repeat(size))).toEqual([]);
  });

  it('give positions', () => {
    expect(positionIn('a\nbc', 3, 't')).toBe('t:2:2');
    expect(positionIn('', 0, 't')).toBe('t:1:1');
  });
});
