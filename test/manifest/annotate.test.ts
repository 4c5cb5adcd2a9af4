import fc from 'fast-check';
import { CORE_SCHEMA, loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import {
  type AnnotationPlace,
  findAnnotations,
  readAnnotation,
  removeAnnotations,
  setAnnotations,
} from '../../src/manifest/annotate.js';
import { ANNOTATIONS, KEY, type Metadata } from '../support/manifest-texts.js';

const place = (document = 0, path: AnnotationPlace['path'] = ANNOTATIONS): AnnotationPlace => ({
  document,
  path,
  key: KEY,
});
const set = (text: string, value = 'new', at = place()) =>
  setAnnotations(text, [{ ...at, value }], 'a.yaml');

function refusal(change: () => unknown): ToolError {
  try {
    change();
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
  throw new Error('was done');
}

const LINE = `${KEY}: "new"`;

describe('setAnnotations', () => {
  /** What it is, text, text afterwards. */
  const rows: readonly (readonly [string, string, string])[] = [
    [
      'adds to a block',
      'metadata:\n  annotations:\n    a: b # c\n    # d\nspec: {}\n',
      `metadata:\n  annotations:\n    a: b # c\n    ${LINE}\n    # d\nspec: {}\n`,
    ],
    [
      'makes the annotations',
      'metadata:\n  name: p\nspec: {}\n',
      `metadata:\n  name: p\n  annotations:\n    ${LINE}\nspec: {}\n`,
    ],
    [
      'makes the metadata',
      'kind: Pod\nspec: {}\n',
      `kind: Pod\nspec: {}\nmetadata:\n  annotations:\n    ${LINE}\n`,
    ],
    [
      'fills null',
      'metadata:\n    annotations: ~ # c\n    name: p\n',
      `metadata:\n    annotations: # c\n        ${LINE}\n    name: p\n`,
    ],
    [
      'fills nothing',
      'metadata:\n  annotations:\n  name: p\n',
      `metadata:\n  annotations:\n    ${LINE}\n  name: p\n`,
    ],
    [
      'fills empty braces',
      'metadata:\n  annotations: {}\n',
      `metadata:\n  annotations:\n    ${LINE}\n`,
    ],
    [
      'fills braces that hold a comment where they are',
      'metadata:\n  annotations: { # c\n    }\n',
      `metadata:\n  annotations: {${LINE} # c\n    }\n`,
    ],
    [
      'fills null metadata',
      'metadata: null\nspec: {}\n',
      `metadata:\n  annotations:\n    ${LINE}\nspec: {}\n`,
    ],
    [
      'fills null behind an anchor in braces',
      'metadata:\n  annotations: &a\n  name: p\n',
      `metadata:\n  annotations: &a {${LINE}}\n  name: p\n`,
    ],
    ['adds to flow', 'metadata: {name: p}\n', `metadata: {name: p, annotations: {${LINE}}}\n`],
    [
      'adds behind a trailing comma',
      'metadata: {annotations: {a: b, }}\n',
      `metadata: {annotations: {a: b, ${LINE} }}\n`,
    ],
    [
      'adds behind an empty flow value',
      'metadata: {annotations: {a:}}\n',
      `metadata: {annotations: {a: , ${LINE}}}\n`,
    ],
    [
      'gives a flow key without colon its value',
      'metadata: {annotations, name: p}\n',
      `metadata: {annotations: {${LINE}}, name: p}\n`,
    ],
    [
      'adds to compact JSON',
      '{"metadata":{"name":"p"},"spec":{}}',
      `{"metadata":{"name":"p","annotations":{"${KEY}":"new"}},"spec":{}}`,
    ],
    [
      'adds to indented JSON',
      '{\n  "metadata": {\n    "annotations": {\n      "a": "b"\n    }\n  }\n}\n',
      `{\n  "metadata": {\n    "annotations": {\n      "a": "b",\n      "${KEY}": "new"\n    }\n  }\n}\n`,
    ],
    [
      'fills empty JSON braces',
      '{"metadata": {"annotations": {}}}',
      `{"metadata": {"annotations": {"${KEY}": "new"}}}`,
    ],
    [
      'adds on a line of its own behind a comment',
      'metadata: {\n  annotations: {\n    a: b # c\n    }\n  }\n',
      `metadata: {\n  annotations: {\n    a: b, # c\n    ${LINE}\n    }\n  }\n`,
    ],
    [
      'replaces plain text',
      `metadata:\n  annotations:\n    ${KEY}:   old # c\n    z: 1\n`,
      `metadata:\n  annotations:\n    ${KEY}:   "new" # c\n    z: 1\n`,
    ],
    [
      'replaces quoted text over lines',
      `metadata: {annotations: {"${KEY}": "o\n  ld", z: 1}}\n`,
      `metadata: {annotations: {"${KEY}": "new", z: 1}}\n`,
    ],
    [
      'replaces a block',
      `metadata:\n  annotations:\n    ${KEY}: |- # c\n      o\n\n      ld\n\n    z: 1\n`,
      `metadata:\n  annotations:\n    ${KEY}: "new" # c\n\n    z: 1\n`,
    ],
    [
      'replaces nothing',
      `metadata:\n  annotations:\n    ${KEY}: # c\n`,
      `metadata:\n  annotations:\n    ${KEY}: "new" # c\n`,
    ],
    [
      'replaces an alias',
      `x: &x old\nmetadata:\n  annotations:\n    ${KEY}: *x\n`,
      `x: &x old\nmetadata:\n  annotations:\n    ${KEY}: "new"\n`,
    ],
    [
      'replaces below an explicit key',
      `metadata:\n  annotations:\n    ? ${KEY}\n    : old\n`,
      `metadata:\n  annotations:\n    ? ${KEY}\n    : "new"\n`,
    ],
    [
      'leaves the same value alone',
      `metadata:\n  annotations:\n    ${KEY}: new # as it is\n`,
      `metadata:\n  annotations:\n    ${KEY}: new # as it is\n`,
    ],
    [
      'keeps line breaks that belong to the text before',
      'metadata:\n  annotations:\n    a: |+\n      b\n\n  z: 1\n',
      `metadata:\n  annotations:\n    a: |+\n      b\n\n    ${LINE}\n  z: 1\n`,
    ],
    [
      'adds behind a merge key',
      'x: &x {a: b}\nmetadata:\n  annotations:\n    <<: *x\n',
      `x: &x {a: b}\nmetadata:\n  annotations:\n    <<: *x\n    ${LINE}\n`,
    ],
    [
      'keeps CRLF, tabs and a text without end of line',
      'metadata:\t# c\r\n  name:\tp\t# d',
      `metadata:\t# c\r\n  name:\tp\t# d\r\n  annotations:\r\n    ${LINE}`,
    ],
    [
      'keeps a byte order mark',
      '\ufeffmetadata:\n  name: p',
      `\ufeffmetadata:\n  name: p\n  annotations:\n    ${LINE}`,
    ],
    [
      'stays before the end of the document',
      'metadata:\n  name: p\n...\n---\na: b\n',
      `metadata:\n  name: p\n  annotations:\n    ${LINE}\n...\n---\na: b\n`,
    ],
    [
      'keeps the indentation of the file',
      'metadata:\n      labels:\n           a: b\n',
      `metadata:\n      labels:\n           a: b\n      annotations:\n            ${LINE}\n`,
    ],
  ];
  it.each(rows)('%s', (_name, text, edited) => {
    expect(set(text)).toBe(edited);
    expect(readAnnotation(edited, place(), 'a.yaml')).toBe('new');
  });

  it('reaches into documents and Lists', () => {
    const text = 'a: 1\n---\nitems:\n- kind: Pod\n  metadata:\n    name: p\n-  metadata: {}\n';
    const path = (item: number) => ['items', item, 'metadata', 'annotations'];
    const edits = [0, 1].map((item) => ({ ...place(1, path(item)), value: `v${item}` }));
    expect(setAnnotations(text, edits, 'a.yaml')).toBe(
      'a: 1\n---\nitems:\n- kind: Pod\n  metadata:\n    name: p\n    annotations:\n' +
        `      ${KEY}: "v0"\n-  metadata:\n     annotations:\n       ${KEY}: "v1"\n`,
    );
  });

  it('sets several keys of a mapping that it makes', () => {
    const edits = ['a', 'b', 'a'].map((key, index) => ({ ...place(), key, value: `${index}` }));
    expect(setAnnotations('metadata: {name: p}\n', edits, 'a.yaml')).toBe(
      'metadata: {name: p, annotations: {a: "2", b: "1"}}\n',
    );
  });

  it.each(['a b', 'yes', '12', '', '~', 'a: b', '# c', '<<', 'é'])('quotes the key %j', (key) => {
    const at = { ...place(), key };
    const edited = setAnnotations('metadata:\n  name: p\n', [{ ...at, value: 'v' }], 'a.yaml');
    expect(edited).toContain(`    ${JSON.stringify(key)}: "v"\n`);
    expect(readAnnotation(edited, at, 'a.yaml')).toBe('v');
  });

  /** Characters at which YAML 1.1 breaks lines or gives up. */
  const odd = fc.constantFrom(
    '\u007f',
    '\u0085',
    '\u009f',
    '\u2028',
    '\u2029',
    '\ufeff',
    '\uffff',
    '\u0000',
    '"',
    '\\',
  );
  it('writes any value so that every reader gets it back', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.oneof(fc.string({ unit: 'binary', maxLength: 1 }), odd) }),
        (value) => {
          const edited = set('metadata: {name: p}\n', value);
          expect(readAnnotation(edited, place(), 'a.yaml')).toBe(value);
          expect(edited).toMatch(/^[^\u007f-\u009f\u2028\u2029\ufeff]*$/);
          const [document] = loadAll(edited, { schema: CORE_SCHEMA }) as [Metadata];
          expect(document.metadata?.annotations?.[KEY]).toBe(value);
        },
      ),
      { seed: 0xc0de },
    );
  });

  /** What stands in the way, text, place. */
  const refused: readonly (readonly [string, string, string])[] = [
    ['it is an alias', 'x: &x {a: b}\nmetadata:\n  annotations: *x\n', '3:16'],
    ['an alias shows it elsewhere', 'metadata:\n  annotations: &x\n    a: b\nx: *x\n', '3:5'],
    ['an alias shows it elsewhere', 'metadata: &x\n  name: p\nx: *x\n', '2:3'],
    ['may come from the merge key', 'x: &x {annotations: {}}\nmetadata:\n  <<: *x\n', '3:3'],
    ['stands there twice', 'metadata: {}\nmetadata: {}\n', '2:1'],
    ['stands there twice', `metadata: {annotations: {${KEY}: a, ${KEY}: b}}\n`, '1:49'],
    ['is not a mapping', 'metadata:\n  annotations: [a]\n', '2:16'],
    ['is not a mapping', 'metadata: text\n', '1:11'],
    ['value is not text', `metadata: {annotations: {${KEY}: [a]}}\n`, '1:46'],
    ['has the tag !!int', `metadata: {annotations: {${KEY}: !!int 1}}\n`, '1:52'],
    ['shows its value elsewhere', `metadata: {annotations: {${KEY}: &x a, b: *x}}\n`, '1:49'],
    ['written with ?', `metadata:\n  annotations:\n    ? ${KEY}\n`, '3:25'],
    ['no key before it', '', '1:1'],
  ];
  it.each(refused)('refuses where %s: %j', (reason, text, where) => {
    const error = refusal(() => set(text === '' ? '---\n' : text));
    expect(error.code).toBe('MANIFEST_NOT_EDITABLE');
    expect(error.message).toContain(reason);
    expect(error.where).toBe(`a.yaml:${where} metadata.annotations`);
  });

  it('names all places that it cannot edit', () => {
    const text = 'metadata: []\n---\nmetadata: {}\n---\nmetadata: ""\n';
    const edits = [0, 1, 2].map((document) => ({ ...place(document), value: 'v' }));
    const error = refusal(() => setAnnotations(text, edits, 'a.yaml'));
    expect([error, ...error.also].map(({ where }) => where?.split(' ')[0])).toEqual([
      'a.yaml:1:11',
      'a.yaml:5:11',
    ]);
  });
});

describe('removeAnnotations', () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['nothing', 'metadata: {annotations: {a: b}}\n', 'metadata: {annotations: {a: b}}\n'],
    ['nothing from nowhere', 'kind: Pod\n', 'kind: Pod\n'],
    [
      'a line',
      `metadata:\n  annotations:\n    a: b\n    # c\n    ${KEY}: x # d\n    z: 1\n`,
      'metadata:\n  annotations:\n    a: b\n    # c\n    z: 1\n',
    ],
    [
      'the last line of a text without end of line',
      `metadata:\r\n  annotations:\r\n    a: b\r\n    ${KEY}: x`,
      'metadata:\r\n  annotations:\r\n    a: b',
    ],
    [
      'a block with its line breaks',
      `metadata:\n  annotations:\n    ${KEY}: |+\n      x\n\n    z: 1\n`,
      'metadata:\n  annotations:\n    z: 1\n',
    ],
    [
      'the only line',
      `metadata:\n  annotations: # c\n    ${KEY}: x\n  name: p\n`,
      'metadata:\n  annotations: {} # c\n  name: p\n',
    ],
    [
      'the first of flow',
      `metadata: {annotations: {${KEY}: x, a: b}}\n`,
      'metadata: {annotations: {a: b}}\n',
    ],
    [
      'the last of flow',
      `{"metadata":{"annotations":{"a":"b","${KEY}":"x"}}}`,
      '{"metadata":{"annotations":{"a":"b"}}}',
    ],
    [
      'the only one of flow',
      `metadata: {annotations: { ${KEY}: x }}\n`,
      'metadata: {annotations: {}}\n',
    ],
  ];
  it.each(rows)('%s', (_name, text, edited) => {
    expect(removeAnnotations(text, [place()], 'a.yaml')).toBe(edited);
  });

  it('several at once', () => {
    const keys = ['b', 'c'].map((key) => ({ ...place(), key }));
    const texts = [
      [
        'metadata:\n  annotations:\n    a: 1\n    b: 2\n    c: 3',
        'metadata:\n  annotations:\n    a: 1',
      ],
      ['metadata:\n  annotations:\n    b: 2\n    c: 3', 'metadata:\n  annotations: {}'],
      ['metadata: {annotations: {b: 2, c: 3, a: 1}}', 'metadata: {annotations: {a: 1}}'],
      ['metadata: {annotations: {a: 1, b: 2, c: 3}}', 'metadata: {annotations: {a: 1}}'],
    ] as const;
    for (const [text, edited] of texts)
      expect(removeAnnotations(text, keys, 'a.yaml')).toBe(edited);
  });

  it.each([
    ['shares its line', `metadata: {annotations: x}\n---\n- ${KEY}: x\n  a: b\n`, [0]],
    [
      'empty lines behind',
      `metadata:\n  annotations:\n    a: |+\n      b\n    ${KEY}: x\n\n  z: 1\n`,
      ANNOTATIONS,
    ],
    ['has an anchor', `metadata:\n  annotations:\n    &k ${KEY}: x\n    a: b\n`, ANNOTATIONS],
    ['alias', `x: &x {${KEY}: a}\nmetadata:\n  annotations: *x\n`, ANNOTATIONS],
  ])('refuses what %s', (reason, text, path) => {
    const document = path.length === 1 ? 1 : 0;
    const error = refusal(() => removeAnnotations(text, [place(document, path)], 'a.yaml'));
    expect(error.code).toBe('MANIFEST_NOT_EDITABLE');
    expect(error.message).toContain(reason);
  });
});

describe('findAnnotations', () => {
  it('gives the annotations of pods, in order', () => {
    const pod = (name: string) =>
      `{apiVersion: v1, kind: Pod, metadata: {name: ${name}, annotations: {${KEY}: ${name}1, other: 7}}}`;
    const text = `${pod('a')}\n---\nkind: Service\n---\nkind: List\nitems: [${pod('b')}]\n---\n~\n---\nkind: Job\nspec: {}\n`;
    expect(findAnnotations(text, ['other', KEY], 'a.yaml')).toMatchObject([
      { kind: 'Pod', name: 'a', key: 'other', value: '7', placement: { document: 0 } },
      { kind: 'Pod', name: 'a', key: KEY, value: 'a1' },
      { name: 'b', key: 'other', placement: { document: 2, path: ['items', 0, ...ANNOTATIONS] } },
      { name: 'b', key: KEY, value: 'b1' },
    ]);
  });

  it('readAnnotation gives nothing where nothing is', () => {
    expect(readAnnotation('metadata: {annotations: ~}', place(), 'a.yaml')).toBeUndefined();
    expect(readAnnotation('a: b', place(3), 'a.yaml')).toBeUndefined();
    expect(
      readAnnotation(`metadata: {annotations: {${KEY}: [a]}}`, place(), 'a.yaml'),
    ).toBeUndefined();
  });
});
