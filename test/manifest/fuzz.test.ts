import fc from 'fast-check';
import { parseEvents } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import { findAnnotations, removeAnnotations, setAnnotations } from '../../src/manifest/annotate.js';
import { readManifest } from '../../src/manifest/kubernetes/read-manifest.js';
import { inferTarget } from '../../src/manifest/target.js';
import { goldenManifests } from '../support/golden-manifests.js';
import { KEY, manifestTexts } from '../support/manifest-texts.js';
import { mutate, mutation } from '../support/text-mutations.js';

const GOLDEN = [...new Set(goldenManifests().map(({ text }) => text))].filter(
  (text) => text.length > 0 && text.length < 20_000,
);
const broken = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(...GOLDEN),
      manifestTexts.map(({ text }) => text),
    ),
    fc.array(mutation, { minLength: 1, maxLength: 4 }),
  )
  .map(([text, mutations]) => mutations.reduce(mutate, text));

/** The result, or the error if it is one that users are told; bugs and crashes pass through. */
function attempt<T>(work: () => T): T | ToolError {
  try {
    return work();
  } catch (error) {
    if (error instanceof ToolError && error.code !== 'INTERNAL') return error;
    throw error;
  }
}

function isParsable(text: string): boolean {
  try {
    parseEvents(text, { maxDepth: 200 });
    return true;
  } catch {
    return false;
  }
}

describe('mutated manifests', () => {
  it('give a result or an error with a code, never a workload of a broken text', () => {
    fc.assert(
      fc.property(broken, fc.constantFrom('C', 'V', 'M', 'U'), (text, guest) => {
        const options = { guest, notices: () => undefined } as const;
        const result = attempt(() => readManifest([{ file: 'a.yaml', text }], options));
        if (!isParsable(text)) expect(result).toBeInstanceOf(ToolError);
        if (result instanceof ToolError) {
          for (const error of [result, ...result.also]) {
            expect(error.where).toMatch(/^a\.yaml:\d+:\d+/);
          }
        }
        attempt(() => inferTarget([{ file: 'a.yaml', text }]));
      }),
      { seed: 0xc0de, numRuns: 4000 },
    );
  });

  it('are edited as intended or not at all', () => {
    fc.assert(
      fc.property(broken, (text) => {
        const found = attempt(() => findAnnotations(text, [KEY], 'a.yaml'));
        const places =
          found instanceof ToolError || found.length === 0
            ? [{ document: 0, path: ['metadata', 'annotations'], key: KEY }]
            : found.map(({ placement, key }) => ({ ...placement, key }));
        const edits = places.map((place) => ({ ...place, value: 'new' }));
        const known = attempt(() => isDocument(text));
        if (known !== true) return;
        const edited = attempt(() => setAnnotations(text, edits, 'a.yaml'));
        attempt(() => removeAnnotations(text, places, 'a.yaml'));
        if (edited instanceof ToolError) return;
        const values = attempt(() => findAnnotations(edited, [KEY], 'a.yaml'));
        expect(values).not.toBeInstanceOf(ToolError);
      }),
      { seed: 0xc0de, numRuns: 4000 },
    );
  });

  /** False for a text without documents: callers name only documents that they have read. */
  function isDocument(text: string): boolean {
    return isParsable(text) && parseEvents(text, {}).length > 0;
  }
});

describe('texts made to cost time', () => {
  const SIZE = 50_000;
  const rows: readonly (readonly [string, string])[] = [
    ['brackets', '['.repeat(SIZE)],
    ['pairs', `[${'{a: 1}: b, '.repeat(SIZE)}]`],
    ['explicit keys', '? '.repeat(SIZE)],
    ['anchors', '&a '.repeat(SIZE)],
    ['tags on lines', '!!str\n'.repeat(SIZE)],
    ['flow keys', '{a: b}: c\n'.repeat(SIZE)],
    ['directives', `${'%FOO a\n'.repeat(SIZE)}---\n`],
    ['documents', '---\n'.repeat(SIZE)],
    ['digits', `- ${'9'.repeat(SIZE * 4)}`],
    ['fields', `apiVersion: v1\nkind: Pod\nmetadata:\n${'  x: 1\n'.repeat(SIZE)}`],
    [
      'properties on nested lines',
      `${Array.from({ length: 90 }, (_, i) => `${' '.repeat(i)}&a${i} !!map\n${' '.repeat(i)}k:`).join('\n')}\n`,
    ],
  ];
  it.each(rows)('%s', { timeout: 30_000 }, (_name, text) => {
    const options = { guest: 'U', notices: () => undefined } as const;
    attempt(() => readManifest([{ file: 'a.yaml', text }], options));
  });
});
