/** The security-context directory of a confidential container: its three files, as far as they are there. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecurityContextFiles } from '../attest/security-context.js';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import { readTextFile } from './files.js';

/** Names of the files by what they hold. */
export type ContextFileNames = Readonly<Record<keyof SecurityContextFiles, string>>;

/** Reads the files of `names` in `folder`. Throws FILE_NOT_FOUND if none of them is there. */
export async function readContextFolder(
  folder: string,
  names: ContextFileNames,
): Promise<SecurityContextFiles> {
  const found: Partial<Record<keyof SecurityContextFiles, string>> = {};
  for (const part of Object.keys(names) as (keyof SecurityContextFiles)[]) {
    const file = join(folder, names[part]);
    const isThere = await stat(file).then(
      () => true,
      () => false,
    );
    if (isThere) found[part] = await readTextFile(file, 2 * LIMITS.policyTextBytes);
  }
  if (Object.keys(found).length > 0) return found;
  throw new ToolError('FILE_NOT_FOUND', `${folder} holds no file of a security context`, {
    where: folder,
    want: Object.values(names).join(', '),
  });
}
