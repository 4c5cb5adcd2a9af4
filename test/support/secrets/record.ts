/**
 * Keeps, in a folder of the run, what the program wrote and which secrets tests gave it; global-setup.ts makes the folder
 * and searches it when all tests have ended. Without the folder (a test that runs in another way) nothing is kept.
 */
import type { ChildProcess } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDistinct } from './needles.js';

/** Name of the variable that leads to the folder. */
export const RECORD_VARIABLE = 'PODSEAL_TEST_RECORD';
/** Begin of the names of files; one of each for every worker and process. */
export const SECRETS_PREFIX = 'secrets-';
export const OUTPUT_PREFIX = 'output-';
/** Begins a record in a file of outputs; the rest of the line says whose it is. */
export const RECORD_MARK = '\u001e';

export interface KeptSecret {
  readonly label: string;
  /** Base64. */
  readonly value: string;
}

const known = new Set<string>();
let children = 0;

const folderOf = () => process.env[RECORD_VARIABLE];

function keep(name: string, content: string | Uint8Array): void {
  const folder = folderOf();
  if (folder !== undefined) appendFileSync(join(folder, name), content, { mode: 0o600 });
}

/**
 * Says that a value is secret: it must be in no output of the run, in no form. Gives the value back. One that could be met
 * by chance is refused: take a longer one, or let `mintSecret` make it.
 */
export function keepSecret<T extends string | Buffer>(value: T, label: string): T {
  const bytes = Buffer.from(value as string);
  if (!isDistinct(bytes)) throw new Error(`the secret "${label}" is too plain to be searched for`);
  keepBytes(bytes, label);
  return value;
}

/** As keepSecret, for values that are not of the test's choice: patterns are left out. */
export function keepBytes(bytes: Buffer, label: string): void {
  const value = bytes.toString('base64');
  if (!isDistinct(bytes) || known.has(value)) return;
  known.add(value);
  const kept: KeptSecret = { label, value };
  keep(`${SECRETS_PREFIX}${process.pid}.jsonl`, `${JSON.stringify(kept)}\n`);
}

/** A token (compact JWS): its header and payload may be seen, its signature not. Other texts are kept whole. */
export function keepToken(token: string, label: string): void {
  const [, , signature, ...rest] = token.split('.');
  if (signature === undefined || rest.length > 0) keepBytes(Buffer.from(token), label);
  else keepBytes(Buffer.from(signature, 'base64url'), label);
}

/** Keeps what a process wrote. `who` says which it was. */
export function recordOutput(who: string, ...outputs: readonly (string | Uint8Array)[]): void {
  const head = Buffer.from(`\n${RECORD_MARK}${who.replaceAll('\n', ' ').slice(0, 4096)}\n`);
  const parts = outputs.flatMap((output) => [Buffer.from(output as string), Buffer.from('\n')]);
  keep(`${OUTPUT_PREFIX}${process.pid}`, Buffer.concat([head, ...parts]));
}

/** Keeps a file that the program wrote as a log, if it is there. */
export function recordFile(who: string, file: string): void {
  if (existsSync(file)) recordOutput(`${who}: ${file}`, readFileSync(file));
}

/** Keeps what a running process writes, as it comes; each of its streams in a file of its own, so that nothing is torn. */
export function recordChild(who: string, child: ChildProcess): void {
  children += 1;
  for (const [name, stream] of [
    ['stdout', child.stdout],
    ['stderr', child.stderr],
  ] as const) {
    if (stream === null) continue;
    const file = `${OUTPUT_PREFIX}${process.pid}-${children}-${name}`;
    keep(file, `${RECORD_MARK}${who.replaceAll('\n', ' ').slice(0, 4096)} (${name})\n`);
    stream.on('data', (chunk: Buffer) => keep(file, chunk));
  }
}
