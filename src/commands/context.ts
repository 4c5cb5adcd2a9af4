/** What every command gets from cli.ts, and the options that all commands share. */
import { type Command, Option } from 'commander';
import type { Terminal, TerminalOptions } from '../io/terminal.js';

export interface CommandContext {
  /** Aborted on Ctrl-C. */
  readonly signal: AbortSignal;
  terminal(options: TerminalOptions): Terminal;
  /** Sets the exit status of a command that ends without an error. */
  finish(exit: number): void;
}

/** Adds --json, --quiet, --verbose and --color under "Output". */
export function addOutputOptions(command: Command): Command {
  return command
    .optionsGroup('Output:')
    .option('--json', 'machine-readable output (versioned format)')
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
