/** Runs the built program as a user does: a process of its own, a small environment, its streams and exit status. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { recordOutput } from './secrets/record.js';

export const ROOT = resolve(import.meta.dirname, '../..');
const CLI = join(ROOT, 'dist/cli.js');

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly stdin?: string | Uint8Array | Iterable<Uint8Array>;
  readonly env?: Readonly<Record<string, string>>;
  /** What it prints is a secret that was asked for: only its stderr is searched for secrets. */
  readonly printsSecret?: true;
  /** Gets the process when it has been started. */
  readonly onStart?: (child: ChildProcess) => void;
  /** Sees each chunk of stderr as it comes, with the process. */
  readonly onStderr?: (text: string, child: ChildProcess) => void;
}

/** Runs `podseal ARGS` to its end. */
export function podseal(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  if (!existsSync(CLI)) throw new Error('dist/cli.js is missing: run `npm run build`');
  const home = options.env?.HOME ?? temporaryFolder();
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: options.cwd ?? ROOT,
    env: { PATH: process.env.PATH, HOME: home, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  options.onStart?.(child);
  return new Promise((done, failed) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr.push(chunk);
      options.onStderr?.(chunk.toString(), child);
    });
    child.on('error', failed);
    child.on('close', (status) => {
      const [printed, told] = [Buffer.concat(stdout), Buffer.concat(stderr)];
      const searched = options.printsSecret === true ? [told] : [told, printed];
      recordOutput(`podseal ${args.join(' ')}`, ...searched);
      done({ status, stdout: printed.toString(), stderr: told.toString() });
    });
    // A program that fails before it reads stdin closes the pipe: that is for the test to see in its result.
    child.stdin.on('error', () => undefined);
    const { stdin = '' } = options;
    if (typeof stdin === 'string' || stdin instanceof Uint8Array) child.stdin.end(stdin);
    else Readable.from(stdin).pipe(child.stdin);
  });
}

/** A folder that is removed at the end of the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'podseal-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
