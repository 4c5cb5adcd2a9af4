import { describe, expect, it } from 'vitest';
import { buildLimitError, buildRefusal, printName } from '../../../src/layer/ext4/refusal.js';

const latin1 = (text: string): string => Buffer.from(text).toString('latin1');

describe('printed names', () => {
  it.each([
    ['plain', 'usr/bin/env', '"usr/bin/env"'],
    ['UTF-8', latin1('caf\u00e9/\u65e5\u672c'), '"caf\u00e9/\u65e5\u672c"'],
    ['not UTF-8', 'caf\xe9', '"caf\\xe9"'],
    ['control bytes', 'a\x1b[31m\n\0', '"a\\x1b[31m\\x0a\\x00"'],
    ['C1 controls', latin1('a\u009b'), '"a\\xc2\\x9b"'],
    ['text direction', latin1('a\u202eb'), '"a\\xe2\\x80\\xaeb"'],
    ['quotes', 'a"b\\c', '"a\\"b\\\\c"'],
    ['a byte order mark', latin1('\ufeffa'), '"\\xef\\xbb\\xbfa"'],
    ['many bytes', 'n'.repeat(300), `"${'n'.repeat(200)}..."`],
  ])('with %s', (_, name, printed) => {
    expect(printName(name)).toBe(printed);
  });
});

describe('errors', () => {
  const position = { index: 7, name: 'a\nb', headerOffset: 1024 };

  it('of a rule name entry, rule and place', () => {
    const error = buildRefusal('link-to-dir', position, 'd');
    expect(error).toMatchObject({
      code: 'LAYER_INVALID',
      message: 'tar entry 7 "a\\x0ab": a hard link cannot point to a directory [link-to-dir]',
      where: 'tar byte 1024',
      got: 'd',
    });
    expect(error.hints.length).toBe(1);
    expect(buildRefusal('orphan', { ...position, name: undefined }).message).toMatch(
      /^tar entry 7:/,
    );
  });

  it('of a limit name it', () => {
    expect(buildLimitError(position, 'too much', 5)).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: 'tar entry 7 "a\\x0ab": too much',
      want: 'at most 5',
    });
  });
});
