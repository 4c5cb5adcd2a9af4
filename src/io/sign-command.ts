/** Runs a program that signs: bytes on its standard input, the signature on its standard output. */
import { spawn } from 'node:child_process';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';

export interface SignCommandOptions {
  readonly signal: AbortSignal;
  /** Replaced by tests. */
  readonly timeoutMs?: number;
}

/** Tokens that ask a person for a touch or a PIN need some time. */
const TIMEOUT_MS = 120_000;

/** Runs `command` in a shell. Its standard error is the user's. Throws SIGN_COMMAND_FAILED. */
export async function runSignCommand(
  command: string,
  input: Uint8Array,
  { signal, timeoutMs = TIMEOUT_MS }: SignCommandOptions,
): Promise<Buffer> {
  const child = spawn(command, {
    shell: true,
    stdio: ['pipe', 'pipe', 'inherit'],
    signal,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  const chunks: Buffer[] = [];
  let size = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= LIMITS.signatureBytes) chunks.push(chunk);
    else child.kill('SIGKILL');
  });
  // A program that does not read its input closes the pipe; its exit status tells.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const ended = await new Promise<string>((done) => {
    child.on('error', (error) => done(error.message));
    child.on('close', (status, killed) => {
      done(status === 0 ? '' : killed === null ? `status ${status}` : `stopped by ${killed}`);
    });
  });
  if (size > LIMITS.signatureBytes) throw failed(`more than ${LIMITS.signatureBytes} bytes`);
  if (ended !== '') throw failed(ended);
  if (size === 0) throw failed('nothing');
  return Buffer.concat(chunks);
}

function failed(got: string): ToolError {
  return new ToolError('SIGN_COMMAND_FAILED', 'the program of --sign-command gives no signature', {
    want: 'the signature alone on standard output, and status 0',
    got,
  });
}
