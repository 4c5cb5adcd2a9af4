import { describe, expect, it } from 'vitest';
import { afterLastSlash, escapeRegex, isBelow, lastPart } from '../../../src/policy/kata/paths.js';

describe('paths', () => {
  it.each([
    ['/a/b', 'b', 'b'],
    ['/a/b/', 'b', ''],
    ['/a/b/.', 'b', '.'],
    ['/a//b//', 'b', ''],
    ['a', 'a', 'a'],
    ['./a', 'a', 'a'],
    ['/', undefined, ''],
    ['', undefined, ''],
    ['/a/..', undefined, '..'],
    ['.', undefined, '.'],
  ])('%s ends with %s or %s', (path, last, after) => {
    expect([lastPart(path), afterLastSlash(path)]).toEqual([last, after]);
  });

  it.each([
    ['/dev', true],
    ['/dev/x', true],
    ['//dev', true],
    ['/./dev/', true],
    ['/devel', false],
    ['dev', false],
    ['/x/dev', false],
    ['/', false],
  ])('%s below /dev: %s', (path, expected) => {
    expect(isBelow(path, 'dev')).toBe(expected);
  });

  it('escapes what has a meaning in a regular expression', () => {
    const special = '\\.+*?()|[]{}^$#&-~';
    expect(escapeRegex(special)).toBe([...special].map((c) => `\\${c}`).join(''));
    expect(escapeRegex('aZ_09/:@,"é')).toBe('aZ_09/:@,"é');
  });
});
