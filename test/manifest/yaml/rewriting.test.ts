import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { setAnnotations } from '../../../src/manifest/annotate.js';
import { rewriteAsReference } from '../../../src/manifest/rewrite.js';
import { goldenManifests } from '../../support/golden-manifests.js';

/** A value that the reference's emitter does not quote. */
const MARK = 'cG9saWN5';
const ignore = () => undefined;

/**
 * An edited input, written out as the reference writes documents, must be the reference's own output: this holds
 * the scalars, the printer, and the place of the annotation to their model at once.
 */
describe('scalars and annotations against the YAML that the reference generators write', () => {
  const rewritten = goldenManifests().filter(({ outcome }) => outcome === 'ok');
  it.each(rewritten)('$name $family', ({ text, expected, read }) => {
    const key = expected.policies[0]?.annotation_key ?? '';
    const edits = read().workloads.map(({ placement }) => ({ ...placement, key, value: MARK }));
    const marked = (output: string) => output.replaceAll(`${key}: ${MARK}`, `${key}: @POLICY@`);
    const output = marked(rewriteAsReference(text, edits, 'input.yaml', ignore));
    const digest = createHash('sha256').update(output).digest('hex');
    expect(digest, output).toBe(expected.yaml?.rewritten_sha256);
    const edited = setAnnotations(text, edits, 'input.yaml');
    expect(marked(rewriteAsReference(edited, [], 'edited.yaml', ignore))).toBe(output);
  });
});
