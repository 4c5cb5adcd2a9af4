/** The security-context directory of a confidential container: its three files, as far as they are there. */
import { readdir, stat } from 'node:fs/promises';
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

/** Variables in which a platform without the directory puts the same texts. */
const VARIABLES: ContextFileNames = {
  certificates: 'UVM_HOST_AMD_CERTIFICATE',
  endorsement: 'UVM_REFERENCE_INFO',
  policy: 'UVM_SECURITY_POLICY',
};
/** Where kata containers have it. */
const KATA = '/opt/confidential-containers/share/kata-containers';

/** What the platform put beside this container, and what of it is not there. */
export interface FoundContext {
  /** The folder, or `environment`. */
  readonly origin: string;
  readonly files: SecurityContextFiles;
  /** Names of absent files. */
  readonly missing: readonly string[];
}

/**
 * The context of this container: the folder that is given, else where the platform puts it. Absence is no error,
 * but in a folder that is given: FILE_NOT_FOUND.
 */
export async function findSecurityContext(
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  names: ContextFileNames,
): Promise<FoundContext> {
  const origin = given ?? (await findFolder(env));
  const files = await readContextFolder(origin, names).catch((error: unknown) => {
    const absent = error instanceof ToolError && error.code === 'FILE_NOT_FOUND';
    if (absent && given === undefined) return undefined;
    throw error;
  });
  const parts = Object.keys(names) as (keyof SecurityContextFiles)[];
  // As the peers: where the folder has no endorsement, the variables count, if they have one.
  const isOlder = given === undefined && !files?.endorsement?.trim() && env[VARIABLES.endorsement];
  const texts = files === undefined || isOlder ? fromEnvironment(parts, env) : files;
  return {
    origin: texts === files ? origin : 'environment',
    files: texts,
    missing: parts.filter((part) => texts[part] === undefined).map((part) => names[part]),
  };
}

function fromEnvironment(
  parts: readonly (keyof SecurityContextFiles)[],
  env: Readonly<Record<string, string | undefined>>,
): SecurityContextFiles {
  const present = parts.flatMap((part) => {
    const text = env[VARIABLES[part]];
    return text ? [[part, text] as const] : [];
  });
  return Object.fromEntries(present);
}

async function findFolder(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  if (env.UVM_SECURITY_CONTEXT_DIR) return env.UVM_SECURITY_CONTEXT_DIR;
  const names = await readdir('/').catch(() => [] as string[]);
  const name = names.sort().find((one) => one.includes('security-context-'));
  return name === undefined ? KATA : join('/', name);
}
