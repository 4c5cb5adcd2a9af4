import { describe, expect, it } from 'vitest';
import { cleanPath } from '../../../src/layer/tarfs/clean-path.js';

describe('cleanPath', () => {
  it.each([
    ['', []],
    ['/', []],
    ['./', []],
    ['a', ['a']],
    ['/a//b/', ['a', 'b']],
    ['./a/./b', ['a', 'b']],
    ['a/../b', ['b']],
    ['a/b/../../c', ['c']],
    ['a/..', []],
    ['...', ['...']],
    ['.a/..b', ['.a', '..b']],
    ['a\\b', ['a\\b']],
    ['\xff\xfe/\x80', ['\xff\xfe', '\x80']],
  ])('%j', (name, path) => {
    expect(cleanPath(name)).toEqual(path);
  });

  it.each(['..', '/..', 'a/../..', 'a/../../a/b', '../a'])('%j climbs out', (name) => {
    expect(cleanPath(name)).toBeUndefined();
  });
});
