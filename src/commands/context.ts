/** What every command gets from cli.ts, and the options that all commands share. */
import { type Command, Option } from 'commander';
import type { ToolError } from '../core/error.js';
import type { Terminal, TerminalOptions } from '../io/terminal.js';

export interface CommandContext {
  /** Aborted on Ctrl-C. */
  readonly signal: AbortSignal;
  terminal(options: TerminalOptions): Terminal;
  /** Sets the exit status of a command that ends without an error. */
  finish(exit: number): void;
  /** Sets the exit status for each error, for commands that keep those of another program. */
  exitAs(statusOf: (error: ToolError) => number): void;
}

/** Adds --json, --quiet, --verbose and --color under "Output". */
export function addOutputOptions(command: Command): Command {
  return addStoryOptions(
    command.optionsGroup('Output:').option('--json', 'machine-readable output (versioned format)'),
  );
}

/** Adds --quiet, --verbose and --color, for commands whose output is that of another program. */
export function addStoryOptions(command: Command): Command {
  return command
    .optionsGroup('Output:')
    .option('--quiet', 'no warnings, no progress; only errors')
    .option('--verbose', 'say what is done')
    .addOption(
      new Option('--color <when>', 'colours on stderr')
        .choices(['auto', 'always', 'never'])
        .default('auto'),
    );
}

/** Reads the shared output options back. */
export function readOutputOptions(options: Record<string, unknown>): TerminalOptions {
  return {
    quiet: options.quiet === true,
    verbose: options.verbose === true,
    json: options.json === true,
    color: options.color === 'always' || options.color === 'never' ? options.color : 'auto',
  };
}

/** For a repeatable option: collects the values in order. */
export function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

/** Settles when the user ends the program. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });
}
