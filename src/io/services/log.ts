/**
 * The side-car's log: one JSON object a line, to stderr or a file. Secrets never reach it: callers pass facts only. Lines
 * of many requests at once are written together, since each writing takes as long as a good part of a request.
 */
import { appendFileSync } from 'node:fs';
import { unwritable } from '../files.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'fatal', 'panic'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogFields {
  readonly [name: string]: string | number | boolean | undefined;
}

export interface Log {
  (level: LogLevel, event: string, fields?: LogFields): void;
  /** Settles when all lines until now are written: an answer that waits for it is in the log, even if a crash follows. */
  written(): Promise<void>;
}

/** Lines of this level and worse are written at once, with all before them. */
const AT_ONCE = LOG_LEVELS.indexOf('warning');

/**
 * A log of `level` and worse. Other lines are written when the process is through with what is at hand, or ends. Throws
 * FILE_WRITE_FAILED for a file that cannot be opened; one that cannot be written later is left for stderr, and whoever
 * does not read that misses lines: neither keeps the side-car from serving.
 */
export function openLog(level: LogLevel, file: string | undefined): Log {
  const least = LOG_LEVELS.indexOf(level);
  const write = file === undefined ? writeToStderr : openFile(file);
  let waiting = '';
  let told: (() => void)[] = [];
  const flush = () => {
    const text = waiting;
    const listeners = told;
    waiting = '';
    told = [];
    if (text !== '') write(text);
    for (const tell of listeners) tell();
  };
  process.stderr.on('error', () => undefined);
  process.on('exit', flush);
  const log = (line: LogLevel, event: string, fields: LogFields = {}) => {
    const rank = LOG_LEVELS.indexOf(line);
    if (rank < least) return;
    if (waiting === '') setImmediate(flush);
    waiting += printLine(line, event, fields);
    if (rank >= AT_ONCE) flush();
  };
  const written = () =>
    waiting === '' ? Promise.resolve() : new Promise<void>((done) => told.push(done));
  return Object.assign(log, { written });
}

function printLine(level: LogLevel, event: string, fields: LogFields): string {
  return `${JSON.stringify({ time: new Date().toISOString(), level, event, ...fields })}\n`;
}

const writeToStderr = (text: string): void => {
  process.stderr.write(text);
};

function openFile(file: string): (text: string) => void {
  const append = (text: string) => appendFileSync(file, text, { mode: 0o600 });
  try {
    append('');
  } catch (cause) {
    throw unwritable(file, cause);
  }
  let failed = false;
  return (text) => {
    try {
      append(text);
      failed = false;
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (!failed) writeToStderr(printLine('error', 'log-failed', { code }));
      failed = true;
      writeToStderr(text);
    }
  };
}
