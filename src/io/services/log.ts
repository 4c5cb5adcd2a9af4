/** The side-car's log: one JSON object a line, to stderr or a file. Secrets never reach it: callers pass facts only. */
import { appendFileSync } from 'node:fs';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'fatal', 'panic'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogFields {
  readonly [name: string]: string | number | boolean | undefined;
}

export type Log = (level: LogLevel, event: string, fields?: LogFields) => void;

/** A log of `level` and worse. */
export function openLog(level: LogLevel, file: string | undefined): Log {
  const least = LOG_LEVELS.indexOf(level);
  return (line, event, fields = {}) => {
    if (LOG_LEVELS.indexOf(line) < least) return;
    const text = `${JSON.stringify({ time: new Date().toISOString(), level: line, event, ...fields })}\n`;
    if (file === undefined) process.stderr.write(text);
    else appendFileSync(file, text, { mode: 0o600 });
  };
}
