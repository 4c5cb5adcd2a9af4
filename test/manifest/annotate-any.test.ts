/** Whatever the manifest looks like, an edit changes the annotation and nothing else. */
import fc from 'fast-check';
import { CORE_SCHEMA, loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import {
  type AnnotationPlace,
  findAnnotations,
  removeAnnotations,
  setAnnotations,
} from '../../src/manifest/annotate.js';
import { goldenManifests } from '../support/golden-manifests.js';
import { ANNOTATIONS, KEY, type Metadata, manifestTexts } from '../support/manifest-texts.js';

const place = (document = 0, path: AnnotationPlace['path'] = ANNOTATIONS): AnnotationPlace => ({
  document,
  path,
  key: KEY,
});

/** True if `part` is left when characters are taken out of `whole`. */
function isSubsequence(part: string, whole: string): boolean {
  let next = 0;
  for (const char of whole) if (char === part[next]) next += 1;
  return next === part.length;
}

describe('any manifest', () => {
  /** Documents as another reader sees them, with the annotation set by hand. */
  const documentsOf = (text: string, value?: string): unknown[] =>
    loadAll(text, { schema: CORE_SCHEMA }).map((document) => {
      const { metadata, ...rest } = document as Metadata;
      if (value === undefined) return { ...rest, metadata: metadata ?? {} };
      const annotations = { ...metadata?.annotations, [KEY]: value };
      return { ...rest, metadata: { ...metadata, annotations } };
    });

  it('has the annotation afterwards, all its comments, and nothing else changed', () => {
    fc.assert(
      fc.property(manifestTexts, ({ text, documents, comments }) => {
        const edits = Array.from({ length: documents }, (_, document) => ({
          ...place(document),
          value: 'new',
        }));
        const edited = setAnnotations(text, edits, 'a.yaml');
        expect(documentsOf(edited, 'new')).toEqual(documentsOf(text, 'new'));
        expect(documentsOf(edited)).toEqual(documentsOf(text, 'new'));
        for (const comment of comments) expect(edited).toContain(comment);
        expect(setAnnotations(edited, edits, 'a.yaml')).toBe(edited);
        if (!text.includes(KEY) && !/~|null|\{ ?\}/.test(text)) {
          expect(isSubsequence(text, edited)).toBe(true);
        }
      }),
      { seed: 0xc0de, numRuns: 1000 },
    );
  });

  it('loses the annotation again, and nothing else', () => {
    fc.assert(
      fc.property(manifestTexts, ({ text, documents }) => {
        const places = Array.from({ length: documents }, (_, document) => place(document));
        const edits = places.map((one) => ({ ...one, value: 'new' }));
        // Behind a block that keeps its line breaks a removal may have to be refused: see above.
        fc.pre(!text.includes('|+'));
        const edited = setAnnotations(text, edits, 'a.yaml');
        const removed = removeAnnotations(edited, places, 'a.yaml');
        expect(removed).not.toContain(KEY);
        expect(documentsOf(removed, 'x')).toEqual(documentsOf(text, 'x'));
      }),
      { seed: 0xc0de, numRuns: 500 },
    );
  });

  it.each(goldenManifests().filter(({ outcome, family }) => outcome === 'ok' && family === 'U'))(
    'of the golden cases only gains text: $name',
    ({ text, read }) => {
      const edits = read().workloads.map(({ placement }) => ({
        ...placement,
        key: KEY,
        value: 'new',
      }));
      const edited = setAnnotations(text, edits, 'input.yaml');
      const found = findAnnotations(edited, [KEY], 'input.yaml');
      expect(found.map(({ placement }) => placement)).toEqual(
        edits.map(({ key, value, ...at }) => at),
      );
      const added = edited.length - text.length;
      expect(added).toBeLessThanOrEqual(edits.length * 100);
      expect(isSubsequence(text.replace(/~|\{\}/g, ''), edited)).toBe(true);
    },
  );
});
