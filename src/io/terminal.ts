/** The only place that writes to stdout and stderr. stdout is the product, stderr the story. */
import { styleText } from 'node:util';
import { ToolError } from '../core/error.js';
import type { Notice } from '../core/notice.js';

export type ColorChoice = 'auto' | 'always' | 'never';

export interface TerminalOptions {
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
  readonly color: ColorChoice;
}

/** What commands print through. */
export interface Terminal {
  /** The product: text or bytes, nothing added. */
  product(content: string | Uint8Array): Promise<void>;
  /** One line of the story, unless quiet. */
  info(line: string): void;
  /** One line of the story, only when verbose. */
  detail(line: string): void;
  /** A warning; each text is printed once. */
  notice(notice: Notice): void;
  /** All notices so far, for `--json`. */
  readonly notices: readonly Notice[];
  /** A line that replaces itself; shown on a terminal only. */
  progress(line: string): void;
  /** Ends the progress line. */
  progressDone(): void;
}

type Style = 'red' | 'yellow' | 'bold' | 'dim';

/** True where colours are wanted: flag, then NO_COLOR, then FORCE_COLOR, then terminal. */
export function wantsColor(choice: ColorChoice): boolean {
  if (choice !== 'auto') return choice === 'always';
  if (process.env.NO_COLOR) return false;
  if (process.env.FORCE_COLOR) return process.env.FORCE_COLOR !== '0';
  return process.stderr.isTTY === true && process.env.TERM !== 'dumb';
}

/** The terminal of this process. */
export function openTerminal(options: TerminalOptions): Terminal {
  const color = wantsColor(options.color);
  const paint = (style: Style, text: string) => (color ? styleText(style, text) : text);
  const live = process.stderr.isTTY === true && !process.env.CI && !options.quiet && !options.json;
  const seen = new Map<string, Notice>();
  let progressShown = false;

  const clearProgress = () => {
    if (progressShown) process.stderr.write('\r\x1b[K');
    progressShown = false;
  };
  const line = (text: string) => {
    clearProgress();
    process.stderr.write(`${text}\n`);
  };

  return {
    product(content) {
      clearProgress();
      return new Promise((resolve, reject) => {
        process.stdout.write(content, (error) => (error ? reject(error) : resolve()));
      });
    },
    info(text) {
      if (!options.quiet) line(text);
    },
    detail(text) {
      if (options.verbose && !options.quiet) line(paint('dim', text));
    },
    notice(notice) {
      const text = `${notice.message}${notice.where === undefined ? '' : ` (${notice.where})`}`;
      if (seen.has(text)) return;
      seen.set(text, notice);
      if (options.quiet || (notice.level === 'info' && !options.verbose)) return;
      const label = notice.level === 'info' ? 'note:' : paint('yellow', 'warning:');
      line(`${label} ${printable(text)} [${notice.code}]`);
    },
    get notices() {
      return [...seen.values()];
    },
    progress(text) {
      if (!live) return;
      const width = Math.max(20, (process.stderr.columns ?? 80) - 1);
      process.stderr.write(`\r\x1b[K${text.slice(0, width)}`);
      progressShown = true;
    },
    progressDone: clearProgress,
  };
}

/** Lines of an error for people: message and code, where, want, got, hints; then further errors of the same input. */
export function printError(error: unknown, color: boolean): string {
  const paint = (style: Style, text: string) => (color ? styleText(style, text) : text);
  if (!(error instanceof ToolError)) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const told = printable(text);
    return `${paint('red', 'error:')} unexpected failure, please report it: ${told} [INTERNAL]\n`;
  }
  const lines = [`${paint('red', 'error:')} ${printable(error.message)} [${error.code}]`];
  if (error.where !== undefined) lines.push(`  where: ${printable(error.where)}`);
  if (error.want !== undefined) lines.push(`  want:  ${printable(error.want)}`);
  if (error.got !== undefined) lines.push(`  got:   ${printable(error.got)}`);
  for (const hint of error.hints) lines.push(`  hint:  ${printable(hint)}`);
  const rest = error.also.map((other) => printError(other, color));
  return `${lines.join('\n')}\n${rest.join('')}`;
}

/** The same as one JSON object, for `--json`. */
export function errorAsJson(error: unknown): object {
  if (!(error instanceof ToolError)) {
    return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
  }
  return {
    code: error.code,
    message: error.message,
    where: error.where,
    want: error.want,
    got: error.got,
    hints: error.hints.length > 0 ? error.hints : undefined,
    also: error.also.length > 0 ? error.also.map(errorAsJson) : undefined,
  };
}

/** Text from untrusted input must not steer the terminal: control characters are shown as escapes. */
function printable(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
