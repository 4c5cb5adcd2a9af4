import { describe, expect, it } from 'vitest';
import type { Notice } from '../../src/core/notice.js';
import { rewriteAsReference } from '../../src/manifest/rewrite.js';

const KEY = 'io.katacontainers.config.agent.policy';
const POD = ['metadata', 'annotations'];

function rewrite(
  text: string,
  edits: readonly (readonly [document: number, path: readonly (string | number)[]])[],
  notices: Notice[] = [],
): string {
  const values = edits.map(([document, path]) => ({ document, path, key: KEY, value: 'cA==' }));
  return rewriteAsReference(text, values, 'a.yaml', (notice) => notices.push(notice));
}

describe('the annotation', () => {
  it.each([
    [
      'no metadata',
      'kind: Pod\nspec: {}',
      `kind: Pod\nspec: {}\nmetadata:\n  annotations:\n    ${KEY}: cA==`,
    ],
    [
      'no annotations',
      'metadata: {name: p}\nspec: {}',
      `metadata:\n  name: p\n  annotations:\n    ${KEY}: cA==\nspec: {}`,
    ],
    [
      'null',
      'metadata: {annotations: null, name: p}',
      `metadata:\n  annotations:\n    ${KEY}: cA==\n  name: p`,
    ],
    [
      'an old policy',
      `metadata: {annotations: {a: b, ${KEY}: old, c: d}}`,
      `metadata:\n  annotations:\n    a: b\n    ${KEY}: cA==\n    c: d`,
    ],
  ])('goes where the reference puts it: %s', (_what, text, lines) => {
    expect(rewrite(text, [[0, POD]])).toBe(`---\n${lines}\n`);
  });

  it('does not show through an alias', () => {
    const text = 'metadata: &m {annotations: {a: b}}\nother: *m';
    expect(rewrite(text, [[0, POD]])).toBe(
      `---\nmetadata:\n  annotations:\n    a: b\n    ${KEY}: cA==\nother:\n  annotations:\n    a: b\n`,
    );
  });

  it('counts null documents, which are dropped', () => {
    expect(rewrite('---\n# nothing\n---\na: 1\n---\n~\n', [[1, POD]])).toBe(
      `---\na: 1\nmetadata:\n  annotations:\n    ${KEY}: cA==\n`,
    );
    expect(rewrite('# nothing\n', [])).toBe('');
  });

  it('goes into the items of a List', () => {
    const text = 'items: [{kind: Service}, {kind: Pod}]\nkind: List\n';
    expect(rewrite(text, [[0, ['items', 1, ...POD]]])).toBe(
      `---\nkind: List\nitems:\n  - kind: Service\n  - kind: Pod\n    metadata:\n      annotations:\n        ${KEY}: cA==\n`,
    );
  });
});

it('says when the text can no longer be read', () => {
  const notices: Notice[] = [];
  expect(rewrite('a: "x\\u0007y"', [], notices)).toBe('---\na: x\u0007y\n');
  expect(notices.map(({ code }) => code)).toEqual(['rewritten-unreadable']);
});

it('says nothing of a text that stays as good as it was', () => {
  const notices: Notice[] = [];
  rewrite('a: "yes"\n# comment\nb: [1, x]\n', [], notices);
  expect(notices).toEqual([]);
});
