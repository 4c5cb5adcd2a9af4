#!/usr/bin/env node
/** argv -> command -> streams -> exit status. Nothing below this file ends the process. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import type { CommandContext } from './commands/context.js';
import { EXIT, ToolError } from './core/error.js';
import { packagePath } from './io/assets.js';
import { keepMemoryOutOfDumps } from './io/crash.js';
import { removeTemporaryFiles } from './io/files.js';
import {
  errorAsJson,
  openTerminal,
  printError,
  type TerminalOptions,
  wantsColor,
} from './io/terminal.js';

const EXIT_STATUSES = `
Exit status: 0 ok, 1 bug, 2 usage, 3 bad input, 4 unreachable, 5 integrity,
             10 denied, 11 differs, 130 interrupted`;

/** Commander's codes for a name that does not exist. */
const UNKNOWN_NAME: ReadonlySet<string> = new Set([
  'commander.unknownOption',
  'commander.unknownCommand',
]);

/** Adds a command with its options to the program. */
type AddCommand = (program: Command, context: CommandContext) => void;

/** The commands in the order of the help. Each is loaded when it is needed. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  policy: async () => (await import('./commands/policy.js')).addPolicyCommand,
  measure: async () => (await import('./commands/measure.js')).addMeasureCommand,
  simulate: loadSimulate,
  explain: async () => (await import('./commands/explain.js')).addExplainCommand,
  show: async () => (await import('./commands/show.js')).addShowCommand,
  diff: async () => (await import('./commands/diff.js')).addDiffCommand,
  audit: async () => (await import('./commands/audit.js')).addAuditCommand,
  fragment: async () => (await import('./commands/fragment.js')).addFragmentCommand,
  'release-policy': loadReleasePolicy,
  report: loadReport,
  expectation: async () => (await import('./commands/expectation.js')).addExpectationCommand,
  attest: async () => (await import('./commands/attest.js')).addAttestCommand,
  key: async () => (await import('./commands/key.js')).addKeyCommand,
  sidecar: loadSidecar,
  layers: async () => (await import('./commands/layers.js')).addLayersCommand,
  layer: async () => (await import('./commands/layer.js')).addLayerCommand,
  katapolicygen: async () => (await import('./commands/katapolicygen.js')).addKatapolicygenCommand,
  acifragmentgen: async () =>
    (await import('./commands/acifragmentgen.js')).addAcifragmentgenCommand,
  acipolicygen: async () => (await import('./commands/acipolicygen.js')).addAcipolicygenCommand,
};

async function loadSimulate(): Promise<AddCommand> {
  const [simulate, release] = await Promise.all([
    import('./commands/simulate.js'),
    import('./commands/simulate-release.js'),
  ]);
  return (program, context) => {
    release.addSimulateRelease(simulate.addSimulateCommand(program, context), context);
  };
}

async function loadReleasePolicy(): Promise<AddCommand> {
  const [create, lint, evaluate] = await Promise.all([
    import('./commands/release-policy.js'),
    import('./commands/release-policy-lint.js'),
    import('./commands/release-policy-evaluate.js'),
  ]);
  return (program, context) => {
    const releasePolicy = create.addReleasePolicyCommand(program, context);
    lint.addReleasePolicyLint(releasePolicy, context);
    evaluate.addReleasePolicyEvaluate(releasePolicy, context);
  };
}

async function loadSidecar(): Promise<AddCommand> {
  const [sidecar, encfs] = await Promise.all([
    import('./commands/sidecar.js'),
    import('./commands/sidecar-encfs.js'),
  ]);
  return (program, context) => {
    encfs.addSidecarEncfs(sidecar.addSidecarCommand(program, context), context);
  };
}

async function loadReport(): Promise<AddCommand> {
  const [show, verify] = await Promise.all([
    import('./commands/report.js'),
    import('./commands/report-verify.js'),
  ]);
  return (program, context) => {
    verify.addReportVerify(show.addReportCommand(program, context), context);
  };
}

async function main(argv: readonly string[]): Promise<number> {
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  process.once('SIGTERM', () => abort.abort());
  let status: number = EXIT.ok;
  let statusOf = (error: ToolError): number => error.exit;
  const context: CommandContext = {
    signal: abort.signal,
    terminal: (options) => openTerminal(options),
    finish: (exit) => {
      status = exit;
    },
    exitAs: (other) => {
      statusOf = other;
    },
  };
  try {
    const program = await buildProgram(context, argv);
    await program.parseAsync(argv, { from: 'user' });
    return status;
  } catch (error) {
    const exit = report(error, argv, abort.signal.aborted);
    return exit === EXIT.interrupted || !(error instanceof ToolError) ? exit : statusOf(error);
  }
}

/** With the one command that is asked for, or all of them where it takes all to answer. */
async function buildProgram(context: CommandContext, argv: readonly string[]): Promise<Command> {
  const [first = ''] = argv;
  const only = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
  const wanted = only === undefined ? Object.values(COMMANDS) : [only];
  const program = new Command('podseal')
    .description('Security policies, measurements and key release for confidential containers.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({ outputError: () => undefined })
    .showSuggestionAfterError(true)
    .exitOverride()
    .addHelpText('after', `${EXIT_STATUSES}\n\nStart with: podseal policy --help`);
  const commands = await Promise.all(wanted.map((load) => load()));
  for (const addCommand of commands) addCommand(program, context);
  return program;
}

function packageVersion(): string {
  const text = readFileSync(packagePath('package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Prints what was thrown and gives the exit status. Commander throws for --help and --version as well. */
function report(error: unknown, argv: readonly string[], interrupted: boolean): number {
  const options = terminalOptions(argv);
  if (error instanceof CommanderError && !(error instanceof InvalidArgumentError)) {
    if (error.exitCode === 0) return EXIT.ok;
    if (error.code === 'commander.help') return EXIT.usage;
    const text = error.message.replace(/^error: /, '').replace(/\n\(?(.*?)\)?$/, '\n$1');
    const [message = '', hint] = text.split('\n');
    const code = UNKNOWN_NAME.has(error.code) ? 'USAGE_UNKNOWN_FLAG' : 'USAGE_CONFLICT';
    print(new ToolError(code, message, { hints: hint ? [hint] : [] }), options);
    return EXIT.usage;
  }
  const leftOpen = error instanceof ToolError && error.code === 'ENCFS_CLOSE_FAILED';
  if (interrupted && !leftOpen) {
    print(new ToolError('INTERRUPTED', 'interrupted; nothing was left behind'), options);
    return EXIT.interrupted;
  }
  print(error, options);
  return error instanceof ToolError ? error.exit : EXIT.bug;
}

function print(error: unknown, options: TerminalOptions): void {
  const text = options.json
    ? `${JSON.stringify({ format: 'podseal.error/v1', error: errorAsJson(error) })}\n`
    : printError(error, wantsColor(options.color));
  process.stderr.write(text);
}

/** The output options as they stand in argv: needed where parsing itself failed. */
function terminalOptions(argv: readonly string[]): TerminalOptions {
  const end = argv.indexOf('--');
  const flags = end < 0 ? argv : argv.slice(0, end);
  return {
    quiet: flags.includes('--quiet'),
    verbose: false,
    json: flags.includes('--json'),
    color: flags.includes('--color=never') ? 'never' : 'auto',
  };
}

keepMemoryOutOfDumps();
process.on('exit', removeTemporaryFiles);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of a pipe went away (`podseal ... | head`): not a failure of ours.
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.bug);
});

// What ends without an answer did not succeed. Not said before: the help of a command takes a status that is set for its own.
process.on('exit', () => {
  process.exitCode ??= EXIT.bug;
});
/** Settles when the command has ended: whoever loads this module as a part of its own work waits for it. */
export const ended: Promise<void> = main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
