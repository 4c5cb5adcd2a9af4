/** Files that an input names: they may lie only in the folders that the user chose, wherever links lead. */
import { realpath } from 'node:fs/promises';
import { dirname, relative, resolve, sep } from 'node:path';
import { ToolError } from '../core/error.js';
import { readTextFile } from './files.js';

/**
 * Text of a file whose real path is in the real path of one of `folders`, at any depth. `option` widens them, for the hint.
 * Throws FILE_OUTSIDE, and as readTextFile.
 */
export async function readTextWithin(
  path: string,
  folders: readonly string[],
  option: string,
): Promise<string> {
  const real = await realPathOf(path);
  const roots = await Promise.all(folders.map(realPathOf));
  if (roots.some((root) => isWithin(real, root))) return readTextFile(path);
  throw new ToolError(
    'FILE_OUTSIDE',
    `${path} lies outside of the folder of the file that names it`,
    {
      where: path,
      want: `a file in ${folders.map((folder) => resolve(folder)).join(' or ')}`,
      got: real,
      hints: [`${option} FOLDER allows a folder that you trust, such as one that holds both files`],
    },
  );
}

/** Where links lead; of what is not there, where its folder is. */
async function realPathOf(path: string): Promise<string> {
  const whole = resolve(path);
  try {
    return await realpath(whole);
  } catch {
    const folder = dirname(whole);
    return folder === whole ? whole : resolve(await realPathOf(folder), relative(folder, whole));
  }
}

function isWithin(path: string, folder: string): boolean {
  const steps = relative(folder, path);
  return steps !== '..' && !steps.startsWith(`..${sep}`) && resolve(folder, steps) === path;
}
