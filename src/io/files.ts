/** Files: bounded reads, and writes that leave either the old file or the complete new one. */
import { randomBytes } from 'node:crypto';
import { constants, readFileSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, readlink, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';

/** Bytes per read of a stream. */
const CHUNK_BYTES = 1024 * 1024;
/** Symbolic links followed from one path; Linux has the same limit. */
const LINKS_MAX = 40;

const NODE_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: a part of its path is not a folder',
  EACCES: 'may not be accessed',
  EPERM: 'may not be accessed',
  EISDIR: 'is a folder',
  ELOOP: 'is a loop of symbolic links',
  ENAMETOOLONG: 'has a name that is too long',
  ENOSPC: 'does not fit on the disk',
  EROFS: 'is on a read-only file system',
  ENXIO: 'is not a file that can be read',
};

/** Temporary files that exist now. */
const temporaryFiles = new Set<string>();

/** Removes what unfinished writes left behind; for the way out after an interrupt. Never throws. */
export function removeTemporaryFiles(): void {
  for (const path of temporaryFiles) rmSync(path, { force: true });
  temporaryFiles.clear();
}

/** Makes a folder with those above it; one that is there already is kept. Throws FILE_WRITE_FAILED. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    const problem = NODE_PROBLEMS[cause.code ?? ''] ?? 'cannot be made';
    throw new ToolError('FILE_WRITE_FAILED', `the folder ${path} ${problem}`, { cause });
  });
}

/**
 * Text of a UTF-8 file; `-` is standard input. A byte order mark is kept. Throws FILE_NOT_FOUND, FILE_NOT_TEXT, and
 * LIMIT_EXCEEDED beyond `limitBytes`.
 */
export async function readTextFile(
  path: string,
  limitBytes: number = LIMITS.textFileBytes,
): Promise<string> {
  const bytes = await readBinaryFile(path, limitBytes);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ToolError('FILE_NOT_TEXT', `${nameOf(path)} is not UTF-8 text`, {
      hints: ['save it as UTF-8; files of Windows tools are often UTF-16'],
      cause,
    });
  }
}

/** Bytes of a file; `-` is standard input. Throws FILE_NOT_FOUND, and LIMIT_EXCEEDED beyond `limitBytes`. */
export async function readBinaryFile(
  path: string,
  limitBytes: number = LIMITS.textFileBytes,
): Promise<Uint8Array> {
  try {
    const whole = path === '-' ? undefined : readRegularFile(path, limitBytes);
    if (whole !== undefined) return whole;
  } catch (cause) {
    throw unreadable(path, cause);
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of await openByteStream(path)) {
    length += chunk.length;
    if (length > limitBytes) throw tooLarge(path, limitBytes);
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

/**
 * Bytes of a file of the disk, read at once: streams take longer to set up than such a file takes to read. Undefined for
 * whatever else is or is not at the path, also where the size is not known beforehand.
 */
function readRegularFile(path: string, limitBytes: number): Uint8Array | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile() || found.size === 0) return undefined;
  if (found.size > limitBytes) throw tooLarge(path, limitBytes);
  return readFileSync(path);
}

function tooLarge(path: string, limitBytes: number): ToolError {
  return new ToolError('LIMIT_EXCEEDED', `${nameOf(path)} is too large`, {
    want: `at most ${limitBytes} bytes`,
  });
}

/** Bytes of a file from its start; `-` is standard input. Throws FILE_NOT_FOUND, at once or while it is read. */
export async function openByteStream(path: string): Promise<AsyncIterable<Uint8Array>> {
  if (path === '-') return chunksOf(process.stdin, path);
  const handle = await openFile(path, constants.O_RDONLY);
  return chunksOf(handle.createReadStream({ highWaterMark: CHUNK_BYTES }), path);
}

/** True if there is a file, not a folder. */
export async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** True if both paths name one existing file (hard and symbolic links included). */
export async function isSameFile(a: string, b: string): Promise<boolean> {
  try {
    const [first, second] = await Promise.all([stat(a, BIG), stat(b, BIG)]);
    return first.dev === second.dev && first.ino === second.ino;
  } catch {
    return false;
  }
}

const BIG = { bigint: true } as const;

/**
 * Replaces a file in one step: a temporary file in the same folder, flushed, then renamed. The mode of an existing file
 * is kept, a new one gets `mode` less the umask. A symbolic link stays one, its target is replaced. Devices and pipes
 * are written to directly. Throws FILE_WRITE_FAILED and leaves nothing behind.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  mode = 0o666,
): Promise<void> {
  try {
    const target = await followLinks(path);
    const old = await statIfThere(target);
    if (old?.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
    if (old !== undefined && !old.isFile()) return await writeDirectly(target, content);
    await replaceFile(target, content, { mode, ...(old && { keepMode: old.mode & 0o7777 }) });
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

interface Modes {
  readonly mode: number;
  /** Mode of the file that is replaced. */
  readonly keepMode?: number;
}

/** A file that is being written beside the one it will replace. */
export interface TemporaryFile {
  readonly handle: FileHandle;
  /** Flushes it and puts it in place of `target`. */
  commit(): Promise<void>;
  /** Removes it; nothing happens after commit. Never throws. */
  discard(): Promise<void>;
}

/** Creates a temporary file in the folder of `target`; the caller must commit or discard it. Throws what node throws. */
export async function createTemporaryFile(target: string, mode = 0o666): Promise<TemporaryFile> {
  const suffix = randomBytes(8).toString('hex');
  const path = join(dirname(target), `.${basename(target).slice(0, 200)}.${suffix}.tmp`);
  temporaryFiles.add(path);
  let handle: FileHandle;
  try {
    handle = await open(path, 'wx+', mode);
  } catch (error) {
    temporaryFiles.delete(path);
    throw error;
  }
  const end = async () => {
    await handle.close().catch(() => undefined);
    temporaryFiles.delete(path);
  };
  return {
    handle,
    async commit() {
      await handle.sync();
      await rename(path, target);
      await end();
      await flushFolder(dirname(target));
    },
    async discard() {
      if (temporaryFiles.has(path)) await rm(path, { force: true }).catch(() => undefined);
      await end();
    },
  };
}

async function replaceFile(
  target: string,
  content: string | Uint8Array,
  { mode, keepMode }: Modes,
): Promise<void> {
  const temporary = await createTemporaryFile(target, keepMode ?? mode);
  try {
    // The umask took bits away at creation; a file that is replaced keeps all of its own.
    if (keepMode !== undefined) await temporary.handle.chmod(keepMode);
    await temporary.handle.writeFile(content);
    await temporary.commit();
  } finally {
    await temporary.discard();
  }
}

/** Makes the rename last over a power cut, where the file system can do it. */
async function flushFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch {
    // Not every system lets a folder be opened or flushed; the file itself is complete.
  }
}

async function writeDirectly(path: string, content: string | Uint8Array): Promise<void> {
  const handle = await open(path, 'w');
  await handle.writeFile(content).finally(() => handle.close());
}

/** The path that a chain of symbolic links ends at, whether or not something is there. */
async function followLinks(path: string): Promise<string> {
  let current = path;
  for (let links = 0; links < LINKS_MAX; links += 1) {
    let target: string;
    try {
      target = await readlink(current);
    } catch (error) {
      if (['EINVAL', 'ENOENT', 'UNKNOWN'].includes(codeOf(error))) return current;
      throw error;
    }
    current = resolve(dirname(current), target);
  }
  throw Object.assign(new Error(), { code: 'ELOOP' });
}

async function statIfThere(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Opens a file for reading; `flags` as of open(2). Throws FILE_NOT_FOUND, for a folder as well. */
export async function openFile(path: string, flags: number): Promise<FileHandle> {
  try {
    const handle = await open(path, flags);
    if (!(await handle.stat()).isDirectory()) return handle;
    await handle.close();
    throw Object.assign(new Error(), { code: 'EISDIR' });
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function* chunksOf(
  stream: AsyncIterable<string | Uint8Array>,
  path: string,
): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** The error of a file that cannot be read, from what the system said. */
export function unreadable(path: string, cause: unknown): ToolError {
  if (cause instanceof ToolError) return cause;
  return new ToolError('FILE_NOT_FOUND', `${nameOf(path)} cannot be read: it ${problemOf(cause)}`, {
    where: nameOf(path),
    cause,
  });
}

/** The error of a file that cannot be written, from what the system said. */
export function unwritable(path: string, cause: unknown): ToolError {
  if (cause instanceof ToolError) return cause;
  return new ToolError('FILE_WRITE_FAILED', `${path} cannot be written: it ${problemOf(cause)}`, {
    where: path,
    cause,
  });
}

function problemOf(cause: unknown): string {
  const code = codeOf(cause);
  return NODE_PROBLEMS[code] ?? `gives an error (${code || String(cause)})`;
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

function nameOf(path: string): string {
  return path === '-' ? 'standard input' : path;
}
