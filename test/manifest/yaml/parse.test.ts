import fc from 'fast-check';
import { CORE_SCHEMA, dump, loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { LIMITS } from '../../../src/core/limits.js';
import { locate } from '../../../src/core/locate.js';
import {
  childOf,
  contentOf,
  findEntry,
  isNull,
  keyText,
  type YamlNode,
} from '../../../src/manifest/yaml/node.js';
import { parseYaml } from '../../../src/manifest/yaml/parse.js';

function refusal(text: string): ToolError {
  try {
    parseYaml(text, 'a.yaml');
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

const rootOf = (text: string): YamlNode => {
  const [document] = parseYaml(text, 'a.yaml');
  if (document === undefined) throw new Error('no document');
  return document.root;
};

/** The source text of the node behind a key. */
function sourceOf(text: string, ...path: string[]): string {
  const node = path.reduce<YamlNode | undefined>(childOf, rootOf(text));
  if (node === undefined) throw new Error(`no ${path.join('.')}`);
  return text.slice(node.start, node.end);
}

describe('extent of nodes', () => {
  /** Text, key, source text of its value. */
  const rows: readonly (readonly [string, string, string])[] = [
    ['a: b # c\n', 'a', 'b'],
    ['a: b c\n  d\n', 'a', 'b c\n  d'],
    ['a: "b\\"c" # d\n', 'a', '"b\\"c"'],
    ["a: 'it''s'\n", 'a', "'it''s'"],
    ['a: "b\n  c"\n', 'a', '"b\n  c"'],
    ['a: | # c | >\n  b\n  c\n\nd: e\n', 'a', '| # c | >\n  b\n  c'],
    ['a: >-2\n    b\n', 'a', '>-2\n    b'],
    ['a:\n  # c |\n  |\n   b\n', 'a', '|\n   b'],
    ['a: |\nb: c\n', 'a', '|'],
    ['a: |+\n  b\n\n', 'a', '|+\n  b'],
    ['a: &x !!str | \n  b\n', 'a', '| \n  b'],
    ['a: {b: c, # d }\n  e: [f]} # g\n', 'a', '{b: c, # d }\n  e: [f]}'],
    ['a: {b: , c: , }\n', 'a', '{b: , c: , }'],
    ['a: [{b: c}: d, [e]]\n', 'a', '[{b: c}: d, [e]]'],
    ['a: []\n', 'a', '[]'],
    ['a: &x {}\n', 'a', '{}'],
    ['a:\n- b\n- c: d\nx: y\n', 'a', '- b\n- c: d'],
    ['a:\n  b:\n    c: "d"\n  e: # f\nx: y\n', 'a', 'b:\n    c: "d"\n  e:'],
    ['? a\n: b\n', 'a', 'b'],
    ['{a: 1}: x\nb: [c]\n', 'b', '[c]'],
    ['"a":{"b":1}\n', 'a', '{"b":1}'],
    ['\ufeffa: b\n', 'a', 'b'],
    ['a: b\r\nc: |\r\n  d\r\n', 'c', '|\r\n  d'],
  ].map(([text = '', key = '', source = '']) => [
    text.startsWith('"a":') ? `{${text.trimEnd()}}` : text,
    key,
    source,
  ]);
  it.each(rows)('%j', (text, key, source) => {
    expect(sourceOf(text, key)).toBe(source);
  });

  it('places an empty value behind its colon', () => {
    const text = 'a: # c\nb:\n';
    const [a, b] = ['a', 'b'].map((key) => childOf(rootOf(text), key)?.start);
    expect([a, b]).toEqual([2, 9]);
  });

  it('knows where text may follow a block that keeps its line breaks', () => {
    const root = rootOf('a: |+\n  b\n\n\n');
    expect([root.end, root.after]).toEqual([9, 12]);
  });
});

describe('documents', () => {
  it('counts all of them, those without content too', () => {
    const documents = parseYaml('---\n---\n# c\na: 1\n...\n---\nb: 2\n---\n', 'a.yaml');
    expect(documents.map(({ index, root }) => [index, isNull(root)])).toEqual([
      [0, true],
      [1, false],
      [2, false],
      [3, true],
    ]);
  });

  it.each(['', '\n', '# only a comment\n', '\ufeff'])('finds none in %j', (text) => {
    expect(parseYaml(text, 'a.yaml')).toEqual([]);
  });

  it('keeps anchors to their document', () => {
    expect(refusal('a: &x 1\n---\nb: *x\n').code).toBe('MANIFEST_SYNTAX');
  });

  it('belong to the file that was asked for, whatever was parsed before', () => {
    const fileOf = (text: string, file: string) => parseYaml(text, file)[0]?.source.file;
    const asked = ['a', 'a', 'b', 'a'].map((file) => fileOf('x: 1\n', file));
    expect(asked).toEqual(['a', 'a', 'b', 'a']);
    expect(() => parseYaml('x: [', 'b')).toThrow('b is not valid YAML');
    expect(() => parseYaml('x: [', 'c')).toThrow('c is not valid YAML');
    expect(parseYaml('y: 1\n', 'a')[0]?.source.text).toBe('y: 1\n');
  });

  it('names lines and columns from 1, for every line ending', () => {
    for (const eol of ['\n', '\r\n', '\r']) {
      const [document] = parseYaml(`a: 1${eol}b:${eol}  c: 2${eol}`, 'a.yaml');
      const node = childOf(childOf(document?.root, 'b'), 'c');
      expect(locate(document!.source, node!.start)).toBe('a.yaml:3:6');
    }
  });
});

describe('keys', () => {
  it('gives the last of duplicate keys', () => {
    const root = contentOf(rootOf('a: 1\nb: 2\na: 3\n'));
    expect(root.kind === 'mapping' && root.entries.map(keyText)).toEqual(['a', 'b', 'a']);
    expect(childOf(root, 'a')).toMatchObject({ text: '3' });
  });

  it('takes no collection and no tagged scalar for text', () => {
    const root = contentOf(rootOf('? [a]\n: 1\n!!int b: 2\n!!str c: 3\n'));
    expect(root.kind === 'mapping' && root.entries.map(keyText)).toEqual([
      undefined,
      undefined,
      'c',
    ]);
    expect(root.kind === 'mapping' && findEntry(root, 'b')).toBeUndefined();
  });
});

describe('aliases', () => {
  it('stand for the last anchor of their name and mark it', () => {
    const root = rootOf('a: &x 1\nb: *x\nc: &x 2\nd: *x\ne: &y 3\n');
    expect(childOf(root, 'b')).toMatchObject({ text: '1', aliased: true });
    expect(childOf(root, 'd')).toMatchObject({ text: '2', aliased: true });
    expect(childOf(root, 'e')).toMatchObject({ aliased: false });
  });

  it.each([
    ['unknown', 'a: *x\n', 'a.yaml:1:5'],
    ['inside its own node', 'a: &x\n  b: *x\n', 'a.yaml:2:7'],
  ])('are refused: %s', (_name, text, where) => {
    expect(refusal(text)).toMatchObject({ code: 'MANIFEST_SYNTAX', where });
  });
});

describe('what readers disagree on is refused', () => {
  it.each([
    ['a: [b\n', 'a.yaml:2:1'],
    ['a: b: c\n', 'a.yaml:1:5'],
    ['a: "\\ud800"\n', 'a.yaml:1:4'],
    ['a: "\\U00110000"\n', 'a.yaml:1:5'],
    ['a: "\\U80000041"\n', 'a.yaml:1:5'],
    ['a: b # c\u2028d: e\n', 'a.yaml:1:9'],
    ['a: "b\u0085"\n', 'a.yaml:1:6'],
    ['%TAG ! tag:x,2000:\n--- a\n', 'a.yaml:1:1'],
    ['a: \u0000\n', 'a.yaml:1:4'],
    ['\ta: 1\n', 'a.yaml:1:3'],
  ])('%j', (text, where) => {
    expect(refusal(text)).toMatchObject({ code: 'MANIFEST_SYNTAX', where });
  });

  it('but a surrogate pair, %YAML and an escaped backslash before U are not', () => {
    expect(childOf(rootOf('{"a": "\\ud83d\\ude00"}'), 'a')).toMatchObject({ text: '😀' });
    expect(childOf(rootOf('%YAML 1.1\n---\na: b\n'), 'a')).toMatchObject({ text: 'b' });
    expect(childOf(rootOf('a: "\\\\U80000041"\n'), 'a')).toMatchObject({ text: '\\U80000041' });
  });

  it('says what can be done', () => {
    const refused = refusal('a: {\n  b: c\n}\n');
    expect(refused.hints.join()).toMatch(/indent the lines/);
    expect(refused.message).toMatch(/^a\.yaml is not valid YAML: /);
  });
});

describe('limits', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}1${']'.repeat(depth)}`;
  const block = (depth: number) =>
    Array.from({ length: depth }, (_, level) => `${' '.repeat(level)}a:`).join('\n');
  /** At the limit, beyond it. */
  const rows: readonly (readonly [string, string, string])[] = [
    ['levels', nested(LIMITS.yamlDepth), nested(LIMITS.yamlDepth + 1)],
    ['levels of blocks', block(LIMITS.yamlDepth), block(LIMITS.yamlDepth + 1)],
    ['levels far beyond', '1', nested(5000)],
    [
      'aliases',
      `- &a 1\n${'- *a\n'.repeat(LIMITS.yamlAliases)}`,
      `- &a 1\n${'- *a\n'.repeat(LIMITS.yamlAliases + 1)}`,
    ],
    ['nodes', `[${'1,'.repeat(LIMITS.yamlNodes - 1)}]`, `[${'1,'.repeat(LIMITS.yamlNodes)}]`],
    [
      'nodes behind aliases',
      `- &a [${'1,'.repeat(9998)}]\n${'- *a\n'.repeat(99)}`,
      `- &a [${'1,'.repeat(9999)}]\n- [1]\n${'- *a\n'.repeat(99)}`,
    ],
    ['separators', `a: "${','.repeat(3_999_998)}"`, `a: "${','.repeat(4_000_001)}"`],
  ];
  it.each(rows)('%s', (_name, at, beyond) => {
    expect(parseYaml(at, 'a.yaml')).toHaveLength(1);
    expect(refusal(beyond).code).toBe('LIMIT_EXCEEDED');
  });

  it('stops an alias bomb before it grows', () => {
    const levels = Array.from({ length: 9 }, (_, i) => {
      const item = i === 0 ? 'lol' : `*a${i - 1}`;
      return `a${i}: &a${i} [${Array(10).fill(item).join(', ')}]`;
    });
    expect(refusal(levels.join('\n')).code).toBe('LIMIT_EXCEEDED');
  });
});

describe('trees of any value', () => {
  /** The value that a tree holds, by the same rules as the oracle. */
  const contentsOf = (node: YamlNode): unknown => {
    const content = contentOf(node);
    if (content.kind === 'sequence') return content.items.map(contentsOf);
    if (content.kind === 'scalar') return content.text;
    return Object.fromEntries(content.entries.map((e) => [keyText(e), contentsOf(e.value)]));
  };
  const text = fc
    .string({ unit: 'grapheme', maxLength: 12 })
    .filter((t) => !/[\u0085\u2028\u2029]/.test(t));
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      text,
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(text, tie('tree'), { maxKeys: 4 }),
    ),
  }));

  it('are read as js-yaml reads them, with extents that nest', () => {
    const options = {
      flowLevel: fc.integer({ min: -1, max: 3 }),
      indent: fc.integer({ min: 1, max: 4 }),
    };
    fc.assert(
      fc.property(tree, options.flowLevel, options.indent, (value, flowLevel, indent) => {
        const printed = dump(value, { flowLevel, indent, forceQuotes: true, noRefs: true });
        const documents = parseYaml(printed, 'a.yaml');
        expect(documents.map(({ root }) => contentsOf(root))).toEqual(
          loadAll(printed, { schema: CORE_SCHEMA }),
        );
        for (const { root } of documents) assertNested(root);
      }),
      { seed: 0xc0de, numRuns: 400 },
    );
  });

  function assertNested(node: YamlNode): void {
    expect(node.start).toBeLessThanOrEqual(node.end);
    expect(node.end).toBeLessThanOrEqual(node.after);
    if (node.kind === 'alias' || node.kind === 'scalar') return;
    const children =
      node.kind === 'sequence' ? node.items : node.entries.flatMap((e) => [e.key, e.value]);
    let from = node.start;
    for (const child of children) {
      expect(child.start).toBeGreaterThanOrEqual(from);
      expect(child.end).toBeLessThanOrEqual(node.end);
      from = child.end;
      assertNested(child);
    }
  }
});
