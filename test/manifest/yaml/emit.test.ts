import { describe, expect, it } from 'vitest';
import { emitAsReference } from '../../../src/manifest/yaml/emit.js';
import { parseYaml } from '../../../src/manifest/yaml/parse.js';
import { readReferenceTree } from '../../../src/manifest/yaml/reference-tree.js';

/** A text read and written as the reference does it. */
function written(text: string): string {
  const trees = parseYaml(text, 'a.yaml').map(({ root, source }) =>
    readReferenceTree(root, source, () => undefined),
  );
  return emitAsReference(trees);
}

/** What a scalar becomes, as the only element of a list. */
function scalar(source: string): string {
  const text = written(`- ${source}\n`);
  expect(text.startsWith('---\n- ')).toBe(true);
  return text.slice('---\n- '.length, -1);
}

describe('collections', () => {
  it.each([
    ['a list under a key', 'ports: [{port: 80}, {port: 81}]', 'ports:\n  - port: 80\n  - port: 81'],
    ['a list in a list', '- [2, [3, 4]]\n- 5', '- - 2\n  - - 3\n    - 4\n- 5'],
    ['a mapping in a list', '- {a: 1, b: [2], c: {d: 3}}', '- a: 1\n  b:\n    - 2\n  c:\n    d: 3'],
    ['a list that begins with a list of a mapping', '- - {a: 1, b: 2}', '- - a: 1\n    b: 2'],
    ['empty collections', 'a: {}\nb: []\nc: [{}, []]', 'a: {}\nb: []\nc:\n  - {}\n  - []'],
    ['an empty document', '{}', '{}'],
    ['a scalar document', 'text', 'text'],
    ['the order of keys', 'z: 1\na: 2\n10: 3', 'z: 1\na: 2\n10: 3'],
    [
      'keys as any scalar',
      '"yes": 1\n"a b": 2\n"a:b": 3\n~: 4',
      '"yes": 1\na b: 2\n"a:b": 3\n~: 4',
    ],
  ])('%s', (_what, text, lines) => {
    expect(written(text)).toBe(`---\n${lines}\n`);
  });

  it('are documents, each behind its dashes', () => {
    expect(written('a: 1\n---\nb: 2\n...\n')).toBe('---\na: 1\n---\nb: 2\n');
    expect(emitAsReference([])).toBe('');
  });

  it('has no folding and no block scalars', () => {
    const long = 'word '.repeat(100).trim();
    expect(scalar(`"${long}"`)).toBe(long);
    expect(written('a: |\n  one\n  two\nb: >\n  one\n  two\n')).toBe(
      '---\na: "one\\ntwo\\n"\nb: "one two\\n"\n',
    );
  });
});

describe('scalars', () => {
  it.each([
    ['~', '~'],
    ['null', '~'],
    ['""', '""'],
    ['true', 'true'],
    ['"true"', '"true"'],
    ['0x1F', '31'],
    ['-7', '-7'],
    ['1e3', '1000.0'],
    ['1.50', '1.5'],
    ['.inf', '.inf'],
    ['-.inf', '-.inf'],
    ['.nan', '.nan'],
    ['0644', '"0644"'],
    ["' a'", '" a"'],
    ["'a '", '"a "'],
    ['"12:30:45"', '"12:30:45"'],
    ['"2020-01-01"', '2020-01-01'],
    ['"1.2.3"', '1.2.3'],
    ['"~x"', '~x'],
    ['"y"', 'y'],
    ['"1_000"', '1_000'],
    ['"0b11"', '0b11'],
    ['"0x11"', '"0x11"'],
    ['"5."', '"5."'],
    ['"infinity"', '"infinity"'],
    ['"NaN"', '"NaN"'],
    ['".a"', '".a"'],
    ["'it''s'", '"it\'s"'],
    ['"a\\tb"', '"a\\tb"'],
    ['"a\\u001fb"', '"a\\u001fb"'],
    ['"a\\u007f:"', '"a\\u007f:"'],
    ['"a\\u0007b"', 'a\u0007b'],
    ['"ü€😀"', 'ü€😀'],
    ...[...'&*?|-<>=!%@'].map((char) => [`"${char}a"`, `"${char}a"`] as const),
    ...[...':{}[],#`'].map((char) => [`"a${char}b"`, `"a${char}b"`] as const),
    ...'yes Yes YES no No NO True TRUE False FALSE on On ON off Off OFF Null NULL ~'
      .split(' ')
      .map((word) => [`"${word}"`, `"${word}"`] as const),
  ] as const)('%j becomes %j', (source, text) => {
    expect(scalar(source)).toBe(text);
  });

  it('reads back what it wrote, but for what loses its quotes', () => {
    const text = 'a: ["1", " ", "#", "x: y", "\\u0001", "-", "é"]\n';
    expect(written(written(text))).toBe(written(text));
  });
});

it('gives the example of the specification', () => {
  const input = `apiVersion: v1
kind: ConfigMap
metadata: {name: cm, labels: {a: "yes", c: on}}
data:
  # comment
  single: 'it''s'
  octal: "0755"
  multi: |
    line1
    line2
  empty: ""
  us: "1_000"
`;
  const output = `---
apiVersion: v1
kind: ConfigMap
metadata:
  name: cm
  labels:
    a: "yes"
    c: "on"
data:
  single: "it's"
  octal: "0755"
  multi: "line1\\nline2\\n"
  empty: ""
  us: 1_000
`;
  expect(written(input)).toBe(output);
});
