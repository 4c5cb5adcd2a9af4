import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/image/config.js';
import { parseImageFacts } from '../../src/image/facts.js';
import { parseManifest } from '../../src/image/manifest.js';
import { openImageMap } from '../../src/io/image-map.js';
import { failureOf } from '../support/images.js';

const folder = resolve(import.meta.dirname, '../../fixtures/malformed');

/** What reads a file, by the kind in its name: CODE.what.KIND.json. */
const READERS: Readonly<Record<string, (path: string) => unknown>> = {
  manifest: (path) => parseManifest({ bytes: readFileSync(path) }, path),
  config: (path) => parseConfig(readFileSync(path), 1, path),
  facts: (path) => parseImageFacts(readFileSync(path, 'utf8'), path),
  map: (path) => openImageMap(path),
};

const files = readdirSync(folder).flatMap((name) => {
  const [code, what, kind, json] = name.split('.');
  const read = json === 'json' && kind !== undefined ? READERS[kind] : undefined;
  return read === undefined ? [] : [{ name, code, what, read }];
});

describe('malformed images, facts and maps', () => {
  it('are there', () => {
    expect(files.length).toBeGreaterThan(20);
  });

  it.each(files)('$name', async ({ name, code, read }) => {
    expect((await failureOf(() => read(join(folder, name)))).code).toBe(code);
  });
});
