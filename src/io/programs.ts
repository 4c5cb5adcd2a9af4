/** Runs programs of the system: input by standard input only, bounded output and time, no shell. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { setTimeout as pauseFor } from 'node:timers/promises';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';

export interface ProgramEnd {
  readonly status: number;
  readonly stdout: Buffer;
  /** Its end, when it is long. */
  readonly stderr: Buffer;
}

export interface ProgramOptions {
  /** PATH by which programs are found. */
  readonly path: string;
  /** Most bytes of standard output. */
  readonly outputBytes: number;
  /** A file descriptor that the program has as its number 3. */
  readonly inherit?: number;
  /** Replaced by tests. */
  readonly timeoutMs?: number;
}

/** Where programs of the system are, if nobody says. */
export const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** Settles after a while. */
export const pause = async (milliseconds: number): Promise<void> => {
  await pauseFor(milliseconds);
};

/**
 * Runs `argv` to its end, in a session of its own: a signal for this program does not reach it, so that nothing is left half
 * done. Throws ENCFS_COMMAND_FAILED if it cannot be started, is stopped, takes too long or writes too much.
 */
export async function runProgram(
  argv: readonly string[],
  input: Uint8Array | undefined,
  { path, outputBytes, inherit, timeoutMs = LIMITS.programMs }: ProgramOptions,
): Promise<ProgramEnd> {
  const [program = '', ...args] = argv;
  const extra = inherit === undefined ? [] : [inherit];
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe', ...extra],
    env: { PATH: path, LC_ALL: 'C' },
    detached: true,
  }) as ChildProcessWithoutNullStreams;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const stdout: Buffer[] = [];
  let size = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= outputBytes) stdout.push(chunk);
    else child.kill('SIGKILL');
  });
  let stderr = Buffer.alloc(0);
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = Buffer.concat([stderr, chunk]).subarray(-LIMITS.programComplaintBytes);
  });
  // A program that does not read its input closes the pipe; its exit status tells.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input ?? Buffer.alloc(0));
  const ended = await new Promise<number | string>((done) => {
    child.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    child.on('close', (status, signal) => done(status ?? `stopped by ${signal}`));
  });
  clearTimeout(timer);
  if (late) throw failed(program, `more than ${timeoutMs} ms`);
  if (size > outputBytes) throw failed(program, `more than ${outputBytes} bytes of output`);
  if (typeof ended === 'number') return { status: ended, stdout: Buffer.concat(stdout), stderr };
  throw failed(program, ended === 'ENOENT' ? 'it is not installed' : ended);
}

function failed(program: string, got: string): ToolError {
  return new ToolError('ENCFS_COMMAND_FAILED', `${program} does not run to its end`, {
    got,
    hints: ['the image of the side-car needs cryptsetup, mount and umount'],
  });
}
