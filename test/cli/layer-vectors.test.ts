/** Every layer vector through the program: stdout is the hash and a line end, a refusal ends with status 3. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generateTar, VECTORS, type Vector } from '../layer/ext4/vector-index.js';
import { type CliResult, podseal, ROOT } from '../support/cli.js';

const FOLDER = join(ROOT, 'fixtures/layers');

interface StoredVector {
  readonly name: string;
  readonly file: string;
  readonly root_hash?: string;
  readonly error?: string;
}

const tarfs = (
  JSON.parse(readFileSync(join(FOLDER, 'tarfs/vectors.json'), 'utf8')) as {
    vectors: StoredVector[];
  }
).vectors;

function expectOutcome(result: CliResult, vector: Pick<Vector, 'error' | 'root_hash'>) {
  if (vector.error === undefined) {
    expect(result).toMatchObject({ status: 0, stdout: `${vector.root_hash}\n` });
  } else {
    expect(result).toMatchObject({ status: 3, stdout: '' });
    expect(result.stderr).toMatch(/^error: .+ \[(LAYER_INVALID|LIMIT_EXCEEDED)\]$/m);
  }
}

const stored = VECTORS.filter(({ file }) => file !== undefined);
const generated = VECTORS.filter(({ file }) => file === undefined);

describe('podseal layer', () => {
  it(`is shown ${stored.length + generated.length} ext4 and ${tarfs.length} tarfs vectors`, () => {
    expect(stored.length + generated.length).toBe(87);
    expect(tarfs.length).toBe(59);
  });

  it.concurrent.each(stored)('--for aci: $name', async (vector) => {
    const result = await podseal(['layer', join(FOLDER, 'ext4', vector.file!), '--for', 'aci']);
    expectOutcome(result, vector);
  });

  it.concurrent.each(tarfs)('--for aks: $name', async (vector) => {
    const result = await podseal(['layer', join(FOLDER, 'tarfs', vector.file), '--for', 'aks']);
    expectOutcome(result, vector);
  });

  it.each(generated)('--for aci, from stdin: $name', async (vector) => {
    const result = await podseal(['layer', '-', '--for', 'aci'], { stdin: generateTar(vector) });
    expectOutcome(result, vector);
  });
});
