/**
 * The side-car's log: one JSON object a line, to stderr or a file. Secrets never reach it: callers pass facts only. Lines
 * of many requests at once are written together, since each writing takes as long as a good part of a request.
 */
import { appendFileSync } from 'node:fs';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'fatal', 'panic'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogFields {
  readonly [name: string]: string | number | boolean | undefined;
}

export type Log = (level: LogLevel, event: string, fields?: LogFields) => void;

/** Lines of this level and worse are written at once, with all before them. */
const AT_ONCE = LOG_LEVELS.indexOf('warning');

/** A log of `level` and worse. Other lines are written when the process is through with what is at hand, or ends. */
export function openLog(level: LogLevel, file: string | undefined): Log {
  const least = LOG_LEVELS.indexOf(level);
  let waiting = '';
  const flush = () => {
    const text = waiting;
    waiting = '';
    if (text === '') return;
    if (file === undefined) process.stderr.write(text);
    else appendFileSync(file, text, { mode: 0o600 });
  };
  process.on('exit', flush);
  return (line, event, fields = {}) => {
    const rank = LOG_LEVELS.indexOf(line);
    if (rank < least) return;
    if (waiting === '') setImmediate(flush);
    const time = new Date().toISOString();
    waiting += `${JSON.stringify({ time, level: line, event, ...fields })}\n`;
    if (rank >= AT_ONCE) flush();
  };
}
