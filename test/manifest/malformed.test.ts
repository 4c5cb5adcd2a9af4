import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import { setAnnotations } from '../../src/manifest/annotate.js';
import { readManifest } from '../../src/manifest/kubernetes/read-manifest.js';
import { inferTarget } from '../../src/manifest/target.js';

const FOLDER = resolve(import.meta.dirname, '../../fixtures/malformed');
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.manifest.yaml'));

/** Reads a manifest, infers its target and writes an annotation into it. */
function handle(file: string): void {
  const text = readFileSync(join(FOLDER, file), 'utf8');
  const { workloads } = readManifest([{ file, text }], { guest: 'U', notices: () => undefined });
  const edits = workloads.map(({ placement }) => ({ ...placement, key: 'k', value: 'v' }));
  setAnnotations(text, edits, file);
  inferTarget([{ file, text }]);
}

describe('malformed manifests fail with the code in their name', () => {
  it('there are some', () => expect(FILES.length).toBeGreaterThan(10));

  it.each(FILES)('%s', (file) => {
    let error: unknown;
    try {
      handle(file);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ToolError);
    expect((error as ToolError).code).toBe(file.split('.')[0]);
    if (!file.startsWith('MANIFEST_TARGET')) {
      expect((error as ToolError).where).toMatch(new RegExp(`^${file}:\\d+:\\d+`));
    }
  });
});
