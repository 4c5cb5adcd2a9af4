import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.js';
import type { Notice } from '../../../src/core/notice.js';
import { parseYaml } from '../../../src/manifest/yaml/parse.js';
import {
  type ReferenceNode,
  readReferenceTree,
  withListForm,
  withReferenceText,
} from '../../../src/manifest/yaml/reference-tree.js';

function treeOf(text: string, notices: Notice[] = []): ReferenceNode {
  const [document] = parseYaml(text, 'a.yaml');
  return readReferenceTree(document!.root, document!.source, (notice) => notices.push(notice));
}

/** A tree as JSON can print it. */
function plain(node: ReferenceNode): unknown {
  if (node instanceof Map)
    return { ...Object.fromEntries([...node].map(([k, v]) => [k, plain(v)])) };
  return Array.isArray(node) ? node.map(plain) : node;
}

describe('a document', () => {
  it('has aliases expanded, and of a doubled key the place of the first and the value of the last', () => {
    const tree = treeOf('a: &x {k: 1}\nb: *x\nc: 0\na: 2\n"c": 3\n');
    expect([...(tree as Map<string, unknown>).keys()]).toEqual(['a', 'b', 'c']);
    expect(plain(tree)).toEqual({ a: '2', b: { k: '1' }, c: '3' });
  });

  it('has merge keys as keys like any other', () => {
    expect(plain(treeOf('a: &x {k: 1}\nb: {<<: *x}'))).toEqual({
      a: { k: '1' },
      b: { '"<<"': { k: '1' } },
    });
  });

  it.each([
    ['an integer above 64 bits', 'a: 18446744073709551616'],
    ['a tag on a scalar', 'a: !!binary aGk='],
    ['a tag that does not fit', 'a: !!int x'],
    ['a tag on a list', 'a: !!set [1]'],
    ['a list as key', '[a]: 1'],
    ['a mapping as key', '{a: 1}: 1'],
  ])('with %s is refused', (_what, text) => {
    expect(() => treeOf(text)).toThrowError(expect.objectContaining({ code: 'MANIFEST_INVALID' }));
  });

  it('takes tags that it knows, and integers of 64 bits', () => {
    const text =
      '[!!str 12, !!int "12", !!float 5, !!bool "true", !!null ~, !own 12, 18446744073709551615, !!seq [1]]';
    expect(plain(treeOf(text))).toEqual([
      '"12"',
      '12',
      '5.0',
      'true',
      '~',
      '"12"',
      '18446744073709551615',
      ['1'],
    ]);
  });

  it('may nest as deep as the limit, with aliases expanded', () => {
    const half = LIMITS.yamlDepth / 2;
    const nested = (levels: number, inner: string) =>
      '['.repeat(levels) + inner + ']'.repeat(levels);
    const text = (more: number) =>
      `- &a ${nested(half, 'x')}\n- ${nested(half - 1 + more, '*a')}\n`;
    expect(() => treeOf(text(0))).not.toThrow();
    expect(() => treeOf(text(1))).toThrowError(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });
});

describe('notices', () => {
  it.each([
    ['yes', 1],
    ['0644', 1],
    ['"1_000"', 1],
    ['"0o17"', 1],
    ['"y"', 1],
    ['True', 1],
    ['Null', 1],
    ['text', 0],
    ['"yes"', 0],
    ['true', 0],
    ['1e3', 0],
    ['0x10', 0],
    ['null', 0],
    ['"a\\nb"', 0],
  ])('of %s: %d', (source, count) => {
    const notices: Notice[] = [];
    treeOf(`a: ${source}`, notices);
    expect(notices.map(({ code, where }) => [code, where])).toEqual(
      Array.from({ length: count }, () => ['scalar-rewritten', 'a.yaml:1:4']),
    );
  });

  it('name merge keys, which get quotes', () => {
    const notices: Notice[] = [];
    treeOf('a: &x {k: 1}\nb: {<<: *x}\nc: {"<<": *x}', notices);
    expect(notices.map(({ where }) => where)).toEqual(['a.yaml:2:5']);
  });

  it('keep the value to themselves: it may be that of a Secret', () => {
    const notices: Notice[] = [];
    treeOf('a: "1_234_567"', notices);
    expect(JSON.stringify(notices)).not.toContain('1_234_567');
  });
});

describe('a text in a mapping', () => {
  const set = (text: string, ...path: (string | number)[]) =>
    plain(withReferenceText(treeOf(text), path, 'key', 'v: 1'));

  it.each([
    ['missing mappings at the end', 'a: 1', { a: '1', m: { n: { key: '"v: 1"' } } }],
    ['null in its place', 'm: {n: ~}\na: 1', { m: { n: { key: '"v: 1"' } }, a: '1' }],
    [
      'an old value in its place',
      'm: {n: {key: 0, z: 1}}',
      { m: { n: { key: '"v: 1"', z: '1' } } },
    ],
  ])('replaces or makes %s', (_what, text, tree) => {
    expect(JSON.stringify(set(text, 'm', 'n'))).toBe(JSON.stringify(tree));
  });

  it('reaches into lists', () => {
    expect(set('[{a: 1}, {a: 2}]', 1)).toEqual([{ a: '1' }, { a: '2', key: '"v: 1"' }]);
  });

  it('does not replace a list or a scalar', () => {
    expect(() => set('m: [1]', 'm')).toThrow();
    expect(() => set('m: text', 'm')).toThrow();
    expect(() => set('m: text', 'm', 0)).toThrow();
  });

  it('leaves the tree as it was', () => {
    const tree = treeOf('m: {n: 1}');
    withReferenceText(tree, ['m'], 'key', 'v');
    expect(plain(tree)).toEqual({ m: { n: '1' } });
  });
});

describe('a List', () => {
  it('has its three keys in one order, inside of Lists too', () => {
    const text =
      '{kind: List, metadata: {}, items: [{kind: List, items: [], apiVersion: v1}, {kind: Pod, a: 1}], apiVersion: v1}';
    expect(JSON.stringify(plain(withListForm(treeOf(text))))).toBe(
      '{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"List","items":[]},{"kind":"Pod","a":"1"}]}',
    );
  });

  it('is only what stands at the top or in the items of one', () => {
    const text = '{kind: CustomResourceDefinition, names: {plural: x, kind: List}}';
    expect(plain(withListForm(treeOf(text)))).toEqual(plain(treeOf(text)));
  });
});
