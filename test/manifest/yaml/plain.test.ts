import { describe, expect, it } from 'vitest';
import { parseYaml } from '../../../src/manifest/yaml/parse.js';
import { samePlain } from '../../../src/manifest/yaml/plain.js';

const treeOf = (text: string) => parseYaml(text, 'a.yaml')[0]!.root;

describe('two texts say the same', () => {
  it.each([
    ['other quotes of a text', 'a: b', '{"a": \'b\'}'],
    ['comments and blank lines', 'a: [1, 2]', '# c\na:\n\n  - 1 # d\n  - 2\n'],
    ['a block scalar', 'a: "x\\ny\\n"', 'a: |\n  x\n  y\n'],
    ['anchors and aliases', 'a: &x 1\nb: *x', '{a: &x 1, b: *x}'],
  ])('despite %s', (_what, a, b) => {
    expect(samePlain(treeOf(a), treeOf(b))).toBe(true);
  });

  it.each([
    ['a value', 'a: b', 'a: c'],
    ['a key', 'a: b', 'c: b'],
    ['text in place of a number', 'a: 1', 'a: "1"'],
    ['text in place of null', 'a: ~', 'a: "~"'],
    ['the order of keys', '{a: 1, b: 2}', '{b: 2, a: 1}'],
    ['a missing entry', '{a: 1, b: 2}', '{a: 1}'],
    ['a further entry', '{a: 1}', '{a: 1, b: 2}'],
    ['the order of a list', '[1, 2]', '[2, 1]'],
    ['the length of a list', '[1]', '[1, 1]'],
    ['a list in place of a mapping', '[]', '{}'],
    ['a scalar in place of a list', 'a', '[]'],
    ['a tag', '!!str a', 'a'],
    ['an anchor', '&x a', '&y a'],
    ['what an alias names', '[&x 1, &y 1, *x]', '[&x 1, &y 1, *y]'],
    ['an alias in place of its value', '[&x 1, *x]', '[&x 1, 1]'],
    ['something deep inside', 'a: [{b: [1, {c: d}]}]', 'a: [{b: [1, {c: e}]}]'],
  ])('but for %s', (_what, a, b) => {
    expect(samePlain(treeOf(a), treeOf(b))).toBe(false);
    expect(samePlain(treeOf(b), treeOf(a))).toBe(false);
  });
});
