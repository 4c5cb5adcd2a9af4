/** Random manifests as people write them: comments, quotes, block scalars, flow mappings, line endings, documents. */
import fc from 'fast-check';

/** Path of the annotations in every generated document. */
export const ANNOTATIONS = ['metadata', 'annotations'];
export const KEY = 'example.com/policy';

export interface ManifestText {
  readonly text: string;
  /** Documents in the text; each takes an annotation. */
  readonly documents: number;
  /** The comments of the text, all different. */
  readonly comments: readonly string[];
}

/** Stands for a comment: it gets a number when the text is complete. */
const COMMENT = '#@';

/** First line behind the key, whether a comment may follow it, lines below. */
type Value = readonly [string, boolean, ...string[]];

const VALUES: readonly Value[] = [
  ['plain', true],
  ['two words', true],
  ['"double # \\" no comment"', true],
  ["'it''s'", true],
  ['12', true],
  ['~', true],
  ['&anchor marked', true],
  ['!!str 7', true],
  ['[a, {b: c}]', true],
  ['{a: b, "c": [d]}', true],
  ['', true],
  [`{ ${COMMENT} one`, false, '  a: b, ', `  ${COMMENT} two`, '  }'],
  ['|', true, '  text # no comment', '', '   more'],
  ['>-', true, '  folded', '  text'],
  ['|+', true, '  kept', '', ''],
  ['', true, '  - item', '  - b: c'],
  ['', true, '- item', '- b: c'],
  ['', true, '  nested: 1', `  ${COMMENT} inside`, '  more:'],
  ['"multi', false, '  line"'],
];
const OLD_VALUES: readonly Value[] = [
  ['old', true],
  ['"old"', true],
  ["'ol''d'", true],
  ['', true],
  ['~', true],
  ['&old b2xk', true],
  ['!!str old', true],
  ['|', true, '  line', '', '  two'],
  ['|-', true, '  line'],
  ['>+', true, '  folded', '  text', '', ''],
  ['', true, `  ${COMMENT} below`, '  "next line"'],
  ['"two', false, '  lines"'],
  ['two', false, `  lines ${COMMENT} behind`],
];
const VOIDS = ['', '~', 'null', '{}', '{ }'];
const FLOWS = [
  '{name: x}',
  '{name: x, b: [c]}',
  '{"name":"x"}',
  '{"name": "x", }',
  '{ name: , b }',
  '{name: {a: b}, c: }',
];
const HEADS = [['---'], [`--- ${COMMENT} doc`], ['...', '---'], ['---', '', `${COMMENT} lead`]];

const behind = fc.constantFrom(
  '',
  '',
  ` ${COMMENT} c`,
  `  ${COMMENT} "quoted": {brace}`,
  `\t${COMMENT} tab`,
);
const above = fc.constantFrom([], [], [`${COMMENT} above`], ['', `${COMMENT} key: value`]);

/** Lines of `key: value` with comments above and behind. */
function entryOf(key: string, values: readonly Value[]): fc.Arbitrary<readonly string[]> {
  return fc
    .tuple(fc.constantFrom(...values), behind, above)
    .map(([[first, commented, ...below], end, before]) => [
      ...before,
      `${key}:${first === '' ? '' : ` ${first}`}${commented ? end : ''}`,
      ...below,
    ]);
}

/** Lines of a mapping below `key` that holds `inner`; without it, also a void or a flow mapping. */
function mappingOf(
  key: string,
  inner: fc.Arbitrary<readonly string[]>,
  neighbours: readonly string[],
): fc.Arbitrary<readonly string[]> {
  const others = fc.tuple(...neighbours.map((name) => entryOf(name, VALUES)));
  const entries = fc
    .tuple(
      inner,
      others.chain((all) => fc.subarray(all)),
      fc.nat(2),
    )
    .map(([lines, all, place]) => all.toSpliced(Math.min(place, all.length), 0, lines).flat());
  return fc
    .record({
      lines: entries,
      width: fc.constantFrom(1, 2, 4),
      end: behind,
      empty: fc.constantFrom(...VOIDS, ...FLOWS),
    })
    .map(({ lines, width, end, empty }) => {
      const hasEntries = lines.some((line) => /^[^#\s]/.test(line));
      if (!hasEntries) return [`${key}:${empty === '' ? '' : ` ${empty}`}${end}`];
      const indented = lines.map((line) => (line === '' ? '' : ' '.repeat(width) + line));
      return [`${key}:${end}`, ...indented];
    });
}

const orNothing = (entry: fc.Arbitrary<readonly string[]>) =>
  fc.oneof(entry, fc.constant<readonly string[]>([]));

const policy = fc
  .constantFrom(KEY, `"${KEY}"`, `'${KEY}'`)
  .chain((key) => entryOf(key, OLD_VALUES));
const annotations = mappingOf('annotations', orNothing(policy), ['team', 'note']);
const metadata = mappingOf('metadata', orNothing(annotations), ['name', 'labels']);
const document = fc
  .tuple(orNothing(metadata), entryOf('kind', VALUES), entryOf('spec', VALUES), fc.nat(2))
  .map(([outer, kind, spec, place]) => [kind, spec].toSpliced(place, 0, outer).flat());

/** Texts with one to three documents. */
export const manifestTexts: fc.Arbitrary<ManifestText> = fc
  .record({
    documents: fc.array(document, { minLength: 1, maxLength: 3 }),
    heads: fc.tuple(...[0, 1].map(() => fc.constantFrom(...HEADS))),
    eol: fc.constantFrom('\n', '\n', '\r\n'),
    end: fc.constantFrom('', '\n', '\n\n', '\n...\n', `\n${COMMENT} last`),
    mark: fc.constantFrom('', '', '\ufeff'),
  })
  .map(({ documents, heads, eol, end, mark }) => {
    const lines = documents.flatMap((one, index) =>
      index === 0 ? one : [...(heads[index - 1] ?? []), ...one],
    );
    const comments: string[] = [];
    const text = `${mark}${lines.join('\n')}${end}`.replace(/#@([^\n]*)/g, (_whole, rest) => {
      comments.push(`#${comments.length}${rest}`);
      return comments.at(-1)!;
    });
    return { text: text.replace(/\n/g, eol), documents: documents.length, comments };
  });

/** What another reader makes of a document. */
export interface Metadata {
  readonly metadata?: { readonly annotations?: Record<string, unknown> | null } | null;
}
