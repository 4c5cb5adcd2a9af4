import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { VECTORS } from '../layer/ext4/vector-index.js';
import { ROOT } from '../support/cli.js';
import { streamOf } from '../support/streams.js';

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly exports: Record<string, string | { readonly default: string }>;
  readonly files: readonly string[];
};

describe('the package', () => {
  it('exports files that exist and are shipped', () => {
    for (const target of Object.values(manifest.exports)) {
      const path = typeof target === 'string' ? target : target.default;
      expect(existsSync(join(ROOT, path)), path).toBe(true);
      expect(
        manifest.files.some((prefix) => path.slice(2).startsWith(prefix)),
        path,
      ).toBe(true);
    }
  });

  it('re-exports and does nothing else', () => {
    const text = readFileSync(join(ROOT, 'src/index.ts'), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
    expect(text.replace(/export (type )?\{[^}]*\} from '[^']*';/g, '').trim()).toBe('');
  });

  it('hashes a layer as its first user would', async () => {
    const library = await import('../../src/index.js');
    const vector = VECTORS.find(({ name }) => name === 'go-hello-txt')!;
    const tar = gunzipSync(readFileSync(join(ROOT, 'fixtures/layers/ext4', vector.file!)));
    const hashed = await library.hashLayer(streamOf(tar), {
      formats: ['ext4', 'tarfs'],
      userFiles: true,
      hasher: library.createInlineHasher(),
      notices: () => undefined,
      what: 'the layer',
    });
    expect(hashed.rootHashes.ext4).toBe(vector.root_hash);
    expect(hashed.rootHashes.tarfs).toMatch(/^[0-9a-f]{64}$/);
  });
});
