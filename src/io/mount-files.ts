/** Files and folders around encrypted images: private copies of headers, folders to mount on, links to them. */
import { constants } from 'node:fs';
import {
  lstat,
  mkdir,
  mkdtemp,
  open,
  readFile,
  realpath,
  rm,
  rmdir,
  symlink,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ToolError } from '../core/error.js';

/** In memory where there is such a place: what lies there is out of the host's reach. */
const MEMORY = '/dev/shm';

/** Makes a folder for this run that nobody else may look into; gives its path and what removes it. */
export async function makeWorkFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const parent = (await existsAs(MEMORY, 'isDirectory')) ? MEMORY : tmpdir();
  const path = await mkdtemp(join(parent, 'podseal-encfs-'));
  // What is still mounted there cannot be removed; it was told.
  const remove = () => rm(path, { recursive: true, force: true }).catch(() => undefined);
  return { path, remove };
}

/**
 * Copies the first `bytes` of a file or block device into a new file, mode 0600; gives how many there were. Throws
 * ENCFS_IMAGE_INVALID.
 */
export async function copyHead(from: string, to: string, bytes: number): Promise<number> {
  const source = await open(from, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (cause: NodeJS.ErrnoException) => {
      throw unusable(from, cause.code ?? 'an error', cause);
    },
  );
  try {
    const facts = await source.stat();
    if (!facts.isFile() && !facts.isBlockDevice()) throw unusable(from, 'something else');
    const head = Buffer.alloc(bytes);
    let size = 0;
    for (;;) {
      const { bytesRead } = await source.read(head, size, bytes - size, size);
      size += bytesRead;
      if (bytesRead === 0 || size === bytes) break;
    }
    const target = await open(to, 'wx', 0o600);
    await target.writeFile(head.subarray(0, size)).finally(() => target.close());
    return size;
  } catch (cause) {
    throw cause instanceof ToolError ? cause : unusable(from, codeOf(cause), cause);
  } finally {
    await source.close();
  }
}

function unusable(path: string, got: string, cause?: unknown): ToolError {
  return new ToolError('ENCFS_IMAGE_INVALID', `${path} cannot be opened as an image`, {
    want: 'a file or block device with a LUKS2 header',
    got,
    cause,
  });
}

/** Removes a file or link if it is there. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
}

/** Throws ENCFS_CONFIG_INVALID if something is there. */
export async function assertFree(path: string): Promise<void> {
  if (await pathExists(path)) throw taken(path);
}

/** Makes a folder, and those above it, none of which may be a link. Throws ENCFS_CONFIG_INVALID. */
export async function makeMountFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o755 }).catch((cause: unknown) => {
    throw new ToolError('ENCFS_CONFIG_INVALID', `the folder ${path} cannot be made`, {
      got: codeOf(cause),
      cause,
    });
  });
  const real = await realpath(path);
  if (real !== path) {
    throw new ToolError('ENCFS_CONFIG_INVALID', `the folder ${path} is reached through a link`, {
      want: 'a mount point without links in its path',
      got: real,
    });
  }
  if (await isMounted(path)) throw taken(path);
}

/** Removes an empty folder if it is there. */
export async function removeFolder(path: string): Promise<void> {
  await rmdir(path).catch((cause: unknown) => {
    if (codeOf(cause) !== 'ENOENT') {
      throw new ToolError('ENCFS_CLOSE_FAILED', `the folder ${path} cannot be removed`, {
        got: codeOf(cause),
        cause,
      });
    }
  });
}

/** Makes a symbolic link in an existing folder. Throws ENCFS_CONFIG_INVALID. */
export async function makeLink(target: string, path: string): Promise<void> {
  await symlink(target, path).catch((cause: unknown) => {
    if (codeOf(cause) === 'EEXIST') throw taken(path);
    throw new ToolError('ENCFS_CONFIG_INVALID', `the link ${path} cannot be made`, {
      got: codeOf(cause),
      cause,
    });
  });
}

/** True if anything is there, a link to nothing included. */
export async function pathExists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}

/** True if a filesystem is mounted on the folder (proc(5), mountinfo). */
export async function isMounted(folder: string): Promise<boolean> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return text.split('\n').some((line) => unescapePath(line.split(' ')[4] ?? '') === folder);
}

/** Blanks and backslashes are octal there; other bytes stand as they are. */
const unescapePath = (text: string) =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );

async function existsAs(path: string, kind: 'isDirectory'): Promise<boolean> {
  try {
    return (await lstat(path))[kind]();
  } catch {
    return false;
  }
}

function taken(path: string): ToolError {
  return new ToolError('ENCFS_CONFIG_INVALID', `${path} is there already`, {
    want: `nothing at ${dirname(path)}/ with this name`,
    hints: [
      'what an earlier run left is closed by `umount`, `cryptsetup close`, and removing the link',
    ],
  });
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'an error';
}
