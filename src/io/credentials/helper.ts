/**
 * Credential helpers: `docker-credential-NAME get` reads the server URL from stdin and prints
 * `{"ServerURL", "Username", "Secret"}` (docker-credential-helpers protocol). What a helper prints may hold secrets,
 * so no part of it ever gets into an error.
 */
import { spawn } from 'node:child_process';
import { ToolError } from '../../core/error.js';
import { parseJson } from '../../core/json.js';
import { type JsonPlace, readObject, readString, requiredField } from '../../core/json-read.js';
import { LIMITS } from '../../core/limits.js';
import type { Credential, Environment } from './credential.js';

/** Time that a helper has: an unlocked keychain answers at once, a prompt needs a person. */
export const HELPER_TIMEOUT_MS = 30_000;

const HELPER_NAME = /^[A-Za-z0-9._-]+$/;
/** The one failure that means "none" (credentials.ErrCredentialsNotFound of docker-credential-helpers). */
const NOT_FOUND = 'credentials not found in native keychain';
/** User name that marks a secret as an identity token. */
const TOKEN_USER = '<token>';

export interface HelperOptions {
  readonly env: Environment;
  readonly timeoutMs?: number;
}

/** Asks the helper `name` for the credential of `server`. Undefined if it has none. Throws AUTH_HELPER_FAILED. */
export async function runCredentialHelper(
  name: string,
  server: string,
  options: HelperOptions,
): Promise<Credential | undefined> {
  if (!HELPER_NAME.test(name)) {
    throw failed('a credential helper has an invalid name', server, {
      want: 'letters, digits, ".", "_" and "-"',
    });
  }
  const { exit, stdout } = await runHelper(`docker-credential-${name}`, server, options);
  if (exit !== 0) {
    if (stdout.includes(NOT_FOUND)) return undefined;
    throw failed(`docker-credential-${name} fails`, server, { got: `exit status ${exit}` });
  }
  return readAnswer(stdout, name, server);
}

function readAnswer(stdout: string, name: string, server: string): Credential | undefined {
  const what = `the answer of docker-credential-${name}`;
  const place: JsonPlace = { code: 'AUTH_HELPER_FAILED', what, path: '' };
  let username: string;
  let secret: string;
  try {
    const answer = readObject(parseJson(stdout, what), place);
    username = requiredField(answer, 'Username', place, readString);
    secret = requiredField(answer, 'Secret', place, readString);
  } catch {
    throw failed(`docker-credential-${name} prints no credentials`, server, {
      want: 'a JSON object with the strings Username and Secret',
    });
  }
  if (secret === '') return undefined;
  if (username === TOKEN_USER) return { kind: 'identity-token', token: secret };
  return { kind: 'basic', username, password: secret };
}

/** Runs the program without a shell; its stderr is thrown away. */
function runHelper(
  program: string,
  server: string,
  options: HelperOptions,
): Promise<{ exit: number | string; stdout: string }> {
  const timeoutMs = options.timeoutMs ?? HELPER_TIMEOUT_MS;
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], {
      env: { ...options.env },
      stdio: ['pipe', 'pipe', 'ignore'],
      windowsHide: true,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    const stop = (problem: string, want: string) => {
      child.kill('SIGKILL');
      child.stdout.destroy();
      reject(failed(`${program} ${problem}`, server, { want }));
    };
    const timer = setTimeout(
      () => stop('does not answer in time', `an answer within ${timeoutMs / 1000} s`),
      timeoutMs,
    );
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > LIMITS.tokenBytes) stop('prints too much', `at most ${LIMITS.tokenBytes} bytes`);
      else chunks.push(chunk);
    });
    child.on('error', (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      const problem = cause.code === 'ENOENT' ? 'is not on PATH' : 'cannot be run';
      reject(failed(`${program} ${problem}`, server, { want: `an executable ${program}` }));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({
        exit: code ?? signal ?? 'unknown',
        stdout: Buffer.concat(chunks).toString('utf8'),
      });
    });
    // A helper may end without reading its input.
    child.stdin.on('error', () => undefined);
    child.stdin.end(`${server}\n`);
  });
}

function failed(
  message: string,
  server: string,
  details: { want?: string; got?: string },
): ToolError {
  return new ToolError('AUTH_HELPER_FAILED', message, {
    where: `credentials of ${server}`,
    ...details,
    hints: [
      'run the helper by hand and log in again, or remove it from the Docker or Podman configuration',
    ],
  });
}
