/** The folder of test vectors that do not belong to the repository, named by PODSEAL_VECTORS. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const told = new Set<string>();

/**
 * Path of one set of vectors, e.g. `kata-golden`; undefined where PODSEAL_VECTORS does not name a folder that has it.
 * What is left out is said once per set.
 */
export function vectorsDir(set: string): string | undefined {
  const root = process.env.PODSEAL_VECTORS;
  const folder = root === undefined ? undefined : join(root, set);
  if (folder !== undefined && existsSync(folder)) return folder;
  if (!told.has(set)) {
    told.add(set);
    process.stderr.write(`left out: the vectors of ${set} (PODSEAL_VECTORS does not hold them)\n`);
  }
  return undefined;
}
